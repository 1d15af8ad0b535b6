//! What was said: the SIP messages of the last hours with the decisions between them, in memory.
//!
//! The event log keeps what happened for ever; the trace keeps how it came about, as long as there
//! is room. Nothing decides by it, and losing it loses no call. It refuses to know sockets and
//! pages: a driver gives it what passes, a page asks it.
//!
//! | idea | file |
//! |---|---|
//! | entries within a limit of memory, and which call each belongs to | `ring`, `names` |
//! | secrets, blackened before anything is kept | `redact` |
//! | numbers, hidden when somebody looks | `mask` |
//! | finding calls by number, time and Call-ID | `search` |
//! | who said what to whom, as rows | `ladder`, `legs`, `words` |
//! | who ended it and why, in sentences | `explain`, `oddities`, `agreed`, `cause` |
//! | the same for other programs | `text`, `pcap`, `hep` |

pub mod agreed;
pub mod cause;
pub mod explain;
pub mod hep;
pub mod ladder;
mod legs;
pub mod mask;
mod names;
mod oddities;
pub mod pcap;
mod redact;
pub mod ring;
#[cfg(test)]
mod sample;
pub mod search;
pub mod text;
mod words;

use holdfast_base::{CallId, ContactId, OfferId, StreamId, Wall};
use holdfast_wire::sip;
use holdfast_wire::srtp::Suite;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

use crate::media::order::{
    HandshakeFailure, MediaEdge, MediaOrder, Remote, Source, StreamCounters,
};
use crate::record::event::Fact;
use crate::sip::flow::Flow;

pub use ring::Trace;

/// Something that passed, as a driver tells it.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A SIP message came or went.
    Message {
        /// Which way.
        direction: Direction,
        /// Between whom.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Fact(Fact),
    /// The audio of a leg changed.
    Media(Media),
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// What the audio of a leg does, without the keys that were pressed: they may be a card's number.
#[derive(Clone, Debug, PartialEq)]
pub enum Media {
    /// Its ports are ours.
    Opened {
        /// The stream.
        stream: StreamId,
        /// The call.
        call: CallId,
        /// Where it receives.
        local: SocketAddr,
    },
    /// What was agreed with the party.
    Expects {
        /// The stream.
        stream: StreamId,
        /// The party.
        remote: Box<Remote>,
    },
    /// What the party hears from now on.
    Hears {
        /// The stream.
        stream: StreamId,
        /// The audio.
        source: Source,
    },
    /// The party pressed a key.
    Key {
        /// The stream.
        stream: StreamId,
    },
    /// The first packet came.
    FirstPacket {
        /// The stream.
        stream: StreamId,
        /// From there.
        from: SocketAddr,
    },
    /// Nothing comes although it should.
    Quiet {
        /// The stream.
        stream: StreamId,
        /// Since when, in milliseconds.
        for_ms: u64,
    },
    /// A handshake has brought the keys.
    Secured {
        /// The stream.
        stream: StreamId,
        /// Of this suite.
        suite: Suite,
    },
    /// A handshake has brought none.
    NotSecured {
        /// The stream.
        stream: StreamId,
        /// What was wrong.
        why: HandshakeFailure,
    },
    /// The party does not check its way any more.
    Disconnected {
        /// The stream.
        stream: StreamId,
    },
    /// The ports could not be had.
    Failed {
        /// The stream.
        stream: StreamId,
        /// What the kernel said.
        why: String,
    },
    /// The stream is over.
    Closed {
        /// The stream.
        stream: StreamId,
        /// All it did.
        counters: StreamCounters,
    },
}

impl Media {
    /// What an order to the media plane means for a leg; none when it means nothing for any.
    #[must_use]
    pub fn ordered(order: &MediaOrder) -> Option<Self> {
        match order {
            MediaOrder::Open(open) => Some(Self::Opened {
                stream: open.stream,
                call: CallId(open.shard),
                local: SocketAddr::new(open.local, open.rtp_port),
            }),
            MediaOrder::Expect { stream, remote } => {
                Some(Self::Expects { stream: *stream, remote: Box::new(remote.clone()) })
            }
            MediaOrder::Hear { stream, source } => {
                Some(Self::Hears { stream: *stream, source: source.clone() })
            }
            MediaOrder::Hold { .. }
            | MediaOrder::PressKey { .. }
            | MediaOrder::Record { .. }
            | MediaOrder::Close { .. } => None,
        }
    }

    /// What a report of the media plane means for a leg; the counters of each second mean nothing.
    #[must_use]
    pub fn reported(edge: &MediaEdge) -> Option<Self> {
        match edge {
            MediaEdge::FirstPacket { stream, from } => {
                Some(Self::FirstPacket { stream: *stream, from: *from })
            }
            MediaEdge::Key { stream, digit: _ } => Some(Self::Key { stream: *stream }),
            MediaEdge::Quiet { stream, for_ms } => {
                Some(Self::Quiet { stream: *stream, for_ms: *for_ms })
            }
            MediaEdge::OpenFailed { stream, why } => {
                Some(Self::Failed { stream: *stream, why: why.clone() })
            }
            MediaEdge::Closed { stream, counters } => {
                Some(Self::Closed { stream: *stream, counters: *counters })
            }
            MediaEdge::Secured { stream, suite } => {
                Some(Self::Secured { stream: *stream, suite: *suite })
            }
            MediaEdge::NotSecured { stream, why } => {
                Some(Self::NotSecured { stream: *stream, why: *why })
            }
            MediaEdge::Disconnected { stream } => Some(Self::Disconnected { stream: *stream }),
            MediaEdge::Held { .. } | MediaEdge::Occupied { .. } | MediaEdge::Counters(_) => None,
        }
    }

    const fn stream(&self) -> StreamId {
        match self {
            Self::Opened { stream, .. }
            | Self::Expects { stream, .. }
            | Self::Hears { stream, .. }
            | Self::Key { stream }
            | Self::FirstPacket { stream, .. }
            | Self::Quiet { stream, .. }
            | Self::Secured { stream, .. }
            | Self::NotSecured { stream, .. }
            | Self::Disconnected { stream }
            | Self::Failed { stream, .. }
            | Self::Closed { stream, .. } => *stream,
        }
    }
}

/// One thing that passed, as it is kept.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Wall,
    /// Where it belongs.
    pub tie: Tie,
    /// What.
    pub what: What,
}

