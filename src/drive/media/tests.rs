//! The real threads over loopback, with plain sockets as the remotes. Every wait is a bounded
//! receive; nothing sleeps.

use super::handshakes::{Certificates, Handshakes};
use super::holds::Holds;
use super::worker::{Parts, Worker};
use super::{EdgeSink, MediaPlane, ORDERS_MAX, Shared, Sinks, Thread, lock, news_to};
use crate::clock::Clock;
use holdfast_base::{Mono, StreamId};
use holdfast_core::media::clip::ClipLibrary;
use holdfast_core::media::order::{
    ClipId, Codec, Encoding, MediaEdge, MediaOrder, Open, Remote, Source,
};
use holdfast_wire::rtp::header::{Fields, Header};
use holdfast_wire::wav;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Nothing here takes a tenth of this, even on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one try waits for its echo before the packet is sent again.
const TRY: Duration = Duration::from_millis(50);
const TRIES: u16 = 200;

/// Port pairs of this process: tests run side by side.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A pair that is free right now.
fn free_pair() -> u16 {
    let base = 40_000 + u16::try_from(std::process::id() % 4000).unwrap() * 2;
    for _ in 0..1000 {
        let port = base + NEXT_PORT.fetch_add(2, Ordering::Relaxed);
        let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
        if bind(port).is_ok() && bind(port + 1).is_ok() {
            return port;
        }
    }
    panic!("no free pair of ports");
}

fn sink() -> (EdgeSink, Receiver<MediaEdge>) {
    let (send, edges) = sync_channel(1000); // more than any test reports
    let send = Mutex::new(send);
    let sink: EdgeSink = Arc::new(move |edge| {
        // The test may be over before the last edge.
        let _ = send.lock().unwrap().send(edge);
    });
    (sink, edges)
}

fn library() -> Arc<ClipLibrary> {
    let mut library = ClipLibrary::default();
    library.add("music", &wav::write(&[3000; 8000])).unwrap();
    Arc::new(library)
}

fn start(threads: usize) -> (MediaPlane, Receiver<MediaEdge>) {
    let (sink, edges) = sink();
    let clock = Clock::starting_at(Mono::from_micros(5_000_000));
    let certificates = Certificates::make().unwrap();
    let sinks = Sinks::without_tapes(sink);
    (MediaPlane::start(threads, clock, library(), certificates, sinks).unwrap(), edges)
}

fn open(stream: StreamId, port: u16) -> MediaOrder {
    MediaOrder::Open(Open {
        stream,
        shard: stream.0 / 2,
        local: HOST,
        rtp_port: port,
        ssrc: 77,
        first_sequence: 1000,
        timestamp_origin: 0,
    })
}

/// A stream towards a plain socket, which is returned.
fn stream_to_a_phone(plane: &MediaPlane, stream: StreamId) -> (UdpSocket, u16) {
    let phone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    phone.set_read_timeout(Some(TRY)).unwrap();
    let port = free_pair();
    plane.order(open(stream, port));
    let pcma = Codec { payload_type: 8, encoding: Encoding::Pcma, clock_hz: 8000, ptime_ms: 20 };
    plane.order(MediaOrder::Expect {
        stream,
        remote: Remote {
            rtp: Some(phone.local_addr().unwrap()),
            rtcp: None,
            codec: pcma,
            accepts: vec![pcma],
            dtmf_to_remote: None,
            dtmf_from_remote: None,
            dtmf_clock_hz: 8000,
            crypto: None,
            dtls: None,
            ice: None,
            sends: true,
            receives: true,
        },
    });
    (phone, port)
}

fn audio(n: u16) -> Vec<u8> {
    let fields = Fields {
        marker: false,
        payload_type: 8,
        sequence: n,
        timestamp: u32::from(n) * 160,
        ssrc: 5,
    };
    [&fields.bytes()[..], &[n.to_be_bytes()[1]; 160]].concat()
}

