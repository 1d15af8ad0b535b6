//! One connection: bytes to messages one way, messages to bytes the other, whatever is below.

use holdfast_core::abuse::offence::Offence;
use holdfast_core::abuse::source::Source;
use holdfast_core::sip::flow::Flow;
use holdfast_wire::sip::Frame;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::framing::{Cut, Framing};
use super::{CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, Counted};
use crate::inbox::{Inbound, Inbox};
use crate::porter::{Pace, Porter};

/// A message must be complete this long after its first byte: a slow drip is no phone.
const MESSAGE_TIME: Duration = Duration::from_secs(10);
/// A peer must take what is written within this time: TCP itself waits for ever for one that keeps
/// its window shut, and such a one would hold its place for ever. Below Timer B.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// A connection may be silent this long. Phones register or ping every few minutes.
const IDLE_TIME: Duration = Duration::from_secs(3700);
/// How often a browser is asked whether it is there, when it says nothing: a proxy before the box
/// commonly waits for a minute (nginx, `proxy_read_timeout`). One that has not answered when it
/// would be asked again is gone: nobody says goodbye for a laptop that was closed.
const PING_EVERY: Duration = Duration::from_secs(30);
/// A retired connection that has carried nothing for this long has no transaction open: an INVITE
/// that rings is silent for three minutes at most (Timer C, RFC 3261 §16.6), any other less.
const RETIRED_IDLE_TIME: Duration = Duration::from_secs(190);
/// The end of an idle connection is heard so soon after writing to it: a round trip, with patience.
const CLOSING_TIME: Duration = Duration::from_secs(2);
/// Messages that are kept until the other side says something.
const UNHEARD_MAX: usize = 16;
/// How long a connection that is closed for what came last stays open for the answers to what came
/// before.
const LAST_WORDS_TIME: Duration = Duration::from_millis(500);
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// What the loop wants of a connection.
#[derive(Debug)]
pub enum Order {
    /// Write a message.
    Write(Vec<u8>),
    /// Close as soon as no transaction can be waiting.
    Retire,
}

/// The loop's ends of a connection.
pub struct Ends {
    pub flow: Flow,
    pub queue: mpsc::Receiver<Order>,
    pub inbox: Inbox,
}

/// An open connection.
pub struct Connection<S> {
    stream: S,
    ends: Ends,
    framing: Framing,
    partial_since: Option<Instant>,
    silence: Silence,
    /// When it last carried a message.
    carried: Instant,
    /// Whether it closes at the first silence.
    retired: bool,
    /// How fast it is read; one that we opened has none.
    pace: Option<Arc<Pace>>,
    /// What was written and not yet followed by any word of the other side; of a connection that
    /// we can open again, and that has been in use before.
    unheard: Option<Unheard>,
}

/// How long the other side has said nothing.
#[derive(Clone, Copy, Debug)]
enum Silence {
    Since(Instant),
    /// It was asked whether it is there, then.
    Asked(Instant),
}

/// What may have met a connection that the other side has just closed for being idle.
#[derive(Debug, Default)]
struct Unheard {
    messages: Vec<Vec<u8>>,
    since: Option<Instant>,
    /// Whether the other side has ever said anything: a connection that was never good does not
    /// become so by being opened again.
    used: bool,
}

impl Unheard {
    fn wrote(&mut self, bytes: &[u8]) {
        if self.used && self.messages.len() < UNHEARD_MAX {
            self.since.get_or_insert_with(Instant::now);
            self.messages.push(bytes.to_vec());
        }
    }

    fn heard(&mut self) {
        *self = Self { used: true, ..Self::default() };
    }

