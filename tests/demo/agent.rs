//! One agent with a phone: registers, rings, answers, talks, holds, declines, is busy, does not
//! hear the phone, goes off duty and comes back.

use holdfast_wire::g711::Law;
use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::{Host, Method, NameAddr, Request, Response, Status, Uri};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::audio::{Audio, Packets, Voice};
use crate::chance::Chance;
use crate::config::BOX;
use crate::conversation::{ANSWER_TIME, Conversation, Happening};
use crate::dialog::{Account, Dialog, Ends, with_credentials};
use crate::endpoint::{Endpoint, Event};

/// What is asked for when registering, in seconds: the shortest time that the box grants.
const REGISTER_S: u32 = 60;
/// When to register again: early enough for one that is lost.
const REGISTER_EVERY: Duration = Duration::from_secs(40);
/// What an agent does of a hundred times when the phone rings; else it is answered.
const DECLINES: u64 = 4;
const BUSY: u64 = 4;
const DOES_NOT_HEAR: u64 = 7;
/// Conversations of a hundred in which the agent holds once.
const HOLDS: u64 = 20;
/// Conversations of a hundred after which the agent takes a break.
const BREAKS: u64 = 10;
/// Conversations while the branch closes.
const LAST_TALK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(4));

/// How far the day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// Callers come.
    Open,
    /// No new callers; those who are here are served.
    Closing,
    /// Nobody is left.
    Over,
}

/// One call that an agent answered.
#[derive(Clone, Debug)]
pub struct Pickup {
    /// Who called, as the phone showed it.
    pub user: String,
    /// Whether the box took the answer.
    pub acknowledged: bool,
    /// How long both talked.
    pub talked: Duration,
    /// Over the agent's RTP socket.
    pub packets: Packets,
    /// Packets with the voice of a caller, by voice.
    pub caller_packets: u64,
}

/// What an agent can testify at the end of the day.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Calls answered.
    pub pickups: Vec<Pickup>,
    /// Calls not answered: declined, busy, not heard, or taken back by the box.
    pub passed: u64,
    /// Calls to the codes for duty.
    pub codes: u64,
    /// What should not have happened.
    pub complaints: Vec<String>,
}

/// An agent at the phone.
#[derive(Debug)]
pub struct Agent {
    account: Account,
    voice: Voice,
    server: SocketAddr,
    chance: Chance,
    endpoint: Endpoint,
    /// What came while the phone waited for something else.
    unread: VecDeque<Request>,
    registration: Dialog,
    day: watch::Receiver<Day>,
    report: Report,
}

/// What the agent does with a ringing phone.
enum Mood {
    Answers,
    Declines,
    IsBusy,
    DoesNotHear,
}

impl Agent {
    /// Sits down at the phone and registers it.
    pub async fn arrive(
        (account, voice): (Account, Voice),
        server: SocketAddr,
        mut chance: Chance,
        day: watch::Receiver<Day>,
    ) -> io::Result<Self> {
        let endpoint = Endpoint::bind(BOX, server, Chance::of(chance.number(), 0)).await?;
        let ends = ends(&account, &account.name, server, (endpoint.local, endpoint.local));
        let registration = Dialog::calling(&ends, &mut chance);
        let report = Report::default();
        let unread = VecDeque::new();
        let mut agent =
            Self { account, voice, server, chance, endpoint, unread, registration, day, report };
        agent.register(REGISTER_S).await?;
        Ok(agent)
    }

    /// Works until the day is over, and tells about it.
    pub async fn work(mut self) -> io::Result<Report> {
        let mut register_at = Instant::now() + REGISTER_EVERY;
        while *self.day.borrow() != Day::Over {
            if let Some(request) = self.unread.pop_front() {
                self.take(&request).await?;
                continue;
            }
            tokio::select! {
                event = self.endpoint.next() => match event? {
                    Event::Request(request) => self.unread.push_back(request),
                    Event::Response(_) => {}
                    Event::Unanswered(method) => self.complain(&format!("{method} unanswered")),
                },
                () = sleep_until(register_at) => {
                    self.register(REGISTER_S).await?;
                    register_at = Instant::now() + REGISTER_EVERY;
                }
                changed = self.day.changed() => if changed.is_err() { break },
            }
        }
        self.register(0).await?;
        Ok(self.report)
    }

    async fn take(&mut self, request: &Request) -> io::Result<()> {
        let tag = self.chance.token();
        let status = match request.method {
            Method::Invite => return self.ring(request, &tag).await,
            Method::Ack => return Ok(()),
            Method::Options => Status::OK,
            _ => Status::CALL_DOES_NOT_EXIST,
        };
        self.endpoint.answer(request, request.response(status, Some(&tag)))
    }

