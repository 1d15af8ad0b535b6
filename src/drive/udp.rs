//! SIP over UDP: non-blocking sockets, read and written by the site loop itself.
//!
//! A socket on the wildcard address tells for each datagram which of our addresses it was sent to
//! (`IP_PKTINFO`), and an answer leaves from that very address: a phone behind NAT or a strict
//! firewall takes it from no other.

use holdfast_core::sip::flow::{Flow, Transport};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, SystemTime};

use holdfast_base::limits::SIP_MESSAGE_BYTES_MAX;

/// Receive buffer asked from the kernel: a burst of 2,000 INVITEs of 2 kB.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// DSCP CS3 in the upper six bits of the TOS byte: call signalling, RFC 4594 §4.1.
const TOS_SIGNALLING: u32 = 24 << 2;

/// The longest time that a datagram is said to have waited: after that its sender has repeated it
/// more than once, and a clock that was set by hours says nothing.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// One datagram.
#[derive(Debug)]
pub struct Datagram<'b> {
    /// The way it came.
    pub flow: Flow,
    /// What it holds.
    pub bytes: &'b [u8],
    /// How long it lay in the kernel.
    pub waited: Duration,
}

/// One bound UDP socket.
#[derive(Debug)]
pub struct UdpListener {
    socket: UdpSocket,
    bound: SocketAddr,
}

impl UdpListener {
    /// Binds the address for this process alone.
    ///
    /// # Errors
    /// What the kernel says: address in use, not ours, no permission.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        // Past the limit of the system where we may (CAP_NET_ADMIN), else up to it; less than asked
        // for is still a working socket.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        }
        if address.is_ipv4() {
            let _ = socket.set_tos_v4(TOS_SIGNALLING); // marking is a courtesy of the network
        } else {
            let _ = socket.set_tclass_v6(TOS_SIGNALLING); // as above
        }
        socket.bind(&address.into())?;
        let socket = UdpSocket::from(socket);
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        // When each datagram reached the box; without, it counts from when it is read.
        let _ = setsockopt(&socket, sockopt::ReceiveTimestampns, &true);
        let bound = socket.local_addr()?;
        Ok(Self { socket, bound })
    }

    /// The bound address, with the real port.
    #[must_use]
    pub const fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Takes the next datagram into `buffer`; `None` when there is none.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> Option<Datagram<'a>> {
        let mut space = nix::cmsg_space!(nix::libc::in6_pktinfo, nix::libc::timespec);
        let (length, remote, local_ip, came) = {
            let mut slices = [IoSliceMut::new(buffer)];
            let message = loop {
                match recvmsg::<SockaddrStorage>(
                    self.socket.as_raw_fd(),
                    &mut slices,
                    Some(&mut space),
                    MsgFlags::MSG_DONTWAIT,
                ) {
                    Ok(message) => break message,
                    // An ICMP error of an earlier datagram; the next read goes on.
                    Err(Errno::EINTR | Errno::ECONNREFUSED | Errno::EHOSTUNREACH) => {}
                    Err(_) => return None,
                }
            };
            let remote = socket_address(message.address.as_ref()?)?;
            let told: Vec<_> = message.cmsgs().map(Iterator::collect).unwrap_or_default();
            let local_ip = told.iter().find_map(destination);
            (message.bytes, remote, local_ip, told.iter().find_map(arrival))
        };
        let local = SocketAddr::new(local_ip.unwrap_or(self.bound.ip()), self.bound.port());
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None, trunk: None };
        // The clock may have been set meanwhile; what lies ahead has not waited.
        let waited = came.and_then(|came| SystemTime::now().duration_since(came).ok());
        let waited = waited.unwrap_or_default().min(WAIT_MAX);
        buffer.get(..length).map(|bytes| Datagram { flow, bytes, waited })
    }

    /// Sends one datagram from the local address of the flow.
    ///
    /// # Errors
    /// What the kernel says; the message is lost then, as any datagram may be.
    pub fn send(&self, flow: &Flow, bytes: &[u8]) -> io::Result<()> {
        let slices = [IoSlice::new(bytes)];
        let to = SockaddrStorage::from(flow.remote);
        let fd = self.socket.as_raw_fd();
        let source_v4;
        let source_v6;
        let source = match flow.local.ip() {
            _ if !self.bound.ip().is_unspecified() => None,
            IpAddr::V4(address) => {
                source_v4 = packet_info_v4(address);
                Some(ControlMessage::Ipv4PacketInfo(&source_v4))
            }
            IpAddr::V6(address) => {
                source_v6 = packet_info_v6(address);
                Some(ControlMessage::Ipv6PacketInfo(&source_v6))
            }
        };
        let sent = sendmsg(fd, &slices, source.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&to));
        match sent {
            // The first send after an ICMP error reports that error; the datagram was not sent.
            Err(Errno::ECONNREFUSED) => {
                sendmsg(fd, &slices, source.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&to))?;
                Ok(())
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }
}

