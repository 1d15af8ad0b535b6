//! A site between far ends, in virtual time: what each says arrives 20 ms later, and deadlines are
//! kept to the microsecond.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_base::{Mono, Now, Outbox, TrunkName, Wall};
use holdfast_config::Config;
use holdfast_core::media::order::{MediaEdge, MediaOrder, StreamCounters};
use holdfast_core::peer::resolve::{Answer, Question, Record};
use holdfast_core::record::folds::Folds;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_core::site::{Input, Interfaces, Output, Site, Snapshot, thresholds};

use super::peer::{Peer, told};

/// The box.
const PLAIN: &str = "10.0.0.1:5060";
const SECURED: &str = "10.0.0.1:5061";
/// More steps in one wait are a livelock.
const STEPS_MAX: u32 = 50_000;

/// A site and those around it.
pub struct Bench {
    pub site: Site,
    pub peers: Vec<Peer>,
    /// What the media plane was told, in order.
    pub media: Vec<MediaOrder>,
    config: Arc<Config>,
    now: Mono,
    /// What is on its way to the box: peer and message, by time and order.
    under_way: BTreeMap<(Mono, u64), (usize, String)>,
    sent: u64,
}

impl Bench {
    pub fn new(config: &str, peers: Vec<Peer>) -> Self {
        let config = read(config);
        let now = Now { mono: Mono::from_micros(0), wall: Wall::from_micros(0) };
        let mut folds = Folds::default();
        folds.kpi.set_thresholds(thresholds(&config));
        let interfaces = Interfaces {
            networks: vec![("10.0.0.1".parse().expect("an address"), 8)],
            default_v4: Some("10.0.0.1".parse().expect("an address")),
            default_v6: None,
        };
        let mut out = Outbox::new();
        let site = Site::restore(
            now,
            Arc::clone(&config),
            interfaces,
            [3; 32],
            &Snapshot::default(),
            folds,
            &mut out,
        );
        let (media, under_way) = (Vec::new(), BTreeMap::new());
        let mut bench = Self { site, peers, media, config, now: now.mono, under_way, sent: 0 };
        for input in bench.carry_out(out) {
            bench.give(input);
        }
        bench.run(2.0);
        bench
    }

    pub fn reload(&mut self, config: &str) {
        self.config = read(config);
        self.give(Input::Configured(Arc::clone(&self.config)));
    }

