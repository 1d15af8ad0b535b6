//! One session of a party: its dialog, and what both sides have agreed on.

use crate::text::{cseq, header, start, uri};

/// Whether a party sends, and whether it wants to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub sends: bool,
    pub hears: bool,
}

impl Way {
    pub const BOTH: Self = Self { sends: true, hears: true };

    pub fn parse(word: &str) -> Self {
        Self {
            sends: matches!(word, "sendrecv" | "sendonly"),
            hears: matches!(word, "sendrecv" | "recvonly"),
        }
    }

    pub const fn word(self) -> &'static str {
        match (self.sends, self.hears) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// What is left of ours when they say this (RFC 3264 §6.1).
    const fn within(self, theirs: Self) -> Self {
        Self { sends: self.sends && theirs.hears, hears: self.hears && theirs.sends }
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No final answer yet.
    Early,
    /// Both sides are sure, or will be when the ACK has come.
    Talking,
    /// We have said BYE.
    Leaving,
    /// Nothing is left.
    Over,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub number: u32,
    /// The highest CSeq number of theirs.
    pub theirs: u32,
    /// The first INVITE, whoever sent it.
    pub invite: String,
    /// Whether we called.
    pub calling: bool,
    pub state: State,
    pub port: u16,
    pub version: u32,
    /// What we want.
    pub wish: Way,
    /// Our offer without an answer.
    pub offered: Option<Way>,
    /// What is agreed.
    pub agreed: Option<Way>,
    /// The last RSeq of theirs that we have acknowledged, and of ours.
    pub rseq: u32,
    /// An INVITE of ours inside the dialog without a final answer: its number.
    pub open: Option<u32>,
    /// Whether a provisional answer has come.
    pub progressed: bool,
    /// Whether it is to be cancelled as soon as that may be.
    pub to_cancel: bool,
    /// Whether the parties could hear each other at some time.
    pub talked: bool,
}

impl Session {
    /// One that they have begun.
    pub const fn new(call_id: String, local: String, remote: String, port: u16) -> Self {
        Self {
            call_id,
            local,
            remote,
            target: String::new(),
            number: 0,
            theirs: 0,
            invite: String::new(),
            calling: false,
            state: State::Early,
            port,
            version: 0,
            wish: Way::BOTH,
            offered: None,
            agreed: None,
            rseq: 0,
            open: None,
            progressed: true,
            to_cancel: false,
            talked: false,
        }
    }

    /// Our tag.
    pub fn tag(&self) -> &str {
        self.local.split_once(";tag=").map_or("", |(_, tag)| tag)
    }

    /// Both sides of the dialog as Replaces names them.
    pub fn replaces(&self) -> String {
        let tag = |value: &str| value.split_once(";tag=").map_or("", |(_, tag)| tag).to_owned();
        let (to, from) = (tag(&self.remote), tag(&self.local));
        format!("{};to-tag={to};from-tag={from}", self.call_id)
    }

    /// A description of ours.
    pub fn describe(&mut self, name: &str, host: &str, way: Way) -> String {
        self.version += 1;
        let (version, port, word) = (self.version, self.port, way.word());
        format!(
            "v=0\r\no={name} 7 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={word}\r\n"
        )
    }

    /// Takes a description of theirs: an answer when ours is open, else an offer, whose answer
    /// comes back.
    pub fn hear(&mut self, message: &str) -> Option<Way> {
        let body = message.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        if body.is_empty() || !message.contains("application/sdp") {
            return None;
        }
        let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
        let said = known.iter().find(|word| body.contains(&format!("a={word}\r\n")));
        let theirs = Way::parse(said.copied().unwrap_or("sendrecv"));
        match self.offered.take() {
            Some(offered) => {
                self.agreed = Some(offered.within(theirs));
                None
            }
            None => Some(self.wish.within(theirs)),
        }
    }

    /// Whether this response or request names our dialog, and from when on.
    pub fn learn(&mut self, message: &str, remote: &str) {
        header(message, remote).clone_into(&mut self.remote);
        if let Some(contact) = crate::text::lines(message, "Contact").first() {
            uri(contact).clone_into(&mut self.target);
        }
    }

    /// Whether a request of theirs is newer than those before (RFC 3261 §12.2.2).
    pub fn in_order(&mut self, message: &str) -> bool {
        let number = cseq(message).0;
        let newer = number > self.theirs || start(message).starts_with("ACK");
        self.theirs = self.theirs.max(number);
        newer
    }
}
