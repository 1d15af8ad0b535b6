//! Keys that travel as INFO (RFC 6086 calls it legacy usage, and half the PBXs use it): both kinds
//! of body are read, and written for a party that takes keys in no other way.
//!
//! Inside of the box a key is a key: it goes on to the other party as telephone events (RFC 4733),
//! and as INFO only where that party has agreed on none and says in Allow that it takes INFO.

use holdfast_wire::sip::{Headers, Method, Request, Response, Status};

use super::{Leg, News, State};
use crate::call::io::{Desk, Output};
use crate::media::order::{Digit, MediaOrder};
use crate::sip::transaction::ServerKey;

/// The body with a length, as Cisco's devices began it.
const RELAY: &str = "application/dtmf-relay";
/// The body that is the key alone.
const PLAIN: &str = "application/dtmf";
/// Of a key whose length is not said, in milliseconds: what phones send for a short press.
const LENGTH_MS: u16 = 160;
/// The shortest and the longest that is passed on: RFC 4733 §2.5.1.3 wants keys to be told apart,
/// and nobody holds one down for longer.
const LENGTHS_MS: std::ops::RangeInclusive<u16> = 40..=5_000;

/// A key and how long it was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Press {
    /// The key.
    pub digit: Digit,
    /// In milliseconds.
    pub length_ms: u16,
}

impl Press {
    /// A key of which only the beginning or end is known.
    #[must_use]
    pub const fn short(digit: Digit) -> Self {
        Self { digit, length_ms: LENGTH_MS }
    }

    fn of(signal: &str, length_ms: Option<u16>) -> Option<Self> {
        let digit = match signal.trim() {
            "10" => '*',
            "11" => '#',
            text => {
                let mut chars = text.chars();
                let digit = chars.next()?.to_ascii_uppercase();
                let known = matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D');
                Some(digit).filter(|_| known && chars.next().is_none())?
            }
        };
        let length_ms = length_ms.unwrap_or(LENGTH_MS);
        let length_ms = length_ms.clamp(*LENGTHS_MS.start(), *LENGTHS_MS.end());
        Some(Self { digit: Digit(digit), length_ms })
    }
}

/// What an INFO asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    Key(Press),
    /// Nothing: no body, or a signal that is no key, such as a hook flash.
    Nothing,
    /// What nobody here understands.
    Unknown(Status),
}

fn read(request: &Request) -> Asked {
    // RFC 6086 §4.2.2: no package is served here.
    if request.headers.has("Info-Package") {
        return Asked::Unknown(Status::BAD_INFO_PACKAGE);
    }
    let text = String::from_utf8_lossy(&request.body);
    let press = match request.headers.content_type() {
        Ok(Some(kind)) if kind.is(RELAY) => {
            let value = |name: &str| {
                let lines = text.lines().filter_map(|line| line.split_once('='));
                let mut own = lines.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                own.next().map(|(_, value)| value.trim().to_owned())
            };
            let length = value("Duration").and_then(|length| length.parse().ok());
            value("Signal").and_then(|signal| Press::of(&signal, length))
        }
        Ok(Some(kind)) if kind.is(PLAIN) => Press::of(&text, None),
        Ok(None) if request.body.is_empty() => None,
        Ok(_) | Err(_) => return Asked::Unknown(Status::UNSUPPORTED_MEDIA),
    };
    press.map_or(Asked::Nothing, Asked::Key)
}

/// Whether a message says that its sender takes INFO.
pub(super) fn takes_info(headers: &Headers) -> bool {
    headers.lists("Allow", "INFO")
}

impl Leg {
    /// INFO inside of the dialog.
    pub(super) fn info(
        &mut self,
        key: ServerKey,
        request: &Request,
        desk: &mut Desk<'_>,
    ) -> Option<News> {
        let asked = read(request);
        let mut response: Response = match &asked {
            Asked::Key(_) | Asked::Nothing => request.response(Status::OK, None),
            Asked::Unknown(status) => request.response(*status, None),
        };
        match asked {
            Asked::Unknown(Status::BAD_INFO_PACKAGE) => response.headers.push("Recv-Info", ""),
            Asked::Unknown(_) => {
                response.headers.push("Accept", format_args!("{RELAY}, {PLAIN}"));
            }
            Asked::Key(_) | Asked::Nothing => {}
        }
        desk.out.push(Output::Respond { key, response, gated: false });
        match asked {
            Asked::Key(press) => Some(News::Key(press)),
            Asked::Nothing | Asked::Unknown(_) => None,
        }
    }

    /// Whether keys reach the party as INFO and in no other way.
    #[must_use]
    pub fn takes_keys_by_info(&self) -> bool {
        self.takes_info && !self.audio.takes_keys()
    }

    /// The other party has pressed a key.
    pub fn press(&mut self, press: Press, desk: &mut Desk<'_>) {
        let Press { digit, length_ms } = press;
        if self.audio.takes_keys() {
            let stream = self.audio.stream();
            let order = MediaOrder::PressKey { stream, digit, length_ms };
            return desk.out.push(Output::Media(order));
        }
        let State::Confirmed { dialog, .. } = &mut self.state else { return };
        if !self.takes_info {
            return;
        }
        let mut request = dialog.request(Method::Info);
        request.headers.push("Content-Type", RELAY);
        request.body = format!("Signal={}\r\nDuration={length_ms}\r\n", digit.0).into_bytes();
        let flow = dialog.next_flow();
        desk.out.push(Output::Request { leg: self.id, flow, request, gated: false });
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, read};
    use holdfast_wire::sip::{Message, Request};

    fn info(more: &str, body: &str) -> Request {
        let text = format!(
            "INFO sip:box@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
             From: <sip:a@h>;tag=a\r\nTo: <sip:b@h>;tag=b\r\nCall-ID: c\r\nCSeq: 2 INFO\r\n\
             Max-Forwards: 70\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{text} {other:?}"),
        }
    }

    fn asked(kind: &str, body: &str) -> String {
        let kind =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        match read(&info(&kind, body)) {
            Asked::Key(press) => format!("{} {}", press.digit.0, press.length_ms),
            Asked::Nothing => "nothing".to_owned(),
            Asked::Unknown(status) => status.code().to_string(),
        }
    }

    #[test]
    fn both_bodies_are_read() {
        for (kind, body, expected) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=200\r\n", "5 200"),
            ("application/dtmf-relay", "Signal= *\nDuration = 9999", "* 5000"),
            ("Application/DTMF-Relay;x=y", "duration=1\r\nsignal=d\r\n", "D 40"),
            ("application/dtmf-relay", "Signal=11\r\n", "# 160"),
            ("application/dtmf-relay", "Signal=16\r\n", "nothing"),
            ("application/dtmf-relay", "", "nothing"),
            ("application/dtmf", "7\r\n", "7 160"),
            ("application/dtmf", "10", "* 160"),
            ("application/dtmf", "12", "nothing"),
            ("", "", "nothing"),
            ("", "5", "415"),
            ("application/media_control+xml", "<x/>", "415"),
        ] {
            assert_eq!(asked(kind, body), expected, "{kind} {body}");
        }
        let package = info("Info-Package: conference\r\nContent-Type: application/dtmf\r\n", "5");
        assert_eq!(read(&package), Asked::Unknown(holdfast_wire::sip::Status::BAD_INFO_PACKAGE));
    }
}
