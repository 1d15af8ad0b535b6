//! Both ends of the signalling of all calls.
//!
//! How long a refusal takes is read from the kernel: when it reached our socket, not when this
//! program, which shares its processors with the box, came to read it.

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSliceMut;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime};

use crate::audio::Audio;
use crate::round::Round;
use crate::texts::{answer, audio, head, invite, reply, value};
use crate::{BOX, CALLEE, CALLER, Result, open};

/// How long a call lasts that is no long one.
const CALL_TIME: Duration = Duration::from_secs(1);
/// An INVITE that nobody has answered is sent again after this time (timer A, RFC 3261 §17.1.1.2).
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const SIGNALLING_PORT: u16 = 25_070;

enum Stage {
    Asked { again: Instant },
    On { until: Option<Instant> },
}

struct Call {
    began: SystemTime,
    stage: Stage,
    lasts: Option<Duration>,
    repeated: bool,
    target: String,
    to: String,
}

/// All calls.
pub struct World {
    caller: UdpSocket,
    callee: UdpSocket,
    audio: Audio,
    next: u32,
    calls: BTreeMap<u32, Call>,
    /// What is to be done about a call, and when.
    due: BTreeSet<(Instant, u32)>,
    round: Round,
}

impl World {
    /// Nobody calls yet.
    pub fn new() -> Result<Self> {
        let caller = open(CALLER, SIGNALLING_PORT)?;
        setsockopt(&caller, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self {
            caller,
            callee: open(CALLEE, SIGNALLING_PORT)?,
            audio: Audio::start()?,
            next: 0,
            calls: BTreeMap::new(),
            due: BTreeSet::new(),
            round: Round::default(),
        })
    }

    /// Calls at this rate for so long, and waits until the last call is over.
    pub fn play(&mut self, rate: u32, time: Duration) -> Result<Round> {
        self.round = Round::default();
        let dropped = dropped()?;
        let began = Instant::now();
        let gap = Duration::from_secs(1) / rate;
        let mut next = began;
        while began.elapsed() < time {
            while next <= Instant::now() {
                self.invite(Some(CALL_TIME))?;
                next += gap;
            }
            self.turn()?;
        }
        self.rest(CALL_TIME + AGAIN_AFTER)?;
        let now = self::dropped()?;
        self.round.dropped = (now.0 - dropped.0, now.1 - dropped.1);
        Ok(std::mem::take(&mut self.round))
    }

    /// Calls that go on.
    pub fn establish(&mut self, count: u32) -> Result<Vec<u32>> {
        let first = self.next;
        for _ in 0..count {
            self.invite(None)?;
            self.rest(Duration::from_millis(20))?;
        }
        self.rest(CALL_TIME)?;
        let all: Vec<u32> = (first..self.next).collect();
        match all.iter().all(|call| self.is_on(*call)) {
            true => Ok(all),
            false => Err("the calls that should go on were not answered".into()),
        }
    }

    /// Whether a call is answered and not over.
    pub fn is_on(&self, call: u32) -> bool {
        self.calls.get(&call).is_some_and(|call| matches!(call.stage, Stage::On { .. }))
    }

    /// Packets that a long call's callee has sent, and that these callers have heard.
    pub fn heard(&self, calls: &[u32]) -> (u64, BTreeMap<u32, u64>) {
        self.audio.told(calls)
    }

