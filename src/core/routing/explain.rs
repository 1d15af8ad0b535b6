//! What would become of a call, rule by rule, for a person who wants to know. The rules are those
//! of [`decide`](super::decide::decide); here they are only put into words.

use holdfast_base::{EndpointName, TrunkName, Wall};
use holdfast_config::{self as config, Config};
use holdfast_wire::sip::{Scheme, Uri};
use serde::Serialize;
use std::fmt;

use super::caller::{Caller, Shown};
use super::decide::{But, Considered, Decision, Leads, Out, Question, Rule, decide};
use super::numbering::Number;
use super::uri::{self, dialled};
use crate::call::origin::Origin;
use crate::call::words;

/// A call that somebody thinks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What is dialled.
    pub called: String,
    /// Who calls; nothing is a caller without a number.
    pub calling: Option<String>,
    /// The trunk that it comes over; none is a phone of ours.
    pub trunk: Option<String>,
    /// Whether it comes from anybody else.
    pub guest: bool,
    /// Whether the central PBX of the phone that calls is gone.
    pub pbx_gone: bool,
    /// When, in the time zone of the site: `2026-11-23T08:00`. Nothing is now.
    pub at: Option<String>,
}

/// Why a case can not be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// There is no such trunk.
    NoTrunk(String),
    /// This is no time.
    NoTime(String),
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTrunk(name) => write!(f, "there is no trunk `{name}`"),
            Self::NoTime(text) => {
                write!(f, "`{text}` is no time: write for example 2026-11-23T08:00")
            }
        }
    }
}

/// What would become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What was dialled.
    pub called: Reading,
    /// Who calls.
    pub calling: Reading,
    /// Where it comes from, in words.
    pub from: String,
    /// Day and time on the clock of the site, with its zone.
    pub at: String,
    /// Every rule that was looked at, in order.
    pub rules: Vec<Looked>,
    /// Where it leads, in words.
    pub leads: String,
    /// The ways out in the order of the configuration.
    pub ways: Vec<Way>,
}

/// A number and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// As it came.
    pub written: String,
    /// As it is known here.
    pub known_as: String,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// The rule.
    pub rule: String,
    /// Whether it takes the call.
    pub takes: bool,
    /// Why not.
    pub because: Vec<String>,
}

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The trunk.
    pub trunk: TrunkName,
    /// The Request-URI by its first target.
    pub request_uri: String,
    /// The caller as the other side is shown it.
    pub calling: String,
    /// How much it carries; empty without any limit.
    pub limits: String,
}

/// Explains what would become of a call.
///
/// # Errors
/// When the case names what there is not.
pub fn explain(config: &Config, case: &Case, now: Wall) -> Result<Explanation, Unclear> {
    let zone = &config.site.time_zone;
    let at = match &case.at {
        None => now,
        Some(text) => zone.instant(text).ok_or_else(|| Unclear::NoTime(text.clone()))?,
    };
    let origin = origin(config, case)?;
    let plan = origin.dial_plan(config);
    // A URI may be asked for as well as a number.
    let uri = Uri::parse(&case.called).ok().filter(|uri| match uri.scheme() {
        Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Urn => true,
        Scheme::Other(_) => false,
    });
    let dialled = uri.map_or_else(|| case.called.clone(), |uri| dialled(&uri));
    let called = Number::read(plan, &dialled);
    let caller = case.calling.as_deref();
    let caller = caller.map_or_else(Caller::default, |it| Caller::named(config, &origin, it));
    let calling = caller.shown();
    let question = Question {
        called: &called,
        calling: &calling,
        origin: &origin,
        at,
        pbx_is_there: !case.pbx_gone,
    };
    let Decision { leads, considered } = decide(config, &question);
    Ok(Explanation {
        called: reading(&called),
        calling: reading(&calling),
        from: whence(&origin),
        at: format!("{} {}", zone.local(at), zone.name()),
        rules: considered.iter().map(|it| looked(it, &question)).collect(),
        leads: whither(&leads),
        ways: match &leads {
            Leads::Emergency { number, out } => ways(config, out, &Number::plain(number), &caller),
            Leads::Out(out) => ways(config, out, &called, &caller),
            Leads::Duty { .. }
            | Leads::Queue(_)
            | Leads::Pbx(_)
            | Leads::Account(_)
            | Leads::Refused(_) => Vec::new(),
        },
    })
}