/// What an entry tells.
#[derive(Clone, Debug)]
pub enum What {
    /// A SIP message.
    Message(Message),
    /// A fact.
    Fact(Fact),
    /// The audio of a leg.
    Media(Media),
}

/// A SIP message without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Which way.
    pub direction: Direction,
    /// Between whom.
    pub flow: Flow,
    /// The message; secrets are blackened in their length.
    pub bytes: Vec<u8>,
}

impl Message {
    /// Read, if it is SIP at all.
    #[must_use]
    pub fn parsed(&self) -> Option<sip::Message> {
        sip::Message::parse(&self.bytes).ok()
    }
}

/// By what an entry is known to belong to a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// It names the call.
    Call(CallId),
    /// It names the Call-ID of one of its legs.
    Dialog(String),
    /// It names the contact.
    Contact(ContactId),
    /// It names the offer.
    Offer(OfferId),
    /// It names the stream.
    Stream(StreamId),
    /// It has no Call-ID, so it is no SIP.
    Nothing,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Calls, by what is known of them.
    Search(search::Query),
    /// Everything of one call or dialog.
    Whole(Of),
}

/// What a ladder is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// A call with all its legs.
    Call(CallId),
    /// One Call-ID that belongs to no call: a registration, a question whether we live.
    Dialog(String),
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// Newest first.
    Found(Vec<search::Found>),
    /// In the order in which they passed.
    Whole(Vec<Entry>),
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Entries.
    pub entries: u64,
    /// Memory for them, in bytes.
    pub bytes: u64,
    /// The oldest of them; none while there is none.
    pub since: Option<Wall>,
    /// Entries that were lost, because they came faster than they could be kept.
    pub dropped: u64,
}
