//! Teams behind the certified SBC of the site: calls are the proof, and not the SBC's own OPTIONS.

use super::bench::Bench;
use super::peer::{Conduct, Peer};
use super::strict::Platform;

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
    Bench::new(
        CONFIG,
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
