//! The thread that owns the trace: the site loop tells it what passes and never waits for it.
//!
//! What comes faster than it can be kept is dropped and counted. A copy of each message goes to a
//! HOMER collector, where one is configured; whatever becomes of it there.

use holdfast_base::Wall;
use holdfast_core::trace::hep::{self, Agent};
use holdfast_core::trace::{Answer, Entry, Kept, Question, Seen, Trace, What};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// Entries on their way: some seconds of a very busy box.
const WAITING_MAX: usize = 16_384;
/// Bytes of messages on their way; above it messages are dropped.
const WAITING_BYTES_MAX: usize = 8 << 20;
const MEGABYTE: usize = 1 << 20;
/// How long the thread lets entries gather once it has kept what there was: on a busy box waking it
/// for each of them would cost more than keeping them. Whoever asks waits no longer than that.
const GATHER: Duration = Duration::from_millis(10);

/// What the thread is told.
enum Item {
    Seen(Wall, Box<Seen>),
    Question(Question, oneshot::Sender<(Answer, Kept)>),
}

/// The way to the thread; cheap to clone. One that leads nowhere keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Way>);

#[derive(Clone, Debug)]
struct Way {
    items: SyncSender<Item>,
    count: Arc<Count>,
}

#[derive(Debug, Default)]
struct Count {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
}

/// What the thread does.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for the trace.
    pub megabytes: u16,
    /// A HOMER collector, and who we are to it.
    pub homer: Option<(SocketAddr, Agent)>,
}

impl Tracer {
    /// Starts the thread; without memory and collector there is none. It ends when nobody can tell
    /// it anything any more.
    ///
    /// # Errors
    /// When the system has no thread or socket left.
    pub fn start(options: Options) -> io::Result<Self> {
        if options.megabytes == 0 && options.homer.is_none() {
            return Ok(Self(None));
        }
        let homer = options.homer.map(|(collector, agent)| Homer::to(collector, agent));
        let (items, waiting) = sync_channel(WAITING_MAX);
        let count = Arc::<Count>::default();
        let keeper = Keeper {
            trace: Trace::new(usize::from(options.megabytes) * MEGABYTE),
            homer: homer.transpose()?,
            count: Arc::clone(&count),
        };
        let keep = move || keeper.run(&waiting);
        thread::Builder::new().name("trace".to_owned()).spawn(keep)?;
        Ok(Self(Some(Way { items, count })))
    }

    /// Tells what passed, without waiting. What it is is only asked for when somebody keeps it.
    pub fn tell(&self, at: impl FnOnce() -> Wall, seen: impl FnOnce() -> Option<Seen>) {
        let Some(way) = &self.0 else { return };
        let Some(seen) = seen() else { return };
        let bytes = weight(&seen);
        let waiting = way.count.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = waiting + bytes <= WAITING_BYTES_MAX;
        if !room || way.items.try_send(Item::Seen(at(), Box::new(seen))).is_err() {
            way.count.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            way.count.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks the trace; none when there is none, or it is too busy.
    pub async fn ask(&self, question: Question) -> Option<(Answer, Kept)> {
        let (reply, answer) = oneshot::channel();
        self.0.as_ref()?.items.try_send(Item::Question(question, reply)).ok()?;
        answer.await.ok()
    }
}

fn weight(seen: &Seen) -> usize {
    match seen {
        Seen::Message { bytes, .. } => bytes.len(),
        Seen::Fact(_) | Seen::Media(_) => 0,
    }
}

/// What the thread owns.
struct Keeper {
    trace: Trace,
    homer: Option<Homer>,
    count: Arc<Count>,
}

impl Keeper {
    fn run(mut self, items: &Receiver<Item>) {
        while let Ok(first) = items.recv() {
            self.take(first);
            while let Ok(next) = items.try_recv() {
                self.take(next);
            }
            thread::sleep(GATHER);
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Seen(at, seen) => {
                self.count.waiting_bytes.fetch_sub(weight(&seen), Ordering::Relaxed);
                self.keep(at, *seen);
            }
            Item::Question(question, reply) => {
                let dropped = self.count.dropped.load(Ordering::Relaxed);
                let kept = Kept { dropped, ..self.trace.kept() };
                // A page that went away does not wait for its answer.
                drop(reply.send((self.trace.answer(&question), kept)));
            }
        }
    }

    fn keep(&mut self, at: Wall, seen: Seen) {
        let Some(entry) = self.trace.read(at, seen) else { return };
        if let Some(homer) = &self.homer {
            homer.tell(&entry, self.trace.correlation(&entry));
        }
        self.trace.keep(entry);
    }
}

/// The way to a collector.
struct Homer {
    socket: UdpSocket,
    agent: Agent,
}

impl Homer {
    fn to(collector: SocketAddr, agent: Agent) -> io::Result<Self> {
        let any: SocketAddr = match collector {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(collector)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, agent })
    }

    fn tell(&self, entry: &Entry, correlation: Option<&str>) {
        let What::Message(message) = &entry.what else { return };
        let packet = hep::packet(entry.at, message, correlation, &self.agent);
        // A collector that is away misses it: calls do not depend on it.
        let _ = self.socket.send(&packet);
    }
}

#[cfg(test)]
mod tests {
    use super::{Count, Options, Tracer, WAITING_BYTES_MAX, WAITING_MAX, Way};
    use holdfast_base::Wall;
    use holdfast_core::sip::flow::{Flow, Transport};
    use holdfast_core::trace::hep::Agent;
    use holdfast_core::trace::{Answer, Direction, Of, Question, Seen};
    use std::net::UdpSocket;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    const OPTIONS: &str = "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 0\r\n\r\n";

