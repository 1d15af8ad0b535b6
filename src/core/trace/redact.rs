//! Secrets, blackened in a message before it is kept: in their length, so that the message stays
//! whole for whoever parses it.
//!
//! Blackened are the answers of digest authentication (RFC 7616 §3.4: with the challenge beside it
//! a weak password can be guessed from one), credentials of every other scheme, keys of SRTP
//! (RFC 4568 §6.1 `inline:`, RFC 4567 `key-mgmt`, RFC 8866 §5.12 `k=`), passwords of checks of
//! connectivity (RFC 8839 §5.4 `ice-pwd`), keys that were pressed, when they travel in a body
//! (`Signal=`, or the whole body of `application/dtmf`), passwords in URIs (RFC 3261 §19.1.1) and
//! the credentials that a URI may have an INVITE carry (§19.1.5), as one in Refer-To does. It works
//! on lines, since what is malformed is kept as well.

/// What stands in the place of a secret.
const BLACK: u8 = b'x';

/// Header fields whose value is a secret or holds one.
const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "authentication-info"];

/// Parameters of credentials that prove the password.
const PROOFS: [&str; 2] = ["response", "rspauth"];

/// A body of this type is a key that was pressed, and nothing else.
const KEYS: &str = "application/dtmf";

/// Blackens every secret of `message`.
pub fn redact(message: &mut [u8]) {
    let (mut secret, mut place) = (Secret::None, Place::Head { keys: false });
    let mut line_start = true;
    for line in message.split_inclusive_mut(|byte| *byte == b'\n') {
        let folded = matches!(line.first(), Some(b' ' | b'\t')) && !line_start;
        line_start = false;
        place = place.next(line);
        if place == (Place::Body { keys: true }) {
            secret = Secret::Behind(0);
        } else if !folded {
            secret = Secret::of(line);
        }
        secret.blacken(line, folded);
        cover_uris(line);
    }
}

/// Where a line stands, and whether the body is nothing but a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head { keys: bool },
    Body { keys: bool },
}

impl Place {
    /// That of the next line.
    fn next(self, line: &[u8]) -> Self {
        match self {
            Self::Head { keys } if matches!(line, b"\r\n" | b"\n") => Self::Body { keys },
            Self::Head { keys } => Self::Head { keys: keys || is_type_of_keys(line) },
            Self::Body { keys } => Self::Body { keys },
        }
    }
}

fn is_type_of_keys(line: &[u8]) -> bool {
    let Some((name, value)) = parted(line, b':') else { return false };
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    (is(name, "Content-Type") || is(name, "c")) && is(kind, KEYS)
}

/// What stands before and behind the first `by`.
fn parted(line: &[u8], by: u8) -> Option<(&[u8], &[u8])> {
    let mut parts = line.splitn(2, |byte| *byte == by);
    Some((parts.next()?, parts.next()?))
}

fn is(text: &[u8], known: &str) -> bool {
    text.trim_ascii().eq_ignore_ascii_case(known.as_bytes())
}

/// What of a line is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret {
    None,
    /// The proofs among the parameters of digest credentials.
    Proofs,
    /// Everything behind this many bytes.
    Behind(usize),
    /// Everything behind each `inline:`.
    Inline,
}

impl Secret {
    fn of(line: &[u8]) -> Self {
        if let Some((name, value)) = parted(line, b':')
            && CREDENTIALS.iter().any(|known| is(name, known))
        {
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
            let spaces = value.iter().take_while(|byte| blank(byte)).count();
            let rest = value.get(spaces..).unwrap_or_default();
            let scheme = rest.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
            let digest = is(scheme, "digest") || is(name, "authentication-info");
            let behind = name.len() + 1 + spaces + scheme.len();
            return if digest { Self::Proofs } else { Self::Behind(behind) };
        }
        let Some((key, rest)) = parted(line, b'=') else { return Self::None };
        let behind = key.len() + 1;
        if is(key, "signal") || is(key, "k") {
            return Self::Behind(behind);
        }
        // Blanks around the names as well: whoever reads them leniently would use the key.
        match parted(rest, b':') {
            Some((name, _)) if is(key, "a") && (is(name, "key-mgmt") || is(name, "ice-pwd")) => {
                Self::Behind(behind + name.len() + 1)
            }
            Some((name, _)) if is(key, "a") && is(name, "crypto") => Self::Inline,
            Some(_) | None => Self::None,
        }
    }

