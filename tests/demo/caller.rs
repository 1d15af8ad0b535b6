//! One caller: calls a queue over the carrier or from the street, waits, talks, holds, gives up.
//!
//! A caller believes its own ear only: it was answered when it heard an agent's voice.

use holdfast_wire::g711::Law;
use holdfast_wire::sdp::Direction;
use holdfast_wire::sip::{Host, NameAddr, Response, Uri};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

use crate::audio::{Audio, Packets, Voice};
use crate::chance::Chance;
use crate::config::{CARRIER, LINES, Line, STREET};
use crate::conversation::{ANSWER_TIME, Conversation, Happening};
use crate::dialog::{Dialog, Ends};
use crate::endpoint::Endpoint;

/// Callers over the carrier, of a hundred; the others are guests.
const OVER_CARRIER: u64 = 80;
/// Callers who like µ-law better, so that the box has something to convert.
const LIKES_MU: u64 = 30;
/// Callers who hang up almost at once.
const IMPATIENT: u64 = 12;
/// Callers who take the call back before it can be answered.
const REGRETS: u64 = 3;
/// Callers who put the agent on hold once.
const HOLDS: u64 = 15;

/// How a caller reaches the box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the trunk.
    Carrier,
    /// As a guest.
    Street,
}

/// Who calls, and what this caller is going to do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its number or name, unlike any other's.
    pub user: String,
    /// The queue it wants.
    pub line: Line,
    way: Way,
    voice: Voice,
    law: Law,
    /// How long it waits for an agent.
    patience: Duration,
    /// How long it talks before it hangs up itself.
    talk: Duration,
    /// When in the talk it holds, and how long.
    hold: Option<(Duration, Duration)>,
    regrets: bool,
    chance: Chance,
}

/// How a call ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The box did not take the call, with this status.
    Refused(u16),
    /// The caller hung up before hearing anyone.
    GaveUp,
    /// The box hung up before anyone was heard.
    LetGo,
    /// An agent with this voice was heard.
    Talked(Voice),
}

/// What a caller can testify afterwards.
#[derive(Clone, Debug)]
pub struct Testimony {
    /// Who.
    pub user: String,
    /// The queue called.
    pub queue: &'static str,
    /// Its end.
    pub verdict: Verdict,
    /// From the answer of the box to the agent's voice, or to the end.
    pub waited: Duration,
    /// From the agent's voice to the end.
    pub talked: Duration,
    /// Over its RTP socket.
    pub packets: Packets,
    /// Those with the voice of an agent.
    pub agent_packets: u64,
    /// What should not have happened.
    pub complaints: Vec<String>,
}

impl Caller {
    /// The caller with this number in the day of `seed`.
    pub fn new(number: usize, seed: u64) -> Self {
        let mut chance = Chance::of(seed, u64::try_from(number).unwrap_or(0));
        let seconds = Duration::from_secs;
        let way = if chance.percent(OVER_CARRIER) { Way::Carrier } else { Way::Street };
        let user = match way {
            // From the range kept for film and television.
            Way::Carrier => format!("+493023125{number:03}"),
            Way::Street => format!("guest-{number}"),
        };
        let patience = if chance.percent(IMPATIENT) {
            chance.between(seconds(1), seconds(7))
        } else {
            chance.between(seconds(14), seconds(40))
        };
        let hold = chance.percent(HOLDS).then(|| {
            (chance.between(seconds(2), seconds(5)), chance.between(seconds(2), seconds(5)))
        });
        Self {
            user,
            line: line(chance.below(100)),
            way,
            voice: Voice::of_caller(number),
            law: if chance.percent(LIKES_MU) { Law::Mu } else { Law::A },
            patience,
            talk: chance.between(seconds(8), seconds(22)),
            hold,
            regrets: chance.percent(REGRETS),
            chance,
        }
    }

    /// Makes the call and tells about it.
    pub async fn call(mut self, server: SocketAddr) -> io::Result<Testimony> {
        let (ip, dialled) = match self.way {
            Way::Carrier => (CARRIER, self.line.number),
            Way::Street => (STREET, self.line.queue),
        };
        let mut endpoint = Endpoint::bind(ip, server, self.chance.clone()).await?;
        let [a, b, c, d, ..] = self.chance.number().to_be_bytes();
        let audio = Audio::bind(ip, self.voice, u32::from_be_bytes([a, b, c, d])).await?;
        let host = Host::from(ip);
        let ends = Ends {
            from: NameAddr::new(Uri::sip(Some(&self.user), host, Some(endpoint.local.port()))),
            to: Uri::sip(Some(dialled), Host::from(server.ip()), Some(server.port())),
            contact: endpoint.local,
            audio: audio.local()?,
            law: self.law,
        };
        let dialog = Dialog::calling(&ends, &mut self.chance);
        let testimony = Testimony {
            user: self.user.clone(),
            queue: self.line.queue,
            verdict: Verdict::GaveUp,
            waited: Duration::ZERO,
            talked: Duration::ZERO,
            packets: Packets::default(),
            agent_packets: 0,
            complaints: Vec::new(),
        };
        let conversation = Conversation { endpoint: &mut endpoint, audio, dialog };
        let mut call = Call { caller: self, conversation, testimony };
        call.live().await?;
        let Call { conversation, mut testimony, .. } = call;
        testimony.packets = conversation.audio.packets;
        if let Verdict::Talked(agent) = testimony.verdict {
            testimony.agent_packets = conversation.audio.packets_of(agent);
        }
        Ok(testimony)
    }
}

struct Call<'a> {
    caller: Caller,
    conversation: Conversation<'a>,
    testimony: Testimony,
}

