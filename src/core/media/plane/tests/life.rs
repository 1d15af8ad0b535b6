//! Whom a stream believes, when it is quiet, what it reports, and how it ends.

use super::{A, B, Bench, address, one_stream};
use crate::media::order::{FarEnd, MediaEdge, Open, Source};
use crate::media::plane::{Port, Refused, STREAMS_MAX};
use holdfast_base::StreamId;
use holdfast_wire::rtp::rtcp::{Block, Compound};
use std::net::SocketAddr;

#[test]
fn an_attacker_hears_nothing_and_is_not_heard_before_and_after_latching() {
    let attacker: SocketAddr = "10.6.6.6:666".parse().unwrap();
    let mut bench = Bench::new();
    bench.hear(B, Source::Peer(A));
    bench.expect(B, |_| {});
    for n in 0..50 {
        bench.audio_from(A, attacker, n); // before the SDP
    }
    bench.expect(A, |_| {});
    bench.hear(A, Source::Peer(B));
    for n in 0..20 {
        bench.audio_from(A, attacker, n); // before the signalled host had its time
        bench.audio(B, n);
        bench.pass(20);
    }
    assert_eq!(bench.heard_by(B).len(), 0);
    for n in 0..200 {
        bench.audio(A, 100 + n);
        bench.audio_from(A, attacker, 101 + n); // the same SSRC and the very next number
        bench.pass(20);
    }
    assert_eq!(bench.heard_by(B).len(), 200);
    assert!(bench.left.iter().all(|left| left.to != attacker));
    let first = MediaEdge::FirstPacket { stream: A, from: address(A) };
    let firsts: Vec<_> = bench
        .edges
        .iter()
        .filter(|edge| matches!(edge, MediaEdge::FirstPacket { stream: A, .. }))
        .collect();
    assert_eq!(firsts, [&first]);
    let counters = bench.counters(A);
    assert_eq!((counters.received, counters.refused), (200, 270));
}

#[test]
fn a_phone_behind_nat_is_found_answered_and_followed() {
    let (nat, moved): (SocketAddr, SocketAddr) =
        ("192.0.2.7:61000".parse().unwrap(), "192.0.2.7:61900".parse().unwrap());
    let mut bench = Bench::bridged();
    bench.pass(600);
    for n in 0..10 {
        bench.audio_from(A, nat, n);
    }
    bench.audio(B, 0);
    assert_eq!(bench.left.last().map(|left| left.to), Some(nat));
    for n in 10..14 {
        bench.audio_from(A, moved, n);
    }
    bench.audio(B, 1);
    assert_eq!(bench.left.last().map(|left| left.to), Some(moved));
    bench.expect(A, |_| {}); // a session refresh changes nothing
    bench.audio(B, 2);
    assert_eq!(bench.left.last().map(|left| left.to), Some(moved));
}

#[test]
fn the_direction_is_obeyed() {
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| remote.receives = false);
    bench.audio(A, 0);
    bench.expect(B, |remote| remote.rtp = None); // hold by 0.0.0.0
    bench.audio(A, 1);
    bench.expect(A, |remote| remote.sends = false);
    bench.expect(B, |_| {});
    bench.audio(A, 2);
    assert_eq!(bench.heard_by(B).len(), 0);
    bench.expect(A, |_| {});
    bench.audio(A, 3);
    bench.audio(A, 4);
    assert_eq!(one_stream(&bench.heard_by(B)), [0]);
}

#[test]
fn quiet_is_reported_only_where_media_is_expected_and_reports_are_life() {
    let quiet = |bench: &Bench, stream| {
        let of =
            |edge: &&MediaEdge| matches!(edge, MediaEdge::Quiet { stream: s, .. } if *s == stream);
        bench.edges.iter().filter(of).count()
    };
    let mut bench = Bench::bridged();
    bench.expect(B, |remote| remote.sends = false); // held
    bench.pass(3500);
    assert_eq!((quiet(&bench, A), quiet(&bench, B)), (3, 0));
    bench.edges.clear();
    let report = Compound { ssrc: 0xaaaa, gone: vec![0xaaaa], ..Compound::default() }.bytes("x");
    let from = SocketAddr::new(address(A).ip(), 4001);
    for _ in 0..5 {
        bench.datagram((A, Port::Rtcp), from, &report);
        bench.pass(900);
    }
    assert_eq!(quiet(&bench, A), 0);
    bench.left.clear();
    bench.audio(A, 0); // the goodbye in those reports ended nothing
    assert_eq!(bench.heard_by(B).len(), 1);
}

