//! After the process died: what the journal brings back (QUEUEING.md 2.13).

use holdfast_base::{ContactId, OfferId, Outbox};

use super::{Stage, agent, at, config, print, queue, same};
use crate::contact::Deliveries;
use crate::queue::{Engine, Key, Lost, Record};

fn sales() -> Stage {
    let agents = vec![agent("anna", &["desk"]), agent("ben", &["ben"])];
    Stage::new(config(vec![queue("sales", &["anna", "ben"])], agents), Deliveries::sip())
}

#[test]
fn a_first_start_notes_the_duty_that_the_configuration_gives() {
    let mut ben = agent("ben", &["ben"]);
    ben.on_duty = false;
    let site = config(vec![queue("sales", &["anna"])], vec![agent("anna", &["desk"]), ben]);
    let mut out = Outbox::new();
    let first = Engine::restore(at(1.0), site, Deliveries::sip(), [], &mut out);
    let said: Vec<String> = out.as_slice().iter().map(print).collect();
    same(
        &said.join("\n"),
        "duty anna OnDuty by Default
         duty ben OffDuty(\"\") by Default",
    );
    assert_eq!(first.offers(), []);
}

#[test]
fn an_offer_lost_in_the_crash_gives_the_caller_the_old_place_back() {
    let mut stage = sales();
    stage.play("0 down ben\n0 arrive c1 sales\n1 arrive c2 sales\n1 sent o1\n2 ringing o1");
    stage.crash();
    assert_eq!(stage.engine.offers().len(), 1);
    assert_eq!(stage.engine.contacts().count(), 2);
    // Her phone may ring until it has said that it does not.
    let trace = stage.play("3 crashed o1\n4 gone c2\n5 ended o1");
    same(
        &trace,
        "3 over o1 c1 anna LostInCrash
         4 left c2 LostInCrash after 3000
         5 reserved o2 c1 anna desk
         5 DELIVER o2 c1 anna desk",
    );
}

/// The phone stopped ringing when the process died, however long that is ago.
#[test]
fn an_alert_time_that_ran_out_meanwhile_is_no_miss() {
    let mut stage = sales();
    stage.play("0 down ben\n0 arrive c1 sales\n1 sent o1\n2 ringing o1\n3 arrive c2 sales");
    stage.crash();
    stage.now = at(60.0);
    let mut out = Outbox::new();
    let over = [OfferId(1)].into();
    let lost = Lost { over, contacts: vec![ContactId(2)], ..Lost::default() };
    stage.engine.lost_in_crash(stage.now, lost, &mut out);
    let said: Vec<String> = out.as_slice().iter().map(print).collect();
    same(
        &said.join("\n"),
        "over o1 c1 anna LostInCrash
         left c2 LostInCrash after 57000",
    );
    same(
        &stage.play("60"),
        "60 reserved o2 c1 anna desk
         60 DELIVER o2 c1 anna desk",
    );
}

#[test]
fn an_offer_that_was_taken_up_again_goes_on() {
    let mut stage = sales();
    stage.play("0 arrive c1 sales\n1 sent o1\n2 ringing o1");
    stage.crash();
    same(
        &stage.play("3 answered o1\n5 ended o1\n6"),
        "3 won o1 c1 anna
         3 left c1 Answered after 3000
         3 CONNECT c1 o1
         5 done anna c1 after 2000
         5 END c1 Answered",
    );
}

/// UCCE loses wrap-up in a failover.
#[test]
fn wrap_up_and_rona_go_on_with_the_time_that_is_left() {
    let mut stage = sales();
    stage.play(
        "0 arrive c1 sales
         0 answered o1
         0 arrive c2 sales
         0 sent o2
         0 ringing o2
         15 ended o1
         18",
    );
    stage.crash();
    let left: Vec<_> = stage.engine.agents(stage.now()).iter().map(|agent| agent.left_ms).collect();
    assert_eq!(left, [Some(7_000), Some(30_000)]);
    same(
        &stage.play("26"),
        "25 wrapped up anna after 10000
         25 reserved o3 c2 anna desk
         25 DELIVER o3 c2 anna desk",
    );
}

#[test]
fn offer_ids_and_the_order_of_arrival_go_on() {
    let mut stage = sales();
    stage.play("0 arrive c1 sales\n0 leave c1");
    stage.crash();
    same(
        &stage.play("1 arrive c2 sales"),
        "1 enqueued c2 sales
         1 reserved o2 c2 anna desk
         1 DELIVER o2 c2 anna desk",
    );
    let Some(Record::Cursor(cursor)) = stage.journal.get(&Key::Cursor) else { panic!() };
    assert_eq!((cursor.last_offer, cursor.last_seq), (2, 2));
}

/// What a program wrote that knew nothing of strategies, circles and batches.
#[test]
fn an_old_journal_still_opens() {
    const NEW: [&str; 8] = [
        "on_duty_since",
        "inactive_in",
        "work",
        "preferred",
        "last_called",
        "ringing_since",
        "distribution",
        "shared",
    ];
    fn forget(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.retain(|name, _| !NEW.contains(&name.as_str()));
                fields.values_mut().for_each(forget);
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(forget),
            _ => {}
        }
    }
    let mut stage = sales();
    stage.play("0 arrive c1 sales\n0 sent o1\n0 arrive c2 sales\n0 answered o2\n1 arrive c3 sales");
    stage.give(crate::queue::Input::Configured(config(vec![], stage.config.agents.clone())));
    let records: Vec<_> = stage.journal.clone().into_iter().collect();
    let mut old = serde_json::to_value(&records).unwrap();
    forget(&mut old);
    assert_ne!(old, serde_json::to_value(&records).unwrap());
    let read: Vec<(Key, Record)> = serde_json::from_value(old).unwrap();
    stage.journal = read.into_iter().collect();
    stage.crash();
    assert_eq!(stage.engine.contacts().count(), 3);
    assert_eq!((stage.task("anna").as_str(), stage.task("ben").as_str()), ("offered", "connected"));
}

/// A journal that lost the contact of an offer: nobody would ever end it.
#[test]
fn an_offer_without_its_contact_is_let_go() {
    let mut stage = sales();
    stage.play("0 arrive c1 sales\n0 sent o1\n0 arrive c2 sales\n0 answered o2");
    stage.journal.remove(&Key::Contact(ContactId(1)));
    stage.journal.remove(&Key::Contact(ContactId(2)));
    stage.crash();
    same(&stage.play("1"), "");
    assert_eq!((stage.task("anna").as_str(), stage.task("ben").as_str()), ("free", "wrap_up"));
}

/// A journal that lost the settings of a removed queue: its callers can not wait for ever.
#[test]
fn a_contact_whose_queue_is_unknown_is_ended() {
    let mut stage = sales();
    stage.play("0 down desk\n0 down ben\n0 arrive c1 sales");
    stage.config = config(vec![queue("help", &["anna"])], stage.config.agents.clone());
    let mut out = Outbox::new();
    let records = stage.journal.clone();
    let site = stage.config.clone();
    let engine = Engine::restore(at(7.0), site, Deliveries::sip(), records, &mut out);
    let said: Vec<String> = out.as_slice().iter().map(print).collect();
    same(
        &said.join("\n"),
        "left c1 SystemFailed after 7000
         END c1 SystemFailed",
    );
    assert_eq!(engine.contacts().count(), 0);
}
