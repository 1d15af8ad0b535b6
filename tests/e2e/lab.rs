//! A place of its own for each test: loopback addresses, ports for audio, a folder, and the way to
//! wait.
//!
//! Every test gets a whole network `127.a.b.0/24`. So the box, phones and callers of a test all use
//! the ports that they would use at a site, and tests never meet, not even those of two runs at
//! once on one machine. The ports for audio are shared out as well: a box holds those of its next
//! calls on every address of the machine.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything. Far beyond what a busy machine needs: it ends a test, it decides
/// none.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Whoever holds this port of the last address of a network has leased the network.
const LEASE_PORT: u16 = 40_000;

/// Networks begin behind those that people use by hand.
const NETWORK_FIRST: u32 = 0x7f40_0000; // 127.64.0.0
const NETWORKS: u32 = 0x4000;

/// Ports for audio are below those of a box without a word of them (20000), in shares of this many.
const PORTS_FIRST: u16 = 8_000;
const PORTS_OF_ONE: u16 = 3_000;
const PORT_SHARES: u8 = 4;
/// Whoever holds [`LEASE_PORT`] of the address with this network and the number of a share has it.
const PORTS_LEASE: [u8; 3] = [127, 63, 0];

static TURN: AtomicU32 = AtomicU32::new(0);

/// Addresses, ports and a folder for one test.
pub struct Lab {
    network: u32,
    folder: PathBuf,
    ports: RangeInclusive<u16>,
    _leases: [UdpSocket; 2],
}

impl Lab {
    /// A free network and an empty folder.
    pub fn new(test: &str) -> Self {
        let start = std::process::id().wrapping_mul(64);
        let (network, lease) = (0..NETWORKS)
            .find_map(|_| {
                let turn = start.wrapping_add(TURN.fetch_add(1, Ordering::Relaxed)) % NETWORKS;
                let network = NETWORK_FIRST + (turn << 8);
                let lease = UdpSocket::bind((Ipv4Addr::from(network + 254), LEASE_PORT)).ok()?;
                Some((network, lease))
            })
            .expect("a loopback network that nobody uses");
        let (ports, ports_lease) = until("ports for audio that no other test has", leased_ports);
        let folder = std::env::temp_dir().join(format!("holdfast-e2e-{test}-{network:08x}"));
        drop(fs::remove_dir_all(&folder)); // left by a test that failed
        fs::create_dir_all(&folder).expect("a folder");
        Self { network, folder, ports, _leases: [lease, ports_lease] }
    }

    /// The address of one machine of the network; the box is 1.
    pub fn ip(&self, machine: u8) -> Ipv4Addr {
        Ipv4Addr::from(self.network + u32::from(machine))
    }

    /// The ports for audio of the box.
    pub const fn ports(&self) -> &RangeInclusive<u16> {
        &self.ports
    }

    /// Where the test keeps its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file of the test");
        path
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the files of this test are in {}", self.folder.display());
        } else {
            drop(fs::remove_dir_all(&self.folder)); // in /tmp it does no harm
        }
    }
}

fn leased_ports() -> Option<(RangeInclusive<u16>, UdpSocket)> {
    let [a, b, c] = PORTS_LEASE;
    (0..PORT_SHARES).find_map(|share| {
        let lease = UdpSocket::bind((Ipv4Addr::new(a, b, c, share), LEASE_PORT)).ok()?;
        let first = PORTS_FIRST + u16::from(share) * PORTS_OF_ONE;
        Some((first..=first + PORTS_OF_ONE - 1, lease))
    })
}

/// Waits until `look` finds what the test waits for, and gives it.
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, what, look)
}

/// The same with a patience of its own.
pub fn until_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Waits until `holds`.
pub fn until_true(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}
