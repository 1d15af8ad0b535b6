//! A browser among the streams: checks, a handshake whose arithmetic the script plays, and audio
//! under its keys beside a party in the clear.

use super::{A, B, Bench, Left, Port, address, rtp};
use crate::media::handshake::{News, Order, Progress, Which};
use crate::media::ice::CONSENT;
use crate::media::ice::check::{Check, check};
use crate::media::order::{AgreedIce, Dtls, HandshakeFailure, MediaEdge, Part, Source};
use holdfast_base::{Entropy, Outbox};
use holdfast_wire::g711::Law;
use holdfast_wire::rtp::rtcp::Compound;
use holdfast_wire::sdp::{Credentials, Fingerprint};
use holdfast_wire::srtp::{Exported, GROWTH_BYTES_MAX, Receiver, Sender, Suite};
use holdfast_wire::stun::Sort;

const THEIRS: &[u8] = b"the certificate of the browser";
/// A record of a handshake, as far as anybody looks here.
const RECORD: &[u8] = &[22, 254, 253, 0, 0];

fn names(ours: u8, theirs: u8) -> AgreedIce {
    let drawn = |number| Credentials::drawn(&mut Entropy::new([number; 32]));
    AgreedIce { ours: drawn(ours), theirs: drawn(theirs) }
}

fn dtls(begins: Part) -> Dtls {
    Dtls {
        certificate: Some(Fingerprint::of(b"ours")),
        fingerprints: vec![Fingerprint::of(THEIRS)],
        begins,
    }
}

/// A call between a browser on A and a phone in the clear on B.
struct Call {
    bench: Bench,
    names: AgreedIce,
    keys: Option<(Sender, Receiver)>,
}

impl Call {
    fn new(begins: Part) -> Self {
        let mut bench = Bench::bridged();
        let names = names(1, 2);
        let agreed = names.clone();
        bench.expect(A, |remote| {
            (remote.rtp, remote.rtcp) = (None, None);
            remote.ice = Some(Box::new(agreed));
            remote.dtls = Some(Box::new(dtls(begins)));
        });
        Self { bench, names, keys: None }
    }

    fn checks(&mut self, nominates: bool) {
        let bytes = check(&self.names, Check { nominates, ..Check::default() });
        self.bench.datagram((A, Port::Rtp), address(A), &bytes);
    }

    fn sends(&mut self, bytes: &[u8]) {
        self.bench.datagram((A, Port::Rtp), address(A), bytes);
    }

    fn orders(&mut self) -> Vec<Order> {
        self.bench.plane.handshakes()
    }

    fn news(&mut self, number: u32, progress: Progress) {
        let (now, mut packet, mut out) = (self.bench.now(), [0; 2048], Outbox::new());
        let news = News { which: Which { stream: A, number }, progress };
        let gone = self.bench.plane.shaken(now.mono, news, &mut packet, &mut out);
        if let Some(gone) = gone {
            self.bench.note(gone.to, gone.port, &packet[..gone.length]);
        }
        self.bench.edges.extend(out.take());
    }

    /// The handshake ends well, with keys of this number.
    fn done(&mut self, number: u32, (part, profile, key): (Part, u16, u8)) {
        let length = match profile {
            1 => 2 * 30,
            8 => 2 * 44,
            _ => panic!("not tried"),
        };
        let material = vec![key; length];
        let keys = Exported::of(profile, &material).unwrap();
        let (ours, theirs) = match part {
            Part::Client => (keys.client, keys.server),
            Part::Server => (keys.server, keys.client),
        };
        self.keys = Some((Sender::new(&theirs), Receiver::new(&ours, 0)));
        self.news(number, Progress::Done { certificate: THEIRS.to_vec(), profile, material });
    }

    /// Twenty milliseconds of audio of the browser.
    fn speaks(&mut self, n: u16) {
        let mut bytes = rtp(8, n, u32::from(n) * 160, &[Law::A.encode(4000); 160]);
        let length = bytes.len();
        bytes.resize(length + GROWTH_BYTES_MAX, 0);
        let (sender, _) = self.keys.as_mut().expect("keys");
        let length = sender.protect(&mut bytes, length).unwrap();
        bytes.truncate(length);
        self.sends(&bytes);
    }

