//! At the door of connections: who is not let in, and how fast each source may speak.
//!
//! The site decides who is banned; here is what the tasks that accept connections need of it, and
//! the packet filter hears the same. Datagrams are not asked about here: the loop reads those, and
//! asks the site itself.

use holdfast_base::Mono;
use holdfast_config::{Config, Network, Pages};
use holdfast_core::abuse::source::Source;
use holdfast_core::abuse::{BURST_S, Order, spared};
use holdfast_core::rate::{Bucket, Rate};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use crate::packet_filter::PacketFilter;

/// Who stands at the door; cheap to clone.
#[derive(Clone, Debug)]
pub struct Porter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    out: RwLock<BTreeSet<Source>>,
    rules: RwLock<Rules>,
    filter: Option<PacketFilter>,
    /// Where the clock of the paces begins.
    origin: Instant,
}

#[derive(Debug)]
struct Rules {
    rate: Option<Rate>,
    spared: Vec<Network>,
    /// By the address that a listener for browsers is bound to.
    pages: BTreeMap<SocketAddr, Pages>,
}

impl Rules {
    fn of(config: &Config) -> Self {
        let most = config.abuse.messages_per_second;
        let rate = Rate { per_second: most, burst: most.saturating_mul(BURST_S) };
        let browsers = config.sip.listeners.iter().filter(|it| it.websocket.is_some());
        let pages = browsers.map(|it| (it.bind, Pages::of(config, it.bind))).collect();
        Self { rate: (most > 0).then_some(rate), spared: spared(config), pages }
    }
}

impl Porter {
    /// Nobody is kept out yet.
    #[must_use]
    pub fn new(config: &Config, filter: Option<PacketFilter>) -> Self {
        let (out, rules) = (RwLock::default(), RwLock::new(Rules::of(config)));
        Self(Arc::new(Inner { out, rules, filter, origin: Instant::now() }))
    }

    /// A new configuration is in force.
    pub fn configured(&self, config: &Config) {
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Rules::of(config);
    }

    /// Shuts somebody out or lets it in again.
    pub fn obey(&self, order: Order) {
        let mut out = self.0.out.write().unwrap_or_else(PoisonError::into_inner);
        match &order {
            Order::Shut(shut) => {
                let seconds = shut.lasts.as_secs();
                tracing::warn!(source = %shut.source, why = shut.why, seconds, "banned");
                out.insert(shut.source);
            }
            Order::Open(source) => {
                tracing::info!(%source, "no longer banned");
                out.remove(source);
            }
        }
        if let Some(filter) = &self.0.filter {
            filter.obey(order);
        }
    }

    /// Whether a caller is banned.
    #[must_use]
    pub fn keeps_out(&self, address: IpAddr) -> bool {
        let out = self.0.out.read().unwrap_or_else(PoisonError::into_inner);
        out.contains(&Source::of(address))
    }

    /// Whether the script of a page of this origin may speak on the listener that is bound to
    /// `bind`, where its browser has reached us at `reached`.
    #[must_use]
    pub fn welcomes(&self, origin: Option<&str>, bind: SocketAddr, reached: IpAddr) -> bool {
        let rules = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.pages.get(&bind).is_some_and(|pages| pages.welcome(origin, reached))
    }

    /// Takes the rules of the packet filter away again.
    pub fn stop(&self) {
        if let Some(filter) = &self.0.filter {
            filter.stop();
        }
    }

    fn rate_of(&self, address: IpAddr) -> Option<Rate> {
        let rules = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        let source = Source::of(address);
        let spared = rules.spared.iter().any(|network| source.touches(*network));
        rules.rate.filter(|_| !spared)
    }

    fn now(&self) -> Mono {
        let micros = self.0.origin.elapsed().as_micros();
        Mono::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// How fast the connections of one source are read, all together.
#[derive(Debug)]
pub struct Pace {
    porter: Porter,
    address: IpAddr,
    bucket: Mutex<Bucket>,
}

impl Pace {
    /// The pace of a source that has not said anything yet.
    #[must_use]
    pub fn new(porter: &Porter, address: IpAddr) -> Self {
        let bucket = Mutex::new(Bucket::new(porter.now()));
        Self { porter: porter.clone(), address, bucket }
    }

    /// Waits until one more message may come. Meanwhile the connection is not read, so that TCP
    /// makes the sender wait: nothing is lost that it believes to have arrived.
    pub async fn keep(&self) {
        while let Some(rate) = self.porter.rate_of(self.address) {
            let wait = {
                let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
                let now = self.porter.now();
                if bucket.take(now, rate) {
                    return;
                }
                bucket.wait(now, rate)
            };
            tokio::time::sleep(wait).await;
        }
    }
}
