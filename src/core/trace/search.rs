//! Finding calls: by number or name, by Call-ID or Session-ID, by time.

use holdfast_base::{CallId, Wall};
use holdfast_wire::sip;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::mask::{digits, numbers_of};
use super::{Entry, Message, Tie, Trace, What};
use crate::record::event::{DIGITS_OF_A_NUMBER, Fact, Subject};

/// Most calls that one search gives: a page to read, not a report.
pub const FOUND_MAX: usize = 200;

/// What is known of a call. Everything that is said must be right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A part of the number or name of a party.
    pub party: Option<String>,
    /// A part of the Call-ID of one of its legs, or of a Session-ID (RFC 7989) there.
    pub call_id: Option<String>,
    /// Not before.
    pub since: Wall,
    /// Not after.
    pub until: Wall,
}

/// A call, or what passed under a Call-ID that belongs to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The call; none for a registration and the like.
    pub call: Option<CallId>,
    /// The first Call-ID.
    pub call_id: String,
    /// Its first message within the time asked for.
    pub at: Wall,
    /// Who called.
    pub from: Subject,
    /// Whom.
    pub to: Subject,
    /// Method of the first message.
    pub method: String,
    /// Status of its last final response.
    pub status: Option<u16>,
    /// Messages of all its legs.
    pub messages: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Call(CallId),
    Dialog(String),
}

#[derive(Default)]
struct Group {
    found: Option<Found>,
    party: bool,
    call_id: bool,
}

impl Trace {
    /// Calls that fit, the newest first. Without a party and a Call-ID it is calls alone, since a
    /// box is asked all day long whether it lives.
    #[must_use]
    pub fn search(&self, query: &Query) -> Vec<Found> {
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        for (call, entry) in self.all() {
            if entry.at < query.since || entry.at > query.until {
                continue;
            }
            let key = match (call, &entry.tie) {
                (Some(call), _) => Key::Call(call),
                (None, Tie::Dialog(call_id)) => Key::Dialog(call_id.clone()),
                (
                    None,
                    Tie::Call(_) | Tie::Contact(_) | Tie::Offer(_) | Tie::Stream(_) | Tie::Nothing,
                ) => continue,
            };
            groups.entry(key).or_default().take(call, entry, query);
        }
        let asked = query.party.is_some() || query.call_id.is_some();
        let fits = |group: &Group| {
            let call = group.found.as_ref().is_some_and(|found| found.call.is_some());
            (query.party.is_none() || group.party)
                && (query.call_id.is_none() || group.call_id)
                && (asked || call)
        };
        let mut found: Vec<Found> =
            groups.into_values().filter(fits).filter_map(|group| group.found).collect();
        found.sort_by_key(|found| std::cmp::Reverse((found.at, found.call)));
        found.truncate(FOUND_MAX);
        found
    }
}

impl Group {
    fn take(&mut self, call: Option<CallId>, entry: &Entry, query: &Query) {
        let party = query.party.as_deref();
        match &entry.what {
            What::Message(message) => {
                self.party |= party.is_some_and(|party| names(&numbers_of(&message.bytes), party));
                self.take_message(call, entry, message, query);
            }
            What::Fact(Fact::CallArrived { from, dialled, .. }) => {
                self.party |= [from, dialled].iter().any(|known| is(known, party));
                if let Some(found) = &mut self.found {
                    (found.from, found.to) = (from.clone(), dialled.clone());
                }
            }
            What::Fact(Fact::LegStarted { to, .. } | Fact::TestCallPlaced { to, .. }) => {
                self.party |= is(to, party)
            }
            What::Fact(Fact::OfferWon { agent, .. }) => {
                self.party |= is(&Subject(agent.as_str().to_owned()), party);
            }
            What::Fact(_) | What::Media(_) => {}
        }
    }

    fn take_message(
        &mut self,
        call: Option<CallId>,
        entry: &Entry,
        message: &Message,
        query: &Query,
    ) {
        let Tie::Dialog(call_id) = &entry.tie else { return };
        self.call_id |= query.call_id.as_ref().is_some_and(|part| call_id.contains(part.as_str()));
        let Some(parsed) = message.parsed() else { return };
        self.call_id |= query.call_id.as_ref().is_some_and(|part| names_session(&parsed, part));
        let found = self.found.get_or_insert_with(|| begun(call, call_id, entry.at, &parsed));
        found.messages = found.messages.saturating_add(1);
        if let sip::Message::Response(response) = &parsed
            && response.status.is_final()
        {
            found.status = Some(response.status.code());
        }
        let from = &found.from;
        let party = query.party.as_deref();
        self.party |= is(from, party) || is(&found.to, party);
    }
}