    /// The peer of this name.
    pub fn peer(&mut self, name: &str) -> &mut Peer {
        let found = self.peers.iter_mut().find(|peer| peer.name == name);
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    pub fn clock(&self) -> Duration {
        self.now.since(Mono::from_micros(0))
    }

    pub fn view(&self) -> holdfast_core::view::SiteView {
        self.site.view(Now { mono: self.now, wall: Wall::from_micros(0) })
    }

    /// A first request of a peer.
    pub fn begin(&mut self, peer: &str, method: &str, target: &str, more: &[&str], body: &str) {
        let more: Vec<String> = more.iter().map(|line| (*line).to_owned()).collect();
        let text = self.peer(peer).begin(method, target, &more, body);
        self.post(peer, text);
    }

    /// A call of a peer, with an offer.
    pub fn call(&mut self, peer: &str, target: &str) {
        let sdp = self.peer(peer).sdp("sendrecv");
        self.begin(peer, "INVITE", target, &[], &sdp);
    }

    /// A request of a peer in its newest dialog.
    pub fn request(&mut self, peer: &str, method: &str, more: &[&str], body: &str) {
        let more: Vec<String> = more.iter().map(|line| (*line).to_owned()).collect();
        let text = self.peer(peer).request(method, &more, body);
        self.post(peer, text);
    }

    /// A peer changes its session.
    pub fn reinvite(&mut self, peer: &str, direction: &str) {
        let sdp = self.peer(peer).sdp(direction);
        self.request(peer, "INVITE", &[], &sdp);
    }

    /// A message that the test has written.
    pub fn post(&mut self, peer: &str, text: String) {
        let at = self.peers.iter().position(|known| known.name == peer).expect("a peer");
        self.send(at, Duration::from_millis(20), text);
    }

    fn send(&mut self, peer: usize, after: Duration, text: String) {
        self.sent += 1;
        self.under_way.insert((self.now + after, self.sent), (peer, text));
    }

    /// Lets time pass.
    pub fn run(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        for _ in 0..STEPS_MAX {
            let message = self.under_way.keys().next().map(|(at, _)| *at);
            let next = message.into_iter().chain(self.site.deadline()).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(next);
            if message == Some(next) {
                let (_, (peer, text)) = self.under_way.pop_first().expect("a message");
                let flow = self.flow_of(peer);
                self.give(Input::Received { flow, bytes: text.into_bytes() });
            } else {
                self.give(Input::DeadlineReached);
            }
        }
        panic!("livelock: {}", self.told());
    }

    /// All that was said, for a failure.
    pub fn told(&self) -> String {
        let of = |peer: &Peer| format!("--- {}\n{}", peer.name, told(peer));
        self.peers.iter().map(of).collect()
    }

    fn flow_of(&self, peer: usize) -> Flow {
        let peer = &self.peers[peer];
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let (transport, local) = match peer.transport() {
            "TLS" => (Transport::Tls, address(SECURED)),
            "TCP" => (Transport::Tcp, address(PLAIN)),
            _udp => (Transport::Udp, address(PLAIN)),
        };
        let trunk = peer.proves.map(|name| TrunkName::new(name).id());
        Flow { transport, local, remote: peer.address, connection: None, trunk }
    }

    fn give(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut out = Outbox::new();
            let now = Now { mono: self.now, wall: Wall::from_micros(0) };
            self.site.handle(now, input, &mut out);
            inputs.extend(self.carry_out(out));
        }
    }

    fn carry_out(&mut self, mut out: Outbox<Output>) -> Vec<Input> {
        let mut back = Vec::new();
        for output in out.take() {
            match output {
                Output::Record { .. } | Output::Reply { .. } => {}
                Output::Media(MediaOrder::Hold { rtp_port }) => {
                    back.push(Input::Media(MediaEdge::Held { rtp_port }));
                }
                Output::Media(order) => {
                    if let MediaOrder::Close { stream } = order {
                        let counters = StreamCounters::default();
                        back.push(Input::Media(MediaEdge::Closed { stream, counters }));
                    }
                    self.media.push(order);
                }
                Output::Send { flow, bytes, .. } => self.deliver(&flow, &bytes),
                Output::Resolve(question) => back.push(self.resolve(question)),
                Output::Door(order) => panic!("everybody here is honest: {order:?}"),
            }
        }
        back
    }

    fn deliver(&mut self, flow: &Flow, bytes: &[u8]) {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let at = self.peers.iter().position(|peer| peer.address == flow.remote);
        let at = at.unwrap_or_else(|| panic!("nobody is at {}: {text}", flow.remote));
        let clock = self.clock();
        for (after, said) in self.peers[at].hear(clock, &text) {
            self.send(at, after, said);
        }
    }

    /// The name server knows the peers by the hosts that they name themselves by.
    fn resolve(&self, question: Question) -> Input {
        let (Question::Host { host, port } | Question::Service { host, port, .. }) = &question;
        let named = format!("{host}:{port}");
        let records: Vec<Record> = self
            .peers
            .iter()
            .filter(|peer| peer.host == named || peer.known_as == named)
            .map(|peer| Record { priority: 0, weight: 0, address: peer.address })
            .collect();
        let ttl = Duration::from_secs(3600);
        let answer = Answer::Found { records, ttl };
        Input::Resolved { question, answer }
    }
}

fn read(text: &str) -> Arc<Config> {
    match holdfast_config::read(text, "test.toml") {
        Ok((config, _)) => Arc::new(config),
        Err(findings) => panic!("{findings:?}"),
    }
}
