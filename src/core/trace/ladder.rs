//! The ladder of a call: who said what to whom, with the decisions and edges in between.

use holdfast_base::Wall;
use holdfast_wire::sip;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::legs::Legs;
use super::mask::{Mask, Numbers};
use super::words::Words;
use super::{Direction, Entry, Message, Tie, What};

/// Most columns; legs beyond share the last one. A call that hunts over many phones has many legs,
/// one after the other.
pub const PARTIES_MAX: usize = 8;
/// The column of the box.
pub const BOX: usize = 1;

/// The ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// The columns: who began, the box, then the others in the order in which they came.
    pub parties: Vec<Party>,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Who it is.
    pub name: String,
    /// Where its first message came from or went to.
    pub address: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum Row {
    /// A message.
    Message {
        /// When it passed.
        at: Wall,
        /// Column it comes from.
        from: usize,
        /// Column it goes to.
        to: usize,
        /// Method or status.
        says: String,
        /// What kind it is.
        tone: Tone,
        /// Whether the same was said before: a retransmission.
        again: bool,
        /// The whole message.
        text: String,
    },
    /// What happened in the box.
    Note {
        /// When.
        at: Wall,
        /// What.
        says: String,
    },
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// A request.
    Request,
    /// A response that is not the last.
    Progress,
    /// 2xx.
    Success,
    /// 3xx to 6xx, and what is no SIP.
    Failure,
}

/// Draws the ladder of these entries.
#[must_use]
pub fn ladder(entries: &[Entry], numbers: Numbers) -> Ladder {
    let (legs, mask) = (Legs::of(entries), Mask::of(entries, numbers));
    let mut columns = Columns::new(&legs, &mask);
    let words = Words { legs: &legs, mask: &mask };
    let mut said: BTreeSet<(bool, &[u8])> = BTreeSet::new();
    let mut rows = Vec::new();
    for Entry { at, tie, what } in entries {
        let at = *at;
        match what {
            What::Message(message) => {
                let party = columns.of(tie, message);
                let incoming = message.direction == Direction::In;
                let (from, to) = if incoming { (party, BOX) } else { (BOX, party) };
                let again = !said.insert((incoming, &message.bytes));
                let (says, tone) = headline(message);
                let text = mask.text(&String::from_utf8_lossy(&message.bytes));
                rows.push(Row::Message { at, from, to, says, tone, again, text });
            }
            What::Fact(fact) => {
                rows.extend(words.fact(fact).map(|says| Row::Note { at, says }));
            }
            What::Media(media) => rows.push(Row::Note { at, says: words.media(media) }),
        }
    }
    Ladder { parties: columns.parties, rows }
}

/// The columns as they appear.
struct Columns<'a> {
    legs: &'a Legs,
    mask: &'a Mask,
    parties: Vec<Party>,
    /// The Call-ID of each column but that of the box.
    ties: Vec<(Tie, usize)>,
}

impl<'a> Columns<'a> {
    const fn new(legs: &'a Legs, mask: &'a Mask) -> Self {
        Self { legs, mask, parties: Vec::new(), ties: Vec::new() }
    }

    fn of(&mut self, tie: &Tie, message: &Message) -> usize {
        if let Some((_, column)) = self.ties.iter().find(|(known, _)| known == tie) {
            return *column;
        }
        let column = self.new_column(tie, message);
        self.ties.push((tie.clone(), column));
        column
    }

    fn new_column(&mut self, tie: &Tie, message: &Message) -> usize {
        let address = message.flow.remote.to_string();
        if self.parties.len() >= PARTIES_MAX {
            if let Some(last) = self.parties.last_mut() {
                *last = Party { name: "others".to_owned(), address: String::new() };
            }
            return PARTIES_MAX - 1;
        }
        let name = match tie {
            Tie::Dialog(call_id) => self.legs.of_dialog(call_id, self.mask),
            Tie::Call(_) | Tie::Contact(_) | Tie::Offer(_) | Tie::Stream(_) | Tie::Nothing => None,
        };
        let column = self.parties.len();
        self.parties.push(Party { name: name.unwrap_or_else(|| address.clone()), address });
        if column == 0 {
            let local = message.flow.local.to_string();
            self.parties.push(Party { name: "Holdfast".to_owned(), address: local });
        }
        column
    }
}

/// What an arrow says, and in what tone.
pub(super) fn headline(message: &Message) -> (String, Tone) {
    let Some(parsed) = message.parsed() else {
        return (format!("{} bytes that are not SIP", message.bytes.len()), Tone::Failure);
    };
    let sdp = if has_sdp(&parsed) { " + SDP" } else { "" };
    match &parsed {
        sip::Message::Request(request) => (format!("{}{sdp}", request.method), Tone::Request),
        sip::Message::Response(response) => {
            let status = response.status;
            let tone = match (status.is_final(), status.is_success()) {
                (false, _) => Tone::Progress,
                (true, true) => Tone::Success,
                (true, false) => Tone::Failure,
            };
            let to = response.headers.cseq().ok().map(|cseq| cseq.method);
            let to = to.filter(|method| *method != sip::Method::Invite);
            let to = to.map(|method| format!(" ({method})")).unwrap_or_default();
            (format!("{status} {}{to}{sdp}", response.reason_text()), tone)
        }
    }
}

