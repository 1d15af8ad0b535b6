//! Teams behind the certified SBC of the site: calls are the proof, and not the SBC's own OPTIONS.

use std::time::Duration;

use holdfast_core::media::order::MediaOrder;

use super::bench::Bench;
use super::peer::{Conduct, Peer};
use super::strict::Platform;
use super::text::{header, start};

const CONFIG: &str = r#"
[[sip.listener]]
transport = "udp"
bind = "10.0.0.1:5060"
[[trunk]]
name = "teams"
type = "teams-via-sbc"
networks = ["10.3.0.0/24"]
target = "10.3.0.1:5060"
[[trunk]]
name = "spare"
networks = ["10.4.0.0/24"]
target = "10.4.0.1:5060"
options_every = "never"
[[trunk]]
name = "carrier"
networks = ["10.9.0.0/24"]
target = "10.9.0.1:5060"
options_every = "never"
[[number]]
dialled = "+493020*"
to = { trunks = ["teams", "spare"] }
"#;

fn bench() -> Bench {
    bench_with("")
}

fn bench_with(more: &str) -> Bench {
    let named = "target = \"10.3.0.1:5060\"\n";
    Bench::new(
        &CONFIG.replace(named, &format!("{named}{more}")),
        vec![
            Peer::new("sbc", "10.3.0.1:5060", Platform::Sbc),
            Peer::new("spare", "10.4.0.1:5060", Platform::Plain),
            Peer { user: "+49171555", ..Peer::new("carrier", "10.9.0.1:5060", Platform::Plain) },
        ],
    )
}

fn call(bench: &mut Bench) {
    bench.call("carrier", "sip:+4930201@10.0.0.1");
    bench.run(3.0);
    bench.request("carrier", "BYE", &[], "");
    bench.run(1.0);
}

fn says(bench: &Bench) -> String {
    let view = bench.view();
    let trunk = view.trunks.iter().find(|it| it.name.as_str() == "teams").expect("teams");
    trunk.says.clone()
}

#[test]
fn three_calls_that_come_to_nothing_take_the_trunk_down_although_the_sbc_answers() {
    let mut bench = bench();
    bench.peer("sbc").conduct = Conduct::Refuses("504 Server Time-out");
    for done in 1..=3 {
        call(&mut bench);
        assert_eq!(bench.peer("sbc").got("INVITE").len(), done, "{}", bench.told());
        assert_eq!(bench.peer("spare").got("INVITE").len(), done, "each went on to the spare");
    }
    assert!(!bench.peer("sbc").got("OPTIONS").is_empty());
    assert!(
        says(&bench).contains("3 calls in a row came to nothing behind it"),
        "{}",
        says(&bench)
    );
    call(&mut bench);
    assert_eq!(bench.peer("sbc").got("INVITE").len(), 3, "no caller waits for it any more");
    // After a while one tries again, and one failure is enough.
    bench.run(30.0);
    call(&mut bench);
    call(&mut bench);
    assert_eq!(bench.peer("sbc").got("INVITE").len(), 4, "{}", bench.told());
    bench.peer("sbc").conduct = Conduct::Answers;
    bench.run(30.0);
    call(&mut bench);
    call(&mut bench);
    assert_eq!(bench.peer("sbc").got("INVITE").len(), 6, "{}", bench.told());
    assert!(says(&bench).contains("answers OPTIONS"), "{}", says(&bench));
}

#[test]
fn a_word_of_a_person_is_proof_of_life() {
    let mut bench = bench();
    for _ in 0..2 {
        bench.peer("sbc").conduct = Conduct::Refuses("503 Service Unavailable");
        call(&mut bench);
        bench.run(2.0);
        call(&mut bench);
        bench.run(2.0);
        bench.peer("sbc").conduct = Conduct::Refuses("603 Decline");
        call(&mut bench);
    }
    assert_eq!(bench.peer("sbc").got("INVITE").len(), 6, "{}", bench.told());
}

/// An auto attendant that is called after a minute without a word of anybody.
const TESTED: &str = "test_call = { number = \"+4930299\", every = \"1m\", ring = \"3s\" }\n";

fn tested() -> Bench {
    bench_with(TESTED)
}

/// Times of the test calls that have come so far.
fn tests(bench: &mut Bench) -> Vec<f64> {
    let first = |it: &&&(Duration, String)| !header(&it.1, "To").contains("tag=");
    let invites = bench.peer("sbc").got("INVITE").into_iter();
    let all = invites.filter(|it| start(&it.1).contains("+4930299")).collect::<Vec<_>>();
    all.iter().filter(first).map(|it| it.0.as_secs_f64()).collect()
}

fn shown(bench: &Bench) -> String {
    let view = bench.view();
    let trunk = view.trunks.iter().find(|it| it.name.as_str() == "teams").expect("teams");
    trunk.test_call.as_ref().expect("a test call").says.clone()
}

