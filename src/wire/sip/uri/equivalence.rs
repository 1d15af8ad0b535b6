//! Whether two URIs name the same resource although their texts differ.

use super::parts::{Parts, SipParts};
use super::{Uri, is_dialled};
use crate::sip::{Params, escape};
use std::collections::BTreeMap;

impl Uri {
    /// Whether both name the same resource: RFC 3261 §19.1.4 for `sip`, RFC 3966 §5 for `tel`, the
    /// text for all others.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match (&self.parts, &other.parts) {
            (Parts::Sip(ours), Parts::Sip(theirs)) => ours.same_as(theirs),
            (
                Parts::Tel { number: ours, params: our_params },
                Parts::Tel { number: theirs, params: their_params },
            ) => dialled(ours).eq(dialled(theirs)) && folded(our_params) == folded(their_params),
            (Parts::Opaque(ours), Parts::Opaque(theirs)) => ours == theirs,
            (Parts::Sip(_) | Parts::Tel { .. } | Parts::Opaque(_), _) => false,
        }
    }
}

/// A number without visual separators, RFC 3966 §5.1.1.
fn dialled(number: &str) -> impl Iterator<Item = char> + '_ {
    number.chars().filter(|c| is_dialled(*c)).map(|c| c.to_ascii_lowercase())
}

impl SipParts {
    fn same_as(&self, other: &Self) -> bool {
        let normalised = |text: &Option<String>| text.as_deref().map(escape::normalised);
        normalised(&self.user) == normalised(&other.user)
            && normalised(&self.password) == normalised(&other.password)
            && (&self.host, self.port) == (&other.host, other.port)
            && agree(&folded(&self.params), &folded(&other.params))
            && sorted(&self.headers) == sorted(&other.headers)
    }
}

/// Parameters by name, both in the form in which they compare; the first of a name counts.
type Folded = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn folded(params: &Params) -> Folded {
    let fold = |text: &str| escape::normalised(text).to_ascii_lowercase();
    let mut folded = Folded::new();
    for (name, value) in params.iter() {
        folded.entry(fold(name)).or_insert_with(|| value.map(fold));
    }
    folded
}

/// RFC 3261 §19.1.4: a parameter in both must have one value; in only one, it counts when its
/// absence means something else.
fn agree(ours: &Folded, theirs: &Folded) -> bool {
    let counts_alone =
        |name: &[u8]| [&b"user"[..], b"ttl", b"method", b"maddr", b"transport"].contains(&name);
    let fits = |ours: &Folded, theirs: &Folded| {
        ours.iter().all(|(name, value)| match theirs.get(name) {
            Some(other) => other == value,
            None => !counts_alone(name),
        })
    };
    fits(ours, theirs) && fits(theirs, ours)
}

/// Header fields of a URI may stand in any order (RFC 3261 §19.1.4).
fn sorted(headers: &[(String, String)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut sorted: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            (escape::normalised(name).to_ascii_lowercase(), escape::normalised(value))
        })
        .collect();
    sorted.sort();
    sorted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
    use super::Uri;

    fn uri(text: &str) -> Uri {
        Uri::parse(text).expect(text)
    }

    #[test]
    fn equivalence_is_that_of_rfc_3261_19_1_4() {
        for (one, other) in [
            ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
            ("sip:a@b.com?priority=urgent&subject=x", "sip:a@b.com?subject=x&Priority=urgent"),
            ("tel:+1-201-555-0123", "TEL:+12015550123"),
            ("urn:service:sos", "urn:service:sos"),
        ] {
            assert!(uri(one).same_as(&uri(other)), "{one} {other}");
            assert!(uri(other).same_as(&uri(one)), "{other} {one}");
        }
        for (one, other) in [
            ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next"),
            ("sip:bob@a;x=1", "sip:bob@a;x=2"),
            ("sip:bob@a", "sips:bob@a"),
            ("sip:bob:1@a", "sip:bob@a"),
            ("tel:1234;phone-context=+49", "tel:1234"),
            ("urn:service:sos", "urn:service:sos.fire"),
        ] {
            assert!(!uri(one).same_as(&uri(other)), "{one} {other}");
            assert!(!uri(other).same_as(&uri(one)), "{other} {one}");
        }
    }
}
