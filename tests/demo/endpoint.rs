//! A small SIP user agent over one UDP socket: transactions, and nothing about calls.
//!
//! Requests are repeated until they are answered, final responses to an INVITE until they are
//! acknowledged, and repeats of the other side are answered again without a word to the user
//! (RFC 3261 §17). Written apart from the box on purpose: it shares its reader of messages and none
//! of its transactions, so that the two check each other.

use holdfast_wire::sip::{CSeq, Host, Message, Method, Request, Response, Via};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use crate::chance::Chance;

/// RFC 3261 §17.1.1.1: T1.
const FIRST_REPEAT: Duration = Duration::from_millis(500);
/// RFC 3261 §17.1.2.2: T2.
const LONGEST_REPEAT: Duration = Duration::from_secs(4);
/// 64·T1, RFC 3261 §17.1.1.2.
const GIVE_UP: Duration = Duration::from_secs(32);
/// RFC 3261 §8.1.1.7: branches begin with it.
const COOKIE: &str = "z9hG4bK";
/// Largest datagram of SIP.
const DATAGRAM_BYTES: usize = 65_535;
/// Answers and acknowledgements kept for repeats: more than any peer has open with one endpoint.
const KEPT_MAX: usize = 64;
/// Far away, for a timer that is not set.
const NEVER: Duration = Duration::from_secs(3600);

/// What a user of the endpoint hears of.
#[derive(Debug)]
pub enum Event {
    /// A new request, an ACK included.
    Request(Request),
    /// A response to a request of ours.
    Response(Response),
    /// Nobody answered this request, or acknowledged our answer to it.
    Unanswered(Method),
}

/// A SIP endpoint.
#[derive(Debug)]
pub struct Endpoint {
    socket: UdpSocket,
    /// Where this endpoint is reached.
    pub local: SocketAddr,
    chance: Chance,
    asked: Vec<Asked>,
    answers: Vec<Answer>,
    taken: VecDeque<Taken>,
    acknowledged: VecDeque<(Exchange, Vec<u8>)>,
}

/// Call-ID and number of CSeq: an INVITE and everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchange {
    call_id: String,
    number: u32,
}

impl Exchange {
    fn of(headers: &holdfast_wire::sip::Headers) -> Option<Self> {
        let call_id = headers.call_id().ok()?.into_owned();
        Some(Self { call_id, number: headers.cseq().ok()?.number })
    }
}

/// When something is sent again.
#[derive(Debug)]
struct Repeat {
    at: Instant,
    after: Duration,
    give_up: Instant,
}

impl Repeat {
    fn from_now() -> Self {
        let now = Instant::now();
        Self { at: now + FIRST_REPEAT, after: FIRST_REPEAT, give_up: now + GIVE_UP }
    }

    fn again(&mut self) {
        self.after = (self.after * 2).min(LONGEST_REPEAT);
        self.at += self.after;
    }

    /// RFC 3261 §17.1.1.2: an INVITE is heard once there is a provisional response.
    fn rest(&mut self) {
        self.at = Instant::now() + NEVER;
        self.give_up = self.at;
    }
}

/// A request of ours without a final response.
#[derive(Debug)]
struct Asked {
    branch: String,
    request: Request,
    repeat: Repeat,
}

/// A final response of ours to an INVITE, without its ACK.
#[derive(Debug)]
struct Answer {
    exchange: Exchange,
    bytes: Vec<u8>,
    repeat: Repeat,
}

/// A request that was seen, with our last response to it.
#[derive(Debug)]
struct Taken {
    branch: String,
    method: Method,
    response: Option<Vec<u8>>,
}

