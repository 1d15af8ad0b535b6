//! Attackers against the running box: guessers, sipvicious, connections that drip, and messages
//! with every kind of damage. Honest callers keep being served, and who attacks is told to the
//! technician.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::api::Api;
use crate::appliance::{Appliance, config};
use crate::digest::credentials;
use crate::lab::{Lab, until, until_true};
use crate::lacks;
use crate::phone::{Manner, Phone};
use crate::sip::{Message, ask_over_tcp};

const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
/// The machine of the lab from which the attack comes.
const EVE: u8 = 9;
/// How long an answer may take before it counts as none.
const ANSWER: Duration = Duration::from_millis(1500);

/// A box, an agent's phone and a caller's.
pub struct Site {
    lab: Lab,
    appliance: Appliance,
    api: Api,
    anna: Phone,
    caller: Phone,
}

impl Site {
    fn new(test: &str, abuse: &str) -> Self {
        Self::at(Lab::new(test), abuse)
    }

    pub fn at(lab: Lab, abuse: &str) -> Self {
        let text = format!("{}\n[abuse]\n{abuse}\n", config(&lab, &["anna"], QUICK));
        let appliance = Appliance::start(&lab, &text);
        let api = Api::claim(&lab, &appliance);
        let anna = Phone::new(&lab, 2, "anna", &appliance);
        anna.behave(Manner::Answer);
        anna.register();
        let caller = Phone::new(&lab, 3, "caller", &appliance);
        until_true("the agent can be called", || api.desk()["agents_free"] == 1);
        Self { lab, appliance, api, anna, caller }
    }

    /// An honest call from end to end.
    pub fn serves(&self) {
        until_true("the agent is free", || self.api.desk()["agents_free"] == 1);
        let call = self.caller.call("desk");
        self.anna.talks();
        self.caller.hang_up(&call);
    }

    /// The ban of an address, when there is one.
    fn ban(&self, address: Ipv4Addr) -> Option<Value> {
        let bans = self.api.get("/api/v1/bans");
        let all = bans["bans"].as_array().expect("bans").iter();
        all.cloned().find(|ban| ban["address"] == address.to_string())
    }

    pub fn eve(&self) -> Ipv4Addr {
        self.lab.ip(EVE)
    }

    /// A person lets an address in again.
    pub fn lift(&self, address: Ipv4Addr) {
        self.api.post(&format!("/api/v1/bans/{address}/lift"));
        until_true("the ban is lifted", || self.ban(address).is_none());
    }

    /// Ends the box in good order.
    pub fn stop(&mut self) {
        self.appliance.signal(Signal::SIGTERM);
        assert!(self.appliance.ended().success(), "{}", self.appliance.said());
    }
}

/// Somebody with a socket and bad intentions.
pub struct Attacker {
    socket: UdpSocket,
    appliance: SocketAddr,
    sent: u32,
}

impl Attacker {
    pub fn new(site: &Site, from: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((from, 0)).expect("a socket");
        socket.set_read_timeout(Some(ANSWER)).expect("a timeout");
        Self { socket, appliance: site.appliance.sip(), sent: 0 }
    }

    pub fn request(&mut self, method: &str, user: &str, more: &str) -> String {
        self.sent += 1;
        let (own, number) = (self.socket.local_addr().expect("an address"), self.sent);
        let host = self.appliance.ip();
        format!(
            "{method} sip:{host} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {own};rport;branch=z9hG4bK{number}-{}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{host}>;tag=e{number}\r\nTo: <sip:{user}@{host}>\r\n\
             Call-ID: eve-{number}@{own}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n",
            own.port()
        )
    }

    pub fn send(&self, message: &[u8]) {
        self.socket.send_to(message, self.appliance).expect("a datagram");
    }

    /// The next answer, if there is one in time.
    fn hears(&self) -> Option<Message> {
        let mut bytes = [0; 65_536];
        let count = self.socket.recv(&mut bytes).ok()?;
        Message::parse(&bytes[..count])
    }

    /// Tries a password; the status of the answer, if there is one.
    pub fn guesses(&mut self, password: &str) -> Option<u16> {
        let plain = self.request("REGISTER", "anna", "");
        self.send(plain.as_bytes());
        let asked = self.hears()?;
        let uri = format!("sip:{}", self.appliance.ip());
        let challenge = asked.header("WWW-Authenticate").to_owned();
        let value = credentials(&challenge, "REGISTER", &uri, "anna", password);
        let again = self.request("REGISTER", "anna", &format!("Authorization: {value}\r\n"));
        self.send(again.as_bytes());
        self.hears()?.status()
    }
}