fn origin(config: &Config, case: &Case) -> Result<Origin, Unclear> {
    match &case.trunk {
        Some(name) => {
            let trunk = config.trunk(&TrunkName::new(name));
            let trunk = trunk.ok_or_else(|| Unclear::NoTrunk(name.clone()))?;
            Ok(Origin::Trunk(trunk.name.clone()))
        }
        None if case.guest => Ok(Origin::Guest),
        None => Ok(Origin::Account(EndpointName::new(case.calling.as_deref().unwrap_or_default()))),
    }
}

fn reading(number: &Number) -> Reading {
    Reading { written: number.written().to_owned(), known_as: number.known_as().to_owned() }
}

fn whence(origin: &Origin) -> String {
    match origin {
        Origin::Trunk(name) => format!("the trunk `{name}`"),
        Origin::Account(_) => "a phone of ours".to_owned(),
        Origin::Guest => "a guest".to_owned(),
    }
}

fn looked(considered: &Considered<'_>, question: &Question<'_>) -> Looked {
    let rule = match considered.rule {
        Rule::Emergency => "the emergency numbers".to_owned(),
        Rule::DutyCode => "the code to go on or off duty".to_owned(),
        Rule::Pbx(name) => format!("the PBX `{name}` of the phone"),
        Rule::Route(route) => format!("route `{}`", route.name),
        Rule::Number(number) => format!("number `{}`", number.dialled),
        Rule::Name => "the names of queues and accounts".to_owned(),
    };
    let because = considered.but.iter().map(|but| reason(*but, considered.rule, question));
    Looked { rule, takes: considered.but.is_empty(), because: because.collect() }
}

fn reason(but: But, rule: Rule<'_>, question: &Question<'_>) -> String {
    let (called, calling) = (question.called.known_as(), question.calling.known_as());
    let route = match rule {
        Rule::Route(route) => Some(route),
        Rule::Emergency | Rule::DutyCode | Rule::Pbx(_) | Rule::Number(_) | Rule::Name => None,
    };
    let listed = |list: fn(&config::Route) -> Vec<String>| {
        route.map(list).filter(|list| !list.is_empty()).map(|list| list.join(", "))
    };
    match but {
        But::OtherCalled => match listed(|route| route.called.clone()) {
            Some(wanted) => format!("called is {called}, not {wanted}"),
            None => format!("called is {called}"),
        },
        But::OtherCalling => {
            let wanted = listed(|route| route.calling.clone()).unwrap_or_default();
            format!("calling is {calling}, not {wanted}")
        }
        But::OtherOrigin => format!("it comes from {}", whence(question.origin)),
        But::OtherTime(local) => {
            let hours = |route: &config::Route| {
                route.when.iter().map(|hours| hours.as_str().to_owned()).collect()
            };
            format!("it is {local}, not {}", listed(hours).unwrap_or_default())
        }
        But::LessExact => "another number fits more exactly".to_owned(),
        But::PbxGone => "it is gone".to_owned(),
        But::NoAgent => "the phone belongs to no agent".to_owned(),
    }
}

fn whither(leads: &Leads<'_>) -> String {
    match leads {
        Leads::Emergency { number, out } => {
            let trunks: Vec<&str> = out.trunks.iter().map(TrunkName::as_str).collect();
            format!("{number}, past every limit, over {}", trunks.join(", then "))
        }
        Leads::Duty { agent, on } => {
            format!("agent `{}` goes {} duty", agent.name, if *on { "on" } else { "off" })
        }
        Leads::Queue(queue) => format!("queue `{queue}`"),
        Leads::Pbx(name) => format!("the PBX `{name}`, with the very digits"),
        Leads::Account(account) => format!("account `{account}`"),
        Leads::Out(Out { trunks, weights, next_on }) => {
            let share = |at: usize| weights.get(at).map(|weight| format!(" (share {weight})"));
            let named = |(at, name): (usize, &TrunkName)| {
                format!("`{name}`{}", share(at).unwrap_or_default())
            };
            let trunks: Vec<String> = trunks.iter().enumerate().map(named).collect();
            let mut words = format!("out over {}", trunks.join(", then "));
            if !next_on.is_empty() {
                let codes: Vec<String> = next_on.iter().map(u16::to_string).collect();
                words += &format!("; the next one after {} too", codes.join(", "));
            }
            words
        }
        Leads::Refused(status) => format!("refused: {} {}", status.code(), status.reason()),
    }
}