    async fn register(&mut self, expires_s: u32) -> io::Result<()> {
        let request = self.binding(expires_s);
        self.endpoint.ask(request)?;
        let Some(challenge) = self.response().await? else { return Ok(()) };
        let request = self.binding(expires_s);
        match with_credentials(request, &challenge, &self.account, &mut self.chance) {
            Some(request) => self.endpoint.ask(request)?,
            None => {
                self.complain("REGISTER was not challenged");
                return Ok(());
            }
        }
        if let Some(response) = self.response().await?
            && response.status != Status::OK
        {
            self.complain(&format!("REGISTER refused with {}", response.status));
        }
        Ok(())
    }

    /// RFC 3261 §10.2: To is the account, the Request-URI names the registrar alone.
    fn binding(&mut self, expires_s: u32) -> Request {
        let mut request = self.registration.request(Method::Register);
        request.uri = Uri::sip(None, Host::from(self.server.ip()), Some(self.server.port()));
        request.headers.push("Expires", expires_s);
        request
    }

    /// The final response to the only open request.
    async fn response(&mut self) -> io::Result<Option<Response>> {
        let until = Instant::now() + ANSWER_TIME;
        loop {
            let event = tokio::select! {
                event = self.endpoint.next() => event?,
                () = sleep_until(until) => Event::Unanswered(Method::Register),
            };
            match event {
                Event::Response(response) if response.status.is_final() => {
                    return Ok(Some(response));
                }
                Event::Response(_) => {}
                Event::Request(request) => self.unread.push_back(request),
                Event::Unanswered(method) => {
                    self.complain(&format!("{method} unanswered"));
                    return Ok(None);
                }
            }
        }
    }

    fn mood(&mut self) -> Mood {
        let draw = self.chance.below(100);
        if *self.day.borrow() != Day::Open || draw >= DECLINES + BUSY + DOES_NOT_HEAR {
            Mood::Answers
        } else if draw < DECLINES {
            Mood::Declines
        } else if draw < DECLINES + BUSY {
            Mood::IsBusy
        } else {
            Mood::DoesNotHear
        }
    }

    async fn ring(&mut self, invite: &Request, tag: &str) -> io::Result<()> {
        let seconds = Duration::from_secs;
        let ring = match self.mood() {
            Mood::Answers => self.chance.between(seconds(1), seconds(6)),
            Mood::Declines => {
                let answer = invite.response(Status::DECLINE, Some(tag));
                return self.pass(invite, answer);
            }
            Mood::IsBusy => {
                let answer = invite.response(Status::BUSY_HERE, Some(tag));
                return self.pass(invite, answer);
            }
            Mood::DoesNotHear => ANSWER_TIME,
        };
        let ssrc = u32::try_from(self.chance.number() >> 32).unwrap_or(0);
        let audio = Audio::bind(BOX, self.voice, ssrc).await?;
        let ends = (audio.local()?, Law::A);
        let Some(dialog) = Dialog::called(invite, self.endpoint.local, ends, tag) else {
            self.complain("an INVITE without From, To or Contact");
            return self.pass(invite, invite.response(Status::BAD_REQUEST, Some(tag)));
        };
        let mut call = Conversation { endpoint: &mut self.endpoint, audio, dialog };
        let ringing = call.dialog.response(invite, Status::RINGING);
        call.endpoint.answer(invite, ringing)?;
        let until = Instant::now() + ring;
        loop {
            match call.next(until).await? {
                Happening::Due => break,
                Happening::Cancelled => {
                    let gone = call.dialog.response(invite, Status::REQUEST_TERMINATED);
                    call.endpoint.answer(invite, gone)?;
                    self.report.passed += 1;
                    return Ok(());
                }
                Happening::Hears(_)
                | Happening::HungUp
                | Happening::Acknowledged
                | Happening::Response(_)
                | Happening::Unanswered(_) => {}
            }
        }
        call.accept(invite)?;
        let closing = *self.day.borrow() != Day::Open;
        let plan = if closing {
            Plan { talk: self.chance.between(LAST_TALK.0, LAST_TALK.1), hold: None }
        } else {
            Plan {
                talk: self.chance.between(seconds(7), seconds(18)),
                hold: self.chance.percent(HOLDS).then(|| {
                    let after = self.chance.between(seconds(2), seconds(4));
                    (after, self.chance.between(seconds(2), seconds(5)))
                }),
            }
        };
        let user =
            invite.headers.from().ok().and_then(|from| Some(from.uri.user_decoded()?.into_owned()));
        let mut talk = Talk::new(call, user.unwrap_or_default());
        talk.live(plan).await?;
        let (pickup, complaints) = talk.end();
        self.report
            .complaints
            .extend(complaints.iter().map(|it| format!("{}: {it}", self.account.name)));
        self.report.pickups.push(pickup);
        if !closing && self.chance.percent(BREAKS) {
            self.take_a_break().await?;
        }
        Ok(())
    }

    fn pass(&mut self, invite: &Request, response: Response) -> io::Result<()> {
        self.report.passed += 1;
        self.endpoint.answer(invite, response)
    }

