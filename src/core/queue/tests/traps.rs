//! What QUEUEING.md names as going wrong in other products, each as a script that shows that it
//! does not go wrong here.

use holdfast_base::{ContactId, Wall};
use holdfast_config::Strategy;

use super::shapes::{circle, skill};
use super::{Stage, agent, config, queue, same, secs};
use crate::agent::Reason;
use crate::contact::Deliveries;
use crate::queue::{Input, NotYours};

const DAY: u64 = 86_400;

/// Anna, Ben and Carl serve `sales`.
fn site(change: impl Fn(&mut holdfast_config::Queue)) -> Stage {
    let mut sales = queue("sales", &["anna", "ben", "carl"]);
    sales.wrap_up = secs(0);
    change(&mut sales);
    let agents = ["anna", "ben", "carl"].map(|name| agent(name, &[name])).to_vec();
    Stage::new(config(vec![sales], agents), Deliveries::sip())
}

/// Who is called for whom, in order.
fn called(trace: &str) -> String {
    let orders = trace.lines().filter_map(|line| line.split_once(" DELIVER "));
    let words = orders.map(|(_, order)| order.split(' ').skip(1).take(2).collect::<Vec<_>>());
    words.map(|words| words.join(" ")).collect::<Vec<_>>().join(", ")
}

/// A call that is answered and over at once.
fn served(at: u64, number: u64) -> String {
    format!("{at} arrive c{number} sales\n{at} answered o{number}\n{at} ended o{number}\n")
}

/// Asterisk `leastrecent` counts 1,000,000 s down and gives 0 to whoever was never called, so that
/// its order turns round after 11.6 days; Genesys looks back seven days.
#[test]
fn longest_idle_holds_for_any_time_unlike_asterisk_and_genesys() {
    let mut stage = site(|_| {});
    let days = [served(1, 1), served(DAY, 2), served(2 * DAY, 3), served(20 * DAY, 4)].concat();
    assert_eq!(called(&stage.play(&days)), "c1 anna, c2 ben, c3 carl, c4 anna");
    assert_eq!(called(&stage.play(&served(21 * DAY, 5))), "c5 ben");
}

/// Asterisk `rrmemory` keeps the position in memory; mod_callcenter works it out from the time of
/// the last offer. Here it is a person, who may come and go.
#[test]
fn round_robin_goes_on_after_a_restart_and_over_new_members_unlike_asterisk() {
    let mut stage = site(|sales| sales.distribution.strategy = Strategy::RoundRobin);
    assert_eq!(called(&stage.play(&[served(1, 1), served(2, 2)].concat())), "c1 anna, c2 ben");
    stage.crash();
    let mut next = (*stage.config).clone();
    next.queues[0].members.retain(|member| member.as_str() != "ben");
    next.queues[0].members.insert(0, holdfast_base::AgentName::new("dora"));
    next.agents.push(agent("dora", &["dora"]));
    stage.give(Input::Configured(next.into()));
    let trace = stage.play(&format!("3 up dora\n{}{}", served(3, 3), served(4, 4)));
    assert_eq!(called(&trace), "c3 carl, c4 dora", "behind the place where Ben stood");
}

/// mod_callcenter #1216, #1221: a caller was stuck behind a member who had gone.
#[test]
fn top_down_is_not_stuck_behind_a_member_who_has_gone_unlike_mod_callcenter() {
    let mut stage = site(|sales| sales.distribution.strategy = Strategy::TopDown);
    let trace =
        stage.play("0 arrive c1 sales\n1 busy o1\n2 busy o2\n3 busy o3\n31 busy o4\n32 busy o5");
    assert_eq!(called(&trace), "c1 anna, c1 ben, c1 carl, c1 anna, c1 ben");
    let mut next = (*stage.config).clone();
    next.queues[0].members.retain(|member| member.as_str() != "ben");
    stage.give(Input::Configured(next.into()));
    assert_eq!(called(&stage.play("33 sent o6")), "c1 carl");
    let trace = stage.play("34 release anna\n34 arrive c2 sales");
    assert_eq!(called(&trace), "c2 anna", "each call has its own");
}

/// Asterisk counts calls in memory and since its start.
#[test]
fn fewest_calls_counts_from_midnight_and_over_restarts_unlike_asterisk() {
    let mut stage = site(|sales| sales.distribution.strategy = Strategy::FewestCalls);
    stage.play(&[served(0, 1), served(1, 2), served(2, 3), served(3, 4)].concat());
    stage.crash();
    assert_eq!(called(&stage.play(&served(5, 5))), "c5 ben", "Anna has two, Carl waits less");
    assert_eq!(called(&stage.play(&served(6, 6))), "c6 carl");
    assert_eq!(called(&stage.play(&served(7, 7))), "c7 anna");
    stage.now.wall = Wall::from_micros(86_400 * 1_000_000);
    assert_eq!(called(&stage.play(&served(8, 8))), "c8 ben", "a new day, and idle the longest");
}

