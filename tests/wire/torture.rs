//! The torture messages of RFC 4475 against the SIP reader.
//!
//! The messages lie beside the project, not in it; where they are absent the test says so and
//! passes. What the reader itself can decide is checked here: what must be read, what must be
//! refused with which status, what must not be answered.

#![allow(clippy::print_stderr, reason = "a test that skips says so")]
#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]

use holdfast_wire::sip::{Frame, Message, StreamFramer};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Statuses with which the reader refuses; every other one is decided by who knows more.
const OURS: [u16; 3] = [400, 505, 513];

/// Torture messages that the manifest lets a server read although they are invalid: this reader
/// does, because the field at fault matters to nobody or to the registrar alone.
const READ_ALTHOUGH_INVALID: [&str; 2] = ["baddate", "regbadct"];

struct Torture {
    name: String,
    kind: String,
    preferred: Value,
    allowed: Value,
    bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    // This package lies in `src/wire` of the project.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/torture")
}

fn messages() -> Vec<Torture> {
    let Ok(manifest) = std::fs::read(folder().join("manifest.json")) else {
        eprintln!("skipped: {} is absent", folder().display());
        return Vec::new();
    };
    let entries: Vec<Value> = serde_json::from_slice(&manifest).expect("the manifest");
    let text = |entry: &Value, key: &str| entry[key].as_str().expect(key).to_owned();
    entries
        .iter()
        .map(|entry| Torture {
            name: text(entry, "name"),
            kind: text(entry, "kind"),
            preferred: entry["preferred"].clone(),
            allowed: entry["allowed"].clone(),
            bytes: std::fs::read(folder().join(text(entry, "file"))).expect("a message"),
        })
        .collect()
}

impl Torture {
    /// Whether the manifest lets a server answer this status (`None`: drop the message).
    fn allows(&self, status: Option<u16>) -> bool {
        [&self.preferred, &self.allowed].iter().any(|verdict| match verdict {
            Value::String(word) => word == "any",
            Value::Array(verdicts) => verdicts.iter().any(|one| match status {
                Some(status) => one.as_u64() == Some(u64::from(status)),
                None => one == "drop",
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        })
    }
}

#[test]
fn each_message_is_read_or_refused_as_the_rfc_asks() {
    for torture in messages() {
        let name = &torture.name;
        match (torture.kind.as_str(), Message::parse(&torture.bytes)) {
            ("valid", Ok(Message::Request(_))) | ("valid-response", Ok(Message::Response(_))) => {}
            ("invalid-response", Ok(Message::Response(_))) => assert_eq!(name, "bcast"),
            ("invalid-response", Err(error)) => assert!(error.answerable.is_none(), "{name}"),
            ("invalid", Ok(Message::Request(_))) => {
                assert!(READ_ALTHOUGH_INVALID.contains(&name.as_str()), "{name}");
                assert_eq!(torture.allowed, "any", "{name}");
            }
            ("invalid", Err(error)) => {
                let answer = error.answerable.expect(name);
                let status = answer.status.code();
                assert!(OURS.contains(&status) && torture.allows(Some(status)), "{name} {status}");
                assert!(answer.headers.has("Via"), "{name}");
            }
            (kind, read) => panic!("{name} is {kind}, but: {read:?}"),
        }
    }
}

#[test]
fn what_is_read_prints_its_own_bytes() {
    for torture in messages() {
        let Ok(message) = Message::parse(&torture.bytes) else { continue };
        let printed = message.print();
        if message.headers().has("Content-Length") {
            assert!(torture.bytes.starts_with(&printed), "{}", torture.name);
        } else {
            assert_eq!(torture.name, "inv2543");
        }
    }
}

#[test]
fn the_values_inside_are_understood() {
    let torture = messages();
    let read = |name: &str| {
        let found = torture.iter().find(|one| one.name == name)?;
        Some(Message::parse(&found.bytes).expect(name))
    };
    let Some(wsinv) = read("wsinv") else { return };
    let headers = wsinv.headers();
    let vias: Vec<String> =
        headers.vias().expect("three").iter().map(|via| via.sent_by()).collect();
    assert_eq!(vias, ["192.0.2.2", "spindle.example.com", "192.168.255.111"]);
    assert_eq!(headers.from().expect("From").display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(headers.to().expect("To").tag().as_deref(), Some("1918181833n"));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    let contacts = headers.contacts().expect("one");
    assert_eq!(contacts.len(), 1);
    assert!(contacts.iter().all(|contact| contact.params.get("q") == Some(Some("0.33"))));

    let dblreq = read("dblreq").expect("read");
    assert!(dblreq.body().is_empty(), "what follows the body is dropped");
    let escnull = read("escnull").expect("read");
    let contacts = escnull.headers().contacts().expect("two");
    let users: Vec<_> = contacts.iter().filter_map(|contact| contact.uri.user_decoded()).collect();
    assert_eq!(users, ["\0", "\0\0"]);
    let transports = read("transports").expect("read");
    let vias = transports.headers().vias().expect("five");
    let names: Vec<_> = vias.iter().map(|via| via.transport.as_str()).collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    let intmeth = read("intmeth").expect("read");
    let to = intmeth.headers().to().expect("To");
    assert_eq!(to.display.as_deref(), Some("BEL:\u{7} NUL:\0 DEL:\u{7f}"));
    let regbadct = read("regbadct").expect("read");
    assert!(regbadct.headers().contacts().is_err(), "a question mark outside of brackets");
    let bcast = read("bcast").expect("read");
    assert_eq!(bcast.headers().vias().map(|vias| vias.len()), Ok(2));
}

#[test]
fn on_a_stream_two_messages_are_two() {
    let torture = messages();
    let Some(dblreq) = torture.iter().find(|one| one.name == "dblreq") else { return };
    let mut framer = StreamFramer::for_accepted();
    framer.push(&dblreq.bytes);
    // The body of the second is longer than its Content-Length says: what follows is no message.
    let starts = [(); 2].map(|()| match framer.next().expect("both have a length") {
        Some(Frame::Message(bytes)) => {
            Message::parse(&bytes).and_then(|message| message.headers().cseq()).expect("CSeq")
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(starts.map(|cseq| cseq.to_string()), ["8 REGISTER", "8 INVITE"]);
}
