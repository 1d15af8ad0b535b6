//! Session descriptions (SDP, RFC 8866): bytes to a value and back, without loss.
//!
//! Every line is kept, in its order and byte by byte, so that printing what was parsed gives it
//! back; only line ends become CRLF and empty lines go. What the lines *mean* is read on demand.
//! Reading is lenient (LF alone, no line end at the end, unknown lines) and bounded: any bytes give
//! a value or an error in linear time. What may be answered to whom is not known here; that is
//! offer/answer (RFC 3264), a layer above.

mod attribute;
mod crypto;
mod dtls;
mod ice;
mod line;
mod media;
mod session;

pub use attribute::{Direction, Fmtp, Receives, RtcpPort, RtpMap, Sends};
pub use crypto::{Crypto, CryptoKey};
pub use dtls::{Fingerprint, Setup};
pub use ice::{Credentials, HostCandidate};
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

    /// Adds a line above the first `m=` line.
    pub fn push_session(&mut self, line: Line) {
        self.session.push(line);
    }

    /// The values of this attribute for a media description: its own, else those of the session,
    /// as it is with all that keys a stream (RFC 8122 §5, RFC 8839 §5.4, RFC 8842 §5.2).
    pub fn values_for<'a>(
        &'a self,
        media: &'a Media,
        name: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let own = media.values(name);
        let inherited = media
            .attribute(name)
            .is_none()
            .then(|| self.attributes().filter(move |a| a.name == name).filter_map(|a| a.value));
        own.chain(inherited.into_iter().flatten())
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

#[cfg(test)]
mod tests {
    use super::{
        Connection, Direction, FORMATS_MAX, LINE_BYTES_MAX, LINES_MAX, Line, MEDIA_MAX, Media,
        MediaKind, MediaLine, Origin, Protocol, SDP_BYTES_MAX, Sdp, SdpError, Timing,
    };
    use proptest::prelude::*;

