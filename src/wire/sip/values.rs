//! Small typed values of header fields: CSeq, RAck, Content-Type, Session-Expires, Replaces.

use super::{Fault, Method, Params, ParseError, lex};
use std::fmt;

/// RFC 3261 §8.1.1.5: sequence numbers stay below 2³¹.
const SEQUENCE_END: u32 = 1 << 31;

/// The two words and more of a value, whatever white space is between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_ascii_whitespace()
}

/// CSeq, RFC 3261 §20.16.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// Below 2³¹.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads `number method`.
    ///
    /// # Errors
    /// When the number is 2³¹ or more, or anything is missing or too much.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut words = words(text);
        let (Some(number), Some(method), None) = (words.next(), words.next(), words.next()) else {
            return Err(Fault::Header("CSeq").into());
        };
        let number =
            lex::number(number).filter(|n| *n < SEQUENCE_END).ok_or(Fault::Number("CSeq"))?;
        Ok(Self { number, method: Method::parse(method)? })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// RAck, RFC 3262 §7.2: which reliable provisional response a PRACK acknowledges.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RAck {
    /// RSeq of the response.
    pub response: u32,
    /// CSeq of the response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads `response-number cseq-number method`.
    ///
    /// # Errors
    /// When a number is out of range, or anything is missing or too much.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (response, cseq) =
            lex::trim(text).split_once([' ', '\t']).ok_or(Fault::Header("RAck"))?;
        let response = lex::number(response).ok_or(Fault::Number("RAck"))?;
        Ok(Self { response, cseq: CSeq::parse(cseq)? })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.response, self.cseq)
    }
}

/// A word with parameters: Event, Subscription-State, Content-Disposition, Content-Type, Reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Valued {
    /// What stands before the first semicolon.
    pub value: String,
    /// What stands behind it.
    pub params: Params,
}

impl Valued {
    /// Reads `value;name=value...`.
    ///
    /// # Errors
    /// When there is no value, or the parameters are malformed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (value, params) = text.split_at(text.find(';').unwrap_or(text.len()));
        let value = lex::trim(value);
        if value.is_empty() {
            return Err(Fault::Params.into());
        }
        Ok(Self { value: value.to_owned(), params: Params::parse(params)? })
    }

    /// Whether the value is this one; case does not count.
    #[must_use]
    pub fn is(&self, value: &str) -> bool {
        self.value.eq_ignore_ascii_case(value)
    }
}

impl fmt::Display for Valued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.value, self.params)
    }
}

/// Content-Type, RFC 3261 §20.15.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentType {
    /// `application` of `application/sdp`, in lower case.
    pub kind: String,
    /// `sdp` of `application/sdp`, in lower case.
    pub subtype: String,
    /// `boundary`, `charset` and others.
    pub params: Params,
}

impl ContentType {
    /// Reads `kind/subtype;name=value...`.
    ///
    /// # Errors
    /// When kind or subtype is not a token, or the parameters are malformed.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let Valued { value, params } = Valued::parse(text)?;
        let (kind, subtype) = value.split_once('/').ok_or(Fault::Header("Content-Type"))?;
        let (kind, subtype) = (lex::trim(kind), lex::trim(subtype));
        if !lex::is_token(kind) || !lex::is_token(subtype) {
            return Err(Fault::Header("Content-Type").into());
        }
        Ok(Self { kind: kind.to_ascii_lowercase(), subtype: subtype.to_ascii_lowercase(), params })
    }

    /// Whether this is the given type, for example `application/sdp`; parameters do not count.
    #[must_use]
    pub fn is(&self, media: &str) -> bool {
        media.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.kind, self.subtype, self.params)
    }
}

/// Who refreshes the session, RFC 4028 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// Session-Expires, RFC 4028 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, when that is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads `seconds;refresher=uac`; other parameters are left out.
    ///
    /// # Errors
    /// When the number is out of range or the refresher is neither side.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let fault = Fault::Number("Session-Expires");
        let Valued { value, params } = Valued::parse(text)?;
        let refresher = match params.value("refresher") {
            None => None,
            Some(side) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return Err(Fault::Header("Session-Expires").into()),
        };
        Ok(Self { seconds: lex::number(&value).ok_or(fault)?, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresher = match self.refresher {
            None => "",
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
        };
        write!(f, "{}{refresher}", self.seconds)
    }
}

/// Replaces, RFC 3891 §6.1: the dialog that a new call takes the place of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replaces {
    /// Call-ID of that dialog.
    pub call_id: String,
    /// The tag of the side that receives this.
    pub to_tag: String,
    /// The tag of the other side.
    pub from_tag: String,
    /// Only when that dialog is not answered yet.
    pub early_only: bool,
}

impl Replaces {
    /// Reads `call-id;to-tag=...;from-tag=...`.
    ///
    /// # Errors
    /// When the Call-ID or a tag is missing.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let fault = Fault::Header("Replaces");
        let Valued { value, params } = Valued::parse(text)?;
        Ok(Self {
            call_id: value,
            to_tag: params.value("to-tag").ok_or(fault)?.into_owned(),
            from_tag: params.value("from-tag").ok_or(fault)?.into_owned(),
            early_only: params.has("early-only"),
        })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{CSeq, ContentType, RAck, Replaces, SessionExpires, Valued};
    use crate::sip::ParseError;
    use std::fmt::Display;

    /// What the reader makes of each text, printed again; `-` for a refusal.
    fn read<T: Display>(parse: fn(&str) -> Result<T, ParseError>, texts: &[&str]) -> Vec<String> {
        let printed = |text: &&str| parse(text).map_or("-".into(), |value| value.to_string());
        texts.iter().map(printed).collect()
    }

    #[test]
    fn sequence_numbers_stay_below_two_to_the_31() {
        let texts = ["0009   INVITE", "2147483647 X", "2147483648 X", "-1 X", "1", "1 X Y", "1 ("];
        assert_eq!(
            read(CSeq::parse, &texts),
            ["9 INVITE", "2147483647 X", "-", "-", "-", "-", "-"]
        );
        let texts = ["776656 1 INVITE", "4294967295\t2  PRACK", "4294967296 2 X", "1 INVITE"];
        let printed = ["776656 1 INVITE", "4294967295 2 PRACK", "-", "-"];
        assert_eq!(read(RAck::parse, &texts), printed);
    }

    #[test]
    fn words_with_parameters() {
        let texts = ["Multipart / Mixed; boundary=\"a;b\"", "application/sdp", "text", "a/b c", ""];
        let printed = ["multipart/mixed;boundary=\"a;b\"", "application/sdp", "-", "-", "-"];
        assert_eq!(read(ContentType::parse, &texts), printed);
        assert_eq!(
            read(Valued::parse, &["active;expires=5", ";a", "x;;y"]),
            ["active;expires=5", "-", "-"]
        );
        assert!(ContentType::parse("APPLICATION/sdp").is_ok_and(|it| it.is("application/SDP")));
    }

    #[test]
    fn session_intervals_and_replaced_dialogs() {
        let texts = ["1800", "90 ; Refresher = UAS;x", "1;refresher=uac", "1;refresher=me", "x"];
        let printed = ["1800", "90;refresher=uas", "1;refresher=uac", "-", "-"];
        assert_eq!(read(SessionExpires::parse, &texts), printed);
        let texts = ["a@b;from-tag=1; to-tag=2;early-only", "a@b;to-tag=2", ";to-tag=1;from-tag=2"];
        let printed = ["a@b;to-tag=2;from-tag=1;early-only", "-", "-"];
        assert_eq!(read(Replaces::parse, &texts), printed);
    }
}
