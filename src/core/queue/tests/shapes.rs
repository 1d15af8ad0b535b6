//! The sites on which random histories play.

use holdfast_base::{AgentName, EndpointName, QueueName};
use holdfast_config::{
    Absence, Agent, Circle, Config, Exit, Fit, Need, Queue, Skill, Strategy, Whom,
};
use std::sync::Arc;
use std::time::Duration;

use super::{agent, config, endpoint, queue, secs};
use crate::contact::{Capabilities, Deliveries};

pub const AGENTS: [&str; 5] = ["anna", "ben", "carl", "dora", "emil"];
pub const QUEUES: [&str; 4] = ["sales", "help", "night", "nowhere"];
pub const ENDPOINTS: [&str; 8] = ["a1", "a2", "a3", "b1", "c1", "c2@pstn", "d1", "e1"];

/// The site in many shapes: all of it, without the night queue and two agents, with other times,
/// with other endpoints, and by each strategy.
pub fn shape(number: usize) -> Arc<Config> {
    let mut sales = queue("sales", &["anna", "ben", "carl"]);
    sales.point = secs(10);
    sales.priority = 1;
    sales.position_every = Some(secs(40));
    let mut help = queue("help", &["carl", "ben", "dora"]);
    help.alert = secs(12);
    help.greeting = Some("welcome".to_owned());
    help.wrap_up = Duration::ZERO;
    help.wait_max = Some(secs(50));
    help.rona_limit = 2;
    help.keep_last_agent = false;
    let mut night = queue("night", &["dora", "emil", "anna"]);
    night.length_max = 2;
    night.rona_limit = 1;
    night.rona_block = secs(7);
    lead_on(number, &mut sales, &mut help, &mut night);
    let mut agents = vec![
        agent("anna", &["a1", "a2", "a3"]),
        agent("ben", &["b1"]),
        agent("carl", &["c1", "c2@pstn"]),
        agent("dora", &["d1"]),
        agent("emil", &["e1"]),
    ];
    agents[4].on_duty = false;
    match number {
        0 => config(vec![sales, help, night], agents),
        1 => config(vec![sales, help], agents.into_iter().take(3).collect()),
        2 => {
            (sales.wrap_up, sales.alert, sales.wait_max) = (secs(3), secs(2), Some(secs(30)));
            (help.rona_block, help.wait_max) = (Duration::ZERO, None);
            night.members.reverse();
            config(vec![night, help, sales], agents)
        }
        3 => {
            agents[0].endpoints.remove(0);
            agents[1].endpoints.push(endpoint("a3"));
            help.members.retain(|member| member.as_str() != "ben");
            config(vec![sales, help], agents)
        }
        4..SHAPES => by_strategy(number - 4, (sales, help, night), agents),
        other => panic!("no shape {other}"),
    }
}

/// Where each queue leads those whom it does not serve: in a circle, to nowhere, and to an end.
fn lead_on(number: usize, sales: &mut Queue, help: &mut Queue, night: &mut Queue) {
    let to = |name: &str| Exit::Queue(QueueName::new(name));
    let sorry = Exit::Announce { clip: "sorry".to_owned(), lasts: secs(9) };
    let absences = [
        &[][..],
        &[Absence::LoggedOut, Absence::Unreachable],
        &[Absence::LoggedOut, Absence::Paused, Absence::Busy],
        &[Absence::Unreachable, Absence::Paused, Absence::Busy, Absence::WrapUp],
    ];
    let call = |whom: Whom| Exit::Call { whom, ring: secs(20) };
    let agent = |name: &str| call(Whom::Agent(AgentName::new(name)));
    let outside = call(Whom::Number("+491715550".to_owned()));
    help.overflow.when_waited =
        vec![to("nowhere"), agent("emil"), to("night"), to("sales"), sorry.clone()];
    help.overflow.leave_empty = absences[number % 4].to_vec();
    help.overflow.leave_after = secs([0, 6][number % 2]);
    help.overflow.when_empty = vec![to("sales")];
    help.overflow.finish_ring = number.is_multiple_of(2);
    help.overflow.when_closed = vec![to("night"), sorry.clone()];
    night.overflow.when_full = vec![to("help"), to("sales")];
    night.overflow.when_waited = vec![agent("nobody"), agent("anna"), outside, to("sales")];
    night.overflow.join_empty = absences[(number + 1) % 4].to_vec();
    night.overflow.when_empty = vec![sorry];
    night.overflow.let_in = vec!["+49301232".to_owned(), "anon*".to_owned()];
    sales.overflow.leave_empty = absences[(number + 2) % 4].to_vec();
    let desk = call(Whom::Account(EndpointName::new("d1")));
    sales.overflow.when_empty = vec![desk, to("help"), to("night")];
    sales.overflow.serve_waiting = !number.is_multiple_of(3);
    sales.overflow.when_closed = vec![to("night")];
}

