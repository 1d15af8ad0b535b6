//! Pictures and folders for tests: a busy afternoon, a quiet start, and hostile names.

mod trunks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_base::{AgentName, CallId, ContactId, LegId, QueueName, TrunkName, Wall};
use holdfast_config::supervision::Mode;
use holdfast_core::abuse::view::{AbuseView, BanView, EvidenceView};
use holdfast_core::calendar::explain::explain_all;
use holdfast_core::doctor::{Finding, Weight};
use holdfast_core::media::order::StreamCounters;
use holdfast_core::provisioning::File;
use holdfast_core::record::event::{
    Cdr, Duty, EndedBy, Ingress, LegEnd, LegPart, Outcome, QueuePart, Subject, TransferKind,
    TransferOutcome, TransferPart,
};
use holdfast_core::routing::explain;
use holdfast_core::view::{
    AgentView, CallView, HealthState, HealthView, LegView, QueueFigures, QueueView, SiteView,
    SupervisedView, SupervisorView, Totals, WaitingView,
};

use crate::doors::{Almanac, Explain, Phones};
use trunks::trunks;

/// 2026-11-22T10:05:03Z.
pub(crate) const AT: Wall = Wall::from_micros(1_795_341_903_250_000);

/// A folder of one test, empty at first and gone at last.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("holdfast-web-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path); // left by a run that was killed
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The rules of a box with two phones, a queue and a line.
pub(crate) fn explain() -> Explain {
    let text = "
[dial_plan]
country = '49'
[[trunk]]
name = 'carrier'
networks = ['192.0.2.0/24']
target = '192.0.2.1'
[[route]]
name = 'night'
called = ['+4930100']
when = ['22:00-06:00']
to = { account = 'anna' }
[[number]]
dialled = '+4930100'
to = { queue = 'welcome' }
[[number]]
dialled = '+41*'
to = { trunk = 'carrier' }
[[queue]]
name = 'welcome'
[[account]]
name = 'anna'
";
    let (config, _) = holdfast_config::read(text, "f").unwrap();
    Arc::new(move |case, now| explain::explain(&config, case, now))
}

/// The calendar of a box in Bern.
pub(crate) fn almanac() -> Almanac {
    let text = "
[site]
time_zone = 'Europe/Zurich'
[[calendar]]
name = 'office'
open = ['mon-fri 08:00-17:00']
exception = [{ on = '08-01', name = 'National day' }]
[[queue]]
name = 'welcome'
calendar = 'office'
";
    let (config, _) = holdfast_config::read(text, "f").unwrap();
    Arc::new(move |name, at, now| explain_all(&config, name, at, now))
}

/// A box that has just started.
pub(crate) fn quiet_site() -> SiteView {
    SiteView {
        at: AT,
        site: "Branch Bern".to_owned(),
        version: "0.1.0".to_owned(),
        up_ms: 1200,
        config_hash: "9f2c7a51d0e4".to_owned(),
        draining_since: None,
        health: vec![],
        trunks: vec![],
        abuse: AbuseView::default(),
        queues: vec![],
        agents: vec![],
        calls: vec![],
        cdrs: vec![],
        totals: Totals::default(),
    }
}

/// An afternoon with something of everything.
pub(crate) fn busy_site() -> SiteView {
    SiteView {
        up_ms: 273_845_000,
        health: vec![
            health("SIP", HealthState::Good, "2 listeners bound"),
            health("Log", HealthState::Degraded, "last sync took 62 ms"),
            health("Media", HealthState::Good, "14 streams on 2 threads"),
            health("Trunk carrier", HealthState::Good, "answers in 41 ms"),
            health("Trunk teams", HealthState::Down, "no answer since 09:12:40"),
        ],
        trunks: trunks(),
        abuse: abuse("friendly-scanner"),
        queues: queues(),
        agents: agents(),
        calls: calls(),
        cdrs: cdrs(),
        totals: Totals {
            calls: 318,
            calls_refused: 2,
            cdrs: 314,
            sip_received: 9120,
            sip_sent: 9098,
            sip_malformed: 3,
            live_transactions: 5,
            live_legs: 9,
            live_streams: 9,
            ..Totals::default()
        },
        ..quiet_site()
    }
}

