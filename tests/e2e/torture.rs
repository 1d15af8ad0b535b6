//! The torture messages of RFC 4475 against the running box, over UDP and TCP: it lives after each,
//! and answers as the manifest beside the messages allows.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::appliance::{Appliance, config};
use crate::lab::{Lab, until};
use crate::sip::{Message, Watch, ask_over_tcp};
use crate::skip;

/// Ports that top Via headers of the messages name, with the default ones (RFC 3261 §18.2.2): the
/// answers go there, since none of these messages has `rport`.
const VIA_PORTS: [u16; 3] = [5060, 5061, 5050];
/// How long a reader sleeps before it looks whether it is still needed.
const READ_TIMEOUT: Duration = Duration::from_millis(50);

struct Torture {
    name: String,
    kind: String,
    verdicts: [Value; 2],
    bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/torture")
}

fn messages() -> Option<Vec<Torture>> {
    let manifest = fs::read(folder().join("manifest.json")).ok()?;
    let entries: Vec<Value> = serde_json::from_slice(&manifest).expect("the manifest");
    let text = |entry: &Value, key: &str| entry[key].as_str().expect(key).to_owned();
    let torture = |entry: &Value| Torture {
        name: text(entry, "name"),
        kind: text(entry, "kind"),
        verdicts: [entry["preferred"].clone(), entry["allowed"].clone()],
        bytes: fs::read(folder().join(text(entry, "file"))).expect("a message"),
    };
    Some(entries.iter().map(torture).collect())
}

impl Torture {
    fn call_id(&self) -> String {
        let message = Message::parse(&self.bytes).expect("a head");
        message.header("Call-ID").to_owned()
    }

    /// What a server takes for the same transaction: top Via and method.
    fn transaction(&self) -> (String, Option<String>) {
        let message = Message::parse(&self.bytes).expect("a head");
        (message.header("Via").to_owned(), message.method().map(str::to_owned))
    }

    /// Whether the manifest lets a server answer with this status.
    fn allows(&self, status: u16) -> bool {
        self.verdicts.iter().any(|verdict| match verdict {
            Value::String(word) => word == "any",
            Value::Array(statuses) => statuses.iter().any(|one| one == status),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        })
    }

    /// Whether a good server answers: a valid request has a final response.
    fn must_be_answered(&self) -> bool {
        self.kind == "valid"
    }

    fn check(&self, statuses: &[u16]) {
        let name = &self.name;
        if self.kind.ends_with("response") {
            assert!(statuses.is_empty(), "{name} is a stray response: {statuses:?}");
        }
        for status in statuses.iter().filter(|status| **status >= 200) {
            assert!(self.allows(*status), "{name}: {status}");
        }
    }
}

/// Statuses by Call-ID, in order.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<BTreeMap<String, Vec<u16>>>>);

impl Answers {
    /// Takes what comes to `socket` for as long as somebody else holds the answers.
    fn take_from(&self, socket: UdpSocket) {
        let answers = Arc::downgrade(&self.0);
        socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout");
        thread::spawn(move || {
            while let Some(answers) = answers.upgrade().map(Answers) {
                let mut bytes = [0; 65_536];
                let Ok(count) = socket.recv(&mut bytes) else { continue };
                answers.note(&Message::parse(&bytes[..count]).expect("a response"));
            }
        });
    }

    fn note(&self, message: &Message) {
        let status = message.status().expect("the box asks a torturer nothing");
        let call = message.header("Call-ID").to_owned();
        self.0.lock().expect("answers").entry(call).or_default().push(status);
    }

    fn of(&self, call: &str) -> Vec<u16> {
        self.0.lock().expect("answers").get(call).cloned().unwrap_or_default()
    }
}

fn is_final(statuses: &[u16]) -> bool {
    statuses.iter().any(|status| *status >= 200)
}