#[test]
fn what_a_line_was_like_is_told_for_both_ways() {
    let mut bench = Bench::bridged();
    bench.pass(120);
    for n in [0, 1, 5, 6, 8] {
        bench.audio(A, n);
        bench.pass(20);
    }
    bench.pass(1980);
    bench.audio(A, 9);
    bench.expect(A, |remote| remote.sends = false); // held
    bench.pass(5000);
    bench.expect(A, |_| {});
    bench.audio(A, 10);
    let block = Block { ssrc: 0xf000_0001, lost: 7, jitter_ticks: 16, ..Block::default() };
    let report = Compound { ssrc: 0xaaaa, blocks: vec![block], ..Compound::default() }.bytes("x");
    bench.datagram((A, Port::Rtcp), SocketAddr::new(address(A).ip(), 4001), &report);
    let told = bench.counters(A);
    assert_eq!((told.loss_runs, told.longest_loss, told.lost), (2, 3, 4));
    assert_eq!((told.first_packet_ms, told.silent_ms), (Some(120), 2000));
    assert_eq!(told.far, Some(FarEnd { lost: 7, jitter_us: 2000 }));
    assert_eq!(told.source, Some(address(A)));
    let unheard = bench.counters(B);
    assert_eq!((unheard.first_packet_ms, unheard.far, unheard.source), (None, None, None));
}

#[test]
fn reports_end_here_and_ours_go_out_about_every_five_seconds() {
    let mut bench = Bench::bridged();
    let shared = address(B); // RTP and RTCP on one port
    bench.expect(B, |remote| remote.rtcp = remote.rtp);
    for n in 0..1500 {
        bench.audio(A, n);
        bench.audio(B, n);
        bench.pass(20);
    }
    let reports: Vec<_> =
        bench.left.iter().filter(|left| Compound::parse(&left.bytes).is_ok()).cloned().collect();
    let (to_a, to_b): (Vec<_>, Vec<_>) = reports.iter().partition(|left| left.to != shared);
    for (reports, port, ssrc) in [(&to_a, Port::Rtcp, 0xf000_0001), (&to_b, Port::Rtp, 0xf000_0002)]
    {
        assert!((4..=9).contains(&reports.len()), "{} in 30 s", reports.len());
        for left in reports {
            let compound = Compound::parse(&left.bytes).unwrap();
            assert_eq!((left.port, compound.ssrc), (port, ssrc));
            assert_eq!((compound.blocks[0].ssrc, compound.blocks[0].lost), (0xaaaa, 0));
            assert!(compound.sent.is_some());
        }
    }
    let theirs = Compound { ssrc: 0xaaaa, ..Compound::default() }.bytes("x");
    bench.left.clear();
    bench.datagram((A, Port::Rtcp), SocketAddr::new(address(A).ip(), 4001), &theirs);
    bench.datagram((A, Port::Rtp), address(A), &theirs);
    assert_eq!(bench.left.len(), 0);
}

#[test]
fn a_peer_that_closes_is_silent_and_one_that_opens_later_is_heard() {
    let mut bench = Bench::bridged();
    bench.audio(A, 0);
    assert_eq!(bench.counters(A).received, 1);
    assert_eq!(bench.plane.close(A), None);
    bench.audio(A, 1); // still in the kernel's queue when the stream closed
    assert_eq!(bench.heard_by(B).len(), 1);
    bench.open(A);
    bench.expect(A, |_| {});
    bench.audio(A, 2);
    assert_eq!(bench.heard_by(B).len(), 2);
    let again = Open {
        stream: A,
        shard: 0,
        local: [10, 0, 0, 9].into(),
        rtp_port: 20_000,
        ssrc: 1,
        first_sequence: 0,
        timestamp_origin: 0,
    };
    assert_eq!(bench.plane.open(bench.now().mono, &again), Err(Refused::Exists));
}

#[test]
fn counters_come_once_a_second_in_one_edge() {
    let mut bench = Bench::bridged();
    bench.pass(3050);
    let lists = bench.edges.iter().filter_map(|edge| match edge {
        MediaEdge::Counters(list) => Some(list.len()),
        MediaEdge::Held { .. }
        | MediaEdge::Occupied { .. }
        | MediaEdge::OpenFailed { .. }
        | MediaEdge::FirstPacket { .. }
        | MediaEdge::Key { .. }
        | MediaEdge::Quiet { .. }
        | MediaEdge::Secured { .. }
        | MediaEdge::NotSecured { .. }
        | MediaEdge::Disconnected { .. }
        | MediaEdge::Closed { .. } => None,
    });
    assert_eq!(lists.collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let mut bench = Bench::new();
    let mut open = Open {
        stream: A,
        shard: 0,
        local: [10, 0, 0, 9].into(),
        rtp_port: 20_000,
        ssrc: 1,
        first_sequence: 0,
        timestamp_origin: 0,
    };
    for n in 3..=u64::try_from(STREAMS_MAX).unwrap() {
        open.stream = StreamId(n);
        assert!(bench.plane.open(bench.now().mono, &open).is_ok());
    }
    open.stream = StreamId(99_999);
    assert_eq!(bench.plane.open(bench.now().mono, &open), Err(Refused::Full));
    assert!(bench.plane.close(B).is_some());
    assert!(bench.plane.open(bench.now().mono, &open).is_ok());
}

#[test]
fn a_session_refresh_is_not_heard() {
    let mut bench = Bench::bridged();
    for n in 0..10 {
        bench.audio(A, n);
        bench.expect(A, |_| {});
        bench.expect(B, |_| {});
    }
    assert_eq!(one_stream(&bench.heard_by(B)), [0]);
}