    fn seen(bytes: &[u8]) -> Seen {
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.2:5060".parse().unwrap(),
            connection: None,
            trunk: None,
        };
        Seen::Message { direction: Direction::In, flow, bytes: bytes.to_vec() }
    }

    fn whole() -> Question {
        Question::Whole(Of::Dialog("ping".to_owned()))
    }

    #[tokio::test]
    async fn what_is_told_is_kept_and_goes_to_the_collector() {
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        collector.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let agent = Agent { id: 7, name: "box".to_owned() };
        let homer = Some((collector.local_addr().unwrap(), agent));
        let tracer = Tracer::start(Options { megabytes: 1, homer }).unwrap();
        tracer.tell(|| Wall::from_micros(5), || Some(seen(OPTIONS.as_bytes())));
        tracer.tell(|| Wall::from_micros(6), || None);
        let (answer, kept) = tracer.ask(whole()).await.unwrap();
        let Answer::Whole(entries) = answer else { panic!("a ladder was asked for") };
        assert_eq!((entries.len(), kept.entries, kept.dropped), (1, 1, 0));
        let mut packet = [0; 2000];
        let length = collector.recv(&mut packet).unwrap();
        assert!(packet[..length].starts_with(b"HEP3"));
        assert!(packet[..length].ends_with(OPTIONS.as_bytes()));
    }

    #[tokio::test]
    async fn without_memory_and_collector_nothing_is_even_asked_for() {
        let tracer = Tracer::start(Options { megabytes: 0, homer: None }).unwrap();
        tracer.tell(|| panic!("no time is read"), || panic!("nothing is made"));
        assert!(tracer.ask(whole()).await.is_none());
    }

    #[test]
    fn what_comes_too_fast_is_dropped_and_counted() {
        let dropped = |bytes: usize, times: usize| {
            let (items, _nobody_reads) = sync_channel(WAITING_MAX);
            let count = Arc::<Count>::default();
            let tracer = Tracer(Some(Way { items, count: Arc::clone(&count) }));
            let bytes = vec![b'x'; bytes];
            for _ in 0..times {
                tracer.tell(|| Wall::from_micros(0), || Some(seen(&bytes)));
            }
            usize::try_from(count.dropped.load(Ordering::Relaxed)).unwrap()
        };
        assert_eq!(dropped(0, WAITING_MAX + 5), 5);
        assert_eq!(dropped(WAITING_BYTES_MAX / 4, 7), 3);
    }
}
