//! What is wrong with a trunk, in plain sentences: judges what a driver has seen of it.
//!
//! The driver looks at names, connections, handshakes and one exchange of OPTIONS, and decides
//! nothing; what each sight means, and what a technician does about it, stands here. One cause is
//! told once: what lies behind a fault is not looked at.

use holdfast_config::{ListenerTransport, Trunk};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

use crate::dialect::matrix::Capabilities;

/// After this much silence Teams calls a trunk dead; so do we of Teams (contract 1.3).
const ASKS_WITHIN: Duration = Duration::from_secs(300);
/// How far two clocks may differ: beyond it tokens and certificates are refused by either side
/// (Microsoft allows 300 s).
const SKEW_MAX_S: u64 = 300;
/// Below it nothing is said of the clock: Date has whole seconds, and a message is under way.
const SKEW_QUIET_S: u64 = 5;
/// The first warning before a certificate ends, as on the page.
const EXPIRES_SOON_DAYS: i64 = 30;

/// What was seen of one trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Our certificate there; none without TLS.
    pub own: Option<Result<OwnCertificate, String>>,
    /// The name by which the box calls itself there; none when it is an address.
    pub name: Option<String>,
    /// Each target.
    pub targets: Vec<TargetSeen>,
}

/// A certificate of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// Whether it speaks for our name there.
    pub covers_name: bool,
    /// Whether it may be used for TLS by its purposes (EKU).
    pub for_tls: bool,
    /// Days until it ends; negative when it has.
    pub days_left: i64,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSeen {
    /// As configured.
    pub target: String,
    /// Its addresses with what was seen of each, or why there are none.
    pub places: Result<Vec<(SocketAddr, PlaceSeen)>, String>,
}

/// One address of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceSeen {
    /// Nobody takes a connection there.
    NoConnection(String),
    /// The handshake failed.
    NoTrust(Distrust),
    /// It was asked by OPTIONS and said nothing.
    Silent,
    /// It answered OPTIONS.
    Answered(Answer),
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// No authority that the trunk believes vouches for its certificate.
    UnknownIssuer,
    /// Its certificate is for others.
    WrongName,
    /// Its certificate has ended, or is not valid yet.
    Expired,
    /// Its certificate is not for TLS.
    WrongPurpose,
    /// It refuses our certificate.
    RefusesUs(String),
    /// It speaks no TLS, or none that is safe.
    NoTls(String),
}

/// An answer to OPTIONS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether it has a Contact that requests can be sent to.
    pub contact: bool,
    /// How far its Date is from our clock, in seconds, where it has one.
    pub skew_s: Option<u64>,
    /// The codecs of its description, where it has one.
    pub codecs: Option<Vec<String>>,
}

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Calls do not work.
    Fault,
    /// Calls work, and may stop to.
    Doubt,
    /// It is as it should be.
    Good,
}

/// One thing that the doctor says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// What is so, in one sentence.
    pub says: String,
    /// What to do; empty when nothing is.
    pub remedy: String,
}

/// Judges what was seen of a trunk, worst first.
#[must_use]
pub fn judge(trunk: &Trunk, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut doctor = Doctor { trunk, findings: &mut findings };
    doctor.name(seen);
    doctor.own_certificate(seen);
    seen.targets.iter().for_each(|target| doctor.target(target));
    if trunk.targets.is_empty() {
        doctor.doubt("no calls can go out: the trunk has no target", "add `target`");
    }
    // Stable: in the order in which things depend on each other.
    findings.sort_by_key(|finding| finding.weight);
    findings
}

/// What it means when the other side has last asked us by OPTIONS so long ago; none when it never
/// has. Only Teams must: others may never ask and be well.
#[must_use]
pub fn asked_us(capabilities: &Capabilities, ago: Option<Duration>) -> Option<Finding> {
    let told_as = |weight, says: String, remedy: &str| {
        Some(Finding { weight, says, remedy: remedy.to_owned() })
    };
    match ago {
        Some(ago) if ago <= ASKS_WITHIN => {
            let says = format!("the other side asked us by OPTIONS {} s ago", ago.as_secs());
            told_as(Weight::Good, says, "")
        }
        Some(_) | None if capabilities.certified.is_none() => None,
        Some(ago) => told_as(
            Weight::Doubt,
            format!("the other side has not asked us by OPTIONS for {} s", ago.as_secs()),
            "let it through the firewall, and look whether it still knows this box",
        ),
        None => told_as(
            Weight::Doubt,
            "the other side has not asked us by OPTIONS since the start".to_owned(),
            "let it through the firewall, and enter this box there",
        ),
    }
}

