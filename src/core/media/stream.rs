//! One stream: everything that one remote sends us and hears from us.
//!
//! Inward: is it authentic where keys were agreed ([`Guard`]), is it RTP, is it a payload type that
//! was agreed, is it from the believed source ([`Latch`]); then statistics, keys, and [`Heard`] for
//! the listeners. Outward: one unbroken numbering ([`Splice`]) for peer audio, clips, mixes, keys
//! and filler, and the guard again; what we make ourselves is in [`pacing`]. Who listens to whom is
//! for the plane. Nothing is allocated per packet.

mod checked;
mod pacing;

pub use pacing::Wanted;

use crate::media::clip::Playlist;
use crate::media::dtmf::{KEYS_PER_SECOND_MAX, Keypad};
use crate::media::entrance::{Entrance, Way};
use crate::media::fit::{What, fit, ticks_of};
use crate::media::guard::Guard;
use crate::media::handshake;
use crate::media::keys::Presses;
use crate::media::latch::{Latch, Origin, Verdict};
use crate::media::order::{Digit, MediaEdge, Open, Remote, StreamCounters};
use crate::media::quality::{Arrival, Reception};
use crate::media::report::Reporter;
use crate::media::splice::{Content, Piece, Splice, Voice, ticks_at};
use crate::media::transcode::coding::Coding;
use crate::media::transcode::ear::Packet;
use crate::media::transcode::mouth::Mouth;
use crate::rate::PerSecond;
use holdfast_base::{Mono, Now, Outbox, StreamId};
use holdfast_wire::g711;
use holdfast_wire::rtp::event::Event;
use holdfast_wire::rtp::header::{BARE_HEADER_BYTES, Fields, Header};
use holdfast_wire::rtp::rtcp::Compound;
use holdfast_wire::srtp::Refused;
use holdfast_wire::wav::SAMPLES_PER_SECOND;
use std::net::SocketAddr;
use std::time::Duration;

/// A remote that should send and does not is reported this often.
pub const QUIET_EVERY: Duration = Duration::from_secs(1);
/// A listener whose peer says nothing for this long gets silence of our own, because carriers hang
/// up on a line without RTP (after 10 to 30 s) and NAT bindings expire.
pub const FILLER_AFTER: Duration = Duration::from_secs(1);
/// The clock by which keys are told, in hertz: that of G.711.
const KEYPAD_HZ: u32 = 8000;

/// One accepted packet for whoever listens.
#[derive(Clone, Debug)]
pub struct Heard {
    header: Header,
    speaker: StreamId,
    what: What,
}

impl Heard {
    const fn is_audio(&self) -> bool {
        match self.what {
            What::Audio(_) => true,
            What::Key { .. } => false,
        }
    }

    /// The packet as an ear takes it; none for keys and what can not be decoded.
    #[must_use]
    pub fn decodable<'a>(&self, packet: &'a [u8]) -> Option<Packet<'a>> {
        let coding = match self.what {
            What::Audio(codec) => Coding::of(codec.encoding)?,
            What::Key { .. } => return None,
        };
        let Fields { ssrc, sequence, .. } = self.header.fields;
        Some(Packet { ssrc, sequence, coding, payload: self.header.payload(packet) })
    }
}

/// What the remote hears.
#[derive(Debug)]
pub enum Hearing {
    /// Nothing.
    Silence,
    /// The remote of another stream.
    Peer(StreamId),
    /// What others say, decoded and added up.
    Mix(Mix),
    /// Clips, since an instant.
    Clips(Playlist, Mono),
}

/// Several voices in one.
#[derive(Debug)]
pub struct Mix {
    /// With whom the remote talks.
    pub peer: StreamId,
    /// Whom it hears too.
    pub beside: Vec<StreamId>,
}

/// The next packet that we make ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Idle,
    Due { at: Mono, frame: u16 },
}