impl Endpoint {
    /// Binds a port of this address for traffic with `server`.
    pub async fn bind(ip: IpAddr, server: SocketAddr, chance: Chance) -> io::Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        socket.connect(server).await?;
        socket.writable().await?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            chance,
            asked: Vec::new(),
            answers: Vec::new(),
            taken: VecDeque::new(),
            acknowledged: VecDeque::new(),
        })
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        send(&self.socket, bytes)
    }

    fn via(&mut self) -> Via {
        let branch = format!("{COOKIE}{}", self.chance.token());
        Via::new("UDP", Host::from(self.local.ip()), Some(self.local.port()), &branch)
    }

    /// Sends a request, again and again until it is answered.
    pub fn ask(&mut self, mut request: Request) -> io::Result<()> {
        let via = self.via();
        let branch = via.branch().unwrap_or_default().into_owned();
        request.headers.push_front("Via", via);
        self.send(&request.print())?;
        self.asked.push(Asked { branch, request, repeat: Repeat::from_now() });
        Ok(())
    }

    /// Takes back the INVITE that is still open: RFC 3261 §9.1, same Via and number.
    pub fn cancel(&mut self) -> io::Result<()> {
        let open = self.asked.iter().find(|asked| asked.request.method == Method::Invite);
        let Some(Asked { branch, request: invite, .. }) = open else { return Ok(()) };
        let cancel = of_invite(invite, Method::Cancel, None);
        let branch = branch.clone();
        self.send(&cancel.print())?;
        self.asked.push(Asked { branch, request: cancel, repeat: Repeat::from_now() });
        Ok(())
    }

    /// Acknowledges a 2xx: a request of its own (RFC 3261 §13.2.2.4), sent again when the 2xx is.
    pub fn acknowledge(&mut self, mut ack: Request) -> io::Result<()> {
        let via = self.via();
        ack.headers.push_front("Via", via);
        self.send_ack(&ack)
    }

    fn send_ack(&mut self, ack: &Request) -> io::Result<()> {
        let bytes = ack.print();
        if let Some(exchange) = Exchange::of(&ack.headers) {
            keep(&mut self.acknowledged, (exchange, bytes.clone()));
        }
        self.send(&bytes)
    }

    /// Answers a request; a final answer to an INVITE is repeated until its ACK comes.
    pub fn answer(&mut self, request: &Request, response: Response) -> io::Result<()> {
        let bytes = response.print();
        let key = branch_of(&request.headers);
        for taken in &mut self.taken {
            if Some(&taken.branch) == key.as_ref() && taken.method == request.method {
                taken.response = Some(bytes.clone());
            }
        }
        self.send(&bytes)?;
        if request.method == Method::Invite
            && response.status.is_final()
            && let Some(exchange) = Exchange::of(&request.headers)
        {
            self.answers.push(Answer { exchange, bytes, repeat: Repeat::from_now() });
        }
        Ok(())
    }

    /// The next thing that happens. Given up half-way, nothing is lost.
    pub async fn next(&mut self) -> io::Result<Event> {
        let mut datagram = vec![0; DATAGRAM_BYTES];
        loop {
            tokio::select! {
                received = self.socket.recv(&mut datagram) => {
                    let bytes = datagram.get(..received?).unwrap_or_default();
                    let event = match Message::parse(bytes) {
                        Ok(Message::Request(request)) => self.take_request(request)?,
                        Ok(Message::Response(response)) => self.take_response(response)?,
                        Err(_) => None,
                    };
                    if let Some(event) = event {
                        return Ok(event);
                    }
                }
                () = sleep_until(self.next_repeat()) => {
                    if let Some(event) = self.repeat()? {
                        return Ok(event);
                    }
                }
            }
        }
    }

    /// Whether everything that was asked is answered, and every answer acknowledged.
    pub fn is_done(&self) -> bool {
        self.asked.is_empty() && self.answers.is_empty()
    }

    fn take_request(&mut self, request: Request) -> io::Result<Option<Event>> {
        if request.method == Method::Ack {
            let exchange = Exchange::of(&request.headers);
            self.answers.retain(|answer| Some(&answer.exchange) != exchange.as_ref());
            return Ok(Some(Event::Request(request)));
        }
        let Some(branch) = branch_of(&request.headers) else { return Ok(None) };
        let known = self
            .taken
            .iter()
            .find(|taken| taken.branch == branch && taken.method == request.method);
        if let Some(Taken { response, .. }) = known {
            if let Some(bytes) = response {
                self.send(bytes)?;
            }
            return Ok(None);
        }
        let method = request.method.clone();
        keep(&mut self.taken, Taken { branch, method, response: None });
        Ok(Some(Event::Request(request)))
    }

    fn take_response(&mut self, response: Response) -> io::Result<Option<Event>> {
        let (Some(branch), Ok(CSeq { method, .. })) =
            (branch_of(&response.headers), response.headers.cseq())
        else {
            return Ok(None);
        };
        let place = self
            .asked
            .iter()
            .position(|asked| asked.branch == branch && asked.request.method == method);
        let Some(place) = place else {
            self.acknowledge_again(&response, &method)?;
            return Ok(None);
        };
        if !response.status.is_final() {
            let asked = self.asked.get_mut(place).filter(|_| method == Method::Invite);
            asked.into_iter().for_each(|asked| asked.repeat.rest());
            return Ok(Some(Event::Response(response)));
        }
        let Asked { request, .. } = self.asked.remove(place);
        if method == Method::Invite && !response.status.is_success() {
            // RFC 3261 §17.1.1.3: part of the same transaction, with the To of the response.
            let to = response.headers.get("To").map(std::borrow::Cow::into_owned);
            self.send_ack(&of_invite(&request, Method::Ack, to))?;
        }
        Ok(Some(Event::Response(response)))
    }

    fn acknowledge_again(&self, response: &Response, method: &Method) -> io::Result<()> {
        let exchange = Exchange::of(&response.headers).filter(|_| *method == Method::Invite);
        let sent = self.acknowledged.iter().find(|(known, _)| Some(known) == exchange.as_ref());
        match sent {
            Some((_, ack)) => self.send(ack),
            None => Ok(()),
        }
    }

    fn next_repeat(&self) -> Instant {
        let asked = self.asked.iter().map(|asked| asked.repeat.at);
        let answers = self.answers.iter().map(|answer| answer.repeat.at);
        asked.chain(answers).min().unwrap_or_else(|| Instant::now() + NEVER)
    }

    fn repeat(&mut self) -> io::Result<Option<Event>> {
        let now = Instant::now();
        let over = |repeat: &Repeat| repeat.give_up <= now;
        if let Some(place) = self.asked.iter().position(|asked| over(&asked.repeat)) {
            let Asked { request, .. } = self.asked.remove(place);
            return Ok(Some(Event::Unanswered(request.method)));
        }
        if let Some(place) = self.answers.iter().position(|answer| over(&answer.repeat)) {
            self.answers.remove(place);
            return Ok(Some(Event::Unanswered(Method::Ack)));
        }
        for asked in self.asked.iter_mut().filter(|asked| asked.repeat.at <= now) {
            asked.repeat.again();
            send(&self.socket, &asked.request.print())?;
        }
        for answer in self.answers.iter_mut().filter(|answer| answer.repeat.at <= now) {
            answer.repeat.again();
            send(&self.socket, &answer.bytes)?;
        }
        Ok(None)
    }
}

/// At once or not at all: what finds no room is a lost datagram, and those are repeated.
fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<()> {
    match socket.try_send(bytes) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn branch_of(headers: &holdfast_wire::sip::Headers) -> Option<String> {
    Some(headers.via().ok()?.branch()?.into_owned())
}

/// CANCEL or ACK within the transaction of this INVITE.
fn of_invite(invite: &Request, method: Method, to: Option<String>) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let copied = ["Via", "Max-Forwards", "From", "To", "Call-ID", "Route"];
    for header in invite.headers.iter().filter(|header| copied.iter().any(|it| header.is(it))) {
        request.headers.push_line(header.clone());
    }
    if let Some(to) = to {
        request.headers.set("To", to);
    }
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    request.headers.push("CSeq", CSeq { number, method });
    request
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() == KEPT_MAX {
        kept.pop_front();
    }
    kept.push_back(one);
}