impl AsFd for UdpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A buffer that takes any datagram.
#[must_use]
pub fn datagram_buffer() -> Vec<u8> {
    vec![0; SIP_MESSAGE_BYTES_MAX]
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    storage
        .as_sockaddr_in()
        .map(|v4| SocketAddr::new(IpAddr::V4(v4.ip()), v4.port()))
        .or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::new(v6.ip().into(), v6.port())))
}

fn arrival(message: &ControlMessageOwned) -> Option<SystemTime> {
    let ControlMessageOwned::ScmTimestampns(time) = message else { return None };
    let (seconds, nanos) =
        (u64::try_from(time.tv_sec()).ok()?, u32::try_from(time.tv_nsec()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

fn destination(message: &ControlMessageOwned) -> Option<IpAddr> {
    if let ControlMessageOwned::Ipv4PacketInfo(info) = message {
        return Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr))));
    }
    if let ControlMessageOwned::Ipv6PacketInfo(info) = message {
        return Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
    }
    None
}

fn packet_info_v4(source: Ipv4Addr) -> nix::libc::in_pktinfo {
    let unset = nix::libc::in_addr { s_addr: 0 };
    let source = nix::libc::in_addr { s_addr: u32::from(source).to_be() };
    nix::libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: unset }
}

fn packet_info_v6(source: Ipv6Addr) -> nix::libc::in6_pktinfo {
    let source = nix::libc::in6_addr { s6_addr: source.octets() };
    nix::libc::in6_pktinfo { ipi6_addr: source, ipi6_ifindex: 0 }
}

#[cfg(test)]
mod tests {
    use super::{Datagram, UdpListener, datagram_buffer};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    fn wait(listener: &UdpListener) {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::from(5000_u16)), Ok(1), "nothing came");
    }

    #[test]
    fn answers_leave_from_the_address_that_was_asked() {
        for (bind, phone, dialled) in [
            ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.7"),
            ("127.0.0.9:0", "127.0.0.1:0", "127.0.0.9"),
            ("[::]:0", "[::1]:0", "[::1]"),
        ] {
            let listener = UdpListener::bind(bind.parse().expect("address")).expect("bind");
            let phone = UdpSocket::bind(phone).expect("phone");
            let to = format!("{dialled}:{}", listener.bound().port());
            phone.send_to(b"ping", &to).expect("send");
            wait(&listener);
            let mut buffer = datagram_buffer();
            let datagram = listener.receive(&mut buffer).expect("datagram");
            let Datagram { flow, bytes, waited: _ } = datagram;
            assert_eq!((bytes, flow.local.to_string()), (&b"ping"[..], to.clone()));
            listener.send(&flow, b"pong").expect("answer");
            let mut answer = [0; 16];
            let (length, from) = phone.recv_from(&mut answer).expect("answer");
            assert_eq!((&answer[..length], from.to_string()), (&b"pong"[..], to));
        }
    }

    #[test]
    fn the_kernel_says_how_long_a_datagram_has_waited() {
        let listener = UdpListener::bind("127.0.0.1:0".parse().expect("address")).expect("bind");
        let phone = UdpSocket::bind("127.0.0.1:0").expect("phone");
        phone.send_to(b"one", listener.bound()).expect("send");
        wait(&listener);
        // However short the turn is, what is read later has waited longer.
        phone.send_to(b"two", listener.bound()).expect("send");
        let mut buffer = datagram_buffer();
        let first = listener.receive(&mut buffer).expect("datagram").waited;
        assert!(!first.is_zero());
    }

    #[test]
    fn a_taken_port_is_refused() {
        let first = UdpListener::bind("127.0.0.1:0".parse().expect("address")).expect("bind");
        let second = UdpListener::bind(first.bound());
        assert_eq!(second.err().map(|e| e.kind()), Some(std::io::ErrorKind::AddrInUse));
    }
}
