//! What people see, and the net under the deadlines.

use crate::contact::Deliveries;

use super::{Stage, agent, at, config, queue, same, secs, two_agents, two_phones};

#[test]
fn every_rejected_candidate_has_a_reason() {
    let names = ["anna", "ben", "carl", "dora", "emil", "fay", "gus"];
    let agents = names.map(|name| agent(name, &[name])).to_vec();
    let mut stage = Stage::new(config(vec![queue("sales", &names)], agents), Deliveries::sip());
    stage.play(
        "0 off anna lunch
         0 down ben
         0 dials carl
         0 arrive c1 sales
         0 answered o1
         1 arrive c2 sales
         1 busy o2
         1 sent o3
         1 ringing o3
         2 answered o3
         2 ended o3
         3 arrive c3 sales
         3.5 arrive c4 sales",
    );
    let mut said = String::new();
    for decision in stage.engine.decisions().take(2) {
        let chosen = decision.chosen.as_ref().map_or("nobody", |agent| agent.as_str());
        said += &format!("c{} {} {chosen}\n", decision.contact.0, decision.unlisted);
        for candidate in &decision.candidates {
            let verdict = match &candidate.verdict {
                Ok(()) => "could".to_owned(),
                Err(reason) => reason.to_string(),
            };
            said += &format!("{} {verdict}\n", candidate.agent);
        }
    }
    same(
        &said,
        "c4 0 nobody
         anna off duty
         ben no phone can be reached
         carl in another call
         dora talking
         emil was busy, left alone for 28 s
         fay in wrap-up for 9 s
         gus being called
         c3 0 gus
         gus could
         anna off duty
         ben no phone can be reached
         carl in another call
         dora talking
         emil was busy, left alone for 28 s
         fay in wrap-up for 9 s",
    );
}

#[test]
fn the_page_sees_queues_agents_and_offers() {
    let mut stage = two_phones();
    stage.play(
        "0 arrive c1 sales\n1 answered o1\n2 arrive c2 sales\n2.5 sent o2\n3 arrive c3 sales\n4",
    );
    let now = stage.now();
    let queue = &stage.engine.queues(now)[0];
    let mut said = format!("{} {} {}\n", queue.display, queue.agents_free, queue.agents_on_duty);
    for one in &queue.waiting {
        let to = one.offered_to.first().map_or("-", |agent| agent.as_str());
        said += &format!("{} {} {} {to} {}\n", one.contact, one.call, one.waited_ms, one.from);
    }
    for agent in stage.engine.agents(now) {
        said += &format!(
            "{} {:?} {} for {} left {:?} {} {:?} {:?} {:?}\n",
            agent.display,
            agent.duty,
            agent.task,
            agent.for_ms,
            agent.left_ms,
            agent.selectable,
            agent.why_not,
            agent.endpoints,
            agent.call
        );
    }
    for offer in stage.engine.offers() {
        said += &format!("{} {} {} {}\n", offer.offer, offer.contact, offer.agent, offer.connected);
    }
    same(&said, "sales 0 2
         contact-2 call-2 2000 ben +4…56
         contact-3 call-3 1000 - +4…56
         ANNA OnDuty connected for 3000 left None false \"talking\" [(\"desk\", true), (\"… over pstn\", true)] Some(CallId(1))
         BEN OnDuty offered for 1500 left Some(16500) false \"being called\" [(\"ben\", true)] Some(CallId(2))
         offer-1 contact-1 anna true
         offer-2 contact-2 ben false");
}

#[test]
fn the_reaper_forces_a_deadline_that_was_lost_and_counts_it() {
    let mut sales = queue("sales", &["anna"]);
    sales.wait_max = Some(secs(20));
    let site = config(vec![sales], vec![agent("anna", &["desk"])]);
    let mut stage = Stage::new(site, Deliveries::sip());
    stage.play("0 arrive c1 sales\n0 answered o1\n1 ended o1\n2 arrive c2 sales\n3 busy o9");
    stage.engine.deadlines.lose();
    let trace = stage.play("60");
    assert_eq!(stage.engine.reaper_fixups(), 1);
    same(
        &trace,
        "11 wrapped up anna after 10000
         11 reserved o2 c2 anna desk
         11 DELIVER o2 c2 anna desk
         13 WITHDRAW o2 Unreachable
         13 over o2 c2 anna Unreachable
         18 reserved o3 c2 anna desk
         18 DELIVER o3 c2 anna desk
         20 WITHDRAW o3 Unreachable
         20 over o3 c2 anna Unreachable
         22 left c2 OverflowTime after 20000
         22 END c2 OverflowTime",
    );

    let mut sales = queue("sales", &["anna"]);
    sales.wait_max = Some(secs(20));
    let site = config(vec![sales], vec![agent("anna", &["desk"])]);
    let mut stage = Stage::new(site, Deliveries::sip());
    stage.play("0 down desk\n0 arrive c1 sales");
    stage.engine.deadlines.lose();
    stage.play("19.5");
    assert_eq!(stage.engine.reaper_fixups(), 0);
    stage.play("21");
    assert_eq!(stage.engine.reaper_fixups(), 1);
}

#[test]
fn with_no_agent_and_no_contact_nothing_is_due() {
    let stage = two_agents();
    assert_eq!(stage.engine.deadline(), None);
    assert_eq!(stage.now(), at(0.0).mono);
}
