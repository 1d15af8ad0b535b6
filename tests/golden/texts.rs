//! Short texts between phones, and whether messages wait.

use crate::cast::central;
use crate::extensions::pass;
use crate::ladder::Ladder;

/// Anna's phone sends a text, and is asked who it is.
fn text(ladder: &mut Ladder, whom: &str, kind: &str, text: &str) {
    let head = format!("MESSAGE sip:{whom}@golden.example SIP/2.0\n{{new}}\nContent-Type: {kind}");
    ladder.from("anna", &format!("{head}\n\n{text}"));
    ladder.from("anna", &format!("{head}\n{{credentials}}\n\n{text}"));
}

#[test]
fn text_reaches_a_phone() {
    let mut ladder = Ladder::new("text_reaches_a_phone").registered(&["anna", "ben"]);
    text(&mut ladder, "ben", "text/plain", "back in five");
    ladder.from("ben", "SIP/2.0 200 OK\n{echo MESSAGE}");
    ladder.remark("its phone shows no texts, and that is what the sender hears");
    text(&mut ladder, "ben", "text/plain", "back in ten");
    ladder.from("ben", "SIP/2.0 405 Method Not Allowed\n{echo MESSAGE}");
    ladder.remark("nothing is heard from it");
    text(&mut ladder, "ben", "text/plain", "back in twenty");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn text_reaches_nobody() {
    let mut ladder = Ladder::new("text_reaches_nobody").registered(&["anna"]);
    ladder.remark("no phone of ben is there");
    text(&mut ladder, "ben", "text/plain", "back in five");
    ladder.remark("nobody is called so");
    text(&mut ladder, "nobody", "text/plain", "hello");
    ladder.remark("it is too long, or no plain text");
    text(&mut ladder, "ben", "text/plain", &"long ".repeat(200));
    text(&mut ladder, "ben", "text/html", "<b/>");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn texts_of_one_phone_wait_for_their_answers() {
    let name = "texts_of_one_phone_wait_for_their_answers";
    let mut ladder = Ladder::new(name).registered(&["anna", "ben"]);
    ladder.silently(|ladder| {
        for _ in 0..20 {
            text(ladder, "ben", "text/plain", "back in ten");
        }
    });
    ladder.remark("one more than the box keeps for one account");
    text(&mut ladder, "ben", "text/plain", "back in a while");
    ladder.check();
}

#[test]
fn message_lamp() {
    let mut ladder = Ladder::with("message_lamp", central("")).registered(&[]);
    ladder.wait(1.0);
    ladder.from("first", "SIP/2.0 200 OK\n{echo OPTIONS}");
    pass(&mut ladder, "anna");
    ladder.remark("what the PBX says unasked goes on to the phone");
    let notify = "NOTIFY {registered} SIP/2.0\n{new}\n{me}\nEvent: message-summary\n\
        Subscription-State: active\nContent-Type: application/simple-message-summary\n\n";
    ladder.from("first", &format!("{notify}Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)"));
    ladder.from("anna", "SIP/2.0 200 OK\n{echo NOTIFY}");
    ladder.remark("and is what its subscription shows");
    let subscribe = "SUBSCRIBE sip:anna@hq.example SIP/2.0\n{new}\n{me}\nEvent: message-summary";
    ladder.from("anna", subscribe);
    ladder.from("anna", &format!("{subscribe}\n{{credentials}}"));
    ladder.from("anna", "SIP/2.0 200 OK\n{echo NOTIFY}");
    ladder.remark("nobody else is told, and nobody else may say it");
    ladder.from("anna", &subscribe.replace("anna@", "ben@"));
    let of_ben = subscribe.replace("anna@", "ben@");
    ladder.from("anna", &format!("{of_ben}\n{{credentials}}"));
    let guessed = notify.replace("{registered}", "sip:guessed@10.0.0.1");
    ladder.from("guest", &format!("{guessed}Messages-Waiting: no"));
    ladder.remark("the last one is heard");
    ladder.wait(2.0);
    ladder.from("first", &format!("{notify}Messages-Waiting: no"));
    ladder.wait(2.0);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo NOTIFY}");
    ladder.check();
}
