//! The other side of the wire: callers, phones and a carrier, written over the syntax alone.
//!
//! A peer is a small user agent of its own: it shares no machine with the code under test, so that
//! a wrong idea of the RFC in one of them shows. What it does is chosen by dice; what the box does
//! to it is checked where it happens.

mod caller;
mod dialog;
mod exchange;
mod oddities;
mod phone;
mod session;
mod words;

use holdfast_base::Mono;
use holdfast_core::sip::flow::Transport;
use holdfast_wire::sip::{Message, Method};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::day::Habit;
use crate::dice::Dice;
use exchange::Asked;
use phone::Registration;
use session::{Session, Stage};

/// What a peer wants to happen.
#[derive(Debug)]
pub struct Hands<'a> {
    /// The time.
    pub now: Mono,
    /// Chance.
    pub dice: &'a mut Dice,
    /// Messages to the site, in order.
    pub sent: Vec<Vec<u8>>,
    /// When to wake this peer, and why.
    pub alarms: Vec<(Mono, Alarm)>,
    /// Whether nothing is lost and nobody dies: then more can be demanded of the box.
    pub calm: bool,
    /// What the day is full of.
    pub habit: Habit,
    /// Whether the peer closes its socket: a connection breaks, a datagram is refused.
    pub closes_socket: bool,
}

impl Hands<'_> {
    fn wake(&mut self, after: Duration, alarm: Alarm) {
        self.alarms.push((self.now + after, alarm));
    }

    /// True this often in a thousand, on days when peers may misbehave.
    fn odd(&mut self, permille: u64) -> bool {
        !self.calm && self.dice.chance(permille)
    }

    /// As `odd`: `usual` in a thousand, `often` on a day of this habit.
    fn odd_on(&mut self, habit: Habit, usual: u64, often: u64) -> bool {
        self.odd(if self.habit == habit { often } else { usual })
    }
}

/// Why a peer wakes. An alarm of something that is over finds nothing to do.
#[derive(Clone, Debug)]
pub enum Alarm {
    /// A request may have to be repeated.
    Repeat(exchange::Key),
    /// A final answer to an INVITE may have to be repeated.
    AnswerAgain(u64),
    /// Make this call.
    Dial(String),
    /// The caller loses patience, or has said everything.
    HangUp(u64),
    /// Do something in the dialog.
    Act(u64),
    /// Alert; with audio when true.
    Ring(u64, bool),
    /// Answer an INVITE with this status.
    Final(u64, u16),
    /// Register again.
    Register,
    /// Send this, which is late by then.
    Say(Vec<u8>),
    /// Ask this within a session, whatever has become of it.
    Ask(u64, Method),
    /// Close the socket.
    Break,
}

/// What a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A phone with an account.
    Phone,
    /// Somebody from the internet.
    Guest,
    /// The carrier: many callers, many called.
    Carrier,
}

/// A peer.
#[derive(Debug)]
pub struct Peer {
    /// For the trace.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// How it speaks.
    pub transport: Transport,
    /// What it is.
    pub role: Role,
    /// The box.
    site: SocketAddr,
    /// The user of its account.
    account: Option<String>,
    registration: Registration,
    sessions: BTreeMap<u64, Session>,
    asked: BTreeMap<exchange::Key, Asked>,
    /// Answers given, for requests that come again.
    answered: BTreeMap<exchange::Key, Vec<u8>>,
    /// ACKs sent to refusals, for refusals that come again.
    acknowledged: BTreeMap<String, Vec<u8>>,
    numbers: u64,
    /// Begins and answers nothing any more; what is open is ended.
    closing: bool,
}

impl Peer {
    /// A peer that has done nothing yet.
    pub fn new(
        name: String,
        role: Role,
        (transport, address): (Transport, SocketAddr),
        account: Option<&str>,
        site: SocketAddr,
    ) -> Self {
        Self {
            name,
            address,
            transport,
            role,
            site,
            account: account.map(str::to_owned),
            registration: Registration::default(),
            sessions: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            numbers: 0,
            closing: false,
        }
    }

