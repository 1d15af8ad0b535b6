//! Session descriptions (SDP, RFC 8866): bytes to a value and back, without loss.
//!
//! Every line is kept, in its order and byte by byte, so that printing what was parsed gives it
//! back; only line ends become CRLF and empty lines go. What the lines *mean* is read on demand.
//! Reading is lenient (LF alone, no line end at the end, unknown lines) and bounded: any bytes give
//! a value or an error in linear time. What may be answered to whom is not known here; that is
//! offer/answer (RFC 3264), a layer above.

mod attribute;
mod line;
mod media;
mod session;

pub use attribute::{Direction, Fmtp, Receives, RtcpPort, RtpMap, Sends};
pub use line::{Attribute, Line};
pub use media::{Media, MediaKind, MediaLine, Protocol};
pub use session::{Connection, Origin, Timing};

use holdfast_base::limits::SIP_MESSAGE_BYTES_MAX;
use std::fmt;

/// Largest description that is read, in bytes: it travels inside one SIP message.
pub const SDP_BYTES_MAX: usize = SIP_MESSAGE_BYTES_MAX;
/// Most lines of one description. A browser with all its candidates writes about 300.
pub const LINES_MAX: usize = 2000;
/// Longest line, in bytes. A DTLS fingerprint or an H.264 parameter set needs about 500.
pub const LINE_BYTES_MAX: usize = 4096;
/// Most `m=` lines. A conference client writes about 12.
pub const MEDIA_MAX: usize = 32;
/// Most formats of one `m=` line: there are no more payload types (RFC 3551 §6).
pub const FORMATS_MAX: usize = 128;

/// A session description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {
    session: Vec<Line>,
    media: Vec<Media>,
}

/// Why bytes are no description that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpError {
    /// More than [`SDP_BYTES_MAX`] bytes.
    TooLarge,
    /// More than [`LINES_MAX`] lines.
    TooManyLines,
    /// More than [`MEDIA_MAX`] media descriptions.
    TooManyMedia,
    /// The `m=` line has more than [`FORMATS_MAX`] formats.
    TooManyFormats {
        /// The line, counted from 1.
        number: usize,
    },
    /// The line has more than [`LINE_BYTES_MAX`] bytes.
    LineTooLong {
        /// The line, counted from 1.
        number: usize,
    },
    /// The line holds a NUL or a CR in its middle.
    BadByte {
        /// The line, counted from 1.
        number: usize,
    },
    /// The `m=` line can not be read.
    BadMedia {
        /// The line, counted from 1.
        number: usize,
    },
    /// The first line is not `v=0` (RFC 8866 §5.1).
    NotSdp,
}