fn ways(config: &Config, out: &Out<'_>, called: &Number, caller: &Caller) -> Vec<Way> {
    let way = |name: &TrunkName| {
        let trunk = config.trunk(name)?;
        let user = called.for_side(&trunk.dial_plan);
        let target = trunk.targets.first()?;
        let address = target.address(crate::peer::default_port(trunk.transport));
        let uri = uri::called(trunk, target, address.map(|it| it.port()), &user);
        let uri = words::marked(trunk, &user, uri);
        let calling = match caller.shown_to(trunk) {
            Shown::Number(number) => number,
            Shown::Asserted(number) => format!("withheld, but asserted as {number}"),
            Shown::Nobody => "withheld".to_owned(),
        };
        let calling = match caller.of_line(trunk) {
            Some((_, number)) => format!("{calling}, on the line of {number}"),
            None => calling,
        };
        Some(Way {
            trunk: name.clone(),
            request_uri: uri.to_string(),
            calling,
            limits: limits(trunk),
        })
    };
    out.trunks.iter().filter_map(way).collect()
}

/// What a trunk carries at most.
fn limits(trunk: &config::Trunk) -> String {
    let all = [
        (trunk.calls_max, "calls at once"),
        (trunk.calls_per_second, "new calls in a second"),
        (trunk.max_bandwidth, "kbit/s"),
    ];
    let set = all.into_iter().filter(|(most, _)| *most > 0);
    let words: Vec<String> = set.map(|(most, unit)| format!("{most} {unit}")).collect();
    if words.is_empty() { String::new() } else { format!("at most {}", words.join(", ")) }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { called, calling, from, at, rules, leads, ways } = self;
        writeln!(f, "called   {called}")?;
        writeln!(f, "calling  {calling}")?;
        writeln!(f, "from     {from}")?;
        writeln!(f, "at       {at}\n")?;
        for Looked { rule, takes, because } in rules {
            let word = if *takes { "TAKES" } else { "no" };
            let because = because.join("; ");
            writeln!(f, "{}", format!("{word:<6} {rule}: {because}").trim_end_matches([':', ' ']))?;
        }
        writeln!(f, "\nresult   {leads}")?;
        for Way { trunk, request_uri, calling, limits } in ways {
            let limits = if limits.is_empty() { String::new() } else { format!("; {limits}") };
            writeln!(f, "  {trunk}: {request_uri}, calling {calling}{limits}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, known_as } = self;
        if written == known_as { f.write_str(written) } else { write!(f, "{written} = {known_as}") }
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, explain};
    use holdfast_base::Wall;
    use holdfast_config::Config;

    fn config() -> Config {
        let text = "
[site]
time_zone = 'Europe/Berlin'
[dial_plan]
country = '49'
area = '30'
[emergency]
numbers = ['112', '110']
trunks = ['carrier']
[[trunk]]
name = 'carrier'
networks = ['192.0.2.0/24']
target = '192.0.2.1'
dial_plan = { sends = 'national' }
[[trunk]]
name = 'sbc'
transport = 'tcp'
networks = ['198.51.100.0/24']
target = 'sbc.example.org'
withhold_caller = true
dial_plan = { sends = 'e164' }
[[route]]
name = 'night'
called = ['+4930100']
from = 'trunk'
when = ['mon-fri 18:00-08:00']
to = { account = 'anna' }
[[route]]
name = 'abroad'
called = ['+41*', '+43*']
calling = ['anna', 'ben']
to = { trunks = ['carrier', 'sbc'] }
weights = [70, 30]
next_on = [480]
[[number]]
dialled = '+*'
to = { trunk = 'carrier' }
[[number]]
dialled = '+4930*'
to = { queue = 'sales' }
[[number]]
dialled = '+4930100'
to = { queue = 'sales' }
[[queue]]
name = 'sales'
[[agent]]
name = 'Anna'
endpoints = [{ account = 'anna' }]
[[account]]
name = 'anna'
number = '030100'
[[account]]
name = 'ben'
";
        match holdfast_config::read(text, "f") {
            Ok((config, _)) => config,
            Err(findings) => panic!("{findings:?}"),
        }
    }

    fn told(called: &str, calling: &str, whence: &str, at: &str) -> String {
        let case = Case {
            called: called.to_owned(),
            calling: (!calling.is_empty()).then(|| calling.to_owned()),
            trunk: whence.strip_prefix("trunk ").map(str::to_owned),
            guest: whence == "guest",
            pbx_gone: whence == "gone",
            at: (!at.is_empty()).then(|| at.to_owned()),
        };
        match explain(&config(), &case, Wall::from_micros(0)) {
            Ok(explanation) => explanation.to_string(),
            Err(unclear) => format!("{unclear}\n"),
        }
    }

    #[test]
    fn a_call_at_night_and_by_day() {
        assert_eq!(
            told("030100100", "01715550123", "trunk carrier", "2026-11-23T19:30"),
            "called   030100100 = +4930100100
calling  01715550123 = +491715550123
from     the trunk `carrier`
at       mon 19:30 Europe/Berlin

no     route `night`: called is +4930100100, not +4930100
no     route `abroad`: called is +4930100100, not +41*, +43*; calling is +491715550123, not \
             anna, ben
no     number `+*`: another number fits more exactly
no     number `+4930100`: called is +4930100100
TAKES  number `+4930*`

result   queue `sales`
"
        );
        let night = told("+4930100", "", "trunk carrier", "2026-11-24T07:59");
        assert!(night.ends_with("TAKES  route `night`\n\nresult   account `anna`\n"), "{night}");
        let day = told("+4930100", "", "trunk carrier", "2026-11-24T08:00");
        assert_eq!(
            day,
            "called   +4930100
calling  anonymous
from     the trunk `carrier`
at       tue 08:00 Europe/Berlin

no     route `night`: it is tue 08:00, not mon-fri 18:00-08:00
no     route `abroad`: called is +4930100, not +41*, +43*; calling is anonymous, not anna, ben
no     number `+*`: another number fits more exactly
no     number `+4930*`: another number fits more exactly
TAKES  number `+4930100`

result   queue `sales`
"
        );
    }

    #[test]
    fn a_call_out_in_the_form_of_each_trunk() {
        assert_eq!(
            told("0041445550123", "anna", "", ""),
            "called   0041445550123 = +41445550123
calling  anna
from     a phone of ours
at       thu 01:00 Europe/Berlin

no     route `night`: called is +41445550123, not +4930100; it comes from a phone of ours
TAKES  route `abroad`

result   out over `carrier` (share 70), then `sbc` (share 30); the next one after 480 too
  carrier: sip:0041445550123@192.0.2.1:5060, calling 030100
  sbc: sip:+41445550123@sbc.example.org;transport=tcp, calling withheld, but asserted as +4930100
"
        );
    }

    #[test]
    fn codes_names_and_what_leads_nowhere() {
        let last = |called, calling, whence, at| {
            let told = told(called, calling, whence, at);
            told.lines().rev().take(3).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("|")
        };
        for (called, calling, whence, end) in [
            (
                "*45",
                "anna",
                "",
                "result   agent `Anna` goes on duty|TAKES  the code to go on or \
             off duty",
            ),
            (
                "*45",
                "",
                "guest",
                "result   refused: 403 Forbidden|TAKES  the code to go on or \
             off duty",
            ),
            ("ben", "", "guest", "result   account `ben`|TAKES  the names of queues and accounts"),
            (
                "bob",
                "",
                "guest",
                "result   refused: 404 Not Found|no     the names of queues and \
             accounts: called is bob",
            ),
            ("+4420", "", "guest", "result   refused: 403 Forbidden|TAKES  number `+*`"),
        ] {
            assert_eq!(last(called, calling, whence, ""), end);
        }
        let help = told("urn", "anna", "", "").replace("urn", "");
        assert!(help.contains("404 Not Found"), "{help}");
        let sos = told("service:sos.fire", "anna", "", "");
        assert!(
            sos.ends_with(
                "TAKES  the emergency numbers

result   112, past every limit, over carrier
  carrier: sip:112@192.0.2.1:5060, calling 030100
"
            ),
            "{sos}"
        );
        for whence in ["guest", "trunk carrier"] {
            let refused = told("110", "", whence, "");
            let no = "no     the emergency numbers: it comes from ";
            assert!(refused.contains(no) && refused.contains("404"), "{refused}");
        }
        assert_eq!(told("1", "", "trunk x", ""), "there is no trunk `x`\n");
        let bad = "`8 Uhr` is no time: write for example 2026-11-23T08:00\n";
        assert_eq!(told("1", "", "", "8 Uhr"), bad);
        let no_agent = told("*46", "ben", "", "");
        assert!(no_agent.contains("duty: the phone belongs to no agent\n"), "{no_agent}");
    }
}
