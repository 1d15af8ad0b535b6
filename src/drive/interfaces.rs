//! Which local address reaches whom, as the kernel sees it at start.

use holdfast_core::site::Interfaces;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Collects the addresses of all interfaces and the one towards the default route.
#[must_use]
pub fn interfaces() -> Interfaces {
    let mut networks = Vec::new();
    for interface in getifaddrs().into_iter().flatten() {
        let address = interface.address.as_ref().and_then(ip);
        let mask = interface.netmask.as_ref().and_then(ip);
        if let (Some(address), Some(mask)) = (address, mask) {
            networks.push((address, prefix(mask)));
        }
    }
    Interfaces {
        networks,
        // Addresses of documentation (RFC 5737, RFC 3849): nothing is sent, the kernel only
        // chooses the source.
        default_v4: source_towards("0.0.0.0:0", "192.0.2.1:9"),
        default_v6: source_towards("[::]:0", "[2001:db8::1]:9"),
    }
}

fn source_towards(from: &str, to: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().map(|address: SocketAddr| address.ip())
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    address
        .as_sockaddr_in()
        .map(|v4| IpAddr::V4(v4.ip()))
        .or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones(),
        IpAddr::V6(mask) => u128::from(mask).leading_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

#[cfg(test)]
mod tests {
    use super::interfaces;

    #[test]
    fn loopback_reaches_loopback() {
        let address = |text: &str| text.parse().expect(text);
        assert_eq!(interfaces().towards(address("127.0.0.9")), Some(address("127.0.0.1")));
    }
}
