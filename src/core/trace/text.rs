//! The ladder of a call as a text, to be read, searched and put into a ticket.

use std::fmt::Write as _;

use super::Entry;
use super::explain::{Kind, explain};
use super::ladder::{Row, ladder};
use super::mask::Numbers;

/// The text: what is to be said of the call, then every row, messages whole.
#[must_use]
pub fn text(title: &str, entries: &[Entry], numbers: Numbers) -> String {
    let ladder = ladder(entries, numbers);
    let mut out = format!("{title}\n\n");
    for sentence in explain(entries, numbers) {
        let mark = match sentence.kind {
            Kind::Plain => " ",
            Kind::Odd => "!",
        };
        line(&mut out, &format!("{mark} {}", sentence.says));
    }
    let name = |column: &usize| ladder.parties.get(*column).map_or("", |party| &party.name);
    for row in &ladder.rows {
        match row {
            Row::Message { at, from, to, says, again, text, .. } => {
                let again = if *again { " (again)" } else { "" };
                let (from, to) = (name(from), name(to));
                line(&mut out, &format!("\n{at}  {from} -> {to}  {says}{again}"));
                text.lines().for_each(|said| line(&mut out, &format!("    {said}")));
            }
            Row::Note { at, says } => line(&mut out, &format!("\n{at}  * {says}")),
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    // Writing into a String never fails.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::trace::mask::Numbers;
    use crate::trace::sample;

    #[test]
    fn it_tells_the_whole_call_and_hides_numbers() {
        let told = text("Call 7", &sample::entries(sample::script()), Numbers::Masked);
        for part in [
            "Call 7\n\n  +4\u{2026}11 called sales",
            "2026-11-22T10:05:08.001Z  Holdfast -> desk-anna  INVITE + SDP\n    INVITE sip:desk-anna@",
            "\n    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx",
            "* agent anna has the call\n",
        ] {
            assert!(told.contains(part), "{part:?} in\n{told}");
        }
        assert!(!told.contains("3330011"));
    }
}
