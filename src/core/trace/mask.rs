//! Numbers in messages, hidden when somebody looks and has not asked for them.
//!
//! First it is gathered which numbers the messages name as users and in display names, then every
//! occurrence of one of them is hidden, wherever it stands: a number in a header of a vendor's own
//! is the same number. The rule for what a number is, and what of it is shown, is that of
//! [`Subject::masked`].

use holdfast_base::Private;
use std::collections::BTreeSet;

use super::{Entry, What};
use crate::record::event::{DIGITS_OF_A_NUMBER, Fact, LedTo, Subject};

/// Header fields in front of whose `<` a name of a party stands, in both spellings
/// (RFC 3261 §20, RFC 3325, RFC 5806, RFC 7044, RFC 3892).
const NAMED: [&str; 14] = [
    "from",
    "f",
    "to",
    "t",
    "contact",
    "m",
    "p-asserted-identity",
    "p-preferred-identity",
    "remote-party-id",
    "diversion",
    "history-info",
    "referred-by",
    "refer-to",
    "reply-to",
];
/// Most numbers of one message.
const NUMBERS_MAX: usize = 32;

/// Whether numbers may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Two digits at each end.
    Masked,
    /// The person who looks asked for them.
    Full,
}

/// The numbers that are to be hidden.
#[derive(Clone, Debug, Default)]
pub struct Mask(BTreeSet<String>);

impl Mask {
    /// The numbers of these entries; none when they may be seen.
    #[must_use]
    pub fn of(entries: &[Entry], numbers: Numbers) -> Self {
        if numbers == Numbers::Full {
            return Self::default();
        }
        let mut all = BTreeSet::new();
        for entry in entries {
            match &entry.what {
                What::Message(message) => all.extend(numbers_of(&message.bytes)),
                What::Fact(Fact::CallArrived { from, dialled, .. }) => {
                    all.extend([from, dialled].into_iter().map(|subject| digits(&subject.0)))
                }
                What::Fact(Fact::TransferAsked { by, to, .. }) => {
                    all.extend([by, to].into_iter().map(|subject| digits(&subject.0)))
                }
                What::Fact(Fact::LegStarted { to, .. } | Fact::TestCallPlaced { to, .. }) => {
                    all.insert(digits(&to.0));
                }
                What::Fact(
                    Fact::LedOn { to: LedTo::Number(number), .. }
                    | Fact::NotLedOn { to: LedTo::Number(number), .. },
                ) => {
                    all.insert(digits(&number.0));
                }
                What::Fact(_) | What::Media(_) => {}
            }
        }
        all.retain(|digits| digits.len() >= DIGITS_OF_A_NUMBER);
        Self(all)
    }

    /// A text as it may be seen.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.replaced(text, |number| Private(number).to_string())
    }

    /// A message as it may be seen, as long as before, so that lengths in it stay right.
    #[must_use]
    pub fn bytes(&self, message: &[u8]) -> Vec<u8> {
        if self.0.is_empty() {
            return message.to_vec();
        }
        // One letter a byte, so that what is no UTF-8 stays as it is.
        let text: String = message.iter().map(|byte| char::from(*byte)).collect();
        let masked = self.replaced(&text, covered);
        masked.chars().map(|letter| u8::try_from(letter).unwrap_or(b'x')).collect()
    }

    /// A party as it may be seen.
    #[must_use]
    pub fn subject(&self, subject: &Subject) -> String {
        let hidden = self.0.contains(&digits(&subject.0));
        if hidden { subject.masked() } else { subject.0.clone() }
    }

    fn replaced(&self, text: &str, cover: impl Fn(&str) -> String) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == '+') {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let (number, after) = from.split_at(self.number_at(from));
            let hidden = self.0.contains(&digits(number));
            out.push_str(&if hidden { cover(number) } else { number.to_owned() });
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// Length of the number that `text` begins with: one that is hidden with its visual separators
    /// (RFC 3966 §5.1.1), else its digits.
    fn number_at(&self, text: &str) -> usize {
        let length = |more: &str| {
            let plus = usize::from(text.starts_with('+'));
            let part = |c: &char| c.is_ascii_digit() || more.contains(*c);
            plus + text.chars().skip(plus).take_while(part).count()
        };
        let whole = text.get(..length("-.()")).unwrap_or_default();
        let whole = whole.trim_end_matches(|c: char| !c.is_ascii_digit());
        if self.0.contains(&digits(whole)) { whole.len() } else { length("") }
    }
}

