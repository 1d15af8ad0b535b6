//! What can be wrong with SIP text, and the answer that it deserves.

use super::{Response, Status};
use std::fmt;

/// One thing that is wrong, as a technician would say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// More bytes than `limits::SIP_MESSAGE_BYTES_MAX`.
    MessageTooLarge,
    /// More header lines than `limits::SIP_HEADERS_MAX`.
    TooManyHeaders,
    /// A line longer than `limits::SIP_LINE_BYTES_MAX`.
    LineTooLong,
    /// A Content-Length beyond what is read at all.
    BodyTooLarge,
    /// The first line is neither a request line nor a status line.
    StartLine,
    /// A version other than SIP/2.0.
    Version,
    /// The status code is not three digits from 100 to 699.
    StatusCode,
    /// A method that is not a token.
    Method,
    /// No empty line between headers and body.
    HeadNotClosed,
    /// A header line without a name and a colon, or with a stray carriage return.
    HeaderLine,
    /// A header field that every message needs is not there.
    Missing(&'static str),
    /// A header field that may stand once stands twice.
    Repeated(&'static str),
    /// A number is not one, or is out of its range.
    Number(&'static str),
    /// The method of CSeq is not the method of the request.
    MethodMismatch,
    /// Content-Length promises more bytes than came.
    BodyTruncated,
    /// Content-Length stands twice with different values.
    ContentLengthConflict,
    /// The text is not a URI.
    Uri,
    /// The Request-URI carries header fields.
    UriHeaders,
    /// The text is not a host name or address.
    Host,
    /// The parameters behind a value are malformed.
    Params,
    /// A quoted string is not closed.
    Quotes,
    /// An address header is malformed.
    Address(&'static str),
    /// A Via header is malformed.
    Via,
    /// A header field is malformed.
    Header(&'static str),
    /// Credentials or a challenge of another scheme than Digest.
    NotDigest,
    /// A digest algorithm that is not spoken here.
    DigestAlgorithm,
    /// Digest credentials or a digest challenge without a needed directive.
    DigestDirective,
}

impl Fault {
    /// The final status that this fault deserves when it stands in a request.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            // RFC 3261 §21.5.7: the length exceeds our capabilities.
            Self::MessageTooLarge | Self::TooManyHeaders | Self::LineTooLong => {
                Status::MESSAGE_TOO_LARGE
            }
            Self::BodyTooLarge => Status::ENTITY_TOO_LARGE,
            Self::Version => Status::VERSION_NOT_SUPPORTED,
            Self::StartLine
            | Self::StatusCode
            | Self::Method
            | Self::HeadNotClosed
            | Self::HeaderLine
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Number(_)
            | Self::MethodMismatch
            | Self::BodyTruncated
            | Self::ContentLengthConflict
            | Self::Uri
            | Self::UriHeaders
            | Self::Host
            | Self::Params
            | Self::Quotes
            | Self::Address(_)
            | Self::Via
            | Self::Header(_)
            | Self::NotDigest
            | Self::DigestAlgorithm
            | Self::DigestDirective => Status::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageTooLarge => f.write_str("Message Too Large"),
            Self::TooManyHeaders => f.write_str("Too Many Header Fields"),
            Self::LineTooLong => f.write_str("Header Line Too Long"),
            Self::BodyTooLarge => f.write_str("Body Too Large"),
            Self::StartLine => f.write_str("Malformed Start Line"),
            Self::Version => f.write_str("SIP Version Not Supported"),
            Self::StatusCode => f.write_str("Malformed Status Code"),
            Self::Method => f.write_str("Malformed Method"),
            Self::HeadNotClosed => f.write_str("No Empty Line Behind The Headers"),
            Self::HeaderLine => f.write_str("Malformed Header Line"),
            Self::Missing(name) => write!(f, "Missing {name}"),
            Self::Repeated(name) => write!(f, "More Than One {name}"),
            Self::Number(name) => write!(f, "Number Out Of Range In {name}"),
            Self::MethodMismatch => f.write_str("CSeq Method Differs From Request Method"),
            Self::BodyTruncated => f.write_str("Body Shorter Than Content-Length"),
            Self::ContentLengthConflict => f.write_str("Conflicting Content-Length"),
            Self::Uri => f.write_str("Malformed URI"),
            Self::UriHeaders => f.write_str("Header Fields In Request-URI"),
            Self::Host => f.write_str("Malformed Host"),
            Self::Params => f.write_str("Malformed Parameters"),
            Self::Quotes => f.write_str("Quoted String Not Closed"),
            Self::Address(name) | Self::Header(name) => write!(f, "Malformed {name}"),
            Self::Via => f.write_str("Malformed Via"),
            Self::NotDigest => f.write_str("Not Digest Authentication"),
            Self::DigestAlgorithm => f.write_str("Unknown Digest Algorithm"),
            Self::DigestDirective => f.write_str("Digest Directive Missing"),
        }
    }
}

/// Text that is not what it should be; carries the answer, when one is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    fault: Fault,
    /// A response ready to be sent back, when the text was a request that can be answered: with
    /// its Via, From, To, Call-ID and CSeq as far as they were there, and no tag added to To.
    /// `None` for responses, ACKs and garbage: those are dropped (RFC 3261 §18.1.2, §17.1.1.3).
    pub answerable: Option<Box<Response>>,
}

impl ParseError {
    /// What is wrong.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// The final status that the fault deserves when it stands in a request.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.fault.status()
    }

    pub(crate) fn answered(fault: Fault, answer: Option<Response>) -> Self {
        Self { fault, answerable: answer.map(Box::new) }
    }
}

impl From<Fault> for ParseError {
    fn from(fault: Fault) -> Self {
        Self { fault, answerable: None }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for ParseError {}