fn receive(phone: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut packet = [0; 2048];
    let (length, from) = phone.recv_from(&mut packet).ok()?;
    Some((packet[..length].to_vec(), from))
}

/// Speaks until the other side hears it: the ports are bound on another thread.
fn speak_until_heard(from: (&UdpSocket, u16), to: &UdpSocket) -> (Fields, SocketAddr) {
    for n in 0..TRIES {
        from.0.send_to(&audio(n), (Ipv4Addr::LOCALHOST, from.1)).unwrap();
        if let Some((packet, source)) = receive(to) {
            return (Header::parse(&packet).unwrap().fields, source);
        }
    }
    panic!("nothing was relayed");
}

fn wait_for(edges: &Receiver<MediaEdge>, wanted: impl Fn(&MediaEdge) -> bool) -> MediaEdge {
    for _ in 0..10_000 {
        let edge = edges.recv_timeout(PATIENCE).expect("an edge in time");
        if wanted(&edge) {
            return edge;
        }
    }
    panic!("ten thousand other edges");
}

#[test]
fn a_pair_is_ours_before_its_stream_opens() {
    let (plane, edges) = start(1);
    let (taken, rtp_port) = (free_pair(), free_pair());
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, taken + 1)).unwrap();
    plane.order(MediaOrder::Hold { rtp_port: taken });
    assert_eq!(edges.recv_timeout(PATIENCE), Ok(MediaEdge::Occupied { rtp_port: taken }));
    drop(other);
    for rtp_port in [taken, rtp_port, rtp_port] {
        plane.order(MediaOrder::Hold { rtp_port });
        assert_eq!(edges.recv_timeout(PATIENCE), Ok(MediaEdge::Held { rtp_port }));
    }
    assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, rtp_port)).is_err(), "held against others");
    assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, rtp_port + 1)).is_err(), "RTCP too");
    plane.order(open(StreamId(1), rtp_port));
    plane.order(MediaOrder::Close { stream: StreamId(1) });
    let over = wait_for(&edges, |edge| !matches!(edge, MediaEdge::Counters(_)));
    assert!(matches!(over, MediaEdge::Closed { .. }), "opened on the pair held: {over:?}");
    plane.stop();
}

#[test]
fn two_phones_hear_each_other_from_the_ports_that_they_were_told() {
    let (plane, edges) = start(2);
    let (a, b) = (StreamId(2), StreamId(3));
    let (phone_a, port_a) = stream_to_a_phone(&plane, a);
    let (phone_b, port_b) = stream_to_a_phone(&plane, b);
    plane.order(MediaOrder::Hear { stream: a, source: Source::Peer(b) });
    plane.order(MediaOrder::Hear { stream: b, source: Source::Peer(a) });
    let (fields, from) = speak_until_heard((&phone_a, port_a), &phone_b);
    assert_eq!((fields.ssrc, from.port()), (77, port_b));
    let (fields, from) = speak_until_heard((&phone_b, port_b), &phone_a);
    assert_eq!((fields.ssrc, from.port()), (77, port_a));
    wait_for(&edges, |edge| matches!(edge, MediaEdge::FirstPacket { stream, .. } if *stream == a));
    wait_for(&edges, |edge| matches!(edge, MediaEdge::Counters(list) if list.len() == 2));
    assert!(plane.alive());
    plane.order(MediaOrder::Close { stream: a });
    let closed = wait_for(&edges, |edge| matches!(edge, MediaEdge::Closed { .. }));
    assert!(
        matches!(closed, MediaEdge::Closed { stream, counters } if stream == a && counters.sent > 0)
    );
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port_a)).expect("the port is free again");
    plane.stop();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port_b)).expect("stopping releases all ports");
}