    /// What the phone heard of it.
    fn heard(&self) -> usize {
        let spoken = |left: &&Left| left.bytes[12..] == [Law::A.encode(4000); 160];
        self.bench.heard_by(B).iter().filter(spoken).count()
    }

    /// What of the audio that left towards the browser it could open.
    fn opened(&mut self) -> usize {
        let (_, receiver) = self.keys.as_mut().expect("keys");
        let media = self.bench.left.iter().filter(|left| left.to == address(A));
        let mut opened = 0;
        for left in media {
            let mut bytes = left.bytes.clone();
            if Sort::of(&bytes) == Sort::Media && !holdfast_wire::rtp::is_rtcp(&bytes) {
                receiver.unprotect(&mut bytes).expect("authentic and new");
                opened += 1;
            }
        }
        self.bench.left.clear();
        opened
    }

    /// All that left towards the browser, by its sort.
    fn sorts(&mut self) -> Vec<Sort> {
        let towards = self.bench.left.iter().filter(|left| left.to == address(A));
        let sorts = towards.map(|left| Sort::of(&left.bytes)).collect();
        self.bench.left.clear();
        sorts
    }
}

/// A call whose browser can be heard.
fn talking(part: Part, profile: u16) -> Call {
    let mut call = Call::new(part);
    call.checks(true);
    match part {
        Part::Client => {}
        Part::Server => call.sends(RECORD),
    }
    call.done(1, (part, profile, 3));
    call.orders().clear();
    call
}

#[test]
fn audio_flows_both_ways_when_way_and_keys_are_there() {
    for (part, profile) in [(Part::Client, 1), (Part::Server, 8)] {
        let mut call = Call::new(part);
        for n in 0..10 {
            call.bench.audio(B, n);
            call.bench.pass(20);
        }
        assert_eq!(call.sorts(), [], "nothing leaves before the way is known");
        call.checks(true);
        call.bench.audio(B, 10);
        assert_eq!(call.sorts(), [Sort::Stun], "no audio before there are keys");
        if part == Part::Server {
            call.sends(RECORD);
        }
        call.done(1, (part, profile, 3));
        for n in 11..31 {
            call.bench.audio(B, n);
            call.speaks(n);
            call.bench.pass(20);
        }
        assert_eq!((call.heard(), call.opened()), (20, 20));
        let suite = match profile {
            1 => Suite::AesCm128HmacSha1Tag80,
            _ => Suite::AeadAes256Gcm,
        };
        assert!(call.bench.edges.contains(&MediaEdge::Secured { stream: A, suite }));
        let first = MediaEdge::FirstPacket { stream: A, from: address(A) };
        assert_eq!(call.bench.edges.iter().filter(|edge| **edge == first).count(), 1);
    }
}

#[test]
fn who_begins_does_so_when_the_way_is_there_and_nobody_else_is_listened_to() {
    let which = Which { stream: A, number: 1 };
    let begin = |part| Order::Begin { which, certificate: Fingerprint::of(b"ours"), part };
    let take = Order::Take { which, datagram: RECORD.to_vec() };
    let mut client = Call::new(Part::Client);
    client.sends(RECORD);
    assert_eq!(client.orders(), [], "nobody has been checked");
    client.checks(false);
    assert_eq!(client.orders(), [], "not nominated");
    client.checks(true);
    assert_eq!(client.orders(), [begin(Part::Client)]);
    client.news(1, Progress::Send(RECORD.to_vec()));
    assert_eq!(client.sorts(), [Sort::Stun, Sort::Stun, Sort::Dtls]);
    client.sends(RECORD);
    assert_eq!(client.orders(), std::slice::from_ref(&take));

    let mut server = Call::new(Part::Server);
    server.checks(false);
    assert_eq!(server.orders(), []);
    server.sends(RECORD);
    assert_eq!(server.orders(), [begin(Part::Server), take]);
    server.news(1, Progress::Send(RECORD.to_vec()));
    assert_eq!(server.sorts(), [Sort::Stun, Sort::Dtls], "answered where the check came from");
    server.bench.datagram((A, Port::Rtp), address(B), RECORD);
    assert_eq!(server.orders(), [], "from elsewhere");
}

