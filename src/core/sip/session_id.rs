//! Session-ID (RFC 7989): by which names the two ends of a session are known, so that its legs are
//! found in the traces of others. Each end has a UUID; a message carries that of who sends it, and
//! behind `remote` that of who gets it.
//!
//! A box in the middle says to each party the name of the other one, gives one to whoever has
//! none, and is a party itself while it plays prompts. It begins with it in a call as soon as one
//! party does: most know nothing of it, and a header field more is one more to stumble over.

use holdfast_base::Entropy;
use holdfast_wire::sip::{Headers, Valued};
use serde::{Deserialize, Serialize};
use std::fmt;

const NAME: &str = "Session-ID";
/// Of whom nothing is known yet.
const NIL: Uuid = Uuid(0, 0);
/// Hexadecimal digits of a UUID.
const DIGITS: usize = 32;

/// The name of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uuid(u64, u64);

impl Uuid {
    /// A new one, which says nothing of anybody: version 4 (RFC 9562 §5.4).
    pub fn new(entropy: &mut Entropy) -> Self {
        let version = (entropy.number() & !0xF000) | 0x4000;
        let variant = (entropy.number() & (u64::MAX >> 2)) | 1 << 63;
        Self(version, variant)
    }

    /// The name that a message gives to whoever sends it; none when it is nil or no name.
    #[must_use]
    pub fn of_sender(headers: &Headers) -> Option<Self> {
        let said = headers.get(NAME)?;
        Self::read(&Valued::parse(&said).ok()?.value).filter(|name| *name != NIL)
    }

    fn read(text: &str) -> Option<Self> {
        let hexadecimal = text.len() == DIGITS && text.bytes().all(|it| it.is_ascii_hexdigit());
        let (first, last) = text.split_at_checked(DIGITS / 2).filter(|_| hexadecimal)?;
        let half = |digits| u64::from_str_radix(digits, 16).ok();
        Some(Self(half(first)?, half(last)?))
    }
}

impl fmt::Display for Uuid {
    /// In lower case and without dashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

/// The names of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// What the party calls itself.
    theirs: Option<Uuid>,
    /// What we call it towards others, while it does not call itself anything.
    given: Option<Uuid>,
    /// Under which name the party knows whom it talks to.
    other: Option<Uuid>,
}

impl Names {
    /// The party has said something. A name may change: behind it may be somebody else now.
    pub fn hear(&mut self, headers: &Headers) {
        self.theirs = Uuid::of_sender(headers).or(self.theirs);
    }

    /// Whether names are of any use to the party, or were said to it.
    #[must_use]
    pub const fn are_used(&self) -> bool {
        self.theirs.is_some() || self.other.is_some()
    }

    /// What the party is called towards others.
    pub fn name(&mut self, entropy: &mut Entropy) -> Uuid {
        match self.theirs {
            Some(theirs) => theirs,
            None => *self.given.get_or_insert_with(|| Uuid::new(entropy)),
        }
    }

    /// The party talks to this one.
    pub const fn meet(&mut self, other: Uuid) {
        self.other = Some(other);
    }

    /// Whether the party was told whom it talks to.
    #[must_use]
    pub const fn have_met(&self) -> bool {
        self.other.is_some()
    }

    /// Says both in a message to the party.
    pub fn write(&self, headers: &mut Headers) {
        if let Some(other) = self.other {
            let theirs = self.theirs.unwrap_or(NIL);
            headers.set(NAME, format_args!("{other};remote={theirs}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Entropy, Headers, NAME, Names, Uuid};

    const ANN: &str = "ab30317f1a784dc48ff824d0d3715d86";

    fn said(value: &str) -> Headers {
        let mut headers = Headers::new();
        headers.push(NAME, value);
        headers
    }

    fn of(value: &str) -> Option<String> {
        Uuid::of_sender(&said(value)).map(|name| name.to_string())
    }

    #[test]
    fn the_sender_is_named_first() {
        let nil = "0".repeat(32);
        assert_eq!(of(&format!("{ANN};remote={nil}")).as_deref(), Some(ANN));
        assert_eq!(of(ANN).as_deref(), Some(ANN), "RFC 7329");
        assert_eq!(of(&ANN.to_uppercase()).as_deref(), Some(ANN));
        for nobody in ["", &nil, &ANN[1..], "+b30317f1a784dc48ff824d0d3715d86", &format!("{ANN}0")]
        {
            assert_eq!(of(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_new_name_is_of_version_4() {
        let mut entropy = Entropy::new([7; 32]);
        let names: Vec<String> = (0..64).map(|_| Uuid::new(&mut entropy).to_string()).collect();
        for name in &names {
            assert_eq!(name.len(), 32);
            assert_eq!(&name[12..13], "4", "{name}");
            assert!("89ab".contains(&name[16..17]), "{name}");
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1);
        }
    }

    #[test]
    fn each_is_told_the_name_of_the_other() {
        let mut entropy = Entropy::new([7; 32]);
        let (mut ann, mut ben) = (Names::default(), Names::default());
        ann.hear(&said(ANN));
        let given = ben.name(&mut entropy);
        assert_eq!(ben.name(&mut entropy), given, "one name for ever");
        let mut headers = Headers::new();
        ben.write(&mut headers);
        assert_eq!(headers.get(NAME), None, "nobody is known");
        ben.meet(ann.name(&mut entropy));
        ben.write(&mut headers);
        assert_eq!(headers.get(NAME).unwrap(), format!("{ANN};remote={}", "0".repeat(32)));
        ann.meet(given);
        ann.write(&mut headers);
        assert_eq!(headers.get(NAME).unwrap(), format!("{given};remote={ANN}"));
    }
}