#[test]
fn who_guesses_passwords_is_banned_until_a_person_lifts_it() {
    let mut site = Site::new("guesser", "never = []");
    let mut eve = Attacker::new(&site, site.eve());
    let guesses: Vec<_> =
        (0..20).map_while(|number| eve.guesses(&format!("guess {number}"))).collect();
    assert_eq!(guesses, [403; 10], "the tenth is the last that is answered");
    let ban = until("the ban is shown", || site.ban(site.eve()));
    assert_eq!((&ban["why"], &ban["times"]), (&"wrong passwords".into(), &1.into()), "{ban}");
    assert!(ban["evidence"].to_string().contains("wrong password for `anna`"), "{ban}");
    assert!(site.api.page("/bans").contains(&site.eve().to_string()));
    assert!(site.appliance.said().contains("banned"));
    site.serves();
    site.appliance.kill();
    site.appliance.start_again();
    site.api.log_in();
    assert!(site.ban(site.eve()).is_some(), "a restart frees nobody");
    assert_eq!(eve.guesses("after the restart"), None);
    site.lift(site.eve());
    assert_eq!(eve.guesses("after it was lifted"), Some(403));
    site.serves();
}

/// The Debian package brings `svmap`, `svwar` and `svcrack`.
#[test]
fn sipvicious_finds_nothing_and_is_banned_at_once() {
    if lacks("svmap") {
        return;
    }
    let site = Site::new("sipvicious", "never = []");
    let (host, port) = (site.appliance.sip().ip(), site.appliance.sip().port().to_string());
    let host = host.to_string();
    let own = site.eve().to_string();
    // The last two have no option for the address that they come from.
    let scans: [(&str, Ipv4Addr, &[&str]); 3] = [
        ("svmap", site.eve(), &["-b", &own, "-x", &own]),
        ("svwar", Ipv4Addr::LOCALHOST, &["--force", "-e", "100-140", "--maximumtime=3"]),
        ("svcrack", Ipv4Addr::LOCALHOST, &["-u", "anna", "-r", "1000-1040", "--maximumtime=3"]),
    ];
    for (program, address, more) in scans {
        let began = Instant::now();
        let output = Command::new(program)
            .args(["-p", &port, "-t", "0.05"])
            .args(more)
            .arg(&host)
            .stdin(Stdio::null())
            .current_dir(site.lab.folder())
            .output()
            .expect("a scanner");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        eprintln!("{program} ended after {:?}", began.elapsed());
        let ban = until("the scanner is banned", || site.ban(address));
        assert_eq!(ban["why"], "scanner", "{ban}");
        assert!(!said.contains("Holdfast") && !said.contains("reqauth"), "{program}: {said}");
        site.lift(address);
        site.serves();
    }
}

/// Opens connections that begin a message and go on with a byte now and then, until the box has
/// had enough of all of them.
fn drip(site: &Site, to: SocketAddr, first: &[u8]) -> Duration {
    const DRIPS: usize = 300;
    let began = Instant::now();
    let connect = |_| {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
        socket.bind(&SocketAddr::from((site.eve(), 0)).into()).ok()?;
        socket.connect(&to.into()).ok()?;
        let mut stream = TcpStream::from(socket);
        stream.write_all(first).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    };
    let mut open: Vec<TcpStream> = (0..DRIPS).filter_map(connect).collect();
    eprintln!("{} connections opened, {} asked for", open.len(), DRIPS);
    site.serves();
    ask_over_tcp(site.appliance.sip()); // others connect meanwhile
    until_true("the drips are closed", || {
        open.retain_mut(|stream| {
            let alive = stream.write(b"x").is_ok();
            alive && !matches!(stream.read(&mut [0; 64]), Ok(0))
        });
        open.is_empty()
    });
    began.elapsed()
}

#[test]
fn three_hundred_dripping_connections_are_closed_and_keep_nobody_waiting() {
    let site = Site::new("drip", "never = []");
    let took = drip(&site, site.appliance.sip(), b"OPTIONS sip:box SIP/2.0\r\nX: ");
    eprintln!("all were closed after {took:?}");
    let ban = until("the ban is shown", || site.ban(site.eve()));
    assert_eq!(ban["why"], "unfinished messages", "{ban}");
    site.serves();
}

#[test]
fn three_hundred_dripping_handshakes_are_closed_and_keep_nobody_waiting() {
    if lacks("openssl") {
        return;
    }
    let lab = Lab::new("drip-tls");
    let (ip, at) = (lab.ip(1), lab.folder().display().to_string());
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=box -addext".split(' '))
        .args(["subjectAltName=DNS:box.example.org", "-keyout", "box.key", "-out", "box.crt"])
        .current_dir(lab.folder())
        .output()
        .expect("openssl");
    assert!(made.status.success());
    let text = format!(
        "{}\n[[sip.listener]]\ntransport = \"tls\"\nbind = \"{ip}:45061\"\n\
         certificate = \"{at}/box.crt\"\nkey = \"{at}/box.key\"\n[abuse]\nnever = []\n",
        config(&lab, &["anna"], QUICK)
    );
    let appliance = Appliance::start(&lab, &text);
    let api = Api::claim(&lab, &appliance);
    let anna = Phone::new(&lab, 2, "anna", &appliance);
    anna.register();
    let caller = Phone::new(&lab, 3, "caller", &appliance);
    let site = Site { lab, appliance, api, anna, caller };
    // The head of a record of 512 bytes, a ClientHello, of which nothing follows.
    let took = drip(&site, SocketAddr::from((ip, 45_061)), b"\x16\x03\x01\x02\x00\x01\x00");
    eprintln!("all were closed after {took:?}");
    let ban = until("the ban is shown", || site.ban(site.eve()));
    assert_eq!(ban["why"], "unfinished messages", "{ban}");
    site.serves();
}