#[test]
fn music_plays_at_its_pace_and_an_unknown_clip_harms_nobody() {
    let (plane, _edges) = start(1);
    let clip = |name: &str| ClipId(Arc::from(name));
    let stream = StreamId(1);
    let (phone, _) = stream_to_a_phone(&plane, stream);
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    let (once, since) = (vec![clip("nobody made this")], Mono::from_micros(0));
    let source = Source::Clips { once, then: Some(clip("music")), since };
    plane.order(MediaOrder::Hear { stream, source });
    let frames: Vec<Fields> = (0..10)
        .map(|_| Header::parse(&receive(&phone).expect("music").0).unwrap().fields)
        .collect();
    for pair in frames.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert!(pair[1].timestamp - pair[0].timestamp >= 160);
    }
    plane.stop();
}

#[test]
fn a_port_in_use_fails_the_stream_and_a_late_order_is_ignored() {
    let (plane, edges) = start(1);
    let port = free_pair();
    let _taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)).unwrap();
    let stream = StreamId(1);
    plane.order(open(stream, port));
    let failed = wait_for(&edges, |edge| matches!(edge, MediaEdge::OpenFailed { .. }));
    assert!(matches!(failed, MediaEdge::OpenFailed { stream: s, .. } if s == stream));
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("the even port was released");
    plane.order(MediaOrder::Close { stream });
    assert!(lock(&plane.homes).is_empty());
    plane.stop();
}

/// A plane whose only thread never runs, and the worker that would.
fn stalled() -> (MediaPlane, Worker, Receiver<MediaEdge>) {
    let (edges, reported) = sink();
    let clock = Clock::starting_at(Mono::default());
    let (orders, queue) = sync_channel(ORDERS_MAX);
    let shared = Arc::new(Shared {
        wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap(),
        real_time: AtomicBool::new(true),
        alive: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        lost: Mutex::default(),
    });
    let handle = std::thread::spawn(|| {});
    let news = news_to(&orders, &shared);
    let thread = Thread { orders, shared: Arc::clone(&shared), handle };
    let (homes, threads) = (super::Homes::default(), vec![thread]);
    let handshakes = Handshakes::start(Certificates::make().unwrap()).unwrap();
    let handshakes_of_worker = handshakes.0.clone();
    let (sinks, holds) = (Sinks::without_tapes(edges), Holds::default());
    let plane = MediaPlane { clock, sinks: sinks.clone(), threads, homes, holds, handshakes };
    let homes = Arc::clone(&plane.homes);
    let parts = Parts {
        clock,
        clips: library(),
        sinks,
        homes,
        holds: Holds::default(),
        shared,
        handshakes: handshakes_of_worker,
        news,
        orders: queue,
    };
    (plane, Worker::new(parts).unwrap(), reported)
}

#[test]
fn a_full_queue_never_blocks_and_ends_the_stream_whose_order_was_lost() {
    let (plane, mut worker, reported) = stalled();
    let (stream, other) = (StreamId(1), StreamId(2));
    plane.order(open(stream, free_pair()));
    plane.order(open(other, free_pair()));
    for _ in 0..ORDERS_MAX {
        plane.order(MediaOrder::Hear { stream, source: Source::Silence });
    }
    plane.order(open(StreamId(3), free_pair())); // never reaches the thread
    assert_eq!(lock(&plane.threads[0].shared.lost).len(), 2);
    for _ in 0..ORDERS_MAX {
        worker.round();
        if lock(&plane.threads[0].shared.lost).is_empty() {
            break;
        }
    }
    let edges: Vec<MediaEdge> = reported.try_iter().collect();
    assert!(edges.iter().any(|e| matches!(e, MediaEdge::Closed { stream: s, .. } if *s == stream)));
    assert!(edges.iter().any(|e| matches!(e, MediaEdge::OpenFailed { stream: StreamId(3), .. })));
    assert_eq!(lock(&plane.homes).keys().collect::<Vec<_>>(), [&other]);
}

#[test]
fn a_thread_that_ended_is_not_alive() {
    let (plane, _worker, _reported) = stalled();
    let handle = &plane.threads[0].handle;
    for _ in 0..100_000 {
        if handle.is_finished() {
            break;
        }
        std::thread::yield_now();
    }
    assert!(!plane.alive());
}