struct Doctor<'d> {
    trunk: &'d Trunk,
    findings: &'d mut Vec<Finding>,
}

impl Doctor<'_> {
    fn say(&mut self, weight: Weight, says: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { weight, says: says.into(), remedy: remedy.into() });
    }

    fn fault(&mut self, says: impl Into<String>, remedy: impl Into<String>) {
        self.say(Weight::Fault, says, remedy);
    }

    fn doubt(&mut self, says: impl Into<String>, remedy: impl Into<String>) {
        self.say(Weight::Doubt, says, remedy);
    }

    fn good(&mut self, says: impl Into<String>) {
        self.say(Weight::Good, says, "");
    }

    /// The Contact of our messages.
    fn name(&mut self, seen: &Seen) {
        if seen.name.is_none() && self.trunk.transport == ListenerTransport::Tls {
            self.doubt(
                "over TLS the box names itself by an address, which peers that go by names refuse \
                 with 403",
                "write the name that the certificate carries into `advertise`",
            );
        }
    }

    fn own_certificate(&mut self, seen: &Seen) {
        let own = match &seen.own {
            None => return,
            Some(Err(fault)) => {
                return self.fault(
                    format!("our certificate can not be used: {fault}"),
                    "mend the files that `certificate` and `key` name",
                );
            }
            Some(Ok(own)) => own,
        };
        if own.days_left < 0 {
            self.fault("our certificate has expired", "order a new one and put it in its place");
        } else if own.days_left <= EXPIRES_SOON_DAYS {
            let says = format!("our certificate ends in {} days", own.days_left);
            self.doubt(says, "order a new one and put it in its place");
        }
        if !own.covers_name {
            let name = seen.name.as_deref().unwrap_or_default();
            self.fault(
                format!("our certificate is not for `{name}`, the name that the box has there"),
                "order one that carries this name, or correct `advertise`",
            );
        }
        if !own.for_tls {
            self.fault(
                "our certificate is not for TLS: its purposes (EKU) name neither servers nor \
                 clients",
                "order one with the purpose serverAuth",
            );
        }
        if own.days_left > EXPIRES_SOON_DAYS && own.covers_name && own.for_tls {
            self.good(format!("our certificate is good for {} days", own.days_left));
        }
    }

    fn target(&mut self, seen: &TargetSeen) {
        let target = &seen.target;
        match &seen.places {
            Err(why) => self.fault(
                format!("the name {target} means no address: {why}"),
                "correct `target`, or look after the name server",
            ),
            Ok(places) => places.iter().for_each(|(at, place)| self.place(target, *at, place)),
        }
    }

    fn place(&mut self, target: &str, at: SocketAddr, seen: &PlaceSeen) {
        let at = format!("{target} ({at})");
        match seen {
            PlaceSeen::NoConnection(why) => self.fault(
                format!("nobody takes a connection at {at}: {why}"),
                "open the firewall for this port, or correct `target` and `transport`",
            ),
            PlaceSeen::NoTrust(why) => self.handshake(&at, why),
            PlaceSeen::Silent => self.fault(
                format!("{at} does not answer OPTIONS"),
                "let the other side know this box as its peer, with this name and address",
            ),
            PlaceSeen::Answered(answer) => self.answer(&at, answer),
        }
    }

    fn handshake(&mut self, at: &str, why: &Distrust) {
        match why {
            Distrust::UnknownIssuer => self.fault(
                format!(
                    "no authority that this trunk believes vouches for the certificate of {at}"
                ),
                "add the root certificate of the other side to the file that `roots` names",
            ),
            Distrust::WrongName => self.fault(
                format!("the certificate of {at} is for others"),
                "correct `peer_name`, or whoever answers there is not who it should be",
            ),
            Distrust::Expired => self.fault(
                format!("the certificate of {at} has expired or is not valid yet"),
                "the other side has to renew it; if it says it has, correct the clock of this box",
            ),
            Distrust::WrongPurpose => self.fault(
                format!("the certificate of {at} is not for TLS"),
                "the other side needs one with the purpose serverAuth",
            ),
            Distrust::RefusesUs(alert) => self.fault(
                format!("{at} refuses our certificate: {alert}"),
                "take one from an authority that the other side believes, with its whole chain, \
                 and enter its name there",
            ),
            Distrust::NoTls(why) => self.fault(
                format!("{at} speaks no TLS that is safe (1.2 or 1.3): {why}"),
                "correct the port in `target`, or allow TLS 1.2 there",
            ),
        }
    }

    fn answer(&mut self, at: &str, answer: &Answer) {
        let status = answer.status;
        match status {
            200 => self.good(format!("{at} answers OPTIONS in {} ms", answer.took_ms)),
            403 => self.fault(
                format!("{at} answers OPTIONS with 403: it knows no peer by the name of this box"),
                "enter the name in `advertise` there; for Teams as an SBC of the tenant, whose \
                 domain is verified",
            ),
            503 => self.doubt(
                format!("{at} answers OPTIONS with 503: it takes no calls now"),
                "look whether it is being emptied for maintenance or overloaded",
            ),
            other => self.doubt(
                format!("{at} answers OPTIONS with {other}"),
                "calls may work all the same; allow OPTIONS there, or set `options_every` to \
                 \"never\"",
            ),
        }
        if status == 200 && !answer.contact {
            self.doubt(
                format!("the answer of {at} has no Contact"),
                "the other side should name itself there; Teams calls such a trunk dead",
            );
        }
        if let Some(skew) = answer.skew_s.filter(|skew| *skew > SKEW_QUIET_S) {
            let says = format!("the clock of {at} is {skew} s from ours");
            let remedy = "let both sides ask a time server (NTP)";
            let weight = if skew > SKEW_MAX_S { Weight::Fault } else { Weight::Doubt };
            self.say(weight, says, remedy);
        }
        let known = ["PCMA", "PCMU"];
        let common = |codecs: &Vec<String>| codecs.iter().any(|it| known.contains(&it.as_str()));
        if let Some(codecs) = answer.codecs.as_ref().filter(|codecs| !common(codecs)) {
            self.fault(
                format!("{at} and this box have no codec in common: it has {}", codecs.join(", ")),
                "allow G.711 (PCMA or PCMU) there",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, OwnCertificate, PlaceSeen, Seen, TargetSeen, Weight, judge};

    fn told(seen: &Seen) -> Vec<(Weight, String)> {
        let text = "[[trunk]]\nname = 'a'\ntarget = '192.0.2.1:5060'\n";
        let (config, _) = holdfast_config::read(text, "f").unwrap();
        let findings = judge(config.trunks.first().unwrap(), seen);
        findings.into_iter().map(|finding| (finding.weight, finding.says)).collect()
    }

    fn answered(answer: Answer) -> Seen {
        let place = ("192.0.2.1:5060".parse().unwrap(), PlaceSeen::Answered(answer));
        let target = TargetSeen { target: "a.example".to_owned(), places: Ok(vec![place]) };
        let own = OwnCertificate { covers_name: true, for_tls: true, days_left: 90 };
        Seen { own: Some(Ok(own)), name: Some("b.example".to_owned()), targets: vec![target] }
    }

    #[test]
    fn a_trunk_that_is_well_has_no_fault_and_faults_come_first() {
        let fine = Answer {
            status: 200,
            took_ms: 12,
            contact: true,
            skew_s: Some(1),
            codecs: Some(vec!["G722".to_owned(), "PCMA".to_owned()]),
        };
        let well = told(&answered(fine.clone()));
        assert!(well.iter().all(|(weight, _)| *weight == Weight::Good), "{well:?}");
        let late = Answer { skew_s: Some(301), ..fine.clone() };
        let ill = told(&answered(late));
        assert_eq!(ill.first().unwrap().0, Weight::Fault);
        assert!(ill.first().unwrap().1.contains("301 s from ours"), "{ill:?}");
        let deaf = Answer { codecs: Some(vec!["G729".to_owned()]), ..fine.clone() };
        assert!(told(&answered(deaf)).first().unwrap().1.contains("no codec in common"));
        let busy = Answer { status: 503, ..fine };
        assert_eq!(told(&answered(busy)).first().unwrap().0, Weight::Doubt);
    }
}