/// Asterisk `wrandom` draws from a range that grows with the penalty, so its odds are no weights.
#[test]
fn weights_are_odds_unlike_asterisk_wrandom() {
    let mut stage = site(|sales| sales.distribution.strategy = Strategy::Weighted);
    let mut next = (*stage.config).clone();
    for (agent, weight) in next.agents.iter_mut().zip([1, 2, 5]) {
        agent.weight = weight;
    }
    stage.give(Input::Configured(next.into()));
    let calls: String = (1..=800).map(|number| served(number, number)).collect();
    let trace = stage.play(&calls);
    let drawn = called(&trace);
    let count = |name: &str| drawn.matches(name).count();
    let counts = [count("anna"), count("ben"), count("carl")];
    assert_eq!(counts.iter().sum::<usize>(), 800);
    for (drawn, expected) in counts.into_iter().zip([100_usize, 200, 500]) {
        assert!(drawn.abs_diff(expected) < 50, "{counts:?}");
    }
    assert!(stage.engine.decisions().next().is_some_and(|decision| decision.draw.is_some()));
}

/// Asterisk #176 connected two agents; Teams counts whoever was slower as having missed the call.
#[test]
fn broadcast_has_one_winner_and_no_missed_calls_unlike_asterisk_and_teams() {
    let mut stage = site(|sales| {
        (sales.distribution.at_once, sales.rona_limit, sales.keep_last_agent) = (10, 1, false);
    });
    let trace = stage.play(
        "0 arrive c1 sales
         0 sent o1
         0 sent o2
         0 sent o3
         1 ringing o1
         1 ringing o2
         2 answered o2
         2 answered o1
         3 ended o2",
    );
    same(
        &trace,
        "0 enqueued c1 sales
         0 reserved o1 c1 anna anna
         0 DELIVER o1 c1 anna anna
         0 reserved o2 c1 ben ben
         0 DELIVER o2 c1 ben ben
         0 reserved o3 c1 carl carl
         0 DELIVER o3 c1 carl carl
         1 ringing o1
         1 ringing o2
         2 won o2 c1 ben
         2 left c1 Answered after 2000
         2 CONNECT c1 o2
         2 WITHDRAW o1 LostRace
         2 over o1 c1 anna LostRace
         2 WITHDRAW o3 LostRace
         2 over o3 c1 carl LostRace
         2 HANG UP o1
         3 done ben c1 after 1000
         3 END c1 Answered",
    );
    let agents = stage.engine.agents(stage.now());
    assert!(agents.iter().all(|agent| agent.selectable), "nobody is blocked or off duty");
}

/// Nimbus leaves missed calls out in broadcast, for it would take the whole batch off duty.
#[test]
fn a_batch_that_rings_in_vain_takes_nobody_off_duty() {
    let mut stage = site(|sales| {
        sales.distribution.at_once = 2;
        (sales.rona_limit, sales.keep_last_agent, sales.alert) = (1, false, secs(10));
    });
    let rings = |first: u64, at: u64| {
        format!("{at} ringing o{first}\n{at} ringing o{}\n{} \n", first + 1, at + 10)
    };
    let trace = stage.play(&format!("0 arrive c1 sales\n{}{}", rings(1, 0), rings(3, 10)));
    assert_eq!(called(&trace), "c1 anna, c1 ben, c1 carl, c1 anna, c1 ben, c1 anna");
    assert!(!trace.contains("duty"), "{trace}");
    assert!(trace.contains("10 over o1 c1 anna NotTaken"), "{trace}");
}

/// Nimbus: a batch of ten phones that rings blocks them all for callers who come first.
#[test]
fn a_ringing_batch_does_not_block_a_caller_of_higher_rank_unlike_nimbus() {
    let mut vip = queue("vip", &["carl", "ben"]);
    vip.priority = 100;
    let mut sales = queue("sales", &["anna", "ben", "carl"]);
    sales.distribution.at_once = 10;
    let agents = ["anna", "ben", "carl"].map(|name| agent(name, &[name])).to_vec();
    let mut stage = Stage::new(config(vec![sales, vip], agents), Deliveries::sip());
    stage.play("0 arrive c1 sales\n0 sent o1\n0 sent o2\n0 sent o3");
    same(
        &stage.play("5 arrive c2 vip\n5 sent o4\n6 arrive c3 sales"),
        "3 ALARM no ring anna anna
         3 ALARM no ring ben ben
         3 ALARM no ring carl carl
         5 enqueued c2 vip
         5 WITHDRAW o3 Withdrawn
         5 over o3 c1 carl Withdrawn
         5 reserved o4 c2 carl carl
         5 DELIVER o4 c2 carl carl
         6 enqueued c3 sales",
    );
    let agents = stage.engine.queues(stage.now())[0].waiting[0].offered_to.clone();
    assert_eq!(agents.len(), 2, "the first caller keeps the others");
    assert_eq!(called(&stage.play("7 arrive c4 vip")), "c4 ben");
    assert_eq!(called(&stage.play("8 arrive c5 vip")), "", "and one phone at least");
}