    /// A message from the site. Whatever the site sends must be well formed.
    pub fn receive(&mut self, bytes: &[u8], hands: &mut Hands<'_>) {
        let text = String::from_utf8_lossy(bytes);
        match Message::parse(bytes) {
            Ok(Message::Request(request)) => self.take_request(&request, hands),
            Ok(Message::Response(response)) => self.take_response(&response, hands),
            Err(error) => panic!("the site sent what is not SIP: {error:?}\n{text}"),
        }
    }

    /// An alarm of its own.
    pub fn wake(&mut self, alarm: Alarm, hands: &mut Hands<'_>) {
        match alarm {
            Alarm::Repeat(key) => self.repeat(&key, hands),
            Alarm::AnswerAgain(session) => self.answer_again(session, hands),
            Alarm::Dial(_) | Alarm::Register if self.closing => {}
            Alarm::Dial(target) => self.dial(&target, hands),
            Alarm::HangUp(session) => self.hang_up(session, hands),
            Alarm::Act(session) => self.act(session, hands),
            Alarm::Ring(session, early) => self.ring(session, early, hands),
            Alarm::Final(session, status) => self.finish(session, status, hands),
            Alarm::Register => self.register(hands),
            Alarm::Say(bytes) => hands.sent.push(bytes),
            Alarm::Ask(session, method) => {
                self.ask_within(session, method, None, hands);
            }
            Alarm::Break => hands.closes_socket = true,
        }
    }

    /// Nothing new from now on: everything that is open is hung up within seconds.
    pub fn close(&mut self, hands: &mut Hands<'_>) {
        self.closing = true;
        let open: Vec<u64> = self.sessions.keys().copied().collect();
        for session in open {
            let after = hands.dice.ms(0, 3000);
            hands.wake(after, Alarm::HangUp(session));
        }
    }

    /// The connection is gone; a phone comes back after a while.
    pub fn connection_lost(&mut self, hands: &mut Hands<'_>) {
        if self.account.is_some() {
            let after = hands.dice.ms(500, 8000);
            hands.wake(after, Alarm::Register);
        }
    }

    /// Where this peer sends audio from now.
    pub fn talking(&self) -> impl Iterator<Item = SocketAddr> {
        self.sessions.values().filter(|session| session.talks()).map(|session| session.rtp)
    }

    /// Those for whom this peer rings, by the caller's name; the second says since when.
    pub fn ringing(&self) -> impl Iterator<Item = (&str, Mono)> {
        self.sessions.values().filter_map(|session| match session.stage {
            Stage::Ringing { rung: Some(since), .. } if session.of_queue && !session.gone => {
                Some((session.caller.as_str(), since))
            }
            _ => None,
        })
    }

    /// Sessions that are neither over nor abandoned.
    pub fn open_sessions(&self) -> impl Iterator<Item = String> {
        let open = self.sessions.values().filter(|session| session.is_open());
        open.map(|session| format!("{} {:?}", session.call_id, session.stage.name()))
    }

    /// Calls that we ended and of which the box knew nothing, without ever having ended them.
    pub fn ghosts(&self) -> BTreeSet<&str> {
        let ghost = |session: &&Session| session.unknown_to_the_box && !session.heard_bye;
        self.sessions.values().filter(ghost).map(|session| session.call_id.as_str()).collect()
    }

    /// The account, if any.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn token(&mut self, of: &str) -> String {
        let number = self.number();
        format!("{of}-{}-{number}", self.name)
    }

    fn session_of(&self, call_id: &str, tag: &str) -> Option<u64> {
        let found = |session: &&Session| session.call_id == call_id && session.tag == tag;
        self.sessions.values().find(found).map(|session| session.id)
    }
}

/// The methods that carry an offer.
const fn negotiates(method: &Method) -> bool {
    matches!(method, Method::Invite | Method::Update)
}