    fn blacken(self, line: &mut [u8], folded: bool) {
        match self {
            Self::None => {}
            // The blank that makes a line a fold stays.
            Self::Behind(start) => cover(line, if folded { 1 } else { start }, |_| false),
            Self::Proofs => PROOFS.iter().for_each(|name| cover_parameter(line, name)),
            Self::Inline => {
                for start in places(line, b"inline:") {
                    cover(line, start, |byte| matches!(byte, b'|' | b' ' | b';' | b'\t'));
                }
            }
        }
    }
}

/// Covers the value of a parameter, quoted or not (RFC 3261 §25.1 `auth-param`).
fn cover_parameter(line: &mut [u8], name: &str) {
    for start in places(line, name.as_bytes()) {
        let rest = line.get(start..).unwrap_or_default();
        let spaces = |bytes: &[u8]| bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let before = spaces(rest);
        if rest.get(before) != Some(&b'=') {
            continue;
        }
        let after = before + 1 + spaces(rest.get(before + 1..).unwrap_or_default());
        if rest.get(after) == Some(&b'"') {
            cover(line, start + after + 1, |byte| byte == b'"');
        } else {
            cover(line, start + after, |byte| matches!(byte, b',' | b' ' | b'\t'));
        }
    }
}

/// Covers the password of every URI, and credentials among the header fields behind its question
/// mark.
fn cover_uris(line: &mut [u8]) {
    // Neither a password nor a header field stands in a URI without one of them.
    if !line.iter().any(|byte| matches!(byte, b'@' | b'?')) {
        return;
    }
    for scheme in [&b"sip:"[..], b"sips:"] {
        for start in places(line, scheme) {
            let rest = line.get(start..).unwrap_or_default();
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'<' | b'>' | b'"');
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            let user = rest.iter().take(length).position(|byte| *byte == b'@');
            let colon = rest.iter().take(user.unwrap_or(0)).position(|byte| *byte == b':');
            if let Some(colon) = colon {
                cover(line, start + colon + 1, |byte| byte == b'@');
            }
        }
    }
    for start in places(line, b"authorization=") {
        cover(line, start, |byte| matches!(byte, b'&' | b'>' | b'"' | b' ' | b'\t'));
    }
}

/// Covers from `start` until a byte that ends the value, or the line.
fn cover(line: &mut [u8], start: usize, ends: impl Fn(u8) -> bool) {
    let line_end = |byte: u8| matches!(byte, b'\r' | b'\n');
    let rest = line.iter_mut().skip(start);
    rest.take_while(|byte| !ends(**byte) && !line_end(**byte)).for_each(|byte| *byte = BLACK);
}