fn begun(call: Option<CallId>, call_id: &str, at: Wall, first: &sip::Message) -> Found {
    let headers = first.headers();
    let user = |address: Result<sip::NameAddr, sip::ParseError>| {
        let uri = address.ok().map(|address| address.uri);
        let user = uri.as_ref().and_then(sip::Uri::user_decoded).map(std::borrow::Cow::into_owned);
        Subject(user.unwrap_or_default())
    };
    Found {
        call,
        call_id: call_id.to_owned(),
        at,
        from: user(headers.from()),
        to: user(headers.to()),
        method: headers.cseq().map(|cseq| cseq.method.to_string()).unwrap_or_default(),
        status: None,
        messages: 0,
    }
}

/// Whether one of these numbers ends in, begins with or holds what was asked for. Zeros in front
/// are ways of dialling: 0041…, 031….
fn names(numbers: &[String], asked: &str) -> bool {
    let asked = digits(asked);
    let asked = asked.trim_start_matches('0');
    asked.len() + 1 >= DIGITS_OF_A_NUMBER && numbers.iter().any(|number| number.contains(asked))
}

fn is(subject: &Subject, asked: Option<&str>) -> bool {
    let asked = asked.unwrap_or_default().to_lowercase();
    !asked.is_empty()
        && (subject.0.to_lowercase().contains(&asked) || names(&[digits(&subject.0)], &asked))
}

/// Whether this is a part of how the message names one of the ends of its session.
fn names_session(message: &sip::Message, part: &str) -> bool {
    let named = message.headers().get("Session-ID");
    named.is_some_and(|named| named.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::{FOUND_MAX, Query, names_session, sip};
    use crate::trace::{Trace, sample};
    use holdfast_base::Wall;

    fn query(party: &str, call_id: &str) -> Query {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let until = Wall::from_micros(i64::MAX);
        Query { party: some(party), call_id: some(call_id), since: Wall::from_micros(0), until }
    }

    fn told(query: &Query) -> Vec<String> {
        let found = sample::trace().search(query);
        let line = |found: &super::Found| {
            let call = found.call.map(|call| call.to_string()).unwrap_or_default();
            let (from, to) = (&found.from.0, &found.to.0);
            format!("{call} {} {from} > {to} {:?}", found.method, found.status)
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn a_call_is_found_by_whatever_is_known_of_it() {
        let the_call = ["call-7 INVITE +41313330011 > sales Some(200)"];
        for (party, call_id) in [
            ("", ""),
            ("+41 31 333 00 11", ""),
            ("031 333 00 11", ""),
            ("3330011", ""),
            ("sales", ""),
            ("Desk-Anna", ""),
            ("", "caller@pbx"),
            ("", "leg-two"),
            ("333", "caller"),
        ] {
            assert_eq!(told(&query(party, call_id)), the_call, "{party} {call_id}");
        }
        assert_eq!(told(&query("", "register@")), [" REGISTER anna > anna Some(401)"]);
        for (party, call_id) in [("4131999", ""), ("nobody", ""), ("sales", "register@")] {
            assert_eq!(told(&query(party, call_id)), [""; 0], "{party} {call_id}");
        }
    }

    #[test]
    fn a_session_is_named_by_either_end() {
        let message = |more: &str| {
            let text = format!(
                "OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
                 From: <sip:a@h>;tag=a\r\nTo: <sip:b@h>\r\nCall-ID: c\r\n\
                 CSeq: 1 OPTIONS\r\n{more}Content-Length: 0\r\n\r\n"
            );
            sip::Message::parse(text.as_bytes()).unwrap()
        };
        let named = message("Session-ID: a0b1;remote=C0D1\r\n");
        for (part, found) in [("a0b1", true), ("A0B1", true), ("c0d1", true), ("e0f1", false)] {
            assert_eq!(names_session(&named, part), found, "{part}");
        }
        assert!(!names_session(&message(""), "a0b1"));
    }

    #[test]
    fn time_limits_it() {
        let mut early = query("", "");
        early.until = Wall::from_micros(sample::START_US - 1);
        assert_eq!(told(&early), [""; 0]);
        let mut late = query("", "");
        late.since = Wall::from_micros(sample::START_US + 3_600_000_000);
        assert_eq!(told(&late), [""; 0]);
    }

    #[test]
    fn a_search_is_a_page_long() {
        let mut trace = Trace::new(1 << 24);
        for number in 0..1000 {
            let seen = sample::invite(&format!("{number}@pbx"));
            let entry = trace.read(Wall::from_micros(number), seen).unwrap();
            trace.keep(entry);
        }
        let found = trace.search(&query("", "@pbx"));
        assert_eq!(found.len(), FOUND_MAX);
        assert_eq!(found.first().map(|found| found.call_id.as_str()), Some("999@pbx"));
    }
}
