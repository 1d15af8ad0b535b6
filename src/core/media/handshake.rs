//! The handshake of one stream, seen from its packets: when it is wanted, whose it is, and what its
//! keys are worth (RFC 5763, RFC 5764).
//!
//! ```text
//!                a way is found, or the          the certificate is the one
//!                remote begins                   of the description
//!  Nothing ─▶ Wanted ───────────────▶ Shaking ─────────────────────────────▶ Secured
//!                                        └──────▶ Failed ◀── the remote ends it ──┘
//! ```
//!
//! The arithmetic is done by a driver elsewhere, for it takes long and needs chance of its own: it
//! carries out an [`Order`] and brings [`News`]. What it brings is believed here or not: a
//! handshake succeeds with any certificate, and the keys are only taken when the certificate is the
//! one that the session description names. A later description with other certificates or parts
//! begins another handshake; the keys of the one before hold until that has brought its own.

use crate::media::order::{Crypto, Dtls, HandshakeFailure, Part};
use holdfast_base::StreamId;
use holdfast_wire::sdp::Fingerprint;
use holdfast_wire::srtp::Exported;

/// One handshake of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Which {
    /// The stream.
    pub stream: StreamId,
    /// Which of its handshakes.
    pub number: u32,
}

/// What the driver of handshakes is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Begin, or wait for the remote to do so.
    Begin {
        /// Which.
        which: Which,
        /// Under which certificate of ours.
        certificate: Fingerprint,
        /// Who begins.
        part: Part,
    },
    /// The remote has sent this.
    Take {
        /// To which.
        which: Which,
        /// A datagram.
        datagram: Vec<u8>,
    },
    /// It is over, done or not.
    End {
        /// Which.
        which: Which,
    },
}

/// What comes of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This is to be sent to the remote.
    Send(Vec<u8>),
    /// It is done.
    Done {
        /// The certificate of the remote, in DER.
        certificate: Vec<u8>,
        /// The number of the SRTP profile.
        profile: u16,
        /// What the keys are made of (RFC 5764 §4.2).
        material: Vec<u8>,
    },
    /// It broke off, or got no answer in time.
    Broken,
    /// The remote has ended it (close_notify).
    Ended,
}

/// The news of one handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Which.
    pub which: Which,
    /// What comes of it.
    pub progress: Progress,
}

/// What the stream makes of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send this to the remote.
    Send(Vec<u8>),
    /// These keys are in force.
    Keys(Box<Crypto>),
    /// No keys are.
    Failed(HandshakeFailure),
    /// Old news.
    Nothing,
}

/// Where the handshake of a stream stands.
#[derive(Debug)]
pub struct Handshake {
    stream: StreamId,
    /// Of the last one that was begun.
    number: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Keys are agreed on otherwise, or the remote knows a certificate that is not ours any more.
    Nothing,
    /// Agreed on in descriptions.
    Wanted(Dtls),
    /// On its way.
    Shaking(Dtls),
    /// Its keys are in force.
    Secured(Dtls),
    /// It came to nothing.
    Failed(Dtls),
}

impl Handshake {
    /// None is agreed on.
    #[must_use]
    pub const fn new(stream: StreamId) -> Self {
        Self { stream, number: 0, state: State::Nothing }
    }

    /// Takes what was agreed; the order that follows. The same certificates and parts again mean
    /// the handshake that there is (RFC 8842 §5.5).
    pub fn expect(&mut self, agreed: Option<&Dtls>) -> Option<Order> {
        let known = match &self.state {
            State::Nothing => None,
            State::Wanted(dtls)
            | State::Shaking(dtls)
            | State::Secured(dtls)
            | State::Failed(dtls) => Some(dtls),
        };
        let agreed = agreed.filter(|dtls| dtls.certificate.is_some());
        if known == agreed {
            return None;
        }
        let ended = self.end();
        self.state = agreed.map_or(State::Nothing, |dtls| State::Wanted(dtls.clone()));
        ended
    }

