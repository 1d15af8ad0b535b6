//! The audio of all calls, both ends, on a thread of its own: however busy the signalling of the
//! generator is, each party speaks every 20 ms and hears what comes.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{CALLEE, CALLER, open};

/// A packet of G.711: 20 ms.
const PACKET_EVERY: Duration = Duration::from_millis(20);

/// Where audio goes, and what was heard of it.
#[derive(Default)]
struct Lines {
    /// Where the box wants to hear the caller of a call.
    callers: BTreeMap<u32, SocketAddr>,
    /// Where the box wants to hear the callee, by Call-ID.
    callees: HashMap<String, SocketAddr>,
    by_source: HashMap<SocketAddr, u32>,
    heard: BTreeMap<u32, u64>,
    /// Packets that each callee has sent since the beginning.
    spoken: u64,
}

/// The door to the thread.
#[derive(Clone, Default)]
pub struct Audio(Arc<Mutex<Lines>>);

impl Audio {
    /// Starts the thread; it ends with the process.
    pub fn start() -> io::Result<Self> {
        let audio = Self::default();
        let (caller, callee) = (open(CALLER, 41_000)?, open(CALLEE, 41_000)?);
        let lines = audio.clone();
        std::thread::Builder::new()
            .name("audio".to_owned())
            .spawn(move || lines.go_on(&caller, &callee))?;
        Ok(audio)
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller of a call was told where to speak to, which is where it is spoken to from.
    pub fn caller_joins(&self, call: u32, to: SocketAddr) {
        let mut lines = self.lines();
        lines.callers.insert(call, to);
        lines.by_source.insert(to, call);
    }

    /// A call is over for its caller. What was heard of the other side, in packets.
    pub fn caller_leaves(&self, call: u32) -> u64 {
        let mut lines = self.lines();
        if let Some(source) = lines.callers.remove(&call) {
            lines.by_source.remove(&source);
        }
        lines.heard.remove(&call).unwrap_or_default()
    }

    /// A callee was told where to speak to.
    pub fn callee_joins(&self, call_id: String, to: SocketAddr) {
        self.lines().callees.insert(call_id, to);
    }

    /// A call is over for its callee.
    pub fn callee_leaves(&self, call_id: &str) {
        self.lines().callees.remove(call_id);
    }

    /// Packets that the callee of a long call has sent, and that these callers have heard.
    pub fn told(&self, calls: &[u32]) -> (u64, BTreeMap<u32, u64>) {
        let lines = self.lines();
        let heard = |call: &u32| (*call, lines.heard.get(call).copied().unwrap_or_default());
        (lines.spoken, calls.iter().map(heard).collect())
    }

    fn go_on(&self, caller: &UdpSocket, callee: &UdpSocket) {
        let mut buffer = [0; 2048];
        let mut tick = Instant::now();
        loop {
            let mut lines = self.lines();
            while let Ok((_, from)) = caller.recv_from(&mut buffer) {
                if let Some(call) = lines.by_source.get(&from).copied() {
                    *lines.heard.entry(call).or_default() += 1;
                }
            }
            while callee.recv_from(&mut buffer).is_ok() {}
            if tick <= Instant::now() {
                tick += PACKET_EVERY;
                lines.spoken += 1;
                lines.speak(caller, callee);
            }
            drop(lines);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Lines {
    fn speak(&self, caller: &UdpSocket, callee: &UdpSocket) {
        let [.., high, low] = self.spoken.to_be_bytes();
        let mut packet = [0xd5; 172];
        packet[..4].copy_from_slice(&[0x80, 8, high, low]);
        let time = u32::from(u16::from_be_bytes([high, low])) * 160;
        packet[4..8].copy_from_slice(&time.to_be_bytes());
        packet[8..12].copy_from_slice(&[1, 2, 3, 4]);
        // What the kernel has no room for is lost, as on any network.
        for to in self.callers.values() {
            let _ = caller.send_to(&packet, to);
        }
        for to in self.callees.values() {
            let _ = callee.send_to(&packet, to);
        }
    }
}
