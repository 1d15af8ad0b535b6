//! Lamps and lists: phones that watch what others are doing.

use crate::dialling::TO_ANNA;
use crate::ladder::Ladder;
use crate::queue::{ACK, ANSWER, BYE, CALL, RINGING};
use crate::transfers::HUNG_UP;

const HEARD: &str = "SIP/2.0 200 OK\n{echo NOTIFY}";

/// Ben's phone watches somebody.
fn watches(ladder: &mut Ladder, whom: &str, event: &str, more: &str) {
    let first = format!("SUBSCRIBE sip:{whom}@golden.example SIP/2.0\n{{new}}\n{{me}}");
    ladder.from("ben", &format!("{first}\nEvent: {event}{more}"));
    ladder.from("ben", &format!("{first}\nEvent: {event}{more}\n{{credentials}}"));
    ladder.from("ben", HEARD);
}

#[test]
fn a_lamp_shows_who_talks() {
    let mut ladder = Ladder::new("a_lamp_shows_who_talks").registered(&["anna", "ben"]);
    watches(&mut ladder, "anna", "dialog;id=7", "\nExpires: 300");
    ladder.from("caller", TO_ANNA);
    ladder.wait(1.0);
    ladder.from("ben", HEARD);
    ladder.from("anna", RINGING);
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.remark("one NOTIFY a second, and none before the last one is answered");
    ladder.wait(3.0);
    ladder.from("ben", HEARD);
    ladder.from("caller", BYE);
    ladder.from("anna", HUNG_UP);
    ladder.wait(1.0);
    ladder.from("ben", HEARD);
    ladder.remark("goes on for as long again");
    ladder.wait(200.0);
    ladder
        .from("ben", "SUBSCRIBE {contact} SIP/2.0\n{next}\n{me}\nEvent: dialog;id=7\nExpires: 300");
    ladder.from("ben", HEARD);
    ladder.wait(301.0);
    ladder.from("ben", HEARD);
    ladder.remark("over");
    ladder.from("ben", "SUBSCRIBE {contact} SIP/2.0\n{next}\n{me}\nEvent: dialog;id=7");
    ladder.check();
}

#[test]
fn a_lamp_follows_its_phone() {
    let mut ladder = Ladder::new("a_lamp_follows_its_phone").registered(&["anna", "ben"]);
    watches(&mut ladder, "anna", "dialog", "");
    ladder.moves("ben", "10.1.0.3:40001");
    ladder.from("caller", TO_ANNA);
    ladder.wait(1.0);
    ladder.from("ben", "SUBSCRIBE {contact} SIP/2.0\n{next}\n{me}\nEvent: dialog");
    ladder.from("anna", ANSWER);
    ladder.from("caller", ACK);
    ladder.wait(2.0);
    ladder.from("ben", HEARD);
    ladder.remark("that nobody has answered the NOTIFY to the old address changes nothing");
    ladder.wait(40.0);
    ladder.from("caller", BYE);
    ladder.from("anna", HUNG_UP);
    ladder.wait(1.0);
    ladder.from("ben", HEARD);
    ladder.check();
}

#[test]
fn a_list_shows_who_is_there() {
    let mut ladder = Ladder::new("a_list_shows_who_is_there").registered(&["anna", "ben"]);
    watches(&mut ladder, "anna", "presence", "\nAccept: application/pidf+xml\nExpires: 6000");
    ladder.from("caller", CALL);
    ladder.from("caller", ACK);
    ladder.from("anna", ANSWER);
    ladder.wait(2.0);
    ladder.from("ben", HEARD);
    ladder.from("caller", BYE);
    ladder.from("anna", HUNG_UP);
    ladder.wait(1.0);
    ladder.from("ben", HEARD);
    ladder.wait(6.0);
    ladder.from("ben", HEARD);
    ladder.remark("the box starts again: the phone is told so when it asks, and begins anew");
    ladder.restart(1.0);
    ladder.from("ben", "SUBSCRIBE {contact} SIP/2.0\n{next}\n{me}\nEvent: presence");
    ladder.check();
}

#[test]
fn watching_that_is_refused() {
    let mut ladder = Ladder::new("watching_that_is_refused").registered(&["anna", "ben"]);
    let first = |whom: &str, more: &str| {
        format!("SUBSCRIBE sip:{whom}@golden.example SIP/2.0\n{{new}}\n{{me}}{more}")
    };
    for (who, whom, more) in [
        ("ben", "anna", ""),
        ("ben", "anna", "\nEvent: conference"),
        ("ben", "anna", "\nEvent: dialog\nAccept: text/plain"),
        ("guest", "anna", "\nEvent: dialog"),
    ] {
        ladder.from(who, &first(whom, more));
    }
    ladder.remark("nobody, and too short");
    for (whom, more) in [("nobody", "\nEvent: dialog"), ("anna", "\nEvent: dialog\nExpires: 5")] {
        ladder.from("ben", &first(whom, more));
        ladder.from("ben", &first(whom, &format!("{more}\n{{credentials}}")));
    }
    ladder.remark("one picture, and a phone that does not answer");
    ladder.from("ben", &first("anna", "\nEvent: dialog\nExpires: 0"));
    ladder.from("ben", &first("anna", "\nEvent: dialog\nExpires: 0\n{credentials}"));
    ladder.wait(40.0);
    ladder.check();
}
