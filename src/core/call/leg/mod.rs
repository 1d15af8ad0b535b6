//! One leg: a SIP session between the box and one party, from INVITE to the last audio packet.
//!
//! It keeps the rules of RFC 3261 for a user agent with one dialog and says to its call only what
//! a call needs to know ([`News`]). It refuses to know the other legs, queues and agents.
//!
//! ```text
//!  called by them                           called by us
//!  Incoming ── answer ──> Accepted          Calling ── 2xx ──> Answered ── confirm ──┐
//!     │                      │ ACK             │ hang_up          │ hang_up          │
//!     │ reject, CANCEL       v                 v                  │                  v
//!     │                  Confirmed         Cancelling             │              Confirmed
//!     └──────────────────────┴── BYE ──────────┴──────────────────┴──────────────────┘
//!                                  │
//!                               Closing ── the media plane's last counters ──> Over
//! ```

use holdfast_base::{CallId, LegId, Mono};
use holdfast_config::Config;
use holdfast_wire::sip::{Request, Response};
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod arms;
mod challenged;
mod early;
mod follow;
mod forks;
mod handover;
mod hold;
pub mod info;
mod orders;
mod refer;
mod refresh;
mod refusal;
mod reliable;
mod requests;
mod responses;
mod restore;
pub mod session_timer;
mod voice;

pub use handover::Handover;
pub use orders::Onward;
pub use refer::Subscription;
pub use restore::OpenInvite;

use super::audio::Audio;
use super::io::Desk;
use super::origin::Origin;
use super::words;
use crate::media::order::StreamCounters;
use crate::record::event::{Fact, LegEnd, Subject};
use crate::routing::caller::Caller;
use crate::sip::cause::Cause;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::flow::Flow;
use crate::sip::session_id::Names;
use crate::sip::transaction::ServerKey;
use forks::Forks;
use info::Press;
use reliable::Reliable;
use session_timer::SessionTimer;

/// How long the media plane has to give the last counters before the leg ends without them.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// A leg.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leg {
    id: LegId,
    party: Subject,
    /// What a party that called has said of itself, and whether others may know it.
    #[serde(default)]
    who: Option<Box<Caller>>,
    flow: Flow,
    reach: Reach,
    #[serde(default)]
    origin: Origin,
    audio: Audio,
    /// Whether the party says that it takes INFO.
    #[serde(default)]
    takes_info: bool,
    /// How many REFERs of the party were accepted.
    #[serde(default)]
    refers: u32,
    /// Before this none is looked at.
    #[serde(default)]
    refers_from: Mono,
    /// Why the party ended it, in the words of the telephone network, if it said so.
    #[serde(default)]
    cause: Option<Cause>,
    /// What the party is told so when we end it.
    #[serde(default)]
    tells: Option<Cause>,
    /// The status that their INVITE was refused with.
    #[serde(default)]
    refused: Option<u16>,
    /// What the party was told of the other one's hold.
    #[serde(default)]
    hold: hold::Word,
    /// What it was asked to speak, and what did not suit.
    #[serde(default)]
    voice: voice::Voice,
    /// The Call-ID of its messages.
    #[serde(default)]
    call_id: String,
    /// How the two ends are named.
    #[serde(default)]
    names: Names,
    state: State,
}

/// How the party is reached once there is a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// As its Contact and Record-Route say.
    Contact,
    /// By the flow of the leg: a registered phone, whose Contact may lead nowhere from here.
    Flow,
    /// Where its INVITE came from and nowhere else: a stranger, who must not send us to a third
    /// party by what it writes into Contact or Record-Route.
    Source,
}

impl Reach {
    fn settle(self, dialog: &mut Dialog) {
        match self {
            Self::Contact => {}
            Self::Flow => dialog.keep_flow(),
            Self::Source => dialog.keep_to_source(),
        }
    }
}

/// Where a leg stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    /// They called; no final response yet.
    Incoming {
        key: ServerKey,
        #[serde(with = "words::printed")]
        invite: Request,
        tag: String,
        told: Told,
        /// Since our first response with a tag.
        #[serde(default)]
        early: Option<Dialog>,
        /// What waits for a PRACK.
        #[serde(default)]
        reliable: Reliable,
    },
    /// We answered; the ACK is still to come.
    Accepted {
        key: ServerKey,
        #[serde(with = "words::printed")]
        invite: Request,
        dialog: Dialog,
        offered: Offerer,
        then: Option<LegEnd>,
        #[serde(default)]
        timer: SessionTimer,
    },
    /// We called; no final response yet.
    Calling {
        #[serde(with = "words::printed")]
        invite: Request,
        #[serde(default)]
        forks: Forks,
        heard: Told,
        /// Until when some word of them should have come; none once it has.
        #[serde(default)]
        word_by: Option<Mono>,
    },
    /// We called and gave up; the final response is still to come.
    Cancelling {
        #[serde(with = "words::printed")]
        invite: Request,
        why: LegEnd,
        #[serde(default)]
        forks: Forks,
        #[serde(default)]
        heard: Told,
    },
    /// They answered; the call decides whether they get an ACK or a BYE.
    Answered {
        dialog: Dialog,
        cseq: u32,
        #[serde(default)]
        timer: SessionTimer,
    },
    /// Both sides are sure.
    Confirmed {
        dialog: Dialog,
        change: Change,
        #[serde(default)]
        timer: SessionTimer,
    },
    /// SIP is done; the stream is closing.
    Closing { why: LegEnd, until: Mono },
    /// Nothing is left.
    Over { why: LegEnd },
}