/// One port pair of ours towards one remote.
#[derive(Debug)]
pub struct Stream {
    id: StreamId,
    remote: Option<Remote>,
    entrance: Entrance,
    guard: Guard,
    latch: Latch,
    reception: Reception,
    keypad: Keypad,
    keys_told: PerSecond,
    splice: Splice,
    reporter: Reporter,
    hearing: Hearing,
    /// What encodes for the remote; none while everything is relayed or copied.
    mouth: Option<Box<Mouth>>,
    presses: Presses,
    pace: Pace,
    marks: Marks,
    totals: Totals,
}

/// Instants that matter, and where reports come from.
#[derive(Debug)]
struct Marks {
    /// Last sign of life, or when we began to expect one.
    alive: Mono,
    quiet_told: Mono,
    sent: Mono,
    /// The last packet of a key that the peer presses; none before the first.
    key: Option<Mono>,
    reports_from: Option<SocketAddr>,
    /// When the remote was first asked to speak.
    asked: Option<Mono>,
    /// Last audio, or since when it should have come.
    audio: Mono,
}

#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    refused: u64,
    forged: u64,
    replayed: u64,
    /// Orders to hear clips or a mix; numbers the voice of each.
    voices: u32,
    first_packet: Option<Duration>,
    silent: Duration,
    source: Option<SocketAddr>,
}

impl Stream {
    /// A stream that refuses everything until [`Stream::expect`].
    #[must_use]
    pub fn new(now: Mono, open: &Open) -> Self {
        Self {
            id: open.stream,
            remote: None,
            entrance: Entrance::new(now, open.stream),
            guard: Guard::default(),
            latch: Latch::Deaf,
            reception: Reception::default(),
            keypad: Keypad::Idle,
            keys_told: PerSecond::new(now),
            splice: Splice::new(open.ssrc, open.first_sequence, open.timestamp_origin),
            reporter: Reporter::new(now, open.ssrc, open.timestamp_origin),
            hearing: Hearing::Silence,
            mouth: None,
            presses: Presses::default(),
            pace: Pace::Idle,
            marks: Marks {
                alive: now,
                quiet_told: now,
                sent: now,
                key: None,
                reports_from: None,
                asked: None,
                audio: now,
            },
            totals: Totals::default(),
        }
    }