/// The same length, two letters at each end, as [`Private`] shows them.
fn covered(number: &str) -> String {
    const SHOWN: usize = 2;
    const SHOWN_FROM: usize = 8;
    let count = number.len();
    let shown = |at: usize| count >= SHOWN_FROM && (at < SHOWN || at + SHOWN >= count);
    number.chars().enumerate().map(|(at, c)| if shown(at) { c } else { 'x' }).collect()
}

/// The digits of a text.
#[must_use]
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The digits of every number that a message names as a party, each once.
#[must_use]
pub fn numbers_of(message: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(message);
    let mut found = BTreeSet::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        for scheme in ["sip:", "sips:", "tel:"] {
            for (start, _) in line.match_indices(scheme) {
                let rest = line.get(start + scheme.len()..).unwrap_or_default();
                if let Some(user) = user_of(rest, scheme == "tel:") {
                    found.insert(digits(&unescaped(user)));
                }
            }
        }
        if let Some((name, value)) = line.split_once(':')
            && NAMED.contains(&name.trim_end().to_ascii_lowercase().as_str())
        {
            let display = value.split('<').next().filter(|_| value.contains('<'));
            found.extend(display.unwrap_or_default().split_whitespace().map(digits));
        }
    }
    found.retain(|digits| digits.len() >= DIGITS_OF_A_NUMBER);
    found.into_iter().take(NUMBERS_MAX).collect()
}

/// The user of a URI behind its scheme; a `tel:` is nothing else.
fn user_of(rest: &str, tel: bool) -> Option<&str> {
    let end = rest.find(['@', ';', '>', '?', ' ', ',', '"']).unwrap_or(rest.len());
    let (user, after) = rest.split_at_checked(end)?;
    // User parameters stand before the `@` (RFC 3261 §19.1.6).
    let host = rest.split(['>', ' ', ',', '"']).next()?;
    (tel || after.starts_with('@') || host.contains('@')).then_some(user)
}

/// `%2B` of a number is not two digits more.
fn unescaped(user: &str) -> String {
    user.replace("%2B", "+").replace("%2b", "+")
}

#[cfg(test)]
mod tests {
    use super::{Mask, covered, numbers_of};
    use proptest::prelude::proptest;

    fn mask(numbers: &[&str]) -> Mask {
        Mask(numbers.iter().map(|number| (*number).to_owned()).collect())
    }

    const INVITE: &str = "INVITE sip:+49-30-901820@box;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK4930123456\r\n\
        From: \"04930123456 Meier\" <sip:%2B4930123456;x=y@pbx:49170>;tag=77\r\n\
        To: <sip:anna@box>\r\nP-Asserted-Identity: <tel:+4930123456>\r\n\
        X-Vendor: 4930123456\r\n\r\nm=audio 49170 RTP/AVP 8\r\n";

    #[test]
    fn the_parties_are_found_and_hidden_wherever_they_stand() {
        assert_eq!(numbers_of(INVITE.as_bytes()), ["04930123456", "4930123456", "4930901820"]);
        let hidden = mask(&["04930123456", "4930123456", "4930901820"]);
        let seen = hidden.text(INVITE);
        for number in ["4930123456", "30-9018", "30123456"] {
            assert!(!seen.contains(number), "{number} in {seen}");
        }
        for left in ["sip:+4\u{2026}20@box", "192.0.2.10:5060", "tel:+4\u{2026}56", "audio 49170"] {
            assert!(seen.contains(left), "{left} in {seen}");
        }
        assert_eq!(Mask::default().text(INVITE), INVITE, "who asks sees them");
    }

    #[test]
    fn for_other_programs_the_length_stays() {
        assert_eq!(covered("+4930123456"), "+4xxxxxxx56");
        assert_eq!(covered("49170"), "xxxxx");
        let bytes = mask(&["4930123456"]).bytes(b"\xff4930123456\xfe 49301234567");
        assert_eq!(bytes, b"\xff49xxxxxx56\xfe 49301234567");
    }

    proptest! {
        #[test]
        fn nothing_else_changes_and_no_number_stays(
            text in "[+0-9a-z.@\\-]{0,60}",
            number in "[1-9][0-9]{6}",
        ) {
            let hidden = mask(&[&number]);
            let said = format!("{text} {number};{text}");
            let seen = hidden.text(&said);
            assert!(!seen.split(|c: char| !c.is_ascii_digit()).any(|run| run == number), "{seen}");
            assert_eq!(hidden.bytes(said.as_bytes()).len(), said.len());
        }
    }
}