fn has_sdp(message: &sip::Message) -> bool {
    let kind = message.headers().content_type().ok().flatten();
    let is_sdp = kind.is_none_or(|kind| kind.is("application/sdp") || kind.kind == "multipart");
    is_sdp && message.body().windows(4).any(|window| window == b"\nm=a" || window == b"\nm=v")
}

#[cfg(test)]
mod tests {
    use super::{PARTIES_MAX, Row, ladder};
    use crate::trace::mask::Numbers;
    use crate::trace::{Direction, sample};

    fn drawn(numbers: Numbers) -> Vec<String> {
        let ladder = ladder(&sample::entries(sample::script()), numbers);
        let names: Vec<String> = ladder
            .parties
            .iter()
            .map(|party| format!("{} ({})", party.name, party.address))
            .collect();
        let line = |row: &Row| match row {
            Row::Message { from, to, says, tone, again, .. } => {
                format!("{from}>{to} {says} {tone:?}{}", if *again { " again" } else { "" })
            }
            Row::Note { says, .. } => format!("    {says}"),
        };
        [names.join(" | ")].into_iter().chain(ladder.rows.iter().map(line)).collect()
    }

    #[test]
    fn both_legs_and_what_was_decided_stand_in_order() {
        assert_eq!(
            drawn(Numbers::Masked),
            [
                "+4\u{2026}11 (203.0.113.5:5060) | Holdfast (192.0.2.1:5060) | \
                 desk-anna (192.0.2.50:5062)",
                "0>1 INVITE + SDP Request",
                "    +4\u{2026}11 calls sales",
                "    audio of +4\u{2026}11 is received at 192.0.2.1:20000",
                "    waits in queue sales",
                "    the caller is answered: charging starts",
                "1>0 200 OK + SDP Success",
                "0>1 ACK Request",
                "    first audio of +4\u{2026}11, from 203.0.113.5:5060",
                "    agent anna is reserved, at desk-anna",
                "    audio of desk-anna is received at 192.0.2.1:20002",
                "1>2 INVITE + SDP Request",
                "2>1 180 Ringing Progress",
                "    the agent's device alerts",
                "2>1 200 OK + SDP Success",
                "    agent anna has the call",
                "    leaves queue sales after 8.9 s: answered",
                "    +4\u{2026}11 hears desk-anna",
                "1>2 ACK Request",
                "0>1 BYE Request",
                "1>0 200 OK (BYE) Success",
                "1>2 BYE Request",
                "2>1 200 OK (BYE) Success",
                "    leg with desk-anna over, we hung up: 900 packets received, 0 lost, 900 sent, \
                 MOS 4.3",
                "    audio of +4\u{2026}11 over: 900 packets received, 0 lost, 900 sent, MOS 4.3",
                "    call over, ended by the caller",
                "    agent anna is done after 21 s",
            ]
        );
    }

    #[test]
    fn numbers_are_shown_to_whoever_asks_and_in_no_text_else() {
        let text = |numbers| {
            let ladder = ladder(&sample::entries(sample::script()), numbers);
            format!("{ladder:?}")
        };
        assert!(!text(Numbers::Masked).contains("41313330011"));
        assert!(text(Numbers::Full).contains("sip:+41313330011@pbx"));
    }

    #[test]
    fn a_message_that_comes_again_is_marked_and_many_legs_share_a_column() {
        let mut script = sample::script();
        script.insert(1, script[0].clone());
        let again = ladder(&sample::entries(script), Numbers::Masked);
        let marks: Vec<bool> = again
            .rows
            .iter()
            .filter_map(|row| match row {
                Row::Message { again, .. } => Some(*again),
                Row::Note { .. } => None,
            })
            .collect();
        assert_eq!(marks.iter().filter(|again| **again).count(), 1);
        assert_eq!(marks.get(1), Some(&true));

        let mut entries = Vec::new();
        for leg in 0..40 {
            let invite = sample::message(
                Direction::Out,
                &format!("leg-{leg}"),
                "INVITE sip:a@b SIP/2.0",
                "1 INVITE",
                "",
            );
            let mut trace = crate::trace::Trace::new(1 << 16);
            entries.extend(trace.read(holdfast_base::Wall::from_micros(leg), invite));
        }
        let ladder = ladder(&entries, Numbers::Masked);
        assert_eq!(ladder.parties.len(), PARTIES_MAX);
        assert_eq!(ladder.parties.last().map(|party| party.name.as_str()), Some("others"));
    }
}
