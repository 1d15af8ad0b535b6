//! A call as one of its parties lives it: dialog, audio, and what the other side does meanwhile.

use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::{Method, Request, Response, Status};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

use crate::audio::{Audio, Voice};
use crate::dialog::{self, Dialog};
use crate::endpoint::{Endpoint, Event};

/// Longer than the box may take for anything: 64·T1 of RFC 3261 §17.1.1.2.
pub const ANSWER_TIME: Duration = Duration::from_secs(32);

/// What happens in a call.
#[derive(Debug)]
pub enum Happening {
    /// The time has come.
    Due,
    /// Somebody else begins to be heard.
    Hears(Voice),
    /// The other side hung up.
    HungUp,
    /// The other side took its call back before we answered.
    Cancelled,
    /// Our answer to an INVITE has arrived.
    Acknowledged,
    /// A response to what we asked.
    Response(Response),
    /// Nobody answered this, or acknowledged our answer.
    Unanswered(Method),
}

/// One call of an endpoint.
#[derive(Debug)]
pub struct Conversation<'a> {
    /// The phone.
    pub endpoint: &'a mut Endpoint,
    /// Mouth and ear.
    pub audio: Audio,
    /// The two parties.
    pub dialog: Dialog,
}

impl Conversation<'_> {
    /// Speaks and listens until something happens, `until` at the latest. What needs no decision
    /// is answered on the way.
    pub async fn next(&mut self, until: Instant) -> io::Result<Happening> {
        loop {
            let event = tokio::select! {
                biased;
                event = self.endpoint.next() => event?,
                voice = self.audio.listen() => return Ok(Happening::Hears(voice?)),
                () = sleep_until(until) => return Ok(Happening::Due),
            };
            match event {
                Event::Response(response) => return Ok(Happening::Response(response)),
                Event::Unanswered(method) => return Ok(Happening::Unanswered(method)),
                Event::Request(request) => {
                    if let Some(happening) = self.take(&request)? {
                        return Ok(happening);
                    }
                }
            }
        }
    }

    fn take(&mut self, request: &Request) -> io::Result<Option<Happening>> {
        if !self.dialog.has(request) {
            // One line, one call.
            let status = match request.method {
                Method::Ack => return Ok(None),
                Method::Invite => Status::BUSY_HERE,
                Method::Options => Status::OK,
                _ => Status::CALL_DOES_NOT_EXIST,
            };
            self.endpoint.answer(request, request.response(status, Some(&self.dialog.tag())))?;
            return Ok(None);
        }
        match request.method {
            Method::Ack => return Ok(Some(Happening::Acknowledged)),
            Method::Bye => {
                self.audio.be_quiet();
                self.endpoint.answer(request, self.dialog.response(request, Status::OK))?;
                return Ok(Some(Happening::HungUp));
            }
            Method::Cancel => {
                self.endpoint.answer(request, self.dialog.response(request, Status::OK))?;
                return Ok(Some(Happening::Cancelled));
            }
            Method::Invite | Method::Update => self.accept(request)?,
            Method::Options | Method::Info => {
                self.endpoint.answer(request, self.dialog.response(request, Status::OK))?;
            }
            _ => {
                let answer = self.dialog.response(request, Status::METHOD_NOT_ALLOWED);
                self.endpoint.answer(request, answer)?;
            }
        }
        Ok(None)
    }

    /// Answers an INVITE or UPDATE with 200, and speaks where its offer says.
    pub fn accept(&mut self, request: &Request) -> io::Result<()> {
        let answer = self.dialog.accept(request);
        self.follow(&request.body);
        self.endpoint.answer(request, answer)
    }

    /// Takes a 2xx to an INVITE of ours: acknowledges it and speaks where its answer says.
    pub fn accepted(&mut self, response: &Response) -> io::Result<()> {
        self.dialog.accepted(response);
        self.follow(&response.body);
        let ack = self.dialog.request(Method::Ack);
        self.endpoint.acknowledge(ack)
    }

    fn follow(&mut self, body: &[u8]) {
        let Some(remote) = dialog::read(body) else { return };
        if remote.direction.receives() && remote.audio.port() != 0 {
            self.audio.speak(remote.audio, remote.law, remote.payload_type);
        } else {
            self.audio.be_quiet();
        }
    }

    /// Asks for another direction: hold and resume. `false` when the call ended meanwhile.
    pub async fn turn(&mut self, direction: Direction) -> io::Result<bool> {
        let invite = self.dialog.invite(direction);
        self.endpoint.ask(invite)?;
        let until = Instant::now() + ANSWER_TIME;
        loop {
            match self.next(until).await? {
                Happening::Response(response) if response.status.is_success() => {
                    self.accepted(&response)?;
                    if !direction.sends() {
                        self.audio.be_quiet();
                    }
                    return Ok(true);
                }
                Happening::Response(response) if response.status.is_final() => return Ok(true),
                Happening::HungUp => return Ok(false),
                Happening::Due | Happening::Unanswered(_) => return Ok(true),
                Happening::Response(_)
                | Happening::Hears(_)
                | Happening::Cancelled
                | Happening::Acknowledged => {}
            }
        }
    }

    /// Hangs up and waits until that is answered. `false` when nobody answers.
    pub async fn hang_up(&mut self) -> io::Result<bool> {
        self.audio.be_quiet();
        let bye = self.dialog.request(Method::Bye);
        self.endpoint.ask(bye)?;
        self.settle().await
    }

    /// Stays on the line until nothing is open any more. `false` when something stays open.
    pub async fn settle(&mut self) -> io::Result<bool> {
        let until = Instant::now() + ANSWER_TIME;
        while !self.endpoint.is_done() {
            match self.next(until).await? {
                Happening::Due | Happening::Unanswered(_) => return Ok(false),
                Happening::Response(_)
                | Happening::Hears(_)
                | Happening::HungUp
                | Happening::Cancelled
                | Happening::Acknowledged => {}
            }
        }
        Ok(true)
    }
}
