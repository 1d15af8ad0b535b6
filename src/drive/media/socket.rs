//! The two sockets of a stream.

use holdfast_core::media::order::Open;
use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Expedited Forwarding, 46, in the upper six bits (RFC 4594 §4.1, RFC 3246).
const DSCP_EF: u32 = 46 << 2;
/// Room for two seconds of audio while a thread is held up: the kernel counts 768 bytes for a
/// packet of 172, and reserves nothing until it is used.
const RECEIVE_BYTES: usize = 128 * 1024;

/// RTP on the even port, RTCP on the next one (RFC 3550 §11).
pub struct Sockets {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
}

impl Sockets {
    /// Binds both ports.
    pub fn bind(open: &Open) -> io::Result<Self> {
        let rtcp_port = open.rtp_port.checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let bind = |port| socket(SocketAddr::new(open.local, port));
        Ok(Self { rtp: bind(open.rtp_port)?, rtcp: bind(rtcp_port)? })
    }
}

fn socket(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    match local.ip() {
        IpAddr::V4(_) => {
            socket.set_tos_v4(DSCP_EF)?;
            // Audio and handshakes fit every path that carries voice. What says that it is never in
            // pieces needs no number that tells its pieces from those of others (RFC 6864 §4.1),
            // which is 5 % of what the kernel does for a relayed packet; and what strangers say of
            // the path is not believed.
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_tclass_v6(DSCP_EF)?;
        }
    }
    // Beyond net.core.rmem_max with CAP_NET_ADMIN, up to it without.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BYTES).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    }
    socket.bind(&local.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::Sockets;
    use holdfast_base::StreamId;
    use holdfast_core::media::order::Open;
    use rustix::net::sockopt::{Ipv4PathMtuDiscovery, ip_mtu_discover};
    use socket2::SockRef;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn open(local: IpAddr, rtp_port: u16) -> Open {
        let stream = StreamId(1);
        Open { stream, shard: 0, local, rtp_port, ssrc: 1, first_sequence: 1, timestamp_origin: 0 }
    }

    #[test]
    fn both_ports_carry_the_mark_of_voice() {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let sockets = (20_000..).step_by(2).find_map(|port| Sockets::bind(&open(local, port)).ok());
        let sockets = sockets.expect("a free pair");
        let port = |socket: &std::net::UdpSocket| socket.local_addr().unwrap().port();
        assert_eq!(port(&sockets.rtcp), port(&sockets.rtp) + 1);
        assert_eq!(SockRef::from(&sockets.rtp).tos_v4().unwrap(), 0xb8);
        assert_eq!(ip_mtu_discover(&sockets.rtp).unwrap(), Ipv4PathMtuDiscovery::PROBE);
        assert!(Sockets::bind(&open(local, port(&sockets.rtp))).is_err(), "bound twice");
    }

    #[test]
    fn ipv6_is_marked_too() {
        let local = IpAddr::from(Ipv6Addr::LOCALHOST);
        let sockets =
            (20_000..).step_by(2).take(500).find_map(|p| Sockets::bind(&open(local, p)).ok());
        // A machine without IPv6 has nothing to mark.
        if let Some(sockets) = sockets {
            assert_eq!(SockRef::from(&sockets.rtp).tclass_v6().unwrap(), 0xb8);
        }
    }

    #[test]
    fn the_last_port_has_no_partner() {
        assert!(Sockets::bind(&open(IpAddr::from(Ipv4Addr::LOCALHOST), u16::MAX)).is_err());
    }
}