/// Where the text behind each `needle` begins, whatever its case.
fn places(line: &[u8], needle: &[u8]) -> Vec<usize> {
    let first = needle.first().map_or(0, u8::to_ascii_lowercase);
    line.windows(needle.len())
        .enumerate()
        .filter(|(_, window)| window.first().map(u8::to_ascii_lowercase) == Some(first))
        .filter(|(_, window)| window.eq_ignore_ascii_case(needle))
        .map(|(place, _)| place + needle.len())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::redact;
    use proptest::prelude::{any, prop, proptest};

    fn redacted(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        redact(&mut bytes);
        assert_eq!(bytes.len(), text.len(), "a message stays as long as it is");
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_proves_a_password_or_opens_audio_is_covered() {
        let cases = [
            (
                "Authorization: Digest username=\"anna\", response=\"0a1b\", nc=00000001\r\n",
                "Authorization: Digest username=\"anna\", response=\"xxxx\", nc=00000001\r\n",
            ),
            (
                "proxy-authorization : digest RESPONSE = 0a1b , uri=\"sip:b\"\r\n",
                "proxy-authorization : digest RESPONSE = xxxx , uri=\"sip:b\"\r\n",
            ),
            (
                "Authorization: Digest nonce=\"n\",\r\n response=\"0a1b\"\r\nTo: <sip:a@b>\r\n",
                "Authorization: Digest nonce=\"n\",\r\n response=\"xxxx\"\r\nTo: <sip:a@b>\r\n",
            ),
            ("Authorization: Bearer abc.def\r\n", "Authorization: Bearerxxxxxxxx\r\n"),
            (
                "Authorization: Basic\r\n YWJj\r\nX: y\r\n",
                "Authorization: Basic\r\n xxxx\r\nX: y\r\n",
            ),
            ("Authentication-Info: rspauth=\"ab\"\n", "Authentication-Info: rspauth=\"xx\"\n"),
            (
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0Rm|2^20|1:4 inline:AbCd\r\n",
                "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx|2^20|1:4 inline:xxxx\r\n",
            ),
            (
                "a= crypto :1 AEAD_AES_128_GCM inline:d0Rm\r\n",
                "a= crypto :1 AEAD_AES_128_GCM inline:xxxx\r\n",
            ),
            ("k=clear:secret\r\n", "k=xxxxxxxxxxxx\r\n"),
            ("a=ice-pwd:asd88fgp\r\n", "a=ice-pwd:xxxxxxxx\r\n"),
            ("a=key-mgmt:mikey AQAF\r\n", "a=key-mgmt:xxxxxxxxxx\r\n"),
            ("Signal=5\r\nDuration=160\r\n", "Signal=x\r\nDuration=160\r\n"),
            ("\r\nsignal =5\r\n", "\r\nsignal =x\r\n"),
            (
                "c: Application/DTMF;q=1\r\nTo: 1\r\n\r\n5\r\n#",
                "c: Application/DTMF;q=1\r\nTo: 1\r\n\r\nx\r\nx",
            ),
            ("Accept: application/dtmf\r\n\r\nv=0\r\n", "Accept: application/dtmf\r\n\r\nv=0\r\n"),
            ("Refer-To: <sip:ben:1234@h>\r\n", "Refer-To: <sip:ben:xxxx@h>\r\n"),
            ("INVITE sips:a:b@h;x=1 SIP/2.0\r\n", "INVITE sips:a:x@h;x=1 SIP/2.0\r\n"),
            (
                "m: sip:a:1@h, <SIP:b:22@[2001:db8::1]:5061?x=y>\r\n",
                "m: sip:a:x@h, <SIP:b:xx@[2001:db8::1]:5061?x=y>\r\n",
            ),
            (
                "Refer-To: <sip:b@h?Proxy-Authorization=Digest%20a&Replaces=c%40d>\r\n",
                "Refer-To: <sip:b@h?Proxy-Authorization=xxxxxxxxxx&Replaces=c%40d>\r\n",
            ),
        ];
        for (said, kept) in cases {
            assert_eq!(redacted(said), kept);
        }
    }

    #[test]
    fn all_else_stays() {
        for text in [
            "INVITE sip:b@c SIP/2.0\r\nX-Authorization-response: \"a\"\r\n\r\na=rtpmap:8 PCMA/8000",
            "WWW-Authenticate: Digest nonce=\"abc\", qop=\"auth\"\r\n",
            "To: <sip:h:5060;transport=tcp>, <sip:[2001:db8::1]:5061>\r\nX: \"sip:a\" b:c@d\r\n",
            "",
        ] {
            assert_eq!(redacted(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_keep_their_length_and_their_lines(
            mut bytes in prop::collection::vec(any::<u8>(), 0..300),
            secret in "[a-z0-9]{12}",
        ) {
            let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
            bytes.extend_from_slice(
                format!("\r\nAuthorization: Digest response=\"{secret}\"\r\n").as_bytes());
            let mut kept = bytes.clone();
            redact(&mut kept);
            assert_eq!((kept.len(), lines(&kept)), (bytes.len(), lines(&bytes)));
            assert!(!String::from_utf8_lossy(&kept).contains(&format!("\"{secret}\"")));
        }
    }
}