    /// What is worth writing again when the connection ends now.
    fn in_vain(self) -> Vec<Vec<u8>> {
        let fresh = self.since.is_some_and(|since| since.elapsed() < CLOSING_TIME);
        if fresh { self.messages } else { Vec::new() }
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// A message was not finished in time.
    Slow,
    /// What comes is not framed as SIP.
    NotSip,
    /// Anything that happens to honest peers.
    Otherwise(&'static str),
}

impl Over {
    /// What the other side has done wrong, if it has.
    const fn offence(self) -> Option<Offence> {
        match self {
            Self::Slow => Some(Offence::Slow),
            Self::NotSip => Some(Offence::Malformed),
            Self::Otherwise(_) => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub fn new(stream: S, ends: Ends, framing: Framing) -> Self {
        let carried = Instant::now();
        Self {
            stream,
            ends,
            framing,
            partial_since: None,
            silence: Silence::Since(carried),
            carried,
            retired: false,
            pace: None,
            unheard: None,
        }
    }

    /// The same, of which what was written in vain is told.
    pub fn reopenable(self) -> Self {
        Self { unheard: Some(Unheard::default()), ..self }
    }

    /// The same, read no faster than this.
    pub fn paced(self, pace: Arc<Pace>) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Carries messages until either side closes, then reports that.
    pub async fn run(mut self) {
        let flow = self.ends.flow;
        let why = self.carry().await;
        tracing::debug!(remote = %flow.remote, ?why, "connection over");
        if let Some(what) = why.offence() {
            self.ends.inbox.push(Inbound::Offended { flow, what }).await;
        }
        let unused = self.retired && Instant::now() >= self.carried + RETIRED_IDLE_TIME;
        let messages = self.written_in_vain();
        let news = match (unused, messages.is_empty()) {
            (true, _) => Inbound::Unused(flow),
            (false, true) => Inbound::FlowBroken(flow),
            (false, false) => Inbound::WrittenInVain { flow, messages },
        };
        self.ends.inbox.push(news).await;
        // Who is gone already does not hear it.
        drop(timeout(LAST_WORDS_TIME, self.part()).await);
    }

    /// The end is said: RFC 6455 §7.1.2, RFC 8446 §6.1.
    async fn part(&mut self) -> io::Result<()> {
        let goodbye = self.framing.goodbye();
        self.stream.write_all(&goodbye).await?;
        self.stream.shutdown().await
    }

    /// What was written, and what waits to be, when the other side has closed meanwhile.
    fn written_in_vain(&mut self) -> Vec<Vec<u8>> {
        let Some(unheard) = self.unheard.take() else { return Vec::new() };
        let mut messages = unheard.in_vain();
        if messages.is_empty() {
            return messages;
        }
        self.ends.queue.close();
        while let Ok(order) = self.ends.queue.try_recv() {
            match order {
                Order::Write(bytes) => messages.push(bytes),
                Order::Retire => {} // it ends now anyway
            }
        }
        messages
    }

    async fn carry(&mut self) -> Over {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let until = match (self.partial_since, self.retired) {
                (Some(since), _) => since + MESSAGE_TIME,
                (None, false) => self.patience(),
                (None, true) => self.carried + RETIRED_IDLE_TIME,
            };
            tokio::select! {
                order = self.ends.queue.recv() => match order {
                    None => return Over::Otherwise("dropped by the loop"),
                    Some(Order::Retire) => self.retired = true,
                    Some(Order::Write(bytes)) => {
                        self.carried = Instant::now();
                        if let Some(unheard) = &mut self.unheard {
                            unheard.wrote(&bytes);
                        }
                        if let Err(why) = self.write(bytes).await {
                            return Over::Otherwise(why);
                        }
                    }
                },
                read = timeout_at(until, self.stream.read(&mut buffer)) => match read {
                    Err(_) if self.partial_since.is_some() => return Over::Slow,
                    Err(_) => if let Err(why) = self.ask().await {
                        return Over::Otherwise(why);
                    },
                    Ok(Err(_)) => return Over::Otherwise("read failed"),
                    Ok(Ok(0)) => {
                        // Who has just asked may have closed its direction alone, and listen.
                        if self.has_just_spoken() {
                            self.say_last_words().await;
                        }
                        return Over::Otherwise("closed by the peer");
                    }
                    Ok(Ok(length)) => {
                        if let Some(unheard) = &mut self.unheard {
                            unheard.heard();
                        }
                        self.silence = Silence::Since(Instant::now());
                        self.framing.push(buffer.get(..length).unwrap_or_default());
                        if let Err(why) = self.deliver().await {
                            self.say_last_words().await;
                            return why;
                        }
                    }
                }
            }
        }
    }

    fn has_just_spoken(&self) -> bool {
        match self.silence {
            Silence::Since(then) => then.elapsed() < LAST_WORDS_TIME,
            Silence::Asked(_) => false,
        }
    }

    /// When a silence is too long.
    fn patience(&self) -> Instant {
        match (&self.framing, self.silence) {
            (Framing::Stream(_), _) => Instant::now() + IDLE_TIME,
            (Framing::WebSocket(_), Silence::Since(then) | Silence::Asked(then)) => {
                then + PING_EVERY
            }
        }
    }

    /// Asks whether the other side is there, once, where that is ours to ask.
    async fn ask(&mut self) -> Result<(), &'static str> {
        let ping = match self.silence {
            Silence::Since(_) if !self.retired => self.framing.ping(),
            Silence::Since(_) | Silence::Asked(_) => None,
        };
        let Some(ping) = ping else { return Err("idle") };
        self.silence = Silence::Asked(Instant::now());
        self.write_bytes(&ping).await
    }

    async fn write(&mut self, message: Vec<u8>) -> Result<(), &'static str> {
        let Some(bytes) = self.framing.wrap(message) else { return Err("closing") };
        self.write_bytes(&bytes).await
    }

    async fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        // Flushed, because TLS may keep the last record back.
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(WRITE_TIME, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("write failed"),
            Err(_) => Err("the peer does not read"),
        }
    }