/// What the calling side of an INVITE has been told so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Told {
    #[default]
    Nothing,
    Ringing,
    EarlyMedia,
    /// 180 behind the early media: a phone that rings after an announcement of its network.
    RingingWithMedia,
}

impl Told {
    const fn has_media(self) -> bool {
        match self {
            Self::EarlyMedia | Self::RingingWithMedia => true,
            Self::Nothing | Self::Ringing => false,
        }
    }

    /// What is told where a response carries a description besides.
    const fn with_media(self) -> Self {
        match self {
            Self::Nothing | Self::EarlyMedia => Self::EarlyMedia,
            Self::Ringing | Self::RingingWithMedia => Self::RingingWithMedia,
        }
    }

    /// What is told with a 180 besides; none when it says nothing new.
    const fn with_ringing(self) -> Option<Self> {
        match self {
            Self::Nothing => Some(Self::Ringing),
            Self::EarlyMedia => Some(Self::RingingWithMedia),
            Self::Ringing | Self::RingingWithMedia => None,
        }
    }
}

/// Who made the offer that an ACK completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Offerer {
    Us,
    Them,
}

/// A re-INVITE in a confirmed dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Change {
    /// None is open.
    None,
    /// Theirs, with this CSeq number, is answered; the ACK is still to come.
    Theirs { key: ServerKey, cseq: u32, offered: Offerer },
    /// Ours, with this CSeq number, to ask whether the party is still there. `gone` is why the leg
    /// ends when it is not.
    Ours { cseq: u32, gone: LegEnd },
}

/// What a leg tells its call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// The called party has not said a word for as long as it may.
    Silent,
    /// The called party alerts.
    Ringing,
    /// The called party sends audio before the answer.
    EarlyMedia,
    /// The called party answered; say `confirm` or `hang_up`.
    Answered,
    /// The party pressed a key and said so in signalling.
    Key(Press),
    /// Hold, resume or another address: see who hears whom again.
    SessionChanged,
    /// The dialog is over or will never be; only the stream's counters are still to come.
    Ended(LegEnd),
    /// Everything is over.
    Over(LegEnd, Option<StreamCounters>),
}

impl Leg {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> LegId {
        self.id
    }

    /// Who is at its other end.
    #[must_use]
    pub const fn party(&self) -> &Subject {
        &self.party
    }

    /// Whether the party called, and was not called.
    #[must_use]
    pub const fn has_called(&self) -> bool {
        self.who.is_some()
    }

    /// Who that is towards others in the call.
    #[must_use]
    pub fn caller(&self, config: &Config) -> Caller {
        let said = self.who.as_deref().cloned();
        said.unwrap_or_else(|| Caller::party(config, &self.origin, &self.party.0))
    }

    /// What is kept of it when everything is over.
    #[must_use]
    pub fn ended(&self, call: CallId, why: LegEnd, media: Option<StreamCounters>) -> Fact {
        let (codec, crypto) = (self.audio.codec_name(), self.audio.crypto_name());
        Fact::LegEnded { call, leg: self.id, why, media, codec, crypto }
    }

    /// Call-ID of its dialog, as long as that is not over.
    #[must_use]
    pub fn sip_call_id(&self) -> Option<String> {
        match &self.state {
            State::Incoming { invite, .. }
            | State::Accepted { invite, .. }
            | State::Calling { invite, .. }
            | State::Cancelling { invite, .. } => {
                invite.headers.call_id().ok().map(|call_id| call_id.into_owned())
            }
            State::Answered { dialog, .. } | State::Confirmed { dialog, .. } => {
                Some(dialog.id().call_id.clone())
            }
            State::Closing { .. } | State::Over { .. } => None,
        }
    }

    /// Whether this is the Call-ID of its messages, be it over or not.
    #[must_use]
    pub fn is_known_as(&self, call_id: &str) -> bool {
        self.call_id == call_id
    }

    /// How the two ends are named.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// The same, to name them.
    pub const fn names_mut(&mut self) -> &mut Names {
        &mut self.names
    }

    /// The way of its INVITE.
    #[must_use]
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// Its audio.
    #[must_use]
    pub const fn audio(&self) -> &Audio {
        &self.audio
    }

    /// Its audio, to say what the party hears.
    pub const fn audio_mut(&mut self) -> &mut Audio {
        &mut self.audio
    }

    /// The status that their INVITE was refused with, if it was.
    #[must_use]
    pub const fn refused_with(&self) -> Option<u16> {
        self.refused
    }