    fn sdp(text: &str) -> Sdp {
        Sdp::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_lone_lf_and_a_missing_line_end_read_like_the_proper_ones() {
        let proper =
            sdp("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4 RTP/AVP 0\r\na=ptime:20\r\n");
        for lenient in [
            "v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 4 RTP/AVP 0\na=ptime:20",
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4 RTP/AVP 0\r\na=ptime:20",
            "\r\nv=0\r\r\n\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4 RTP/AVP 0\r\na=ptime:20\r\n\r\n",
        ] {
            assert_eq!(sdp(lenient), proper, "{lenient:?}");
        }
    }

    #[test]
    fn lines_that_nobody_knows_keep_their_place_and_bytes() {
        let bytes =
            b"v=0\r\nQ=?\r\ns=Gespr\xe4ch\r\nno equals sign\r\nm=audio  4/2  RTP/AVP 0 \r\n\
                      k=clear:x\r\na=X-unknown: y \r\nm=video 0 RTP/AVP\r\na=b\r\n";
        let parsed = Sdp::parse(bytes).unwrap();
        assert_eq!(parsed.print(), bytes);
        assert_eq!(parsed.media().len(), 2);
        assert_eq!(parsed.media()[0].head().port, 4);
        assert_eq!(parsed.media()[0].attribute("X-unknown").and_then(|a| a.value), Some("y"));
        assert_eq!(parsed.media()[1].lines().len(), 1);
    }

    #[test]
    fn what_is_missing_at_media_level_comes_from_the_session() {
        let inherited = sdp("v=0\nc=IN IP4 192.0.2.1\na=sendonly\n\
             m=audio 4 RTP/AVP 0\nm=audio 6 RTP/AVP 0\nc=IN IP6 2001:db8::2\na=recvonly\n");
        let [first, second] = inherited.media() else { panic!("two media") };
        let ip = |media| inherited.connection_of(media).and_then(|c: Connection| c.ip());
        assert_eq!(ip(first), "192.0.2.1".parse().ok());
        assert_eq!(ip(second), "2001:db8::2".parse().ok());
        assert_eq!(inherited.direction_of(first), Direction::SendOnly);
        assert_eq!(inherited.direction_of(second), Direction::RecvOnly);

        let absent = sdp("v=0\nm=audio 4 RTP/AVP 0\n");
        assert_eq!(absent.direction_of(&absent.media()[0]), Direction::SendRecv);
        assert_eq!(absent.connection_of(&absent.media()[0]), None);
    }

    #[test]
    fn facts_are_read_out_of_lines() {
        let parsed = sdp("v=0\no=alice 2890844526 7 IN IP4 host.example\n\
             c=IN IP4 224.2.1.1/127/3\nt=3034423619 0\n\
             m=audio 49170 UDP/TLS/RTP/SAVPF 96 0\na=rtpmap:96 opus/48000/2\n\
             a=fmtp:96 useinbandfec=1; minptime=10\na=ptime:20.0\na=maxptime:60\n\
             a=rtcp:53020 IN IP4 192.0.2.4\na=rtcp-mux\n");
        let host = Connection::Name("host.example".into());
        let origin =
            Origin { username: "alice".into(), session_id: 2_890_844_526, version: 7, host };
        assert_eq!(parsed.origin(), Some(origin));
        assert_eq!(parsed.connection().and_then(|c| c.ip()), "224.2.1.1".parse().ok());
        assert_eq!(parsed.timing(), Some(Timing { start: 3_034_423_619, stop: 0 }));
        let audio = &parsed.media()[0];
        assert_eq!(audio.head().protocol, Protocol::DtlsSavpf);
        assert_eq!(audio.rtpmap(96).map(|map| map.clock_hz), Some(48_000));
        assert_eq!(audio.rtpmap(0), None);
        assert_eq!(audio.fmtp("96"), Some("useinbandfec=1; minptime=10"));
        assert_eq!((audio.ptime_ms(), audio.maxptime_ms()), (Some(20), Some(60)));
        assert_eq!(audio.rtcp().map(|rtcp| rtcp.port), Some(53_020));
        assert!(audio.rtcp_mux());
    }

    #[test]
    fn a_description_of_ours_has_the_lines_that_must_be() {
        let host = Connection::Ip("2001:db8::1".parse().unwrap());
        let origin = Origin { username: "-".into(), session_id: 5, version: 1, host: host.clone() };
        let mut ours = Sdp::new(&origin, &host);
        let mut media = Media::new(MediaLine {
            kind: MediaKind::Audio,
            port: 4000,
            protocol: Protocol::RtpAvp,
            formats: vec!["8".into(), "101".into()],
        });
        media.push(Line::attribute("sendrecv", None));
        ours.push(media);
        assert_eq!(
            ours.to_string(),
            "v=0\r\no=- 5 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 8 101\r\na=sendrecv\r\n"
        );
        assert_eq!(Sdp::parse(&ours.print()), Ok(ours));
    }

    #[test]
    fn refuses_what_is_no_description() {
        for (bytes, error) in [
            ("", SdpError::NotSdp),
            ("\r\n\n", SdpError::NotSdp),
            ("v=1\r\n", SdpError::NotSdp),
            ("o=- 1 1 IN IP4 192.0.2.1\r\nv=0\r\n", SdpError::NotSdp),
            ("v=0\r\na=x\0\r\n", SdpError::BadByte { number: 2 }),
            ("v=0\r\na=x\ry\r\n", SdpError::BadByte { number: 2 }),
            ("v=0\r\n\r\nm=audio\r\n", SdpError::BadMedia { number: 3 }),
            ("v=0\r\nm=audio 65536 RTP/AVP 0\r\n", SdpError::BadMedia { number: 2 }),
            ("v=0\r\nm=audio -1 RTP/AVP 0\r\n", SdpError::BadMedia { number: 2 }),
        ] {
            assert_eq!(Sdp::parse(bytes.as_bytes()), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn every_limit_is_reached_and_then_refused() {
        let outcome = |text: String| Sdp::parse(text.as_bytes()).map(|_| ());
        let lines = |count| format!("v=0\n{}", "a=x\n".repeat(count - 1));
        assert_eq!(outcome(lines(LINES_MAX)), Ok(()));
        assert_eq!(outcome(lines(LINES_MAX + 1)), Err(SdpError::TooManyLines));

        let media = |count| format!("v=0\n{}", "m=audio 4 RTP/AVP 0\n".repeat(count));
        assert_eq!(outcome(media(MEDIA_MAX)), Ok(()));
        assert_eq!(outcome(media(MEDIA_MAX + 1)), Err(SdpError::TooManyMedia));

        let formats = |count| format!("v=0\nm=audio 4 RTP/AVP{}\n", " 0".repeat(count));
        assert_eq!(outcome(formats(FORMATS_MAX)), Ok(()));
        let error = SdpError::TooManyFormats { number: 2 };
        assert_eq!(outcome(formats(FORMATS_MAX + 1)), Err(error));

        let long = |bytes: usize| format!("v=0\na={}\n", "x".repeat(bytes - 2));
        assert_eq!(outcome(long(LINE_BYTES_MAX)), Ok(()));
        assert_eq!(outcome(long(LINE_BYTES_MAX + 1)), Err(SdpError::LineTooLong { number: 2 }));

        // Written with LF alone it fits, with CRLF not: the printed size counts.
        let head = "v=0\n";
        let line = format!("a={}\n", "x".repeat(62));
        let fitting = (SDP_BYTES_MAX - 5) / 66;
        assert_eq!(outcome(format!("{head}{}", line.repeat(fitting))), Ok(()));
        let larger = format!("{head}{}", line.repeat(fitting + 1));
        assert!(larger.len() < SDP_BYTES_MAX);
        assert_eq!(outcome(larger), Err(SdpError::TooLarge));
        assert_eq!(outcome("\n".repeat(SDP_BYTES_MAX + 1)), Err(SdpError::TooLarge));
    }

    /// Lines as peers write them, and others.
    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[a-z]=[ -~]{0,30}".prop_filter("m= has a form", |line| !line.starts_with("m=")),
            "m=(audio|video|x) [0-9]{1,4}(/2)? (RTP/AVP|UDP/TLS/RTP/SAVPF|y)( [0-9]{1,3}){0,5}",
            "a=(rtpmap|fmtp|rtcp|ptime|maxptime|sendonly|inactive)(:[0-9]{1,3}( [ -~]{0,12})?)?",
            "(c|o)=(- 1 2 )?IN IP[46] [0-9a-f:.]{1,15}(/[0-9]{1,3})?",
        ]
        .prop_map(String::into_bytes)
    }

    fn read_everything(sdp: &Sdp) {
        for media in sdp.media() {
            let _all = (sdp.connection_of(media), sdp.direction_of(media), media.rtcp());
            let _all = (media.ptime_ms(), media.maxptime_ms(), media.rtpmap(96), media.fmtp("9"));
        }
        let _all = (sdp.origin(), sdp.connection(), sdp.timing(), sdp.attributes().count());
    }

    proptest! {
        #[test]
        fn printing_gives_back_what_was_parsed(lines in prop::collection::vec(line(), 0..30)) {
            let mut bytes = b"v=0\r\n".to_vec();
            for line in lines {
                bytes.extend(line);
                bytes.extend(b"\r\n");
            }
            let sdp = Sdp::parse(&bytes).unwrap();
            read_everything(&sdp);
            prop_assert_eq!(sdp.print(), bytes);
        }

        #[test]
        fn any_bytes_are_taken_or_refused(
            head in prop::sample::select(vec!["", "v=0\n", "v=0\r\nm=audio 1 RTP/AVP 0\r\n"]),
            tail in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let bytes = [head.as_bytes(), &tail].concat();
            if let Ok(sdp) = Sdp::parse(&bytes) {
                read_everything(&sdp);
                prop_assert_eq!(Sdp::parse(&sdp.print()), Ok(sdp));
            }
        }
    }
}
