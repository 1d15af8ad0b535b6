//! Trunks and phones with which calls found nothing to speak: what each side would have spoken, and
//! what a technician can do about it. Both lists are lines of `offer_answer::line`.

use holdfast_base::Mono;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::io::Unsuited;
use crate::call::origin::Origin;
use crate::view::{HealthState, HealthView};

/// How long one is shown after it came last, unless a call shows that it is mended.
const SHOWN: Duration = Duration::from_secs(3600);

/// The last such call of each trunk and phone.
#[derive(Clone, Debug, Default)]
pub struct Misfits(BTreeMap<String, Misfit>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Misfit {
    at: Mono,
    ours: String,
    theirs: Option<String>,
}

impl Misfits {
    /// A call found nothing to speak. Of strangers nobody is told: they write what they like.
    pub fn heard(&mut self, now: Mono, unsuited: &Unsuited) {
        self.0.retain(|_, it| now.since(it.at) < SHOWN);
        let Unsuited { leg: _, origin, ours, theirs } = unsuited;
        if let Some(name) = name_of(origin) {
            let (ours, theirs) = (ours.clone(), theirs.clone());
            self.0.insert(name, Misfit { at: now, ours, theirs });
        }
    }

    /// A call with it was answered.
    pub fn mended(&mut self, origin: &Origin) {
        if let Some(name) = name_of(origin) {
            self.0.remove(&name);
        }
    }

    /// One line for each.
    #[must_use]
    pub fn health(&self, now: Mono) -> Vec<HealthView> {
        let shown = self.0.iter().filter(|(_, it)| now.since(it.at) < SHOWN);
        let line = |(name, it): (&String, &Misfit)| HealthView {
            part: format!("Audio with {name}"),
            state: HealthState::Degraded,
            says: it.says(),
        };
        shown.map(line).collect()
    }
}

impl Misfit {
    fn says(&self) -> String {
        let Self { at: _, ours, theirs } = self;
        let remedy = remedy(ours, theirs.as_deref());
        match theirs {
            Some(theirs) => format!(
                "a call found nothing to speak: here it is {ours}, there {theirs}: {remedy}"
            ),
            None => format!(
                "a call was refused as if for its audio, which here is {ours}, without a word of \
                 what suits: {remedy}"
            ),
        }
    }
}

fn name_of(origin: &Origin) -> Option<String> {
    match origin {
        Origin::Trunk(name) => Some(format!("trunk {name}")),
        Origin::Account(name) => Some(format!("phone {name}")),
        Origin::Guest => None,
    }
}

/// What helps.
fn remedy(ours: &str, theirs: Option<&str>) -> &'static str {
    let sealed = |line: &str| line.contains("RTP/SAVP");
    let clear = |line: &str| line.contains("RTP/AVP");
    match theirs {
        Some(theirs) if theirs.contains("UDP/TLS/") && !clear(theirs) => {
            "it wants DTLS-SRTP, which this box does not speak: allow SRTP with keys in SDP (SDES) \
             there, or RTP"
        }
        Some(theirs) if sealed(theirs) && !clear(theirs) && !sealed(ours) => {
            "it wants encryption: set `media_encryption = \"preferred\"` for it here"
        }
        Some(theirs) if clear(theirs) && !sealed(theirs) && !clear(ours) => {
            "it does not encrypt: switch SRTP on there, or set `media_encryption = \"preferred\"` \
             for it here"
        }
        Some(_) => "allow G.711 (PCMA or PCMU) there",
        None if !sealed(ours) => {
            "allow G.711 (PCMA or PCMU) there; if it wants encryption, set \
             `media_encryption = \"preferred\"` for it here; carriers say the same of a caller's \
             number that is not one of the line"
        }
        None => {
            "allow SRTP with keys in SDP (SDES) and G.711 there, or set `media_encryption = \
             \"preferred\"` for it here"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Misfits, Mono, Origin, SHOWN, Unsuited, remedy};
    use holdfast_base::{LegId, TrunkName};

    fn of(name: &str, theirs: Option<&str>) -> Unsuited {
        let origin = match name {
            "" => Origin::Guest,
            name => Origin::Trunk(TrunkName::new(name)),
        };
        let theirs = theirs.map(str::to_owned);
        Unsuited { leg: LegId(1), origin, ours: "RTP/AVP PCMA PCMU".to_owned(), theirs }
    }

    #[test]
    fn told_with_both_lists_until_a_call_is_answered_or_it_is_old() {
        let mut misfits = Misfits::default();
        let now = Mono::from_micros(0);
        misfits.heard(now, &of("", Some("RTP/AVP G722")));
        assert!(misfits.health(now).is_empty(), "of a stranger");
        misfits.heard(now, &of("far", Some("RTP/AVP G722")));
        misfits.heard(now, &of("near", None));
        let all = misfits.health(now);
        let [far, near] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (far.part.as_str(), near.part.as_str()),
            ("Audio with trunk far", "Audio with trunk near")
        );
        assert!(far.says.contains("RTP/AVP PCMA PCMU") && far.says.contains("RTP/AVP G722"));
        assert!(far.says.contains("allow G.711") && !far.says.contains("encryption"));
        assert!(near.says.contains("media_encryption"));
        misfits.mended(&Origin::Trunk(TrunkName::new("near")));
        assert_eq!(misfits.health(now).len(), 1);
        assert!(misfits.health(now + SHOWN).is_empty());
        misfits.heard(now + SHOWN, &of("near", None));
        assert_eq!(misfits.0.len(), 1, "an old one goes");
    }

    #[test]
    fn the_remedy_fits_the_lists() {
        for (ours, theirs, word) in [
            ("RTP/AVP PCMA", Some("RTP/AVP G722"), "allow G.711"),
            ("RTP/AVP PCMA", Some("RTP/SAVP PCMA"), "it wants encryption"),
            ("RTP/AVP PCMA", Some("UDP/TLS/RTP/SAVPF opus"), "DTLS-SRTP"),
            ("RTP/SAVP PCMA", Some("RTP/AVP PCMA"), "it does not encrypt"),
            ("RTP/SAVP or RTP/AVP PCMA", Some("RTP/AVP G722"), "allow G.711"),
            ("RTP/SAVP PCMA", None, "allow SRTP"),
            ("RTP/AVP PCMA", None, "if it wants encryption"),
        ] {
            assert!(remedy(ours, theirs).contains(word), "{ours} {theirs:?}");
        }
    }
}