impl Sdp {
    /// Reads a description.
    ///
    /// # Errors
    /// When a limit is passed, a line holds a forbidden byte, an `m=` line can not be read, or the
    /// bytes do not begin with `v=0`.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        if bytes.len() > SDP_BYTES_MAX {
            return Err(SdpError::TooLarge);
        }
        let mut sdp = Self { session: Vec::new(), media: Vec::new() };
        let mut count = 0;
        let mut printed_bytes = 0;
        for (number, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let bytes = without_cr(bytes);
            if bytes.is_empty() {
                continue;
            }
            if bytes.len() > LINE_BYTES_MAX {
                return Err(SdpError::LineTooLong { number });
            }
            count += 1;
            if count > LINES_MAX {
                return Err(SdpError::TooManyLines);
            }
            // LF alone becomes CRLF: what is taken must still fit after printing.
            printed_bytes += bytes.len() + CRLF.len();
            if printed_bytes > SDP_BYTES_MAX {
                return Err(SdpError::TooLarge);
            }
            let line = Line::received(bytes).ok_or(SdpError::BadByte { number })?;
            if count == 1 && line.value_of('v').map(str::trim) != Some("0") {
                return Err(SdpError::NotSdp);
            }
            sdp.take(line, number)?;
        }
        if count == 0 { Err(SdpError::NotSdp) } else { Ok(sdp) }
    }

    fn take(&mut self, line: Line, number: usize) -> Result<(), SdpError> {
        if line.letter() == Some('m') {
            if self.media.len() == MEDIA_MAX {
                return Err(SdpError::TooManyMedia);
            }
            self.media.push(Media::received(line, number)?);
            return Ok(());
        }
        match self.media.last_mut() {
            Some(media) => media.push(line),
            None => self.session.push(line),
        }
        Ok(())
    }

    /// A description of our own with the lines that RFC 8866 §5 requires, and no media yet.
    #[must_use]
    pub fn new(origin: &Origin, connection: &Connection) -> Self {
        let session = vec![
            Line::new('v', "0"),
            Line::new('o', &origin.to_string()),
            Line::new('s', "-"),
            Line::new('c', &connection.to_string()),
            Line::new('t', "0 0"),
        ];
        Self { session, media: Vec::new() }
    }

    /// Adds a media description at the end.
    pub fn push(&mut self, media: Media) {
        self.media.push(media);
    }

    /// The description as bytes, every line ended by CRLF.
    #[must_use]
    pub fn print(&self) -> Vec<u8> {
        let of_media = |media: &'_ Media| -> Vec<u8> {
            std::iter::once(media.raw()).chain(media.lines()).flat_map(ended).collect()
        };
        self.session.iter().flat_map(ended).chain(self.media.iter().flat_map(of_media)).collect()
    }

    /// The lines above the first `m=` line, in order.
    #[must_use]
    pub fn session_lines(&self) -> &[Line] {
        &self.session
    }

    /// The attributes above the first `m=` line, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'_>> {
        self.session.iter().filter_map(Line::as_attribute)
    }

    /// The media descriptions, in order.
    #[must_use]
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The `o=` line, if it is there and can be read.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.session.iter().find_map(|line| line.value_of('o').and_then(Origin::parse))
    }

    /// The `c=` line at session level.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        Connection::first_of(&self.session)
    }

    /// The first `t=` line.
    #[must_use]
    pub fn timing(&self) -> Option<Timing> {
        self.session.iter().find_map(|line| line.value_of('t').and_then(Timing::parse))
    }

    /// Where this media description wants its media: its own `c=` line, else that of the session
    /// (RFC 8866 §5.7).
    #[must_use]
    pub fn connection_of(&self, media: &Media) -> Option<Connection> {
        media.connection().or_else(|| self.connection())
    }

    /// The direction of this media description: its own, else that of the session, else both ways
    /// (RFC 3264 §5.1, RFC 8866 §6.7).
    #[must_use]
    pub fn direction_of(&self, media: &Media) -> Direction {
        media
            .direction()
            .or_else(|| Direction::first_of(&self.session))
            .unwrap_or(Direction::SendRecv)
    }
}

const CRLF: &[u8] = b"\r\n";

fn ended(line: &Line) -> Vec<u8> {
    [line.as_bytes(), CRLF].concat()
}

fn without_cr(mut line: &[u8]) -> &[u8] {
    while let [shorter @ .., b'\r'] = line {
        line = shorter;
    }
    line
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.print()))
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "more than {SDP_BYTES_MAX} bytes"),
            Self::TooManyLines => write!(f, "more than {LINES_MAX} lines"),
            Self::TooManyMedia => write!(f, "more than {MEDIA_MAX} m= lines"),
            Self::TooManyFormats { number } => {
                write!(f, "line {number}: more than {FORMATS_MAX} formats")
            }
            Self::LineTooLong { number } => {
                write!(f, "line {number}: more than {LINE_BYTES_MAX} bytes")
            }
            Self::BadByte { number } => write!(f, "line {number}: a NUL or a CR in its middle"),
            Self::BadMedia { number } => write!(f, "line {number}: not an m= line"),
            Self::NotSdp => f.write_str("the first line is not v=0"),
        }
    }
}

impl std::error::Error for SdpError {}