#[test]
fn a_flood_of_records_is_cut_off_and_the_other_port_is_shut() {
    let mut call = Call::new(Part::Server);
    call.checks(true);
    for _ in 0..500 {
        call.sends(RECORD);
    }
    assert_eq!(call.orders().len(), 1 + 50);
    call.bench.pass(1000);
    call.sends(RECORD);
    assert_eq!(call.orders().len(), 1);
    let bytes = check(&call.names, Check::default());
    call.bench.left.clear();
    call.bench.datagram((A, Port::Rtcp), address(A), &bytes);
    call.bench.datagram((A, Port::Rtcp), address(A), RECORD);
    assert_eq!((call.orders(), call.sorts()), (vec![], vec![]));
}

#[test]
fn another_certificate_brings_no_keys() {
    let mut call = Call::new(Part::Client);
    call.checks(true);
    let (certificate, material) = (b"of somebody else".to_vec(), vec![3; 60]);
    call.news(1, Progress::Done { certificate, profile: 1, material });
    let why = HandshakeFailure::AnotherCertificate;
    assert_eq!(call.bench.edges, [MediaEdge::NotSecured { stream: A, why }]);
    // Under the very keys that were exported nothing is heard or sent.
    let keys = Exported::of(1, &[3; 60]).unwrap();
    call.keys = Some((Sender::new(&keys.server), Receiver::new(&keys.client, 0)));
    call.speaks(0);
    call.bench.audio(B, 0);
    assert_eq!((call.heard(), call.opened()), (0, 0));
    // And what follows of it is nobody's business any more.
    call.done(1, (Part::Client, 1, 3));
    call.speaks(1);
    assert_eq!(call.heard(), 0);
}

#[test]
fn nothing_in_the_clear_is_heard_or_sent_at_any_time() {
    let mut call = Call::new(Part::Server);
    call.checks(true);
    let clear = rtp(8, 1, 160, &[Law::A.encode(4000); 160]);
    call.sends(&clear);
    call.bench.audio(B, 0);
    assert_eq!((call.heard(), call.sorts()), (0, vec![Sort::Stun]));
    call.sends(RECORD);
    call.done(1, (Part::Server, 1, 3));
    call.sends(&clear);
    assert_eq!(call.heard(), 0);
    call.news(1, Progress::Ended);
    call.speaks(2);
    call.sends(&clear);
    call.bench.audio(B, 1);
    assert_eq!((call.heard(), call.opened()), (0, 0), "the browser has said goodbye");
}

#[test]
fn the_same_agreement_again_is_the_same_handshake_and_another_one_begins_anew() {
    let mut call = talking(Part::Client, 1);
    let agreed = call.names.clone();
    let again = |call: &mut Call, dtls: Dtls| {
        let agreed = agreed.clone();
        call.bench.expect(A, |remote| {
            (remote.rtp, remote.ice) = (None, Some(Box::new(agreed)));
            remote.dtls = Some(Box::new(dtls));
            remote.sends = !remote.sends;
        });
    };
    again(&mut call, dtls(Part::Client));
    again(&mut call, dtls(Part::Client));
    assert_eq!(call.orders(), []);
    let other = Dtls { fingerprints: vec![Fingerprint::of(b"next")], ..dtls(Part::Client) };
    again(&mut call, other);
    let next = Which { stream: A, number: 2 };
    let orders = call.orders();
    assert!(
        matches!(&orders[..], [Order::End { .. }, Order::Begin { which, .. }]
        if *which == next),
        "{orders:?}"
    );
    // The keys of before hold until the next ones are there: no word is lost.
    call.bench.audio(B, 1);
    assert_eq!(call.opened(), 1);
    call.news(1, Progress::Ended);
    let certificate = b"next".to_vec();
    call.news(2, Progress::Done { certificate, profile: 1, material: vec![4; 60] });
    call.bench.audio(B, 2);
    let keys = Exported::of(1, &[4; 60]).unwrap();
    call.keys = Some((Sender::new(&keys.server), Receiver::new(&keys.client, 0)));
    assert_eq!(call.opened(), 1);
}