    /// Goes on without new calls.
    pub fn rest(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<()> {
        let mut buffer = [0; 8192];
        let mut idle = true;
        while let Some((length, came)) = receive(&self.caller, &mut buffer) {
            idle = false;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            self.caller_hears(&text, came)?;
        }
        while let Ok(length) = self.callee.recv(&mut buffer) {
            idle = false;
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            self.callee_hears(&text)?;
        }
        self.tend()?;
        if idle {
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Repetitions and ends that are due.
    fn tend(&mut self) -> Result<()> {
        let now = Instant::now();
        while let Some((at, number)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let Some(call) = self.calls.get_mut(&number) else { continue };
            match call.stage {
                Stage::Asked { again } if again <= now => {
                    let again = again + AGAIN_AFTER;
                    (call.stage, call.repeated) = (Stage::Asked { again }, true);
                    self.due.insert((again, number));
                    self.caller.send_to(invite(number).as_bytes(), BOX)?;
                }
                Stage::On { until: Some(until) } if until <= now => self.hang_up(number)?,
                Stage::Asked { .. } | Stage::On { .. } => {}
            }
        }
        Ok(())
    }

    fn invite(&mut self, lasts: Option<Duration>) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let again = Instant::now() + AGAIN_AFTER;
        let (stage, repeated) = (Stage::Asked { again }, false);
        let (target, to) = (String::new(), String::new());
        let call = Call { began: SystemTime::now(), stage, lasts, repeated, target, to };
        self.calls.insert(number, call);
        self.due.insert((again, number));
        self.round.sent += 1;
        self.caller.send_to(invite(number).as_bytes(), BOX)?;
        Ok(())
    }

    fn hang_up(&mut self, number: u32) -> Result<()> {
        let Some(call) = self.calls.remove(&number) else { return Ok(()) };
        if self.audio.caller_leaves(number) == 0 {
            self.round.deaf += 1;
        }
        let head = head("BYE", &call.target, number, &call.to);
        self.caller.send_to(format!("{head}Content-Length: 0\r\n\r\n").as_bytes(), BOX)?;
        Ok(())
    }

    fn caller_hears(&mut self, text: &str, came: SystemTime) -> Result<()> {
        let Some(status) = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)) else {
            return Ok(reply(&self.caller, text, "")?);
        };
        let status: u16 = status.parse()?;
        let number = value(text, "Call-ID").trim_start_matches("load-").parse()?;
        if status < 200 || !value(text, "CSeq").contains("INVITE") {
            return Ok(());
        }
        let to = value(text, "To").to_owned();
        let contact = value(text, "Contact").trim_matches(['<', '>']).to_owned();
        let target = if status < 300 { contact } else { format!("sip:uas@{BOX}") };
        let ack = head("ACK", &target, number, &to);
        self.caller.send_to(format!("{ack}Content-Length: 0\r\n\r\n").as_bytes(), BOX)?;
        let Some(call) = self.calls.get_mut(&number) else { return Ok(()) };
        let Stage::Asked { .. } = call.stage else { return Ok(()) };
        if status >= 300 {
            match status {
                503 => self.round.refused.push(came.duration_since(call.began).unwrap_or_default()),
                _ => *self.round.otherwise.entry(status).or_default() += 1,
            }
            self.round.repeated += u32::from(call.repeated);
            self.calls.remove(&number);
            return Ok(());
        }
        let until = call.lasts.map(|time| Instant::now() + time);
        call.stage = Stage::On { until };
        (call.target, call.to) = (target, to);
        self.round.answered += 1;
        self.due.extend(until.map(|until| (until, number)));
        if let Some(to) = audio(text) {
            self.audio.caller_joins(number, to);
        }
        Ok(())
    }

    fn callee_hears(&mut self, text: &str) -> Result<()> {
        let id = value(text, "Call-ID");
        if text.starts_with("INVITE ") {
            if let Some(to) = audio(text) {
                self.audio.callee_joins(id.to_owned(), to);
            }
            return Ok(reply(&self.callee, text, &answer())?);
        }
        if text.starts_with("BYE ") || text.starts_with("CANCEL ") {
            self.audio.callee_leaves(id);
        }
        if text.starts_with("ACK ") || text.starts_with("SIP/2.0") {
            return Ok(());
        }
        Ok(reply(&self.callee, text, "")?)
    }
}

/// The next datagram: its length, and when it reached this machine's socket.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SystemTime)> {
    let mut space = nix::cmsg_space!(nix::libc::timespec);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrIn>(socket.as_raw_fd(), &mut slices, Some(&mut space), flags);
    let message = message.ok()?;
    let came = message.cmsgs().ok()?.find_map(|told| {
        let ControlMessageOwned::ScmTimestampns(time) = told else { return None };
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        let nanos = u32::try_from(time.tv_nsec()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
    });
    Some((message.bytes, came.unwrap_or_else(SystemTime::now)))
}

/// Datagrams that the kernel dropped since their sockets were opened: of the box, and of ours.
fn dropped() -> Result<(u64, u64)> {
    let (mut of_the_box, mut ours) = (0, 0);
    for line in std::fs::read_to_string("/proc/net/udp")?.lines().skip(1) {
        let mut fields = line.split_whitespace();
        let (local, drops) = (fields.nth(1), fields.next_back());
        let (Some(local), Some(drops)) = (local, drops) else { continue };
        // The kernel prints the four bytes of an address as one number of this machine.
        let drops: u64 = drops.parse()?;
        if local.starts_with("015A007F:") {
            of_the_box += drops;
        } else if local.starts_with("025A007F:") || local.starts_with("035A007F:") {
            ours += drops;
        }
    }
    Ok((of_the_box, ours))
}