/// The same damage each time: a generator with a fixed seed (xorshift, G. Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).expect("small")).expect("small")
    }
}

/// Good messages that others are made of.
fn seeds(host: Ipv4Addr) -> Vec<Vec<u8>> {
    let head = format!(
        "Via: SIP/2.0/UDP {host}:9;rport;branch=z9hG4bKm\r\nMax-Forwards: 70\r\n\
         From: \"Eve\" <sip:eve@{host}>;tag=m\r\nTo: <sip:desk@{host}>\r\nCall-ID: mutant\r\n\
         Contact: <sip:eve@{host}:9;transport=udp>\r\nAllow: INVITE, ACK, BYE\r\n"
    );
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
    let methods = [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "UPDATE",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
        "INFO",
        "MESSAGE",
    ];
    let mut all: Vec<Vec<u8>> = methods
        .iter()
        .map(|method| {
            let (kind, body) = match *method {
                "INVITE" | "UPDATE" => ("Content-Type: application/sdp\r\n", sdp),
                _ => ("", ""),
            };
            format!(
                "{method} sip:desk@{host} SIP/2.0\r\n{head}CSeq: 1 {method}\r\n{kind}\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
        .collect();
    for status in [100, 180, 200, 401, 503] {
        let text = format!("SIP/2.0 {status} Word\r\n{head}CSeq: 1 INVITE\r\n\r\n");
        all.push(text.into_bytes());
    }
    all
}

/// One to four wounds: a byte turned, cut, doubled, a piece of another message, a number blown up.
fn wounded(chance: &mut Chance, seeds: &[Vec<u8>]) -> Vec<u8> {
    const NASTY: [&[u8]; 12] = [
        b"\0",
        b"\r\n\r\n",
        b"%00",
        b";;;;",
        b"<<<>>>",
        b"\xff\xfe",
        b"4294967296",
        b"-1",
        b"\r\n ",
        b"sip:[::1",
        b"\"",
        b"=?,",
    ];
    let mut bytes = seeds[chance.below(seeds.len())].clone();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len());
        match chance.below(6) {
            0 => bytes[at] = u8::try_from(chance.below(256)).expect("a byte"),
            1 => {
                let end = (at + chance.below(40)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            2 => {
                let end = (at + chance.below(200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let other = &seeds[chance.below(seeds.len())];
                let from = chance.below(other.len());
                let to = (from + chance.below(120)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            4 => {
                bytes.splice(at..at, NASTY[chance.below(NASTY.len())].iter().copied());
            }
            _ => bytes.splice(at..at, vec![b'9'; 1 + chance.below(3000)]).for_each(drop),
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
    }
    bytes.truncate(60_000);
    bytes
}

/// Sends so many, in handfuls with a good question after each, and calls in between.
fn endures(test: &str, messages: usize) {
    // Spared, so that every message is read; whoever does this in earnest is banned after fifty.
    let lab_network = "never = [\"127.0.0.0/8\"]";
    let mut site = Site::new(test, lab_network);
    let mut eve = Attacker::new(&site, site.eve());
    let (mut chance, seeds) = (Chance(0x5eed_5eed), seeds(site.eve()));
    let before = site.appliance.allocated();
    let began = Instant::now();
    for number in 0..messages {
        let bytes = wounded(&mut chance, &seeds);
        eve.send(&bytes);
        if number % 50 == 49 {
            let question = eve.request("OPTIONS", "eve", "X-Good: yes\r\n");
            let id = format!("eve-{}@", eve.sent);
            eve.send(question.as_bytes());
            until("a good question is answered", || {
                std::iter::from_fn(|| eve.hears())
                    .any(|answer| answer.header("Call-ID").starts_with(&id))
                    .then_some(())
            });
        }
        if number % (messages / 5) == 0 {
            site.serves();
        }
    }
    site.serves();
    assert!(site.appliance.runs());
    let took = began.elapsed();
    let after = site.appliance.allocated();
    eprintln!("{messages} messages in {took:?}; memory {before} -> {after} bytes");
    let totals = site.api.get("/api/v1/site")["totals"].clone();
    eprintln!("malformed: {}", totals["sip_malformed"]);
    assert!(totals["sip_malformed"].as_u64() > Some(0), "{totals}");
}

#[test]
fn three_thousand_mutated_messages_harm_nobody() {
    endures("mutants", 3_000);
}

#[test]
#[ignore = "long form: 120 s"]
fn a_hundred_thousand_mutated_messages_harm_nobody() {
    endures("many-mutants", 100_000);
}