    /// Why the party ended it, in the words of the telephone network, if it said so.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// What the party is told so when we end it.
    pub const fn tell(&mut self, cause: Option<Cause>) {
        self.tells = cause;
    }

    /// A word of the glossary.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            State::Incoming { .. } | State::Calling { heard: Told::Nothing, .. } => "calling",
            State::Calling { .. } => "ringing",
            State::Cancelling { .. } => "cancelling",
            State::Accepted { .. } | State::Answered { .. } => "answered",
            State::Confirmed { .. } => "talking",
            State::Closing { .. } => "closing",
            State::Over { .. } => "over",
        }
    }

    /// Whether both parties may hear each other: the dialog is answered and not over.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(
            self.state,
            State::Accepted { .. } | State::Answered { .. } | State::Confirmed { .. }
        )
    }

    /// Whether an incoming leg still waits for our final response.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Incoming { .. })
    }

    /// Whether the party has not acknowledged our 2xx yet. Until then nobody has proved to be where
    /// the INVITE said: its source and its description may both be forged.
    #[must_use]
    pub const fn awaits_ack(&self) -> bool {
        matches!(self.state, State::Accepted { .. })
    }

    /// Whether early audio of the called party is known.
    #[must_use]
    pub const fn has_early_media(&self) -> bool {
        match &self.state {
            State::Calling { heard, .. } => heard.has_media(),
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Confirmed { .. }
            | State::Closing { .. }
            | State::Over { .. } => false,
        }
    }

    /// Whether SIP is done with this leg.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Closing { .. } | State::Over { .. })
    }

    /// Whether everything is done.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over { .. })
    }

    /// The name of its dialog, once there is one.
    #[must_use]
    pub fn dialog_id(&self) -> Option<&DialogId> {
        self.dialog().map(Dialog::id)
    }

    fn dialog(&self) -> Option<&Dialog> {
        match &self.state {
            State::Accepted { dialog, .. }
            | State::Answered { dialog, .. }
            | State::Confirmed { dialog, .. }
            | State::Incoming { early: Some(dialog), .. } => Some(dialog),
            State::Calling { forks, .. } => forks.current(),
            State::Incoming { early: None, .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// The name of its dialog, once no other fork can win any more.
    #[must_use]
    pub const fn settled_dialog(&self) -> Option<&DialogId> {
        match &self.state {
            State::Answered { dialog, .. } | State::Confirmed { dialog, .. } => Some(dialog.id()),
            State::Incoming { .. }
            | State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Closing { .. }
            | State::Over { .. } => None,
        }
    }

    /// Whether this 2xx to an INVITE is not waited for: the leg is over or has sent another one
    /// since, or another branch of the forked INVITE has won.
    #[must_use]
    pub fn is_stray(&self, response: &Response) -> bool {
        if self.is_ended() {
            return true;
        }
        let Some(theirs) = DialogId::of_response(response) else { return false };
        let open = self.open_invite().and_then(|open| open.invite.headers.from().ok());
        let of_another_invite =
            open.is_some_and(|from| from.tag().as_deref() != Some(&*theirs.local_tag));
        of_another_invite || self.settled_dialog().is_some_and(|ours| *ours != theirs)
    }

    /// When [`Self::handle_deadline`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match &self.state {
            State::Closing { until, .. } => Some(*until),
            State::Incoming { reliable, .. } => reliable.deadline(),
            State::Calling { word_by, .. } => *word_by,
            State::Confirmed { timer, .. } => {
                let words = [self.hold_deadline(), self.voice_deadline()];
                timer.deadline().into_iter().chain(words.into_iter().flatten()).min()
            }
            State::Accepted { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Over { .. } => None,
        }
    }

    /// The stream is closed.
    pub fn audio_closed(&mut self, counters: StreamCounters) -> Option<News> {
        let State::Closing { why, .. } = self.state else { return None };
        self.state = State::Over { why };
        Some(News::Over(why, Some(counters)))
    }

    /// The time of [`Self::deadline`] has come.
    pub fn handle_deadline(&mut self, desk: &mut Desk<'_>) -> Option<News> {
        let now = desk.now.mono;
        match &mut self.state {
            State::Calling { word_by, .. } if word_by.is_some_and(|at| at <= now) => {
                *word_by = None;
                Some(News::Silent)
            }
            State::Closing { why, until } if *until <= now => {
                let why = *why;
                self.state = State::Over { why };
                Some(News::Over(why, None))
            }
            State::Incoming { .. } => self.progress_due(desk),
            State::Confirmed { .. } => {
                self.hold_due(desk);
                self.voice_due(now);
                self.session_due(desk)
            }
            State::Closing { .. }
            | State::Accepted { .. }
            | State::Calling { .. }
            | State::Cancelling { .. }
            | State::Answered { .. }
            | State::Over { .. } => None,
        }
    }

    fn close(&mut self, why: LegEnd, desk: &mut Desk<'_>) {
        self.audio.close(desk);
        self.state = State::Closing { why, until: desk.now.mono + CLOSING_TIME };
    }
}
