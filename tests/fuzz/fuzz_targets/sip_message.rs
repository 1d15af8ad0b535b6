//! Any bytes as one SIP message: reading never panics, and what is read prints to something that
//! reads and prints the same again. Every typed view is taken, whatever it says.

#![no_main]

use holdfast_wire::sip::digest::{Challenge, Credentials};
use holdfast_wire::sip::{Message, NameAddr};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Message::parse(bytes) {
        Ok(message) => {
            look_at_everything(&message);
            let printed = message.print();
            let again = Message::parse(&printed).map(|again| again.print());
            assert_eq!(again, Ok(printed), "print, parse, print must be stable");
        }
        Err(error) => {
            if let Some(answer) = error.answerable {
                assert!(answer.print().starts_with(b"SIP/2.0 "));
            }
        }
    }
});

fn look_at_everything(message: &Message) {
    let headers = message.headers();
    if let Message::Request(request) = message {
        assert!(request.uri.same_as(&request.uri), "a URI is the same as itself");
    }
    let addresses = [headers.routes("Route"), headers.contacts()];
    for address in addresses.iter().flatten().flatten() {
        let printed = address.to_string();
        assert_eq!(NameAddr::parse(&printed).as_ref(), Ok(address), "{printed}");
    }
    for via in headers.vias().iter().flatten() {
        let printed = via.to_string();
        assert_eq!(holdfast_wire::sip::Via::parse(&printed).as_ref(), Ok(via), "{printed}");
    }
    for header in headers.iter() {
        let value = header.value();
        if let Ok(challenge) = Challenge::parse(&value) {
            assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge));
        }
        if let Ok(credentials) = Credentials::parse(&value) {
            assert_eq!(Credentials::parse(&credentials.to_string()), Ok(credentials));
        }
    }
    let mut headers = headers.clone();
    headers.remove_first_value("Via");
    headers.set_first_value("Route", "<sip:a@b>");
    drop((headers.content_type(), headers.rack(), headers.session_expires(), headers.replaces()));
}
