//! Port pairs that are ours before a stream uses them.
//!
//! A held pair is bound to every address of the box, because the call that will use it is not there
//! yet and with it not the address. Opening the stream lets the pair go and binds it anew in the
//! same breath; no other program can have seen it free before.

use super::lock;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

/// The pairs that are held, by their even port.
#[derive(Clone, Default)]
pub struct Holds(Arc<Mutex<BTreeMap<u16, Pair>>>);

/// Both sockets of a pair. Nobody reads them: what arrives is for no call.
struct Pair {
    _rtp: Socket,
    _rtcp: Socket,
}

impl Holds {
    /// Holds a pair. Nothing happens when it is held already.
    pub fn hold(&self, rtp_port: u16) -> io::Result<()> {
        let mut pairs = lock(&self.0);
        if let Entry::Vacant(free) = pairs.entry(rtp_port) {
            let rtcp_port = rtp_port.checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
            free.insert(Pair { _rtp: bound(rtp_port)?, _rtcp: bound(rtcp_port)? });
        }
        Ok(())
    }

    /// Lets a pair go, for whoever binds it next.
    pub fn release(&self, rtp_port: u16) {
        lock(&self.0).remove(&rtp_port);
    }
}

/// A port on every address of both families, or of IPv4 where that is all there is.
fn bound(port: u16) -> io::Result<Socket> {
    let udp = |domain| Socket::new(domain, Type::DGRAM, Some(Protocol::UDP));
    match udp(Domain::IPV6) {
        Ok(socket) if socket.set_only_v6(false).is_ok() => {
            let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
            match socket.bind(&all.into()) {
                Err(why) if why.kind() == io::ErrorKind::AddrNotAvailable => {}
                bound => return bound.map(|()| socket),
            }
        }
        Ok(_) | Err(_) => {}
    }
    let socket = udp(Domain::IPV4)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}