/// Some messages have branch, host and method of another one, which makes them repetitions of it
/// (RFC 3261 §17.2.3): they go to another box.
fn rounds(messages: Vec<Torture>) -> Vec<Vec<Torture>> {
    let mut rounds: Vec<Vec<Torture>> = Vec::new();
    for torture in messages {
        let twin = |other: &Torture| other.transaction() == torture.transaction();
        match rounds.iter_mut().find(|round| !round.iter().any(twin)) {
            Some(round) => round.push(torture),
            None => rounds.push(vec![torture]),
        }
    }
    rounds
}

#[test]
fn torture_over_udp() {
    let Some(messages) = messages() else { return skip("the torture messages") };
    for round in rounds(messages) {
        let lab = Lab::new("torture-udp");
        let bind = |port| UdpSocket::bind((lab.ip(2), port));
        let sockets: io::Result<Vec<_>> = VIA_PORTS.into_iter().map(bind).collect();
        let Ok(sockets) = sockets else { return skip("free ports 5060, 5061 and 5050") };
        send_all(&lab, &round, sockets);
    }
}

fn send_all(lab: &Lab, messages: &[Torture], sockets: Vec<UdpSocket>) {
    let mut appliance = Appliance::start(lab, &config(lab, &["anna"], ""));
    let answers = Answers::default();
    let sender = sockets[0].try_clone().expect("a socket");
    for socket in sockets {
        answers.take_from(socket);
    }
    let mut watch = Watch::new(lab.ip(3), appliance.sip());
    for torture in messages {
        sender.send_to(&torture.bytes, appliance.sip()).expect("a datagram");
        if torture.must_be_answered() {
            let call = torture.call_id();
            until(&torture.name, || is_final(&answers.of(&call)).then_some(()));
        }
        watch.ask();
    }
    for torture in messages {
        torture.check(&answers.of(&torture.call_id()));
    }
    assert!(appliance.runs());
}

/// RFC 3261 §18.3: on a stream nothing but Content-Length says where a message ends; without one a
/// message is as good as unfinished. `clerr` is unfinished as well: its length is beyond its end.
fn is_whole_on_a_stream(torture: &Torture) -> bool {
    torture.name != "inv2543"
}

#[test]
fn torture_over_tcp() {
    let Some(messages) = messages() else { return skip("the torture messages") };
    let lab = Lab::new("torture-tcp");
    let mut appliance = Appliance::start(&lab, &config(&lab, &["anna"], ""));
    for torture in &messages {
        let mut stream = TcpStream::connect(appliance.sip()).expect("a connection");
        stream.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout");
        stream.write_all(&torture.bytes).expect("room in the connection");
        ask_over_tcp(appliance.sip());
        let statuses = if torture.must_be_answered() && is_whole_on_a_stream(torture) {
            read_until_final(&mut stream, &torture.name)
        } else {
            read_what_is_there(&mut stream)
        };
        torture.check(&statuses);
    }
    assert!(appliance.runs());
}

fn read_until_final(stream: &mut TcpStream, name: &str) -> Vec<u16> {
    let mut bytes = Vec::new();
    until(name, || {
        read_once(stream, &mut bytes);
        let statuses = statuses_in(&bytes);
        is_final(&statuses).then_some(statuses)
    })
}

fn read_what_is_there(stream: &mut TcpStream) -> Vec<u16> {
    let mut bytes = Vec::new();
    while read_once(stream, &mut bytes) {}
    statuses_in(&bytes)
}

fn read_once(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    let mut piece = [0; 4096];
    let count = stream.read(&mut piece).unwrap_or(0);
    bytes.extend_from_slice(&piece[..count]);
    count > 0
}

/// The statuses of responses in a row.
fn statuses_in(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    let starts = text.match_indices("SIP/2.0 ").filter(|(at, _)| {
        // A start line, not the version inside of a Via.
        *at == 0 || text[..*at].ends_with("\r\n\r\n")
    });
    starts.filter_map(|(at, start)| text[at + start.len()..].get(..3)?.parse().ok()).collect()
}