    /// Its identifier.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.id
    }

    /// Takes what the offer/answer exchange says. False when it says nothing new: a session
    /// refresh (RFC 4028) is not heard.
    pub fn expect(
        &mut self,
        now: Mono,
        remote: Remote,
        orders: &mut Outbox<handshake::Order>,
    ) -> bool {
        if self.remote.as_ref() == Some(&remote) {
            return false;
        }
        self.entrance.expect(&remote, &mut self.guard, orders);
        self.latch.expect(now, remote.rtp);
        let (before_sends, before_rtcp) =
            self.remote.as_ref().map_or((false, None), |before| (before.sends, before.rtcp));
        if remote.sends && !before_sends {
            (self.marks.alive, self.marks.quiet_told, self.marks.audio) = (now, now, now);
            self.marks.asked.get_or_insert(now);
        }
        if remote.rtcp != before_rtcp {
            self.marks.reports_from = None;
        }
        self.remote = Some(remote);
        self.choose_mouth();
        self.seam();
        self.wake(now);
        true
    }

    /// Takes what the remote hears from now on. The same peer again changes nothing, and who is
    /// beside it in a mix comes and goes without a seam.
    pub fn listen(&mut self, now: Mono, hearing: Hearing) {
        match (&mut self.hearing, hearing) {
            (Hearing::Peer(present), Hearing::Peer(wanted)) if *present == wanted => return,
            (Hearing::Mix(present), Hearing::Mix(wanted)) if present.peer == wanted.peer => {
                *present = wanted;
                return;
            }
            (hearing, wanted) => *hearing = wanted,
        }
        match self.hearing {
            Hearing::Silence | Hearing::Peer(_) => {}
            Hearing::Mix(_) | Hearing::Clips(..) => {
                self.totals.voices = self.totals.voices.wrapping_add(1);
            }
        }
        self.choose_mouth();
        self.pace = Pace::Idle;
        self.seam();
        self.wake(now);
    }

    /// The stream that the remote talks with, if there is one.
    #[must_use]
    pub const fn hears(&self) -> Option<StreamId> {
        match &self.hearing {
            Hearing::Peer(stream) => Some(*stream),
            Hearing::Mix(mix) => Some(mix.peer),
            Hearing::Silence | Hearing::Clips(..) => None,
        }
    }

    /// The streams that it hears decoded.
    pub fn mixes(&self) -> impl Iterator<Item = StreamId> + '_ {
        let mix = match &self.hearing {
            Hearing::Mix(mix) => Some(mix),
            Hearing::Silence | Hearing::Peer(_) | Hearing::Clips(..) => None,
        };
        mix.into_iter().flat_map(|mix| std::iter::once(mix.peer).chain(mix.beside.iter().copied()))
    }

    /// Presses a key; false when the remote takes no keys or too many wait.
    pub fn press(&mut self, now: Mono, digit: Digit, length_ms: u16) -> bool {
        let taken = self.remote.as_ref().is_some_and(|remote| remote.dtmf_to_remote.is_some())
            && self.presses.add(digit, length_ms);
        self.wake(now);
        taken
    }

    /// The next packet, whoever makes it, starts a talkspurt.
    pub fn seam(&mut self) {
        self.splice.pause();
    }

    /// Takes one packet that came to the RTP port and opens it in place; `None` when nobody may
    /// hear it, else also its length. What is not authentic moves no latch and no statistics.
    pub fn hear(
        &mut self,
        now: Mono,
        from: SocketAddr,
        packet: &mut [u8],
        out: &mut Outbox<MediaEdge>,
    ) -> Option<(Heard, usize)> {
        let opened = self.guard.open(packet);
        let length = self.count_refused(opened)?;
        let packet = packet.get(..length)?;
        let Some((header, what, sends)) = self.understand(packet) else {
            self.totals.refused += 1;
            return None;
        };
        let (ssrc, sequence) = (header.fields.ssrc, header.fields.sequence);
        if self.entrance.is_checked() {
            self.latch.led_to(now, from);
        }
        match self.latch.hear(now, Origin { from, ssrc, sequence }) {
            Verdict::Refused => {
                self.totals.refused += 1;
                return None;
            }
            Verdict::First => {
                out.push(MediaEdge::FirstPacket { stream: self.id, from });
                self.totals.source = Some(from);
                let asked = self.marks.asked.unwrap_or(now);
                self.totals.first_packet.get_or_insert(now.since(asked));
            }
            Verdict::Moved => self.totals.source = Some(from),
            Verdict::Accepted => {}
        }
        let pause = now.since(self.marks.audio);
        if sends && pause >= QUIET_EVERY {
            self.totals.silent += pause;
        }
        (self.marks.alive, self.marks.audio) = (now, now);
        let transit = match what {
            What::Audio(codec) => {
                Some(ticks_at(now, codec.clock_hz).wrapping_sub(header.fields.timestamp))
            }
            What::Key { .. } => None,
        };
        if self.reception.hear(Arrival { ssrc, sequence, transit }) {
            self.keypad = Keypad::Idle; // timestamps of another source say nothing about this one
        }
        if let What::Key { event, clock_hz } = what {
            let event = event.rescaled(clock_hz, KEYPAD_HZ);
            let keys = self.keypad.hear(now, header.fields.timestamp, event);
            for digit in keys.into_iter().flatten() {
                if self.keys_told.permits(now, KEYS_PER_SECOND_MAX) {
                    out.push(MediaEdge::Key { stream: self.id, digit });
                }
            }
        }
        sends.then_some((Heard { header, speaker: self.id, what }, length))
    }

    fn count_refused(&mut self, opened: Result<usize, Refused>) -> Option<usize> {
        match opened {
            Ok(length) => return Some(length),
            Err(Refused::Malformed) => {}
            Err(Refused::Forged) => self.totals.forged += 1,
            Err(Refused::Replayed) => self.totals.replayed += 1,
        }
        self.totals.refused += 1;
        None
    }

    /// What a packet is, by the payload types that were agreed; and whether the remote may send.
    fn understand(&self, packet: &[u8]) -> Option<(Header, What, bool)> {
        let header = Header::parse(packet).ok()?;
        let remote = self.remote.as_ref()?;
        let payload_type = header.fields.payload_type;
        let what = if remote.dtmf_from_remote == Some(payload_type) {
            let clock_hz = remote.dtmf_clock_hz;
            What::Key { event: Event::parse(header.payload(packet))?, clock_hz }
        } else {
            let codec = remote.accepts.iter().find(|codec| codec.payload_type == payload_type)?;
            What::Audio(*codec)
        };
        Some((header, what, remote.sends))
    }

    /// Makes the packet that another stream heard into one for this remote, in place at the front
    /// of `packet`, which may have room behind it. Returns where it goes and its length.
    pub fn speak(
        &mut self,
        now: Mono,
        heard: &Heard,
        packet: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let voice = Voice::Peer(heard.speaker, heard.header.fields.ssrc);
        if self.presses.busy() {
            return None; // RFC 4733 §2.5.1.1: no audio beside a tone; the key has the line
        }
        let to = self.destination()?;
        let remote = self.remote.as_ref()?;
        let mixing = matches!(self.hearing, Hearing::Mix(_));
        if mixing && heard.is_audio() && self.splice.follows(Voice::Mix(self.totals.voices)) {
            return None; // it comes decoded
        }
        let Some(fit) = fit(remote, heard.what) else {
            self.splice.skip(voice, heard.header.fields.sequence);
            return None;
        };
        let payload = heard.header.payload_mut(packet);
        let content = match heard.what {
            What::Audio(codec) => Content::Audio(ticks_of(codec, payload.len())),
            What::Key { event, clock_hz } => {
                let event = event.rescaled(clock_hz, remote.dtmf_clock_hz);
                payload.iter_mut().zip(event.bytes()).for_each(|(byte, value)| *byte = value);
                self.marks.key = Some(now);
                Content::Event(u32::from(event.duration_ticks))
            }
        };
        let fields = heard.header.fields;
        let piece = Piece {
            voice,
            sequence: fields.sequence,
            timestamp: fields.timestamp,
            marker: fields.marker,
            content,
        };
        let at = self.splice.timestamp_at(now, remote.codec.clock_hz);
        let placed = self.splice.place(at, piece, fit.payload_type)?;
        if let Some((from, to)) = fit.laws {
            g711::transcode(payload, from, to);
        }
        let length = heard.header.bare(packet, placed);
        if !mixing {
            self.pace = Pace::Idle; // the peer is back: no filler
        }
        let closed = self.guard.close(packet, length)?;
        self.count_sent(now, placed.timestamp, length);
        Some((to, closed))
    }

    fn count_sent(&mut self, now: Mono, timestamp: u32, length: usize) {
        self.totals.sent += 1;
        self.marks.sent = now;
        self.reporter.sent(now, timestamp, length - BARE_HEADER_BYTES);
    }

    /// Takes one RTCP datagram. It is a sign of life, and the end of its way.
    pub fn hear_report(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        let opened = self.guard.open_report(datagram);
        let Some(length) = self.count_refused(opened) else { return };
        match Compound::parse(datagram.get(..length).unwrap_or_default()) {
            Ok(compound) if self.believes(from) => {
                self.marks.alive = now.mono;
                self.marks.reports_from = Some(from);
                self.reporter.hear(now, self.splice.ssrc(), &compound);
            }
            Ok(_) | Err(_) => self.totals.refused += 1,
        }
    }

    /// The report that is due, if any, and where it goes. `true`: from the RTP port (RFC 5761).
    pub fn report(&mut self, now: Now) -> Option<(SocketAddr, bool, Vec<u8>)> {
        if !self.reporter.due(now.mono) || !self.guard.may_send() {
            return None;
        }
        let clock_hz = self.clock_hz();
        let remote = self.remote.as_ref()?;
        let (to, shared) = match self.entrance.way() {
            Way::Checked(to) => (to?, true),
            Way::Latched if remote.rtcp.is_some() && remote.rtcp == remote.rtp => {
                (self.latch.destination().or(remote.rtcp)?, true)
            }
            Way::Latched => (self.marks.reports_from.or(remote.rtcp)?, false),
        };
        let bytes = self.reporter.make(now, &self.splice, clock_hz, &mut self.reception);
        Some((to, shared, self.guard.close_report(bytes)?))
    }

    /// Looks after what nobody tells us: a key without an end, a remote or a peer gone quiet.
    pub fn sweep(&mut self, now: Mono, out: &mut Outbox<MediaEdge>) {
        if let Some(digit) = self.keypad.settle(now) {
            out.push(MediaEdge::Key { stream: self.id, digit });
        }
        self.entrance.sweep(now, out);
        let Some(remote) = &self.remote else { return };
        let quiet = now.since(self.marks.alive);
        if remote.sends
            && (remote.rtp.is_some() || self.entrance.is_checked())
            && quiet >= QUIET_EVERY
            && now.since(self.marks.quiet_told) >= QUIET_EVERY
        {
            self.marks.quiet_told = now;
            let for_ms = u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX);
            out.push(MediaEdge::Quiet { stream: self.id, for_ms });
        }
        let listens = matches!(self.hearing, Hearing::Peer(_)) && self.pace == Pace::Idle;
        if listens && now.since(self.marks.sent) >= FILLER_AFTER && self.destination().is_some() {
            self.pace = Pace::Due { at: self.first_due(now), frame: 0 };
        }
    }

    /// What it did so far.
    #[must_use]
    pub fn counters(&self) -> StreamCounters {
        let (clock_hz, loss) = (self.clock_hz(), self.reception.loss_runs());
        StreamCounters {
            received: self.reception.received(),
            sent: self.totals.sent,
            lost: self.reception.lost(),
            refused: self.totals.refused,
            forged: self.totals.forged,
            replayed: self.totals.replayed,
            jitter_us: self.reception.jitter_us(clock_hz),
            mos_centi: self.reception.mos_centi(clock_hz, self.reporter.round_trip()),
            last_sequence: self.splice.last_sequence(),
            loss_runs: loss.count,
            longest_loss: loss.longest,
            first_packet_ms: self.totals.first_packet.map(|it| narrowed(it.as_millis())),
            silent_ms: u64::try_from(self.totals.silent.as_millis()).unwrap_or(u64::MAX),
            round_trip_us: self.reporter.round_trip().map(|it| narrowed(it.as_micros())),
            far: self.reporter.far(clock_hz),
            source: self.totals.source,
        }
    }

    /// Where audio goes; `None` when the direction, a missing address or a missing key forbids it.
    fn destination(&self) -> Option<SocketAddr> {
        let remote = self.remote.as_ref()?;
        if !remote.receives || !self.guard.may_send() {
            return None;
        }
        match self.entrance.way() {
            Way::Checked(to) => to,
            Way::Latched => remote.rtp.and_then(|_| self.latch.destination()),
        }
    }

    fn clock_hz(&self) -> u32 {
        self.remote.as_ref().map_or(SAMPLES_PER_SECOND, |remote| remote.codec.clock_hz)
    }
}

fn narrowed(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
