//! Which SIP domains a certificate speaks for: RFC 5922 §7.1 and §7.2.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// The names of a certificate: the hosts of its SIP URIs, else its DNS names. A certificate that
/// has neither proves no name; the common name is not looked at (RFC 9525 §2).
pub fn of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let all = extension.map(|it| it.value.general_names.as_slice()).unwrap_or_default();
    // RFC 5922 §7.1: DNS names count only where there is no SIP URI.
    let sip: Vec<String> = all.iter().filter_map(sip_domain).collect();
    if !sip.is_empty() {
        return sip;
    }
    let dns = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None, // of a foreign enum: every other kind of name
    };
    all.iter().filter_map(dns).collect()
}

/// The host of `sip:host`. A URI with a user part is a person, not a domain.
fn sip_domain(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::URI(uri) = name else { return None };
    let (scheme, host) = uri.split_once(':')?;
    let plain = !host.is_empty() && !host.contains(['@', ':', ';', '?', '/']);
    (scheme.eq_ignore_ascii_case("sip") && plain).then(|| host.to_ascii_lowercase())
}

/// Whether a certificate that carries `presented` speaks for `wanted`.
///
/// Either may begin with `*` for exactly one label. RFC 5922 §7.2 has no wildcards, but Microsoft
/// shows them on both sides of Direct Routing, and so do most certificates that people buy.
pub fn covers(presented: &str, wanted: &str) -> bool {
    let equal = presented.eq_ignore_ascii_case(wanted);
    equal || is_one_label_of(wanted, presented) || is_one_label_of(presented, wanted)
}

/// Whether `name` is one label in place of the star of `pattern`.
fn is_one_label_of(name: &str, pattern: &str) -> bool {
    let Some(parent) = pattern.strip_prefix("*.") else { return false };
    let Some((label, rest)) = name.split_once('.') else { return false };
    // A star before a top-level domain would stand for everybody there.
    !label.is_empty() && label != "*" && parent.contains('.') && rest.eq_ignore_ascii_case(parent)
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_is_one_label_on_either_side() {
        let cases = [
            ("sip.example.org", "SIP.Example.ORG", true),
            ("*.example.org", "sip.example.org", true),
            ("sip.example.org", "*.example.org", true),
            ("*.example.org", "*.example.org", true),
            ("*.example.org", "a.sip.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.example.org", ".example.org", false),
            ("*.org", "example.org", false),
            ("s*.example.org", "sip.example.org", false),
            ("sip.example.org", "sip.example.com", false),
            ("evil.org", "sip.example.org", false),
        ];
        for (presented, wanted, expected) in cases {
            assert_eq!(covers(presented, wanted), expected, "{presented} for {wanted}");
        }
    }
}