fn abuse(agent: &str) -> AbuseView {
    let evidence = |what: &str| EvidenceView {
        at: Wall::from_micros(AT.micros() - 61_000_000),
        what: what.to_owned(),
    };
    AbuseView {
        banned: 1,
        bans: vec![BanView {
            source: "2001:db8::/64".to_owned(),
            address: "2001:db8::".to_owned(),
            why: "scanner".to_owned(),
            since: Wall::from_micros(AT.micros() - 60_000_000),
            left_ms: 2_340_000,
            times: 3,
            evidence: vec![evidence("not SIP"), evidence(&format!("calls itself `{agent}`"))],
        }],
        watched: 12,
        bans_begun: 4,
        dropped_banned: 31_415,
        dropped_too_many: 92,
    }
}

/// One phone, whose secret is `opens`.
pub(crate) fn phones() -> Phones {
    Arc::new(|secret, name| {
        let body = "account.1.enable = 1\n".to_owned();
        let known = (secret, name) == ("opens", "001565aabb01.cfg");
        known.then_some(File { content_type: "text/plain", body })
    })
}

/// A doctor who knows one trunk.
pub(crate) fn doctor() -> crate::doors::Doctor {
    Arc::new(|trunk| {
        let known = trunk.as_str() == "teams";
        let finding = Finding {
            weight: Weight::Fault,
            says: "nobody takes a connection at teams".to_owned(),
            remedy: "open the door".to_owned(),
        };
        Box::pin(std::future::ready(known.then(|| vec![finding])))
    })
}

/// The busy site with markup in every place that others can fill.
pub(crate) fn hostile_site() -> SiteView {
    let mut view = busy_site();
    let markup = "<script>alert('\"1\"')</script>".to_owned();
    view.site.clone_from(&markup);
    for part in &mut view.health {
        part.part.clone_from(&markup);
        part.says.clone_from(&markup);
    }
    for trunk in &mut view.trunks {
        trunk.name = TrunkName::new(&markup);
        trunk.says.clone_from(&markup);
        for target in &mut trunk.targets {
            target.target.clone_from(&markup);
            for address in &mut target.addresses {
                address.failure = Some(markup.clone());
            }
        }
    }
    view.abuse = abuse("<script>");
    for queue in &mut view.queues {
        queue.name = QueueName::new(&markup);
        queue.display.clone_from(&markup);
        queue.waiting.iter_mut().for_each(|waiting| waiting.from.clone_from(&markup));
    }
    for agent in &mut view.agents {
        agent.name = AgentName::new(&markup);
        agent.display.clone_from(&markup);
        agent.task.clone_from(&markup);
        agent.why_not.clone_from(&markup);
        agent.duty = Duty::OffDuty(markup.clone());
        agent.queues = vec![QueueName::new(&markup)];
        agent.endpoints.iter_mut().for_each(|endpoint| endpoint.0.clone_from(&markup));
    }
    for call in &mut view.calls {
        call.from.clone_from(&markup);
        call.to.clone_from(&markup);
        call.state.clone_from(&markup);
        for leg in &mut call.legs {
            leg.with.clone_from(&markup);
            leg.state.clone_from(&markup);
            leg.codec = Some(markup.clone());
        }
    }
    for cdr in &mut view.cdrs {
        cdr.from = Subject(markup.clone());
        cdr.dialled = Subject(markup.clone());
        if let Some(queue) = &mut cdr.queue {
            queue.queue = QueueName::new(&markup);
            queue.agent = Some(AgentName::new(&markup));
        }
    }
    view
}

fn health(part: &str, state: HealthState, says: &str) -> HealthView {
    HealthView { part: part.to_owned(), state, says: says.to_owned() }
}

fn queues() -> Vec<QueueView> {
    let waiting = |contact, from: &str, waited_ms, offered_to: Option<&str>| WaitingView {
        contact: ContactId(contact),
        call: CallId(contact + 200),
        from: from.to_owned(),
        waited_ms,
        offered_to: offered_to.map(AgentName::new).into_iter().collect(),
        why_nobody: vec![],
    };
    let outcomes = |answered, abandoned, short| {
        [
            (Outcome::Answered, answered),
            (Outcome::Abandoned, abandoned),
            (Outcome::AbandonedShort, short),
        ]
        .into()
    };
    let queue = |name: &str, display: &str| QueueView {
        name: QueueName::new(name),
        display: display.to_owned(),
        waiting: vec![],
        agents_free: 0,
        agents_on_duty: 0,
        closed: None,
        today: QueueFigures::default(),
    };
    vec![
        QueueView {
            waiting: vec![
                waiting(112, "+4\u{2026}12", 48_200, Some("anna")),
                waiting(114, "+4\u{2026}90", 21_800, None),
                waiting(115, "anonymous", 4_100, None),
            ],
            agents_free: 1,
            agents_on_duty: 4,
            today: QueueFigures {
                offered: 131,
                outcomes: outcomes(121, 4, 2),
                in_progress: 4,
                answered_in_level: 102,
                answered_wait_ms: 1_730_000,
                longest_wait_ms: 201_000,
                service_level_permille: Some(816),
            },
            ..queue("sales", "Sales")
        },
        QueueView {
            agents_free: 1,
            agents_on_duty: 2,
            today: QueueFigures {
                offered: 57,
                outcomes: outcomes(55, 1, 0),
                in_progress: 1,
                answered_in_level: 53,
                answered_wait_ms: 402_000,
                longest_wait_ms: 74_000,
                service_level_permille: Some(946),
            },
            ..queue("service", "Service and repairs")
        },
        queue("night", "Night line"),
    ]
}