    /// Off duty by phone, a pause, and on duty again.
    async fn take_a_break(&mut self) -> io::Result<()> {
        self.dial("*46").await?;
        let pause = self.chance.between(Duration::from_secs(5), Duration::from_secs(10));
        let until = Instant::now() + pause;
        loop {
            let event = tokio::select! {
                event = self.endpoint.next() => event?,
                () = sleep_until(until) => break,
            };
            if let Event::Request(request) = event {
                self.unread.push_back(request);
            }
        }
        self.dial("*45").await
    }

    /// Dials a code and listens until the box hangs up.
    async fn dial(&mut self, code: &str) -> io::Result<()> {
        self.report.codes += 1;
        let ssrc = u32::try_from(self.chance.number() >> 32).unwrap_or(0);
        let audio = Audio::bind(BOX, self.voice, ssrc).await?;
        let ends = ends(&self.account, code, self.server, (self.endpoint.local, audio.local()?));
        let dialog = Dialog::calling(&ends, &mut self.chance);
        let mut call = Conversation { endpoint: &mut self.endpoint, audio, dialog };
        let invite = call.dialog.invite(Direction::SendRecv);
        call.endpoint.ask(invite)?;
        let until = Instant::now() + ANSWER_TIME;
        let mut complaint = None;
        loop {
            match call.next(until).await? {
                Happening::Response(response) if response.status.is_provisional() => {}
                Happening::Response(response) if response.status.is_success() => {
                    call.accepted(&response)?;
                }
                Happening::Response(response) => {
                    let invite = call.dialog.invite(Direction::SendRecv);
                    let chance = &mut self.chance;
                    match with_credentials(invite, &response, &self.account, chance) {
                        Some(invite) => call.endpoint.ask(invite)?,
                        None => {
                            complaint = Some(format!("{code} refused with {}", response.status));
                            break;
                        }
                    }
                }
                Happening::HungUp => break,
                Happening::Due | Happening::Unanswered(_) => {
                    complaint = Some(format!("{code} did not end"));
                    break;
                }
                Happening::Hears(_) | Happening::Cancelled | Happening::Acknowledged => {}
            }
        }
        if complaint.is_none() && call.audio.packets.received == 0 {
            complaint = Some(format!("heard nothing after {code}"));
        }
        complaint.iter().for_each(|it| self.complain(it));
        Ok(())
    }

    fn complain(&mut self, what: &str) {
        self.report.complaints.push(format!("{}: {what}", self.account.name));
    }
}

fn ends(
    account: &Account,
    callee: &str,
    server: SocketAddr,
    (contact, audio): (SocketAddr, SocketAddr),
) -> Ends {
    let at = |user: &str| Uri::sip(Some(user), Host::from(server.ip()), Some(server.port()));
    Ends { from: NameAddr::new(at(&account.name)), to: at(callee), contact, audio, law: Law::A }
}

/// What an agent is going to do in a conversation.
struct Plan {
    talk: Duration,
    hold: Option<(Duration, Duration)>,
}

/// A conversation with a caller.
struct Talk<'a> {
    call: Conversation<'a>,
    user: String,
    since: Instant,
    acknowledged: bool,
    complaints: Vec<String>,
}

impl<'a> Talk<'a> {
    fn new(call: Conversation<'a>, user: String) -> Self {
        let complaints = Vec::new();
        Self { call, user, since: Instant::now(), acknowledged: false, complaints }
    }

    async fn live(&mut self, plan: Plan) -> io::Result<()> {
        let end = self.since + plan.talk;
        let mut hold = plan.hold;
        loop {
            let until = hold.map_or(end, |(after, _)| self.since + after);
            match self.call.next(until).await? {
                Happening::Due => match hold.take() {
                    Some((_, span)) => {
                        if !self.hold(span).await? {
                            return Ok(());
                        }
                    }
                    None => {
                        if !self.call.hang_up().await? {
                            self.complaints.push("BYE unanswered".to_owned());
                        }
                        return Ok(());
                    }
                },
                Happening::HungUp => return Ok(()),
                Happening::Acknowledged => self.acknowledged = true,
                Happening::Unanswered(method) => {
                    self.complaints.push(format!("{method} unanswered"));
                }
                Happening::Cancelled | Happening::Hears(_) | Happening::Response(_) => {}
            }
        }
    }

    async fn hold(&mut self, span: Duration) -> io::Result<bool> {
        if !self.call.turn(Direction::SendOnly).await? {
            return Ok(false);
        }
        let until = Instant::now() + span;
        loop {
            match self.call.next(until).await? {
                Happening::Due => break,
                Happening::HungUp => return Ok(false),
                Happening::Cancelled
                | Happening::Acknowledged
                | Happening::Hears(_)
                | Happening::Response(_)
                | Happening::Unanswered(_) => {}
            }
        }
        self.call.turn(Direction::SendRecv).await
    }

    fn end(self) -> (Pickup, Vec<String>) {
        let Self { call, user, since, acknowledged, complaints } = self;
        let pickup = Pickup {
            user,
            acknowledged,
            talked: since.elapsed(),
            packets: call.audio.packets,
            caller_packets: call.audio.packets_of_callers(),
        };
        (pickup, complaints)
    }
}