/// Every strategy, with skills, circles, batches and known callers in turn.
fn by_strategy(
    number: usize,
    (mut sales, mut help, mut night): (Queue, Queue, Queue),
    mut agents: Vec<Agent>,
) -> Arc<Config> {
    let strategy = STRATEGIES[number];
    for (at, agent) in agents.iter_mut().enumerate() {
        agent.on_duty = true;
        agent.informal = at == 2;
        agent.weight = u32::try_from(at + 1).unwrap();
        let level = u8::try_from(30 * at % 100).unwrap();
        agent.skills = vec![skill("french", level), skill("claims", 100 - level)];
        agent.skills.retain(|skill| skill.level > 0);
    }
    for queue in [&mut sales, &mut help, &mut night] {
        queue.members = AGENTS.iter().map(|name| AgentName::new(name)).collect();
        queue.distribution.strategy = strategy;
    }
    help.members.rotate_left(number % 3);
    help.members.truncate(4);
    let several = &mut help.distribution;
    several.at_once = [3, 1, 2, 5][number % 4];
    several.add_every = (number % 3 == 1).then_some(secs(4));
    sales.distribution.prefer_last = Some(secs(300));
    sales.distribution.wait_for_last = secs([0, 9, 30][number % 3]);
    night.length_max = 6;
    night.wait_max = Some(secs(45));
    night.distribution.fit = [Fit::MostSkilled, Fit::LeastSkilled, Fit::Any][number % 3];
    night.distribution.at_once = [1, 2][number % 2];
    night.distribution.circles = vec![
        circle(0, &[("french", 60)], None),
        circle(8, &[("french", 30), ("claims", 20)], None),
        circle(20, &[("claims", 1)], Some(4)),
    ];
    if number % 2 == 1 {
        sales.distribution.circles = vec![circle(0, &[("claims", 70)], None), circle(5, &[], None)];
    }
    config(vec![sales, help, night], agents)
}

const STRATEGIES: [Strategy; 11] = [
    Strategy::LongestIdle,
    Strategy::LongestAvailable,
    Strategy::RoundRobin,
    Strategy::Linear,
    Strategy::TopDown,
    Strategy::FewestCalls,
    Strategy::LeastTalk,
    Strategy::LeastOccupied,
    Strategy::Random,
    Strategy::Weighted,
    Strategy::Pickup,
];

/// How many shapes there are.
pub const SHAPES: usize = 4 + STRATEGIES.len();

pub fn skill(name: &str, level: u8) -> Skill {
    Skill { skill: name.to_owned(), level }
}

pub fn circle(after: u64, needs: &[(&str, u8)], at_once: Option<u32>) -> Circle {
    let need = |(skill, level): &(&str, u8)| {
        let weight = u32::try_from(skill.len()).unwrap();
        Need { skill: (*skill).to_owned(), level: *level, weight }
    };
    Circle { after: secs(after), needs: needs.iter().map(need).collect(), at_once }
}

/// What each way of delivery can do: all SIP; blind for two agents; and everything odd at once.
pub fn deliveries(number: usize) -> Deliveries {
    let deaf = Capabilities { can_withdraw: false, ..Capabilities::SIP };
    let mute = Capabilities { confirms_answer: false, ..Capabilities::BLIND };
    let quiet = Capabilities { sees_ringing: false, ..Capabilities::SIP };
    let sip = Deliveries::sip();
    match number {
        0 => sip,
        1 => ENDPOINTS
            .iter()
            .fold(sip, |ways, text| ways.except(endpoint(text), Capabilities::BLIND)),
        2 => sip
            .except(endpoint("a2"), Capabilities::BLIND)
            .except(endpoint("b1"), deaf)
            .except(endpoint("c1"), mute)
            .except(endpoint("d1"), quiet),
        other => panic!("no ways {other}"),
    }
}