impl Call<'_> {
    async fn live(&mut self) -> io::Result<()> {
        let invite = self.conversation.dialog.invite(Direction::SendRecv);
        self.conversation.endpoint.ask(invite)?;
        if self.caller.regrets {
            self.take_back().await?;
        }
        let Some(response) = self.answered().await? else { return Ok(()) };
        if !response.status.is_success() {
            let code = response.status.code();
            let taken_back = self.caller.regrets && code == 487;
            self.testimony.verdict =
                if taken_back { Verdict::GaveUp } else { Verdict::Refused(code) };
            return Ok(());
        }
        self.conversation.accepted(&response)?;
        if self.caller.regrets {
            // The answer was faster than the CANCEL: RFC 3261 §9.1, hang up.
            return self.hang_up().await;
        }
        match self.wait().await? {
            Some(agent) => self.talk(agent).await,
            None => Ok(()),
        }
    }

    /// RFC 3261 §9.1: not before there is any response.
    async fn take_back(&mut self) -> io::Result<()> {
        let until = Instant::now() + ANSWER_TIME;
        if let Happening::Response(response) = self.conversation.next(until).await?
            && response.status.is_provisional()
        {
            self.conversation.endpoint.cancel()?;
        } else {
            self.complain("no provisional response to an INVITE");
        }
        Ok(())
    }

    /// The final response to the INVITE.
    async fn answered(&mut self) -> io::Result<Option<Response>> {
        let until = Instant::now() + ANSWER_TIME;
        loop {
            match self.conversation.next(until).await? {
                Happening::Response(response) => {
                    let invited =
                        response.headers.get("CSeq").is_some_and(|it| it.ends_with("INVITE"));
                    if invited && response.status.is_final() {
                        return Ok(Some(response));
                    }
                }
                Happening::Due | Happening::Unanswered(_) => {
                    self.complain("no final response to an INVITE");
                    self.testimony.verdict = Verdict::Refused(408);
                    return Ok(None);
                }
                Happening::Hears(_)
                | Happening::HungUp
                | Happening::Cancelled
                | Happening::Acknowledged => {}
            }
        }
    }

    /// Listens until an agent speaks, patience is over, or the box hangs up.
    async fn wait(&mut self) -> io::Result<Option<Voice>> {
        let since = Instant::now();
        let until = since + self.caller.patience;
        loop {
            let happening = self.conversation.next(until).await?;
            self.testimony.waited = since.elapsed();
            match happening {
                Happening::Hears(voice) if voice.is_agent() => {
                    self.testimony.verdict = Verdict::Talked(voice);
                    return Ok(Some(voice));
                }
                Happening::Due => {
                    self.hang_up().await?;
                    return Ok(None);
                }
                Happening::HungUp => {
                    self.testimony.verdict = Verdict::LetGo;
                    return Ok(None);
                }
                Happening::Unanswered(method) => self.complain(&format!("{method} unanswered")),
                Happening::Hears(_)
                | Happening::Response(_)
                | Happening::Cancelled
                | Happening::Acknowledged => {}
            }
        }
    }

    async fn talk(&mut self, agent: Voice) -> io::Result<()> {
        let since = Instant::now();
        let end = since + self.caller.talk;
        let mut hold = self.caller.hold;
        loop {
            let until = hold.map_or(end, |(after, _)| since + after);
            let happening = self.conversation.next(until).await?;
            self.testimony.talked = since.elapsed();
            match happening {
                Happening::Due => match hold.take() {
                    Some((_, span)) => {
                        if !self.hold(span).await? {
                            return Ok(());
                        }
                    }
                    None => return self.hang_up().await,
                },
                Happening::HungUp => return Ok(()),
                Happening::Hears(voice) if voice.is_agent() && voice != agent => {
                    self.complain("heard the agent of another call");
                }
                Happening::Unanswered(method) => self.complain(&format!("{method} unanswered")),
                Happening::Hears(_)
                | Happening::Response(_)
                | Happening::Cancelled
                | Happening::Acknowledged => {}
            }
        }
    }

    /// Holds for that long and resumes. `false` when the agent hung up meanwhile.
    async fn hold(&mut self, span: Duration) -> io::Result<bool> {
        if !self.conversation.turn(Direction::SendOnly).await? {
            return Ok(false);
        }
        let until = Instant::now() + span;
        loop {
            match self.conversation.next(until).await? {
                Happening::Due => break,
                Happening::HungUp => return Ok(false),
                Happening::Unanswered(method) => self.complain(&format!("{method} unanswered")),
                Happening::Hears(_)
                | Happening::Response(_)
                | Happening::Cancelled
                | Happening::Acknowledged => {}
            }
        }
        self.conversation.turn(Direction::SendRecv).await
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        if !self.conversation.hang_up().await? {
            self.complain("BYE unanswered");
        }
        Ok(())
    }

    fn complain(&mut self, what: &str) {
        self.testimony.complaints.push(format!("{}: {what}", self.testimony.user));
    }
}

/// The queue that this share of callers wants.
fn line(share: u64) -> Line {
    let [first, second, third] = LINES;
    if share < first.share {
        first
    } else if share < first.share + second.share {
        second
    } else {
        third
    }
}

/// Time until the caller with this number comes: the first few at once, so that there is something
/// to see, then one after the other by a Poisson process.
pub fn gap(chance: &mut Chance, number: usize, mean: Duration) -> Duration {
    if number < AT_ONCE { OPENING_GAP } else { chance.until_next(mean) }
}

/// Callers who have waited for the branch to open.
const AT_ONCE: usize = 8;
/// Time between them.
const OPENING_GAP: Duration = Duration::from_millis(250);