#[test]
fn a_test_call_is_answered_and_ended_at_once_and_nobody_has_a_record_of_it() {
    let mut bench = tested();
    assert_eq!(shown(&bench), "none yet");
    bench.run(20.0);
    assert_eq!(tests(&mut bench).len(), 1, "{}", bench.told());
    let sbc = bench.peer("sbc");
    let invite = sbc.last("INVITE").to_owned();
    assert!(start(&invite).starts_with("INVITE sip:+4930299@10.3.0.1"), "{invite}");
    assert!(header(&invite, "From").contains("anonymous.invalid"), "{invite}");
    assert_eq!(header(&invite, "Privacy"), "id", "{invite}");
    assert_eq!((sbc.got("ACK").len(), sbc.got("BYE").len()), (1, 1));
    let answered = sbc.got("ACK")[0].0;
    assert!(sbc.got("BYE")[0].0 - answered < Duration::from_millis(100), "at once");
    assert_eq!(shown(&bench), "answered");
    assert!(bench.view().calls.is_empty());
    // What the media plane opened it has closed.
    let opened = bench.media.iter().filter(|it| matches!(it, MediaOrder::Open(_))).count();
    let closed = bench.media.iter().filter(|it| matches!(it, MediaOrder::Close { .. })).count();
    assert_eq!((opened, closed), (1, 1), "{:?}", bench.media);
    bench.run(600.0);
    let times = tests(&mut bench);
    assert!(times.len() >= 9, "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 60.0), "{times:?}");
}

#[test]
fn a_test_call_that_rings_is_cancelled_and_shows_life() {
    let mut bench = tested();
    bench.peer("sbc").conduct = Conduct::Rings;
    bench.run(30.0);
    let sbc = bench.peer("sbc");
    assert_eq!((sbc.got("CANCEL").len(), sbc.got("BYE").len()), (1, 0), "{}", bench.told());
    let rang = sbc.got("INVITE")[0].0;
    let given_up = sbc.got("CANCEL")[0].0;
    let waited = (given_up - rang).as_secs_f64();
    assert!((3.0..3.5).contains(&waited), "{waited} s");
    assert_eq!(shown(&bench), "rang");
}

#[test]
fn no_test_call_while_calls_show_it() {
    let mut bench = tested();
    bench.run(20.0);
    for _ in 0..12 {
        call(&mut bench);
        bench.run(20.0);
    }
    assert_eq!(tests(&mut bench).len(), 1, "the one after the start: {}", bench.told());
    bench.run(60.0);
    assert_eq!(tests(&mut bench).len(), 2);
}

#[test]
fn test_calls_take_the_trunk_down_and_bring_it_back_without_any_caller() {
    let mut bench = tested();
    bench.run(20.0);
    bench.peer("sbc").conduct = Conduct::Refuses("504 Server Time-out");
    bench.run(60.0 + 3.0 * 20.0);
    assert!(
        says(&bench).contains("3 calls in a row came to nothing behind it"),
        "{}",
        says(&bench)
    );
    assert!(shown(&bench).starts_with("came to nothing: 504"), "{}", shown(&bench));
    bench.run(120.0);
    assert!(says(&bench).contains("came to nothing"), "no caller is sent to find out");
    call(&mut bench);
    let last = bench.peer("sbc").last("INVITE").to_owned();
    assert!(start(&last).contains("+4930299"), "{last}");
    bench.peer("sbc").conduct = Conduct::Answers;
    bench.run(25.0);
    assert!(says(&bench).contains("answers OPTIONS"), "{}", says(&bench));
    call(&mut bench);
    let last = bench.peer("sbc").last("INVITE").to_owned();
    assert!(start(&last).contains("+4930201"), "{last}");
}

#[test]
fn a_number_at_which_nobody_was_ever_found_says_nothing_of_the_trunk() {
    let mut bench = tested();
    bench.peer("sbc").conduct = Conduct::Refuses("503 Service Unavailable");
    bench.run(300.0);
    assert!(tests(&mut bench).len() >= 4, "{}", bench.told());
    assert!(says(&bench).contains("answers OPTIONS"), "{}", says(&bench));
    assert!(shown(&bench).contains("is the number right?"), "{}", shown(&bench));
}

#[test]
fn an_sbc_that_keeps_trying_for_ever_is_as_bad_as_one_that_refuses() {
    let mut bench = tested();
    bench.run(20.0);
    bench.peer("sbc").conduct = Conduct::Tries;
    bench.run(60.0 + 3.0 * 60.0 + 30.0);
    assert!(says(&bench).contains("the last with 408"), "{}\n{}", says(&bench), bench.told());
    assert!(shown(&bench).contains("no word in time"), "{}", shown(&bench));
    // Its 487 is the answer to our CANCEL, and not the word of anybody behind it.
    assert!(!bench.peer("sbc").got("CANCEL").is_empty());
}
