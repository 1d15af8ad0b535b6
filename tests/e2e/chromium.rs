//! Phones in a real browser: Chromium, whose audio goes by ICE and DTLS-SRTP, against a phone in
//! the clear. Each hears the other's tone, also after hold, after a restart of ICE and after one of
//! the box.

use crate::api::{Api, Live};
use crate::appliance::{Appliance, config};
use crate::browser::{Browser, QUICK, box_for_browsers};
use crate::lab::{Lab, until, until_true};
use crate::phone::{Call, Manner, Phone};
use crate::rtp::samples;
use crate::{lacks, tone};

const PHONE_HERTZ: u32 = 440;
const BROWSER_HERTZ: u32 = 880;
/// Packets of half a second.
const HALF_A_SECOND: usize = 25;

/// A box that takes browsers with their own audio; `None` where there is no browser.
fn box_for_chromium(test: &str) -> Option<(Lab, Appliance)> {
    if lacks("chromium") {
        return None;
    }
    box_for_browsers(test, &["esbuild@0.28.2"], |lab| config(lab, &["anna", "ben"], QUICK))
}

/// Half a second of the browser's tone reaches the phone, as one unbroken stream.
fn assert_phone_hears(phone: &Phone) {
    until_true("the tone of the browser", || {
        let samples = samples(&phone.ear.next_packets(HALF_A_SECOND));
        tone::share(&samples, f64::from(BROWSER_HERTZ), tone::RATE) > 0.8
    });
}

/// The phone's tone is the loudest that the browser hears.
fn assert_browser_hears(browser: &mut Browser) {
    let words = format!("hears {PHONE_HERTZ}");
    let before = browser.count(&words);
    until_true("the tone of the phone", || {
        browser.order(&words);
        let asked = browser.count("does not") + browser.count(&words);
        until("an answer", || {
            (browser.count("does not") + browser.count(&words) > asked).then_some(())
        });
        browser.count(&words) > before
    });
}

fn assert_both_hear(browser: &mut Browser, phone: &Phone) {
    assert_phone_hears(phone);
    assert_browser_hears(browser);
}

#[test]
fn a_browser_and_a_phone_hear_each_other_over_hold_and_restarts() {
    let Some((lab, mut appliance)) = box_for_chromium("chromium") else { return };
    let api = Api::claim(&lab, &appliance);
    let mut anna = Browser::chromium(&lab, "anna", BROWSER_HERTZ);
    until_true("anna can be called", || api.get("/api/v1/agents/anna")["selectable"] == true);
    let caller = Phone::new(&lab, 4, "caller", &appliance);
    let call: Call = caller.call("desk");
    let _speaks = caller.ear.speak(call.audio, f64::from(PHONE_HERTZ));
    anna.says("remote call talks", 1);
    assert_both_hear(&mut anna, &caller);

    anna.order("hold");
    anna.says("held by local", 1);
    until_true("music", || {
        let samples = samples(&caller.ear.next_packets(HALF_A_SECOND));
        let share = tone::share(&samples, f64::from(BROWSER_HERTZ), tone::RATE);
        share < 0.05 && tone::level(&samples) > 100.0
    });
    anna.order("unhold");
    anna.says("resumed by local", 1);
    assert_both_hear(&mut anna, &caller);

    anna.order("restart");
    anna.says("restarted", 1);
    assert_both_hear(&mut anna, &caller);

    appliance.kill();
    appliance.start_again();
    anna.says("registered", 2);
    assert_both_hear(&mut anna, &caller);

    anna.order("hangup");
    caller.hears("BYE");
    api.log_in();
    until_true("nothing is left of the call", || api.live() == Live::default());
    let leg = &api.cdrs()[0]["legs"][0];
    assert_eq!((&leg["crypto"], &leg["codec"]), (&"DTLS-SRTP".into(), &"PCMA".into()));
}

#[test]
fn a_browser_calls_a_phone() {
    let Some((lab, appliance)) = box_for_chromium("chromium-calls") else { return };
    let api = Api::claim(&lab, &appliance);
    let mut anna = Browser::chromium(&lab, "anna", BROWSER_HERTZ);
    anna.says("registered", 1);
    let ben = Phone::new(&lab, 5, "ben", &appliance);
    ben.behave(Manner::Answer);
    ben.register();
    anna.order("call ben");
    let talk = ben.talks();
    let _speaks = ben.ear.speak(talk.audio, f64::from(PHONE_HERTZ));
    anna.says("local call talks", 1);
    assert_both_hear(&mut anna, &ben);
    anna.order("hangup");
    ben.hears("BYE");
    until_true("nothing is left of the calls", || api.live() == Live::default());
}