    /// Writes what the loop still answers, but reads no more.
    async fn say_last_words(&mut self) {
        let until = Instant::now() + LAST_WORDS_TIME;
        while let Ok(Some(order)) = timeout_at(until, self.ends.queue.recv()).await {
            match order {
                Order::Write(bytes) => {
                    if self.write(bytes).await.is_err() {
                        return;
                    }
                }
                Order::Retire => {} // it ends now anyway
            }
        }
    }

    /// A sender that is too fast waits, and so does what would be written to it.
    async fn keep_pace(&self) {
        if let Some(pace) = &self.pace {
            pace.keep().await;
        }
    }

    /// Hands on every message that is complete.
    async fn deliver(&mut self) -> Result<(), Over> {
        loop {
            let next = self.framing.next();
            let replies = self.framing.take_replies();
            if !replies.is_empty() {
                self.write_bytes(&replies).await.map_err(Over::Otherwise)?;
            }
            let frame = match next {
                Err(Cut::NotSip { answer }) => {
                    if let Some(answer) = answer {
                        // The connection ends either way; the answer is for whoever debugs it.
                        let _ = self.write(answer).await;
                    }
                    return Err(Over::NotSip);
                }
                Err(Cut::Closed) => return Err(Over::Otherwise("closed by the peer")),
                Ok(None) => break,
                Ok(Some(frame)) => frame,
            };
            self.keep_pace().await;
            match frame {
                // RFC 5626 §3.5.1: a double CRLF is a ping, one CRLF its answer.
                Frame::KeepAlivePing => {
                    self.write(b"\r\n".to_vec()).await.map_err(Over::Otherwise)?;
                }
                Frame::KeepAlivePong => {}
                Frame::Message(bytes) => {
                    self.carried = Instant::now();
                    self.partial_since = None; // what has begun after it is another one
                    let flow = self.ends.flow;
                    self.ends.inbox.push(Inbound::Received { flow, bytes }).await;
                }
            }
        }
        let partial = self.framing.is_inside_message();
        self.partial_since = match (partial, self.partial_since) {
            (false, _) => None,
            (true, Some(since)) => Some(since),
            (true, None) => Some(Instant::now()),
        };
        Ok(())
    }
}

/// Counts connections, in all and by source.
#[derive(Debug)]
pub struct Census {
    porter: Porter,
    all: Arc<AtomicUsize>,
    sources: Mutex<BTreeMap<Source, Known>>,
}

/// A source with connections.
#[derive(Debug)]
struct Known {
    open: Arc<AtomicUsize>,
    pace: Arc<Pace>,
}

/// The place of one connection, free again when dropped.
#[derive(Debug)]
pub struct Place {
    _counts: [Counted; 2],
    /// The pace that it shares with the other connections of its source.
    pub pace: Arc<Pace>,
}

impl Census {
    /// Nobody is connected yet.
    pub fn new(porter: Porter) -> Self {
        Self { porter, all: Arc::default(), sources: Mutex::default() }
    }

    /// A place for one more connection of this host, or `None` when its source has too many.
    pub fn admit(&self, host: IpAddr) -> Option<Place> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|_, known| known.open.load(Ordering::Relaxed) > 0);
        let known = sources.entry(Source::of(host)).or_insert_with(|| Known {
            open: Arc::default(),
            pace: Arc::new(Pace::new(&self.porter, host)),
        });
        let full = self.all.load(Ordering::Relaxed) >= CONNECTIONS_MAX
            || known.open.load(Ordering::Relaxed) >= CONNECTIONS_PER_SOURCE_MAX;
        let counts = || [Counted::one_of(&self.all), Counted::one_of(&known.open)];
        (!full).then(|| Place { _counts: counts(), pace: Arc::clone(&known.pace) })
    }
}

#[cfg(test)]
mod tests {
    use super::{CONNECTIONS_PER_SOURCE_MAX, Census};
    use crate::porter::Porter;

    #[test]
    fn one_host_can_not_take_every_place() {
        let (config, _) = holdfast_config::read("", "f").expect("the defaults");
        let census = Census::new(Porter::new(&config, None));
        let host = "192.0.2.1".parse().expect("address");
        let places: Vec<_> = (0..CONNECTIONS_PER_SOURCE_MAX).map(|_| census.admit(host)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(census.admit(host).is_none());
        assert!(census.admit("192.0.2.2".parse().expect("address")).is_some());
        let neighbours =
            (0..=u16::MAX).map(|n| std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n));
        let admitted: Vec<_> = neighbours.map_while(|it| census.admit(it.into())).collect();
        assert_eq!(admitted.len(), CONNECTIONS_PER_SOURCE_MAX, "a /64 is one source");
        drop(places);
        assert!(census.admit(host).is_some(), "places come back");
    }
}
