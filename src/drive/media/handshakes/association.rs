//! One handshake and the association that it leaves: `dimpl` driven by datagrams and instants.

use super::{DATAGRAM_BYTES, NewsSink};
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};
use holdfast_core::media::handshake::{News, Progress, Which};
use holdfast_core::media::order::Part;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tracing::{debug, warn};

/// Outputs of one turn; a machine that has more to say turns in circles.
const OUTPUTS_MAX: usize = 64;

/// A handshake that was begun.
pub struct Association {
    which: Which,
    dtls: Dtls,
    news: NewsSink,
    due: Option<Instant>,
    state: State,
}

/// What it has brought so far.
enum State {
    /// Not all.
    Shaking { certificate: Option<Vec<u8>>, material: Option<(u16, Vec<u8>)>, connected: bool },
    /// All, which was told.
    Done,
}

/// Nothing can come of it any more.
struct Broken;

impl Association {
    /// Begins one, or waits for the peer to do so. `None` when it is broken at once.
    pub fn begin(
        which: Which,
        (config, own): (Arc<Config>, DtlsCertificate),
        part: Part,
        news: NewsSink,
        now: Instant,
    ) -> Option<Self> {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let mut dtls = Dtls::new_auto(config, own, now);
            match part {
                Part::Client => dtls.set_active(true),
                Part::Server => {}
            }
            dtls
        }));
        let Ok(dtls) = made else {
            news(News { which, progress: Progress::Broken });
            return None;
        };
        let state = State::Shaking { certificate: None, material: None, connected: false };
        let mut association = Self { which, dtls, news, due: None, state };
        association.turn(now, |_| {}).then_some(association)
    }

    /// When [`Self::pass`] is due.
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Lets time pass. False when it is over.
    pub fn pass(&mut self, now: Instant) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return true;
        }
        self.turn(now, |_| {})
    }

    /// Takes a datagram of the peer. False when it is over.
    pub fn take(&mut self, now: Instant, datagram: &[u8]) -> bool {
        self.turn(now, |dtls| {
            if let Err(error) = dtls.handle_packet(datagram) {
                // RFC 6347 §4.1.2.7: what is not right is dropped. What can not go on runs out of
                // time.
                debug!(%error, "datagram of a handshake refused");
            }
        })
    }

    /// Says goodbye, where there is somebody to hear it.
    pub fn end(mut self, now: Instant) {
        match self.state {
            State::Shaking { .. } => {}
            State::Done => {
                // Whether it could be said changes nothing: it is not repeated.
                let _ = self.turn(now, |dtls| drop(dtls.close()));
            }
        }
    }

    /// One turn of the machine: the time, an input, and all that it has to say. False when it is
    /// over, which was told.
    fn turn(&mut self, now: Instant, input: impl FnOnce(&mut Dtls)) -> bool {
        let turned = catch_unwind(AssertUnwindSafe(|| {
            self.dtls.handle_timeout(now).map_err(|_| Broken)?;
            input(&mut self.dtls);
            self.poll()
        }));
        match turned {
            Ok(Ok(())) => return true,
            Ok(Err(Broken)) => debug!(stream = %self.which.stream, "handshake broken"),
            Err(_panic) => warn!(stream = %self.which.stream, "handshake panicked"),
        }
        self.tell(Progress::Broken);
        false
    }

    fn poll(&mut self) -> Result<(), Broken> {
        let mut room = [0; DATAGRAM_BYTES];
        for _ in 0..OUTPUTS_MAX {
            let output = self.dtls.poll_output(&mut room);
            match output {
                Output::Packet(bytes) => {
                    let bytes = bytes.to_vec();
                    self.tell(Progress::Send(bytes));
                }
                Output::Timeout(at) => {
                    self.due = Some(at);
                    return Ok(());
                }
                Output::PeerCert(der) => {
                    let der = der.to_vec();
                    self.learn(|certificate, _, _| *certificate = Some(der));
                }
                Output::KeyingMaterial(bytes, profile) => {
                    let number = number_of(profile).ok_or(Broken)?;
                    let bytes = bytes.to_vec();
                    self.learn(|_, material, _| *material = Some((number, bytes)));
                }
                Output::Connected => self.learn(|_, _, connected| *connected = true),
                Output::CloseNotify => self.tell(Progress::Ended),
                // Nobody sends data here.
                Output::ApplicationData(_) => {}
                Output::BufferTooSmall { .. } => return Err(Broken),
                _of_a_later_version => {}
            }
        }
        Err(Broken)
    }

    fn learn(
        &mut self,
        what: impl FnOnce(&mut Option<Vec<u8>>, &mut Option<(u16, Vec<u8>)>, &mut bool),
    ) {
        let State::Shaking { certificate, material, connected } = &mut self.state else { return };
        what(certificate, material, connected);
        if *connected
            && let (Some(certificate), Some((profile, material))) =
                (certificate.take_if(|_| material.is_some()), material.take())
        {
            self.state = State::Done;
            self.tell(Progress::Done { certificate, profile, material });
        }
    }

    fn tell(&self, progress: Progress) {
        (self.news)(News { which: self.which, progress });
    }
}

/// RFC 5764 §4.1.2, RFC 7714 §14.2.
const fn number_of(profile: SrtpProfile) -> Option<u16> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(0x0001),
        SrtpProfile::AEAD_AES_128_GCM => Some(0x0007),
        SrtpProfile::AEAD_AES_256_GCM => Some(0x0008),
        _of_a_later_version => None,
    }
}