#[test]
fn who_was_free_for_longest_is_called_away_whenever_its_order_left() {
    let mut vip = queue("vip", &["anna", "ben"]);
    vip.priority = 100;
    vip.distribution.strategy = Strategy::LongestAvailable;
    let mut sales = queue("sales", &["anna", "ben"]);
    sales.distribution.at_once = 2;
    let agents = ["anna", "ben"].map(|name| agent(name, &[name])).to_vec();
    let mut stage = Stage::new(config(vec![sales, vip], agents), Deliveries::sip());
    stage.play("0 arrive c1 sales\n0 sent o2\n1 sent o1");
    assert_eq!(called(&stage.play("2 arrive c2 vip")), "c2 anna", "she stands first in it");
}

/// FreeSWITCH `tier-rule-no-agent-no-wait`: nobody waits for a circle in which there is nobody.
/// Nimbus looks at its levels again only when an alert ends.
#[test]
fn a_circle_opens_on_its_own_time_or_when_nobody_is_in_the_one_before() {
    let circles = vec![circle(0, &[("french", 50)], None), circle(30, &[], None)];
    let mut stage = site(|sales| sales.distribution.circles = circles.clone());
    let mut next = (*stage.config).clone();
    next.agents[0].skills = vec![skill("french", 90)];
    stage.give(Input::Configured(next.into()));
    stage.play("0 dials anna\n0 arrive c1 sales");
    assert_eq!(stage.why_not(ContactId(1), "ben"), Err(Reason::CircleClosed(secs(30))));
    assert_eq!(stage.why_not(ContactId(1), "anna"), Err(Reason::OwnCall));
    let trace = stage.play("29.9\n30 sent o1");
    assert!(trace.contains("30 DELIVER o1 c1 ben ben"), "{trace}");
    let trace = stage.play("31 arrive c2 sales\n32 off anna lunch");
    assert!(trace.contains("32 DELIVER o2 c2 carl carl"), "{trace}");
}

/// Of those who take the same call, all but the first are told who has it.
#[test]
fn who_is_slower_to_pick_up_is_told_who_has_the_call() {
    let mut stage = site(|sales| sales.distribution.strategy = Strategy::Pickup);
    assert_eq!(called(&stage.play("0 arrive c1 sales\n5")), "");
    assert_eq!(stage.why_not(ContactId(1), "anna"), Err(Reason::Pickup));
    let (anna, ben) = ("anna", "ben");
    let may = |stage: &Stage, name: &str| {
        let name = holdfast_base::AgentName::new(name);
        stage.engine.may_pick_up(ContactId(1), &name, stage.now())
    };
    assert_eq!(may(&stage, ben), Ok(()));
    assert_eq!(called(&stage.play("5 pickup c1 ben\n5 pickup c1 anna")), "c1 ben");
    let taken = NotYours::TakenBy(holdfast_base::AgentName::new("ben"));
    assert_eq!(may(&stage, anna), Err(taken));
    stage.play("6 off carl\n6 declined o1");
    assert_eq!(may(&stage, "carl"), Err(NotYours::NotNow(Reason::OffDuty)));
    assert_eq!(called(&stage.play("7 pickup c1 anna\n8 leave c1")), "c1 anna");
    assert_eq!(may(&stage, anna), Err(NotYours::Gone));
}

/// Kazoo left agents logged out for ever after a missed call. Somebody who never logs in would not
/// come back.
#[test]
fn who_helps_now_and_then_is_not_taken_off_duty_and_needs_no_log_in() {
    let mut stage =
        site(|sales| (sales.rona_limit, sales.keep_last_agent, sales.alert) = (1, false, secs(5)));
    let mut next = (*stage.config).clone();
    next.agents[0].informal = true;
    next.queues[0].members.truncate(2);
    stage.give(Input::Configured(next.into()));
    let trace = stage.play("0 arrive c1 sales\n0 ringing o1\n5 ringing o2\n10");
    assert_eq!(called(&trace), "c1 anna, c1 ben");
    assert!(trace.contains("duty ben") && !trace.contains("duty anna"), "{trace}");
    assert_eq!(called(&stage.play("36")), "c1 anna");
    assert_eq!(called(&stage.play("37 switch anna sales off\n38")), "");
    assert_eq!(stage.why_not(ContactId(1), "anna"), Err(Reason::InactiveHere));
    stage.crash();
    assert_eq!(called(&stage.play("43 switch anna sales on")), "c1 anna");
}

