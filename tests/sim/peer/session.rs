//! One call as a peer sees it.

use holdfast_base::Mono;
use holdfast_wire::sip::{Request, Uri};
use std::net::SocketAddr;
use std::time::Duration;

use super::exchange::{Asked, Key, key_of};

/// A call.
#[derive(Debug)]
pub struct Session {
    pub id: u64,
    pub call_id: String,
    /// Our tag.
    pub tag: String,
    /// From or To of ours, and of theirs, tags included.
    pub local: String,
    pub remote: String,
    pub target: Uri,
    pub cseq: u32,
    /// Highest CSeq of theirs.
    pub their_cseq: u32,
    /// Number of the last request of ours about the session that was granted.
    pub answered_cseq: u32,
    /// Whether we ended it before it was answered.
    pub said_bye: bool,
    pub stage: Stage,
    /// Whether our INVITE says that we can acknowledge provisional responses.
    pub acknowledges: bool,
    /// RSeq of the last reliable response, of whoever is called.
    pub rseq: u32,
    /// Who calls, as the box names them.
    pub caller: String,
    /// Whether the box offers a queued caller to us.
    pub of_queue: bool,
    pub rtp: SocketAddr,
    pub version: u64,
    pub direction: &'static str,
    /// Our last description, sent with each version once.
    pub said: String,
    /// Theirs.
    pub heard: Option<(u64, Vec<u8>)>,
    /// A re-INVITE or UPDATE of ours that is open.
    pub changing: Option<Key>,
    /// A final answer of ours that awaits its ACK.
    pub unacknowledged: Option<Unacknowledged>,
    /// The last ACK to a success.
    pub last_ack: Option<(u32, Vec<u8>)>,
    /// Died without a word.
    pub gone: bool,
    /// Does not hang up before.
    pub stays_until: Mono,
    /// Sends no audio, whatever it says.
    pub mute: bool,
    /// Whether we have sent an ACK: before it the box may not send BYE.
    pub confirmed: bool,
    /// Our BYE was answered by 481.
    pub unknown_to_the_box: bool,
    /// The box hung up as well.
    pub heard_bye: bool,
    /// The credentials were sent already.
    pub logged_in: bool,
}

/// Where it stands.
#[derive(Debug)]
pub enum Stage {
    /// We called.
    Calling { key: Key, provisional: bool, cancelled: Option<Mono> },
    /// They called.
    Ringing { invite: Request, rung: Option<Mono>, provisional: bool },
    /// Our refusal awaits its ACK.
    Refused,
    /// Both talk.
    Up,
    /// Nothing more.
    Over,
}

/// A final answer to an INVITE, repeated until the ACK comes.
#[derive(Debug)]
pub struct Unacknowledged {
    pub bytes: Vec<u8>,
    pub cseq: u32,
    pub every: Duration,
    pub until: Mono,
    /// Whether the ACK brings the answer to an offer of ours.
    pub success: bool,
}

impl Stage {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Calling { .. } => "calling",
            Self::Ringing { .. } => "ringing",
            Self::Refused => "refused",
            Self::Up => "up",
            Self::Over => "over",
        }
    }
}

impl Session {
    /// Whether this is the INVITE that we call with, and no later one in its early dialog.
    pub fn began_with(&self, asked: &Asked) -> bool {
        matches!(&self.stage, Stage::Calling { key, .. } if *key == key_of(&asked.request))
    }

    /// Whether audio leaves from here.
    pub fn talks(&self) -> bool {
        matches!(self.stage, Stage::Up)
            && !self.gone
            && !self.mute
            && matches!(self.direction, "sendrecv" | "sendonly")
    }

    /// Whether something is still open on our side.
    pub fn is_open(&self) -> bool {
        !self.gone && !matches!(self.stage, Stage::Over | Stage::Refused)
    }
}
