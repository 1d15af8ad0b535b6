//! The network between the site and everybody: loss, repetition, disorder, delay and cuts for UDP;
//! order, delay and broken connections for TCP.

use holdfast_base::Mono;
use holdfast_core::sip::flow::{Flow, Transport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::dice::Dice;

/// How bad the network is.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Datagrams lost, in a thousand.
    pub loss: u64,
    /// Datagrams that come twice, in a thousand.
    pub repeat: u64,
    /// Least delay in milliseconds.
    pub delay: u64,
    /// Further delay of each datagram by itself, in milliseconds: this is what makes disorder.
    pub jitter: u64,
    /// How often a line is cut, in a thousand of the world's chances.
    pub cuts: u64,
}

impl Weather {
    /// Nothing is lost, everything comes in order.
    pub const CALM: Self = Self { loss: 0, repeat: 0, delay: 5, jitter: 0, cuts: 0 };

    /// Some weather.
    pub fn any(dice: &mut Dice) -> Self {
        Self {
            loss: *dice.pick(&[0, 10, 50, 150, 300]),
            repeat: *dice.pick(&[0, 20, 200]),
            delay: *dice.pick(&[1, 20, 100]),
            jitter: *dice.pick(&[1, 10, 80, 700]),
            cuts: *dice.pick(&[0, 100, 300]),
        }
    }
}

/// One TCP connection.
#[derive(Clone, Copy, Debug)]
struct Connection {
    flow: Flow,
    /// When the last message in either direction arrives: later ones come after it.
    to_site: Mono,
    to_peer: Mono,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    /// How bad it is.
    pub weather: Weather,
    site: SocketAddr,
    cut_until: BTreeMap<SocketAddr, Mono>,
    connections: BTreeMap<u64, Connection>,
    numbers: u64,
}

impl Network {
    /// A network around the site at this address.
    pub fn new(weather: Weather, site: SocketAddr) -> Self {
        Self { weather, site, cut_until: BTreeMap::new(), connections: BTreeMap::new(), numbers: 0 }
    }

    /// When copies of a message from a peer reach the site, and by which flow.
    pub fn reach_site(
        &mut self,
        now: Mono,
        transport: Transport,
        from: SocketAddr,
        dice: &mut Dice,
    ) -> Vec<(Mono, Flow)> {
        match transport {
            Transport::Udp => {
                let (local, remote) = (self.site, from);
                let flow = Flow { transport, local, remote, connection: None, trunk: None };
                self.datagram(now, from, dice).into_iter().map(|at| (at, flow)).collect()
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                if self.is_cut(now, from) {
                    return Vec::new();
                }
                let number = self.connection_of(from).unwrap_or_else(|| self.connect(now, from));
                let at = now + self.delay(dice);
                let connection = self.connections.get_mut(&number);
                let connection = connection.expect("it was found or made just now");
                connection.to_site = connection.to_site.max(at);
                vec![(connection.to_site, connection.flow)]
            }
        }
    }

    /// When copies of a message from the site reach a peer; `None` when the connection is gone.
    pub fn reach_peer(&mut self, now: Mono, flow: &Flow, dice: &mut Dice) -> Option<Vec<Mono>> {
        match flow.transport {
            Transport::Udp => Some(self.datagram(now, flow.remote, dice)),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                // As the driver does: the named connection, else any to that address, else a new
                // one.
                let named = flow.connection.filter(|number| self.connections.contains_key(number));
                let number = named.or_else(|| self.connection_of(flow.remote));
                if self.is_cut(now, flow.remote) {
                    return None;
                }
                let number = number.unwrap_or_else(|| self.connect(now, flow.remote));
                let at = now + self.delay(dice);
                let connection = self.connections.get_mut(&number)?;
                connection.to_peer = connection.to_peer.max(at);
                Some(vec![connection.to_peer])
            }
        }
    }

    fn datagram(&mut self, now: Mono, peer: SocketAddr, dice: &mut Dice) -> Vec<Mono> {
        if self.is_cut(now, peer) || dice.chance(self.weather.loss) {
            return Vec::new();
        }
        let mut copies = vec![now + self.delay(dice)];
        if dice.chance(self.weather.repeat) {
            copies.push(now + self.delay(dice));
        }
        copies
    }

    fn delay(&self, dice: &mut Dice) -> Duration {
        let Weather { delay, jitter, .. } = self.weather;
        Duration::from_millis(delay) + Duration::from_micros(dice.below(jitter * 1000))
    }

    fn connection_of(&self, remote: SocketAddr) -> Option<u64> {
        let mut all = self.connections.iter();
        all.find(|(_, connection)| connection.flow.remote == remote).map(|(number, _)| *number)
    }

    fn connect(&mut self, now: Mono, remote: SocketAddr) -> u64 {
        self.numbers += 1;
        let (transport, local) = (Transport::Tcp, self.site);
        let flow = Flow { transport, local, remote, connection: Some(self.numbers), trunk: None };
        self.connections.insert(self.numbers, Connection { flow, to_site: now, to_peer: now });
        self.numbers
    }

    /// Whether a message that travels on this connection still arrives.
    pub fn is_open(&self, flow: &Flow) -> bool {
        flow.connection.is_none_or(|number| self.connections.contains_key(&number))
    }

    fn is_cut(&self, now: Mono, peer: SocketAddr) -> bool {
        self.cut_until.get(&peer).is_some_and(|until| now < *until)
    }

    /// Cuts a peer off for a while; the connection that breaks.
    pub fn cut(&mut self, peer: SocketAddr, until: Mono) -> Option<Flow> {
        self.cut_until.insert(peer, until);
        self.break_connection(peer)
    }

    /// Breaks a peer's connection, if there is one.
    pub fn break_connection(&mut self, peer: SocketAddr) -> Option<Flow> {
        let number = self.connection_of(peer)?;
        self.connections.remove(&number).map(|connection| connection.flow)
    }

    /// The process died: every connection with it.
    pub fn site_died(&mut self) {
        self.connections.clear();
    }

    /// The sky clears.
    pub fn calm_down(&mut self) {
        self.weather = Weather::CALM;
        self.cut_until.clear();
    }
}
