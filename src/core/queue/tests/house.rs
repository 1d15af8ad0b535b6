//! A site of the size that is promised: 1,000 agents, 50 queues, 2,000 waiting.

use holdfast_base::{CallId, ContactId, Outbox, QueueName};

use super::{agent, at, config, endpoint, print, queue};
use crate::contact::Deliveries;
use crate::queue::{Changed, Engine, Input, Key};
use crate::record::event::Subject;

/// Nobody is ready, so an arrival may look at no contact but its own; counted by the work, not by
/// the clock.
#[test]
fn an_arrival_in_a_full_house_touches_only_itself() {
    let names: Vec<String> = (0..1000).map(|number| format!("agent-{number}")).collect();
    let queues = (0..50).map(|number| {
        let members: Vec<&str> =
            names.iter().skip(number * 20).take(40).map(String::as_str).collect();
        let mut queue = queue(&format!("queue-{number}"), &members);
        queue.length_max = 1000;
        queue
    });
    let agents = names.iter().map(|name| agent(name, &[name])).collect();
    let config = config(queues.collect(), agents);
    let mut out = Outbox::new();
    let mut engine = Engine::restore(at(0.0), config, Deliveries::sip(), [], &mut out);
    let arrive = |number: u64| Input::Arrived {
        contact: ContactId(number),
        call: CallId(number),
        queue: QueueName::new(&format!("queue-{}", number % 50)),
        from: Subject(String::new()),
    };
    for number in 0..2000 {
        engine.handle(at(1.0), arrive(number), &mut out);
    }
    let _: Vec<Changed> = engine.changed();
    engine.handle(at(2.0), arrive(2000), &mut out);
    let touched: Vec<Key> = engine.changed().into_iter().map(|changed| changed.key).collect();
    assert_eq!(touched, [Key::Cursor, Key::Contact(ContactId(2000))]);

    let mut out = Outbox::new();
    let up = endpoint("agent-0");
    engine.handle(at(3.0), Input::EndpointState { endpoint: up, reachable: true }, &mut out);
    let orders: Vec<String> = out.as_slice().iter().map(print).collect();
    assert_eq!(orders, ["reserved o1 c0 agent-0 agent-0", "DELIVER o1 c0 agent-0 agent-0"]);
    assert_eq!(engine.deadline(), Some(at(4.0).mono), "the reaper looks each second");
}