    /// A way to the remote is there: where we begin, we do so now.
    pub fn way_found(&mut self) -> Option<Order> {
        match &self.state {
            State::Wanted(dtls) if dtls.begins == Part::Client => self.begin(),
            State::Wanted(_)
            | State::Nothing
            | State::Shaking(_)
            | State::Secured(_)
            | State::Failed(_) => None,
        }
    }

    /// Takes a datagram of the remote; the orders that follow.
    pub fn take(&mut self, datagram: &[u8]) -> [Option<Order>; 2] {
        let begun = match &self.state {
            State::Nothing | State::Failed(_) => return [None, None],
            // Who of us begins is agreed on, and the remote may hear of the way before we do.
            State::Wanted(_) => self.begin(),
            // Flights that were lost are repeated after the keys are there as well.
            State::Shaking(_) | State::Secured(_) => None,
        };
        [begun, Some(Order::Take { which: self.which(), datagram: datagram.to_vec() })]
    }

    fn begin(&mut self) -> Option<Order> {
        let State::Wanted(dtls) = std::mem::replace(&mut self.state, State::Nothing) else {
            return None;
        };
        self.number = self.number.wrapping_add(1);
        let certificate = dtls.certificate.clone()?;
        let order = Order::Begin { which: self.which(), certificate, part: dtls.begins };
        self.state = State::Shaking(dtls);
        Some(order)
    }

    /// Takes news of a handshake, and says what they are worth.
    pub fn hear(&mut self, news: News) -> Verdict {
        if news.which != self.which() {
            return Verdict::Nothing;
        }
        match (&self.state, news.progress) {
            (State::Shaking(_) | State::Secured(_), Progress::Send(bytes)) => Verdict::Send(bytes),
            (State::Shaking(dtls), Progress::Done { certificate, profile, material }) => {
                if !Fingerprint::any_is_of(&dtls.fingerprints, &certificate) {
                    return self.fail(HandshakeFailure::AnotherCertificate);
                }
                let Some(keys) = Exported::of(profile, &material) else {
                    return self.fail(HandshakeFailure::NoCommonSuite);
                };
                let dtls = dtls.clone();
                let (ours, theirs) = match dtls.begins {
                    Part::Client => (keys.client, keys.server),
                    Part::Server => (keys.server, keys.client),
                };
                self.state = State::Secured(dtls);
                Verdict::Keys(Box::new(Crypto { send: Some(ours), receive: theirs, mki_bytes: 0 }))
            }
            (State::Shaking(_), Progress::Broken | Progress::Ended) => {
                self.fail(HandshakeFailure::Broken)
            }
            // The keys would hold without it, but who says goodbye is gone.
            (State::Secured(_), Progress::Ended) => self.fail(HandshakeFailure::Ended),
            // What breaks after it was done has done its work.
            (State::Secured(_), Progress::Broken | Progress::Done { .. })
            | (State::Nothing | State::Wanted(_) | State::Failed(_), _) => Verdict::Nothing,
        }
    }

    fn fail(&mut self, why: HandshakeFailure) -> Verdict {
        self.state = match std::mem::replace(&mut self.state, State::Nothing) {
            State::Nothing => State::Nothing,
            State::Wanted(dtls)
            | State::Shaking(dtls)
            | State::Secured(dtls)
            | State::Failed(dtls) => State::Failed(dtls),
        };
        Verdict::Failed(why)
    }

    /// What the driver has to forget, if it was told of anything.
    pub fn end(&mut self) -> Option<Order> {
        let begun = match std::mem::replace(&mut self.state, State::Nothing) {
            State::Nothing | State::Wanted(_) => false,
            State::Shaking(_) | State::Secured(_) | State::Failed(_) => true,
        };
        begun.then(|| Order::End { which: self.which() })
    }

    const fn which(&self) -> Which {
        Which { stream: self.stream, number: self.number }
    }
}