fn agents() -> Vec<AgentView> {
    let agent = |name: &str, display: &str, task: &str| AgentView {
        name: AgentName::new(name),
        display: display.to_owned(),
        duty: Duty::OnDuty,
        task: task.to_owned(),
        for_ms: 135_000,
        left_ms: None,
        selectable: false,
        why_not: String::new(),
        queues: vec![QueueName::new("sales")],
        endpoints: vec![(format!("{name}-desk"), true)],
        call: None,
    };
    let sentence = str::to_owned;
    vec![
        AgentView {
            for_ms: 6_000,
            left_ms: Some(12_000),
            why_not: sentence("being called"),
            endpoints: vec![("anna-desk".to_owned(), true), ("trunk teams".to_owned(), false)],
            call: Some(CallId(312)),
            ..agent("anna", "Anna Keller", "offered")
        },
        AgentView {
            for_ms: 412_000,
            why_not: sentence("talking"),
            call: Some(CallId(309)),
            ..agent("ben", "Ben Moser", "connected")
        },
        AgentView {
            selectable: true,
            queues: vec![QueueName::new("sales"), QueueName::new("service")],
            ..agent("chiara", "Chiara Rossi", "free")
        },
        AgentView {
            for_ms: 21_000,
            left_ms: Some(9_000),
            why_not: sentence("in wrap-up for 9 s"),
            ..agent("david", "David Zbinden-Aeschlimann", "wrap_up")
        },
        AgentView {
            for_ms: 11_000,
            left_ms: Some(19_000),
            why_not: sentence("did not answer, left alone for 19 s"),
            queues: vec![QueueName::new("service")],
            ..agent("eva", "Eva Tschanz", "rona")
        },
        AgentView {
            duty: Duty::OffDuty("Lunch".to_owned()),
            for_ms: 1_620_000,
            why_not: sentence("off duty"),
            ..agent("farid", "Farid Haddad", "free")
        },
        AgentView {
            why_not: sentence("no phone can be reached"),
            endpoints: vec![("grit-desk".to_owned(), false)],
            ..agent("grit", "Grit Sommer", "free")
        },
    ]
}

fn media(lost: u64, jitter_us: u32, mos_centi: u16) -> StreamCounters {
    StreamCounters {
        received: 20_000,
        sent: 20_010,
        lost,
        jitter_us,
        mos_centi,
        ..StreamCounters::default()
    }
}

fn calls() -> Vec<CallView> {
    let leg = |leg, with: &str, state: &str, codec: Option<&str>, media| LegView {
        leg: LegId(leg),
        with: with.to_owned(),
        state: state.to_owned(),
        codec: codec.map(str::to_owned),
        crypto: None,
        media,
    };
    let call = |call, from: &str, to: &str, state: &str, for_ms, legs| CallView {
        call: CallId(call),
        from: from.to_owned(),
        to: to.to_owned(),
        emergency: false,
        state: state.to_owned(),
        for_ms,
        transfer: None,
        supervised: None,
        supervisors: Vec::new(),
        legs,
    };
    let silent = StreamCounters::default();
    let mut calls = vec![
        call(
            309,
            "+4\u{2026}55",
            "sales",
            "talking",
            431_000,
            vec![
                leg(801, "+4\u{2026}55", "talking", Some("PCMA"), media(40, 3_900, 437)),
                leg(802, "Ben Moser", "talking", Some("PCMA"), media(0, 1_100, 441)),
            ],
        ),
        call(
            310,
            "+4\u{2026}31",
            "service",
            "held",
            94_000,
            vec![
                leg(803, "+4\u{2026}31", "talking", Some("G722"), media(900, 31_000, 288)),
                leg(804, "Ines Wyss", "talking", Some("G722"), media(210, 8_000, 379)),
            ],
        ),
        call(
            312,
            "+4\u{2026}12",
            "sales",
            "ringing",
            50_000,
            vec![
                leg(806, "+4\u{2026}12", "talking", Some("PCMA"), media(0, 2_000, 440)),
                leg(807, "Anna Keller", "ringing", None, silent),
            ],
        ),
        call(
            314,
            "+4\u{2026}90",
            "sales",
            "queued",
            23_000,
            vec![leg(808, "+4\u{2026}90", "talking", Some("PCMU"), media(0, 1_000, 441))],
        ),
    ];
    let lea = SupervisorView {
        supervisor: AgentName::new("lea"),
        display: "Lea Kunz".to_owned(),
        modes: vec![Mode::Listen, Mode::Whisper],
    };
    for call in calls.iter_mut().take(2) {
        call.supervisors.push(lea.clone());
    }
    if let Some(first) = calls.first_mut() {
        let SupervisorView { supervisor, display, .. } = lea;
        let (mode, present) = (Mode::Listen, true);
        first.supervised = Some(SupervisedView { supervisor, display, mode, present });
    }
    calls
}

