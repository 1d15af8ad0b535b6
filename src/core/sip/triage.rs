//! What a datagram is about, told by a glance, before anything is read: whether it begins a call or
//! belongs to one.
//!
//! Under a flood the box reads what belongs to its calls first: a BYE, an ACK or an answer that has
//! to wait behind a thousand INVITEs ends calls that were well. A glance may be wrong; all that
//! depends on it is which of two queues a message waits in.

/// Bytes that are looked at: the headers that come before To in the INVITE of any phone.
const GLANCE_BYTES: usize = 2048;

/// Whether this is an INVITE outside of any dialog (its To has no tag, RFC 3261 §8.1.1.2).
#[must_use]
pub fn begins_a_call(message: &[u8]) -> bool {
    // RFC 3261 §7.5: line ends before the start line are skipped.
    let message = message.trim_ascii_start();
    if !message.starts_with(b"INVITE ") {
        return false;
    }
    let seen = message.get(..GLANCE_BYTES).unwrap_or(message);
    let to = seen.split(|byte| *byte == b'\n').skip(1).find_map(value_of_to);
    !to.is_some_and(|value| contains(behind_uri(value), b";tag="))
}

fn value_of_to(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii();
    (name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"t")).then_some(value)
}

/// What stands behind the brackets, where there are some: a display name may say anything.
fn behind_uri(value: &[u8]) -> &[u8] {
    let bracket = value.iter().rposition(|byte| *byte == b'>');
    bracket.and_then(|bracket| value.get(bracket..)).unwrap_or(value)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::begins_a_call;

    #[test]
    fn only_an_invite_without_dialog_begins_a_call() {
        for (message, begins) in [
            ("INVITE sip:a SIP/2.0\r\nFrom: <sip:b>;tag=1\r\nTo: <sip:a>\r\n\r\n", true),
            ("INVITE sip:a SIP/2.0\r\nt : <sip:a>\r\n\r\nTo: <sip:a>;tag=1", true),
            ("INVITE sip:a SIP/2.0\r\nTO: <sip:a>;Tag=2\r\n\r\n", false),
            ("INVITE sip:a SIP/2.0\r\nt:<sip:a>;tag=2\r\n\r\n", false),
            ("INVITE sip:a SIP/2.0\r\n\r\n", true),
            ("\r\n\r\nINVITE sip:a SIP/2.0\r\nTo: \"x;tag=y\" <sip:a;tag=z>\r\n\r\n", true),
            ("INVITE sip:a SIP/2.0\r\nTo: sip:a;tag=2\r\n\r\n", false),
            ("BYE sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n", false),
            ("SIP/2.0 200 OK\r\nTo: <sip:a>\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(begins_a_call(message.as_bytes()), begins, "{message}");
        }
    }
}