#[test]
fn what_was_switched_off_is_forgotten_with_its_queue() {
    let mut stage = site(|_| {});
    let whole = stage.config.clone();
    let mut without = (*whole).clone();
    without.queues.clear();
    stage.play("0 arrive c1 sales\n1 switch anna sales off");
    stage.give(Input::Configured(without.into()));
    stage.play("2 leave c1");
    stage.give(Input::Configured(whole));
    assert_eq!(called(&stage.play("3 arrive c2 sales")), "c2 anna");
}

/// Genesys preferred agent: the same caller meets the same person, and waits for that one a while.
#[test]
fn a_caller_meets_the_same_agent_again_and_waits_for_a_while() {
    let mut stage = site(|sales| {
        sales.distribution.prefer_last = Some(secs(3600));
        sales.distribution.wait_for_last = secs(20);
    });
    assert_eq!(called(&stage.play(&served(0, 1))), "c1 anna");
    stage.crash();
    assert_eq!(called(&stage.play(&served(10, 2))), "c2 anna", "though the others are idle longer");
    let trace = stage.play("20 dials anna\n20 arrive c3 sales\n21");
    assert_eq!(called(&trace), "");
    let kept = Reason::KeptFor(holdfast_base::AgentName::new("anna"));
    assert_eq!(stage.why_not(ContactId(3), "ben"), Err(kept));
    let trace = stage.play("40 answered o3\n41 ended o3\n41 hangs-up anna");
    assert!(trace.contains("40 DELIVER o3 c3 ben ben"), "{trace}");
    assert_eq!(called(&stage.play("3700 arrive c4 sales")), "c4 carl", "an hour is over");
    assert_eq!(called(&stage.play("3701 arrive c5 sales anonymous")), "c5 anna");
}

/// mod_callcenter ring-progressively: one more every five seconds.
#[test]
fn one_more_phone_rings_each_time_and_none_beyond_the_most() {
    let mut stage = site(|sales| {
        (sales.distribution.at_once, sales.distribution.add_every) = (2, Some(secs(5)));
    });
    let trace = stage.play("0 arrive c1 sales\n0 sent o1\n4.9");
    assert_eq!(called(&trace), "c1 anna");
    let trace = stage.play("5 sent o2\n17");
    assert!(trace.contains("5 DELIVER o2 c1 ben ben"), "{trace}");
    assert_eq!(called(&trace), "c1 ben", "not a third");
    assert_eq!(stage.why_not(ContactId(1), "carl"), Err(Reason::EnoughCalled));
}

/// Asterisk lost the reason of a pause over a restart (#66).
#[test]
fn the_reason_of_a_break_outlives_a_restart_unlike_asterisk() {
    let mut stage = site(|_| {});
    stage.play("0 off anna lunch");
    stage.crash();
    let duty = stage.engine.agents(stage.now())[0].duty.clone();
    assert_eq!(duty, crate::record::event::Duty::OffDuty("lunch".to_owned()));
}

/// Idle and free are two things: a call not answered costs no place by the first, and one by the
/// second; and busy is who has talked, not who was called.
#[test]
fn longest_available_least_talk_and_least_occupied_look_at_other_things() {
    let mut stage = site(|sales| sales.distribution.strategy = Strategy::LongestAvailable);
    let trace = stage.play("1 arrive c1 sales\n2 leave c1\n3 arrive c2 sales");
    assert_eq!(called(&trace), "c1 anna, c2 ben");
    let talks = "0 arrive c1 sales\n0 answered o1\n9 ended o1
         10 arrive c2 sales\n10 answered o2\n12 ended o2
         12 arrive c3 sales\n12 answered o3\n17 ended o3
         40 arrive c4 sales";
    for (strategy, wrap_up, who) in [
        (Strategy::LeastTalk, 10, "c4 ben"),
        (Strategy::LeastOccupied, 0, "c4 ben"),
        (Strategy::LongestIdle, 10, "c4 anna"),
    ] {
        let mut stage = site(|sales| {
            (sales.distribution.strategy, sales.wrap_up) = (strategy, secs(wrap_up));
        });
        assert!(called(&stage.play(talks)).ends_with(who), "{strategy:?}");
    }
    let mut stage = site(|sales| {
        (sales.distribution.strategy, sales.wrap_up) = (Strategy::LeastOccupied, secs(60));
    });
    let talks = talks.replace("40 arrive c4", "17 release ben\n18 release anna\n90 arrive c4");
    assert!(called(&stage.play(&talks)).ends_with("c4 ben"), "7 s of 2 + 5, Anna 18, Carl 65");
}