fn cdrs() -> Vec<Cdr> {
    let ago = |seconds: i64| Wall::from_micros(AT.micros() - seconds * 1_000_000);
    let leg = |answered, why, media| LegPart {
        leg: LegId(790),
        to: Subject("ben-desk".to_owned()),
        answered,
        why,
        media,
        codec: Some("PCMA".to_owned()),
        crypto: None,
        sip_call_id: Some("9f2c7a51".to_owned()),
    };
    let cdr = |call, from: &str, arrived, ended| Cdr {
        call: CallId(call),
        trunk: Some(TrunkName::new("carrier")),
        from: Subject(from.to_owned()),
        dialled: Subject("sales".to_owned()),
        ingress: Ingress::Sip,
        emergency: false,
        transcoded: false,
        arrived,
        answered: Some(arrived),
        ended,
        by: EndedBy::Caller,
        status: None,
        queue: None,
        caller: None,
        legs: vec![],
        transfers: vec![],
        exits: vec![],
        cause: None,
        sip_call_id: Some(format!("{call}-a84b4c76e66710@pbx")),
    };
    let part = |outcome, agent: Option<&str>, waited_ms, talked_ms| {
        Some(QueuePart {
            queue: QueueName::new("sales"),
            outcome,
            waited_ms,
            agent: agent.map(AgentName::new),
            talked_ms,
            missed_offers: 0,
        })
    };
    let mut records = vec![
        Cdr {
            queue: part(Outcome::Answered, Some("ben"), 12_000, 188_000),
            legs: vec![leg(Some(ago(590)), LegEnd::Local, Some(media(12, 2_000, 436)))],
            transfers: vec![TransferPart {
                by: Subject("ben".to_owned()),
                to: Subject("anna".to_owned()),
                kind: TransferKind::Blind,
                asked: ago(500),
                outcome: TransferOutcome::Failed(486),
            }],
            ..cdr(308, "+4\u{2026}18", ago(610), ago(402))
        },
        Cdr {
            queue: part(Outcome::AbandonedRinging, None, 31_000, 0),
            ..cdr(307, "+4\u{2026}64", ago(700), ago(669))
        },
        Cdr {
            trunk: None,
            answered: None,
            by: EndedBy::Box,
            status: Some(486),
            legs: vec![leg(None, LegEnd::Refused(486), None)],
            ..cdr(306, "ben-desk", ago(1300), ago(1288))
        },
        Cdr {
            legs: vec![leg(Some(ago(1990)), LegEnd::Remote, Some(media(700, 40_000, 301)))],
            ..cdr(305, "+4\u{2026}02", ago(2000), ago(1800))
        },
    ];
    let ends = [
        Outcome::AbandonedShort,
        Outcome::Abandoned,
        Outcome::OverflowFull,
        Outcome::OverflowTime,
        Outcome::OverflowEmpty,
        Outcome::Closed,
        Outcome::Pulled,
        Outcome::SystemFailed,
        Outcome::LostInCrash,
    ];
    for (outcome, call) in ends.into_iter().zip(290..) {
        let arrived = ago(6000 - i64::try_from(call).unwrap());
        records.push(Cdr {
            queue: part(outcome, None, 9_000, 0),
            ..cdr(call, "+4\u{2026}77", arrived, Wall::from_micros(arrived.micros() + 9_500_000))
        });
    }
    records
}