#[test]
fn a_certificate_of_another_process_begins_nothing_and_lets_nothing_through() {
    let mut call = Call::new(Part::Client);
    let agreed = call.names.clone();
    call.bench.expect(A, |remote| {
        let stale = Dtls { certificate: None, ..dtls(Part::Client) };
        (remote.rtp, remote.ice) = (None, Some(Box::new(agreed)));
        remote.dtls = Some(Box::new(stale));
    });
    call.orders();
    call.checks(true);
    call.sends(RECORD);
    call.sends(&rtp(8, 1, 160, &[Law::A.encode(4000); 160]));
    call.bench.audio(B, 0);
    assert_eq!((call.orders(), call.heard()), (vec![], 0));
    assert_eq!(call.sorts(), [Sort::Stun], "checks are answered, so that the way stays");
}

#[test]
fn a_browser_that_vanishes_is_not_sent_to_and_told_of_once() {
    let mut call = talking(Part::Server, 8);
    let seconds = u16::try_from(CONSENT.as_secs()).unwrap() + 3;
    for n in 0..seconds * 50 {
        call.bench.audio(B, n);
        call.bench.pass(20);
    }
    let opened = call.opened();
    assert!((700..=756).contains(&opened), "{opened}");
    let lost = MediaEdge::Disconnected { stream: A };
    assert_eq!(call.bench.edges.iter().filter(|edge| **edge == lost).count(), 1);
    call.checks(true);
    call.bench.audio(B, seconds * 50);
    assert_eq!(call.opened(), 1, "it is back, with its keys");
}

#[test]
fn audio_goes_where_the_browser_has_moved_to() {
    let mut call = talking(Part::Server, 1);
    let elsewhere = "192.0.2.77:5000".parse().unwrap();
    let bytes = check(&call.names, Check { nominates: true, ..Check::default() });
    call.bench.datagram((A, Port::Rtp), elsewhere, &bytes);
    call.bench.left.clear();
    call.bench.audio(B, 1);
    let to: Vec<_> = call.bench.left.iter().map(|left| left.to).collect();
    assert_eq!(to, [elsewhere]);
}

#[test]
fn reports_share_the_port_and_the_keys() {
    let mut call = talking(Part::Server, 1);
    for n in 0..400 {
        call.bench.audio(B, n);
        call.speaks(n);
        if n % 100 == 0 {
            call.checks(true);
        }
        call.bench.pass(20);
    }
    let (_, receiver) = call.keys.as_mut().unwrap();
    let reports = call
        .bench
        .left
        .iter()
        .filter(|left| left.to == address(A) && holdfast_wire::rtp::is_rtcp(&left.bytes));
    let mut count = 0;
    for left in reports {
        assert_eq!(left.port, Port::Rtp);
        let mut bytes = left.bytes.clone();
        let length = receiver.unprotect_report(&mut bytes).expect("authentic");
        Compound::parse(&bytes[..length]).expect("a report");
        count += 1;
    }
    assert!(count >= 1, "{count}");
}

#[test]
fn media_bypass_has_keys_of_the_description_and_a_way_of_checks() {
    let mut call = Call::new(Part::Server);
    let agreed = call.names.clone();
    let keys = Exported::of(1, &[5; 60]).unwrap();
    let crypto = crate::media::order::Crypto {
        send: Some(keys.server.clone()),
        receive: keys.client.clone(),
        mki_bytes: 0,
    };
    call.bench.expect(A, |remote| {
        (remote.rtp, remote.ice) = (None, Some(Box::new(agreed)));
        remote.crypto = Some(crypto);
    });
    call.keys = Some((Sender::new(&keys.client), Receiver::new(&keys.server, 0)));
    call.speaks(1);
    assert_eq!(call.heard(), 0, "from where nobody was checked");
    call.checks(true);
    call.speaks(2);
    call.bench.audio(B, 1);
    assert_eq!((call.heard(), call.opened()), (1, 1));
    assert_eq!(call.orders(), []);
}

#[test]
fn a_stream_that_closes_ends_its_handshake() {
    let mut call = talking(Part::Client, 1);
    call.bench.hear(B, Source::Silence);
    call.bench.plane.close(A).unwrap();
    assert_eq!(call.orders(), [Order::End { which: Which { stream: A, number: 1 } }]);
}
