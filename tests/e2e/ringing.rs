//! What happens while an agent's phone rings: the caller gives up, nobody answers, somebody
//! refuses, one of several phones answers.

use crate::api::{Api, Live};
use crate::appliance::{Appliance, config};
use crate::lab::{Lab, until, until_true};
use crate::phone::{Manner, Phone};
use serde_json::Value;

/// No greeting and no notes: the queue acts at once.
const QUICK: &str =
    "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"\nshort_abandon = \"0s\"\n";

struct Scene {
    lab: Lab,
    appliance: Appliance,
    api: Api,
}

impl Scene {
    fn new(test: &str, agents: &[&str], queue: &str) -> Self {
        let lab = Lab::new(test);
        let appliance = Appliance::start(&lab, &config(&lab, agents, &format!("{QUICK}{queue}")));
        let api = Api::claim(&lab, &appliance);
        Self { lab, appliance, api }
    }

    /// A registered phone of an agent that does so with calls.
    fn agent(&self, machine: u8, name: &str, manner: Manner) -> Phone {
        let phone = Phone::new(&self.lab, machine, name, &self.appliance);
        phone.behave(manner);
        phone.register();
        phone
    }

    fn caller(&self, machine: u8, name: &str) -> Phone {
        Phone::new(&self.lab, machine, name, &self.appliance)
    }

    fn cdr(&self) -> Value {
        let cdrs = until("the record of the call", || {
            Some(self.api.cdrs()).filter(|cdrs| !cdrs.is_empty())
        });
        assert_eq!(cdrs.len(), 1, "one call, one record");
        cdrs[0].clone()
    }

    fn is_at_rest(&self) {
        until_true("nothing is left of the call", || self.api.live() == Live::default());
    }

    fn task(&self, agent: &str) -> Value {
        self.api.get(&format!("/api/v1/agents/{agent}"))["task"].clone()
    }

    /// Who waits, in order of rank: contact, and time waited.
    fn waiting(&self) -> Vec<(String, u64)> {
        let desk = self.api.desk();
        let waiting = desk["waiting"].as_array().expect("those who wait");
        let one =
            |entry: &Value| Some((entry["contact"].to_string(), entry["waited_ms"].as_u64()?));
        waiting.iter().filter_map(one).collect()
    }
}

#[test]
fn a_phone_stops_ringing_when_the_caller_gives_up() {
    let scene = Scene::new("gives-up", &["anna"], "");
    let anna = scene.agent(2, "anna", Manner::Ring);
    let caller = scene.caller(3, "caller");
    let call = caller.call("desk");
    anna.rings();
    caller.hang_up(&call);
    anna.hears("CANCEL");
    anna.hears("ACK"); // of our 487
    let cdr = scene.cdr();
    assert_eq!(cdr["queue"]["outcome"], "abandoned_ringing", "{cdr}");
    assert_eq!(cdr["by"], "caller");
    scene.is_at_rest();
    until_true("anna is free again", || scene.task("anna") == "free");
    assert_eq!(anna.count("INVITE"), 1);
}

#[test]
fn nobody_answers_and_the_next_agent_gets_who_came_first() {
    let scene = Scene::new("rona", &["anna", "ben"], "alert = \"2s\"");
    let anna = scene.agent(2, "anna", Manner::Ring);
    let first = scene.caller(3, "first");
    let first_call = first.call("desk");
    anna.rings();
    let second = scene.caller(4, "second");
    let second_call = second.call("desk");
    let before = until("both wait", || Some(scene.waiting()).filter(|all| all.len() == 2));

    anna.hears("CANCEL");
    until_true("anna is left alone", || scene.api.desk()["agents_free"] == 0);
    let after = scene.waiting();
    let order = |all: &[(String, u64)]| all.iter().map(|(c, _)| c.clone()).collect::<Vec<_>>();
    assert_eq!(order(&before), order(&after), "a missed call costs no rank");
    assert!(after[0].1 >= before[0].1, "nor the time waited");

    let ben = scene.agent(5, "ben", Manner::Answer);
    let talk = ben.talks();
    until_true("the first talks", || order(&scene.waiting()) == order(&after[1..]));
    first.hang_up(&first_call);
    ben.hears("BYE");
    drop(talk);
    let cdr = scene.cdr();
    assert_eq!(cdr["queue"]["agent"], "ben");
    assert_eq!(cdr["queue"]["missed_offers"], 1);
    assert_eq!(cdr["from"], "first");
    ben.behave(Manner::Ring);
    second.hang_up(&second_call);
    scene.is_at_rest();
}

#[test]
fn the_busy_and_the_unwilling_are_passed_over() {
    let scene = Scene::new("busy", &["anna", "ben", "carl"], "");
    let anna = scene.agent(2, "anna", Manner::Refuse(486));
    let ben = scene.agent(3, "ben", Manner::Refuse(603));
    let carl = scene.agent(4, "carl", Manner::Answer);
    let caller = scene.caller(5, "caller");
    let call = caller.call("desk");
    carl.talks();
    assert_eq!((anna.count("INVITE"), ben.count("INVITE")), (1, 1));
    caller.hang_up(&call);
    let cdr = scene.cdr();
    assert_eq!(cdr["queue"]["outcome"], "answered");
    assert_eq!(cdr["queue"]["agent"], "carl");
    assert_eq!(cdr["queue"]["missed_offers"], 2, "{cdr}");
    scene.is_at_rest();
}

#[test]
fn one_of_several_phones_wins_and_the_others_stop_ringing() {
    let scene = Scene::new("fork", &["anna"], "");
    let desk = scene.agent(2, "anna", Manner::Ring);
    let mobile = scene.agent(3, "anna", Manner::Ring);
    let kitchen = scene.agent(4, "anna", Manner::Ring);
    let caller = scene.caller(5, "caller");
    let call = caller.call("desk");
    for phone in [&desk, &mobile, &kitchen] {
        phone.rings();
    }
    mobile.pick_up();
    for phone in [&desk, &kitchen] {
        phone.hears("CANCEL");
        phone.hears("ACK"); // of our 487
    }
    assert_eq!(mobile.count("CANCEL"), 0);
    caller.hang_up(&call);
    mobile.hears("BYE");
    let cdr = scene.cdr();
    assert_eq!(cdr["queue"]["outcome"], "answered");
    assert_eq!(cdr["queue"]["missed_offers"], 0, "{cdr}");
    scene.is_at_rest();
}
