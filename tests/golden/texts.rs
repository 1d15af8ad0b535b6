//! Short texts between phones, and whether messages wait.

use crate::cast::central;
use crate::extensions::pass;
use crate::ladder::Ladder;

const TEXT: &str = "MESSAGE sip:ben@golden.example SIP/2.0\n{new}\nContent-Type: text/plain";
const PROVEN: &str =
    "MESSAGE sip:ben@golden.example SIP/2.0\n{new}\nContent-Type: text/plain\n{credentials}";

#[test]
fn text_reaches_a_phone() {
    let mut ladder = Ladder::new("text_reaches_a_phone").registered(&["anna", "ben"]);
    ladder.from("anna", &format!("{TEXT}\n\nback in five"));
    ladder.from("anna", &format!("{PROVEN}\n\nback in five"));
    ladder.from("ben", "SIP/2.0 200 OK\n{echo MESSAGE}");
    ladder.remark("its phone shows no texts, and that is what the sender hears");
    ladder.from("anna", &format!("{PROVEN}\n\nback in ten"));
    ladder.from("ben", "SIP/2.0 405 Method Not Allowed\n{echo MESSAGE}");
    ladder.wait(40.0);
    ladder.check();
}

#[test]
fn text_reaches_nobody() {
    let mut ladder = Ladder::new("text_reaches_nobody").registered(&["anna"]);
    ladder.remark("no phone of ben is there");
    ladder.from("anna", &format!("{TEXT}\n\nback in five"));
    ladder.from("anna", &format!("{PROVEN}\n\nback in five"));
    ladder.remark("nobody is called so, it is too long, it is no plain text");
    ladder.from("anna", &format!("{}\n\nhello", PROVEN.replace("sip:ben", "sip:nobody")));
    ladder.from("anna", &format!("{PROVEN}\n\n{}", "long ".repeat(200)));
    ladder.from("anna", &format!("{}\n\n<b/>", PROVEN.replace("text/plain", "text/html")));
    ladder.wait(40.0);
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
    ladder.from("anna", &format!("{}\n{{credentials}}", subscribe.replace("anna@", "ben@")));
    ladder.from("guest", &format!("{notify}Messages-Waiting: no"));
    ladder.remark("the last one is heard");
    ladder.wait(2.0);
    ladder.from("first", &format!("{notify}Messages-Waiting: no"));
    ladder.wait(2.0);
    ladder.from("anna", "SIP/2.0 200 OK\n{echo NOTIFY}");
    ladder.check();
}
