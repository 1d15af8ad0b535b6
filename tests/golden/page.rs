//! The page that a ladder is printed on.

use holdfast_base::Mono;
use holdfast_core::media::order::{MediaOrder, Remote, Source};
use holdfast_core::record::journal::Record;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Headers that say nothing about a ladder.
const UNSAID: [&str; 5] =
    ["Content-Length", "Max-Forwards", "User-Agent", "Server", "Content-Type"];
/// Random words of the box have this many hexadecimal digits, or more.
const TOKEN_DIGITS_MIN: usize = 16;

/// A page.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    /// Random words by what is printed for them.
    tokens: BTreeMap<String, String>,
    /// Keys of states written since the last line.
    states: Vec<String>,
}

impl Page {
    /// The text so far.
    pub fn finish(mut self) -> String {
        self.close_states();
        self.text
    }

    pub fn heading(&mut self, text: &str) {
        self.close_states();
        let _ = writeln!(self.text, "{text}");
    }

    pub fn message(&mut self, now: Mono, party: &str, arrow: &str, message: &str, gate: &str) {
        self.close_states();
        let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
        let mut head = head.split("\r\n");
        let first = self.readable(head.next().unwrap_or_default());
        let _ = writeln!(self.text, "\n{} {party} {arrow} {first}{gate}", clock(now));
        for line in head {
            let name = line.split(':').next().unwrap_or_default();
            if !UNSAID.contains(&name) {
                let line = self.readable(line);
                let _ = writeln!(self.text, "          {line}");
            }
        }
        for line in body.split("\r\n").filter(|line| !line.is_empty()) {
            let line = self.origin(line);
            let line = self.readable(&line);
            let _ = writeln!(self.text, "          | {line}");
        }
    }

    pub fn record(&mut self, lsn: u64, record: &Record) {
        match record {
            Record::State { key, value } => {
                let key = key.as_str();
                let key = if key.starts_with("queue/") { "queue" } else { key };
                let over = if value.is_none() { " over" } else { "" };
                self.states.push(format!("{lsn} {key}{over}"));
            }
            Record::Event(event) => {
                self.close_states();
                let fact = serde_json::to_value(&event.fact).expect("facts are JSON");
                let fields = fact.as_object().expect("facts have fields");
                let mut line = fields["fact"].as_str().expect("facts have names").to_owned();
                for (name, value) in fields {
                    // The Call-ID stands in the message beside it.
                    let unsaid = ["fact", "media", "version", "sip_call_id"].contains(&&**name);
                    if !unsaid && !value.is_null() {
                        let _ = write!(line, " {name}={}", value.to_string().replace('"', ""));
                    }
                }
                let line = self.readable(&line);
                let _ = writeln!(self.text, "  log {lsn} {line}");
            }
        }
    }

    fn close_states(&mut self) {
        if !self.states.is_empty() {
            let states = std::mem::take(&mut self.states).join(", ");
            let _ = writeln!(self.text, "  journal {states}");
        }
    }

    pub fn media(&mut self, order: &MediaOrder) {
        self.close_states();
        let line = match order {
            MediaOrder::Hold { rtp_port } => format!("{rtp_port} is held"),
            MediaOrder::Open(open) => format!(
                "{} opens on {}:{} from sequence {}",
                open.stream, open.local, open.rtp_port, open.first_sequence
            ),
            MediaOrder::Expect { stream, remote } => format!("{stream} {}", expectation(remote)),
            MediaOrder::Hear { stream, source } => format!("{stream} hears {}", heard(source)),
            MediaOrder::PressKey { stream, digit, length_ms } => {
                format!("{stream} key {} for {length_ms} ms", digit.0)
            }
            MediaOrder::Record { stream, tape: Some(tape) } => {
                let (with, label) = (tape.with, &tape.label);
                format!("{stream} and {with} are taken down as {}", label.recording)
            }
            MediaOrder::Record { stream, tape: None } => {
                format!("{stream} is not taken down any more")
            }
            MediaOrder::Close { stream } => format!("{stream} closes"),
        };
        let _ = writeln!(self.text, "  media {line}");
    }

    /// The session id of our descriptions is random.
    fn origin(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split(' ').collect();
        let ours = line.starts_with("o=") && words.get(1).is_some_and(|id| id.len() > 1);
        if !ours {
            return line.to_owned();
        }
        let next = format!("S{}", self.tokens.len() + 1);
        let id = self.tokens.entry(words[1].to_owned()).or_insert(next).clone();
        words[1] = &id;
        words.join(" ")
    }

    /// Random words by names that last: the first is `T1`.
    fn readable(&mut self, line: &str) -> String {
        let mut readable = String::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let word = |c: char| c.is_ascii_alphanumeric();
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len()).max(first.len_utf8());
            let (run, after) = rest.split_at(end);
            let (cookie, token) = match run.strip_prefix("z9hG4bK") {
                Some(token) => ("z9hG4bK-", token),
                None => ("", run),
            };
            let random = token.len() >= TOKEN_DIGITS_MIN
                && token.bytes().all(|byte| byte.is_ascii_hexdigit());
            if random {
                let next = format!("T{}", self.tokens.len() + 1);
                let name = self.tokens.entry(token.to_owned()).or_insert(next);
                let _ = write!(readable, "{cookie}{name}");
            } else {
                readable.push_str(run);
            }
            rest = after;
        }
        readable
    }
}

/// Seconds of site time.
pub fn clock(now: Mono) -> String {
    let ms = now.millis();
    format!("{:>4}.{:03}", ms / 1000, ms % 1000)
}

fn expectation(remote: &Remote) -> String {
    let at = remote.rtp.map_or("nowhere".to_owned(), |rtp| rtp.to_string());
    let way = match (remote.sends, remote.receives) {
        (true, true) => "sends and receives",
        (true, false) => "only sends",
        (false, true) => "only receives",
        (false, false) => "neither sends nor receives",
    };
    format!("expects {at}, {:?} {}, {way}", remote.codec.encoding, remote.codec.payload_type)
}

fn heard(source: &Source) -> String {
    match source {
        Source::Silence => "silence".to_owned(),
        Source::Peer(peer) => peer.to_string(),
        Source::Mix { peer, beside } => {
            let voices = std::iter::once(peer).chain(beside).map(ToString::to_string);
            format!("{} in its codec", voices.collect::<Vec<_>>().join(" and "))
        }
        Source::Clips { once, then, since } => {
            let clips = once.iter().map(|clip| clip.0.to_string());
            let then = then.iter().map(|clip| format!("{} for ever", clip.0));
            let clips: Vec<String> = clips.chain(then).collect();
            format!("{} from {}", clips.join(", "), clock(*since).trim())
        }
    }
}
