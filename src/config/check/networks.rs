//! Networks: whose they are, and whether they mean what they seem to.
//!
//! One network may lie inside of another: the more exact one says who somebody is. Two that are the
//! same can not both.

use super::Check;
use crate::schema::{Network, Trunk};

impl Check<'_> {
    pub(super) fn networks(&mut self) {
        let config = self.config;
        for (at, network) in config.abuse.never.iter().enumerate() {
            self.address_bits(&format!("abuse.never[{at}]"), *network);
        }
        for (position, trunk) in config.trunks.iter().enumerate() {
            for (at, network) in trunk.networks.iter().enumerate() {
                let path = format!("trunk[{position}].networks[{at}]");
                self.address_bits(&path, *network);
                self.owner(&path, position, *network);
            }
        }
    }

    /// Who writes an address with the length of a network means one of the two.
    fn address_bits(&mut self, path: &str, network: Network) {
        let whole = network.whole();
        if whole != network {
            let (written, address) = (String::from(network), network.address);
            self.warn(
                path,
                format!("`{written}` is all of `{}`", String::from(whole)),
                format!("write that, or \"{address}\" for the one address"),
            );
        }
    }

    fn owner(&mut self, path: &str, position: usize, network: Network) {
        if network.prefix == 0 {
            self.warn(
                path,
                "every address belongs to this network, so everybody is taken for this trunk",
                "name the networks of the other side",
            );
        }
        let has =
            |other: &&Trunk| other.networks.iter().any(|theirs| theirs.whole() == network.whole());
        if let Some(other) = self.config.trunks.iter().take(position).find(has) {
            self.error(
                path,
                format!("the trunk `{}` has the same network", other.name),
                "leave it to one of the two; tell trunks behind one address apart by `user`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn who_writes_an_address_as_a_network_is_asked_what_is_meant() {
        let text = "
[abuse]
never = ['10.0.0.1/8', '10.0.0.0/8', '::1']
[[trunk]]
name = 'carrier'
networks = ['127.0.77.0/24']
[[trunk]]
name = 'pbx'
networks = ['127.0.77.30', '127.0.78.20/24', '2001:db8::1/32']
";
        assert_eq!(
            told(text),
            [
                "f:3: warning: key `abuse.never`: `10.0.0.1/8` is all of `10.0.0.0/8`; write \
                 that, or \"10.0.0.1\" for the one address",
                "f:9: warning: key `trunk.networks`: `127.0.78.20/24` is all of \
                 `127.0.78.0/24`; write that, or \"127.0.78.20\" for the one address",
                "f:9: warning: key `trunk.networks`: `2001:db8::1/32` is all of \
                 `2001:db8::/32`; write that, or \"2001:db8::1\" for the one address",
            ]
        );
    }
}
