//! A caller and an agent with phones that others wrote: each hears the other's tone, and music
//! while held.

use crate::api::{Api, Live};
use crate::appliance::{Appliance, config};
use crate::baresip::{Baresip, is_tone};
use crate::lab::{Lab, until_true};
use crate::phone::Phone;
use crate::rtp::{assert_steady, samples};
use crate::tls::{TLS_PORT, authority, certificate};
use crate::{lacks, tone};

const QUICK: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"";
const CALLER_HERTZ: u32 = 440;
const AGENT_HERTZ: u32 = 880;
/// A tenth of a second: short enough to see a gap, long enough to tell the tones apart.
const WINDOW: usize = 800;
/// Music is louder than this, comfort noise is not.
const AUDIBLE: f64 = 100.0;

/// Two seconds after the tone began, window by window: a phone on a busy machine may stumble once.
fn assert_clear(phone: &Baresip, call: usize, hertz: u32) {
    let hertz = f64::from(hertz);
    let from = phone.hears(call, 4 * WINDOW, |last| is_tone(last, hertz));
    let samples = phone.listen(call, from, 20 * WINDOW);
    let clear = samples.chunks(WINDOW).filter(|window| is_tone(window, hertz)).count();
    assert!(clear >= 19, "{hertz} Hz in {clear} of 20 windows");
}

fn is_music(samples: &[i16], instead_of: u32) -> bool {
    let share = tone::share(samples, f64::from(instead_of), tone::RATE);
    share < 0.05 && tone::level(samples) > AUDIBLE
}

fn assert_music(phone: &Baresip, call: usize, instead_of: u32) {
    phone.hears(call, 4 * WINDOW, |last| is_music(last, instead_of));
}

#[test]
fn phones_of_others_hear_each_other_and_music_while_held() {
    if lacks("baresip") {
        return;
    }
    let lab = Lab::new("talking");
    let appliance = Appliance::start(&lab, &config(&lab, &["anna"], QUICK));
    let api = Api::claim(&lab, &appliance);
    let anna = || api.get("/api/v1/agents/anna");
    let mut agent = Baresip::agent(&lab, 2, "anna", AGENT_HERTZ);
    let mut caller = Baresip::caller(&lab, 3, CALLER_HERTZ);
    for call in [0, 1] {
        until_true("anna can be called", || anna()["selectable"] == true);
        caller.dial("desk", &appliance);
        assert_clear(&caller, call, AGENT_HERTZ);
        assert_clear(&agent, call, CALLER_HERTZ);
        let (holds, held, hertz) = if call == 0 {
            (&mut caller, &agent, CALLER_HERTZ)
        } else {
            (&mut agent, &caller, AGENT_HERTZ)
        };
        holds.command("hold", "");
        assert_music(held, call, hertz);
        holds.command("resume", "");
        assert_clear(held, call, hertz);
        caller.command("hangup", "");
        until_true("nothing is left of the call", || api.live() == Live::default());
    }
    let cdrs = api.cdrs();
    assert_eq!(cdrs.len(), 2);
    for cdr in cdrs {
        assert_eq!(cdr["by"], "caller");
        assert_eq!(cdr["queue"]["outcome"], "answered");
        assert_eq!(cdr["queue"]["agent"], "anna");
        assert_eq!(cdr["legs"][0]["codec"], "PCMA");
    }
}

#[test]
fn an_encrypted_phone_and_one_in_the_clear_hear_each_other_and_hold() {
    if lacks("baresip") || lacks("openssl") {
        return;
    }
    let lab = Lab::new("encrypted");
    authority(&lab, "root");
    certificate(&lab, "root", "box", "box.example.org", "serverAuth");
    let at = lab.folder().display().to_string();
    let tls = format!(
        "[[sip.listener]]\ntransport = \"tls\"\nbind = \"{}:{TLS_PORT}\"\n\
         certificate = \"{at}/box.crt\"\nkey = \"{at}/box.key\"\n",
        lab.ip(1)
    );
    let appliance = Appliance::start(&lab, &(config(&lab, &["anna"], QUICK) + &tls));
    let api = Api::claim(&lab, &appliance);
    let mut agent = Baresip::agent_over_tls(&lab, 2, "anna", (TLS_PORT, AGENT_HERTZ));
    let mut caller = Baresip::caller(&lab, 3, CALLER_HERTZ);
    until_true("anna can be called", || api.get("/api/v1/agents/anna")["selectable"] == true);
    caller.dial("desk", &appliance);
    assert_clear(&caller, 0, AGENT_HERTZ);
    assert_clear(&agent, 0, CALLER_HERTZ);
    agent.command("hold", "");
    assert_music(&caller, 0, AGENT_HERTZ);
    agent.command("resume", "");
    assert_clear(&caller, 0, AGENT_HERTZ);
    caller.command("hangup", "");
    until_true("nothing is left of the call", || api.live() == Live::default());
    let crypto = &api.cdrs()[0]["legs"][0]["crypto"];
    assert!(crypto.as_str().is_some_and(|suite| suite.contains("AES")), "{crypto}");
}

/// Half a second of audio, as it comes.
fn assert_hears(phone: &Phone, right: impl Fn(&[i16]) -> bool) {
    let mut from = phone.ear.count();
    until_true("the right sound", || {
        let packets = phone.ear.packets(from, 25);
        from += packets.len();
        right(&samples(&packets))
    });
    let packets = phone.ear.packets(from, 25);
    assert_steady(&packets);
    assert!(right(&samples(&packets)));
}

#[test]
fn who_has_held_hears_the_other_again() {
    let lab = Lab::new("holding");
    let appliance = Appliance::start(&lab, &config(&lab, &["anna"], QUICK));
    let (agent, caller) =
        (Phone::new(&lab, 2, "anna", &appliance), Phone::new(&lab, 3, "caller", &appliance));
    agent.register();
    let call = caller.call("desk");
    let talk = agent.talks();
    let _caller_speaks = caller.ear.speak(call.audio, f64::from(CALLER_HERTZ));
    let _agent_speaks = agent.ear.speak(talk.audio, f64::from(AGENT_HERTZ));
    let hears_agent = |heard: &[i16]| is_tone(heard, f64::from(AGENT_HERTZ));
    let hears_caller = |heard: &[i16]| is_tone(heard, f64::from(CALLER_HERTZ));
    assert_hears(&caller, hears_agent);
    assert_hears(&agent, hears_caller);

    for (holder, held, of_held) in [(&caller, &agent, &call), (&agent, &caller, &talk)] {
        let instead_of = if of_held.id == call.id { CALLER_HERTZ } else { AGENT_HERTZ };
        holder.offer(of_held, "sendonly");
        assert_hears(held, |heard| is_music(heard, instead_of));
        holder.offer(of_held, "sendrecv");
        assert_hears(&caller, hears_agent);
        assert_hears(&agent, hears_caller);
    }
    caller.hang_up(&call);
    agent.hears("BYE");
}
