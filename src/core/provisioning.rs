//! What a desk phone fetches to know its account: files of the make that it is.
//!
//! It decides who gets which file and what stands in it. A file holds the password of an account,
//! so it is given to whoever knows the secret of that very device and asks for the file of its own
//! hardware address; a hardware address alone, which is printed on every box and counts up from
//! phone to phone, opens nothing. It refuses to know HTTP.
//!
//! A phone that belongs to a central PBX gets two servers, the PBX first, and registers with both
//! all the time. That is the honest way to take it over when the PBX is gone: what it answers to a
//! challenge of the PBX proves its password to the PBX alone (RFC 7616 §3.4.1: the nonce is hashed
//! in), so this box knows a password only where the account stands here with the same one, and
//! never takes a registration that it has not challenged itself.

use holdfast_config::device::{Device, Make};
use holdfast_config::{Account, Config, Listener, ListenerTransport, Secret};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

use crate::call::words::PRODUCT;
use crate::peer::default_port;
use crate::routing::uri;

/// A file for a phone.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// What kind of file it is.
    pub content_type: &'static str,
    /// What stands in it.
    pub body: String,
}

/// What a device is told.
struct Told<'c> {
    device: &'c Device,
    account: &'c Account,
    password: &'c str,
    /// The best one first.
    servers: Vec<Server>,
    expires_s: u64,
}

/// Where it registers.
struct Server {
    host: String,
    port: u16,
    transport: ListenerTransport,
}

/// The file `name` of the device with this secret. `None` when there is no such device or file; why
/// not, nobody is told.
#[must_use]
pub fn file(config: &Config, secret: &str, name: &str) -> Option<File> {
    let device = device(config, secret)?;
    let account = config.accounts.iter().find(|account| account.name == device.account)?;
    let Some(Secret(password)) = &account.password else { return None };
    let listener = config.sip.listeners.iter().find(|listener| listener.websocket.is_none())?;
    let transport = listener.transport;
    let ours = Server {
        host: device.server.clone().unwrap_or_else(|| host(config, listener)),
        port: listener.bind.port(),
        transport,
    };
    let pbx = device.pbx.as_ref().map(|pbx| Server {
        host: uri::host(&pbx.host).to_string(),
        port: pbx.port.unwrap_or_else(|| default_port(transport)),
        transport,
    });
    let servers = pbx.into_iter().chain([ours]).collect();
    let expires_s = config.sip.register_expires_max.as_secs();
    let told = Told { device, account, password, servers, expires_s };
    let (mac, name) = (device.mac.to_string(), name.to_ascii_lowercase());
    match device.make {
        Make::Yealink if name == format!("{mac}.cfg") => Some(told.yealink()),
        Make::Snom if name == format!("snom-{mac}.xml") => Some(told.snom()),
        Make::Poly if name == format!("{mac}.cfg") => Some(told.poly_master()),
        Make::Poly if name == format!("phone-{mac}.cfg") => Some(told.poly()),
        Make::Yealink | Make::Snom | Make::Poly => None,
    }
}

/// Every secret is compared, by digests: the time says nothing about any of them.
fn device<'c>(config: &'c Config, secret: &str) -> Option<&'c Device> {
    let asked = Sha256::digest(secret.as_bytes());
    let mut found = None;
    for device in &config.devices {
        let own = Sha256::digest(device.secret.0.as_bytes());
        let pairs = own.iter().zip(&asked);
        let differences = pairs.fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        if differences == 0 {
            found = Some(device);
        }
    }
    found
}

/// Where phones find the box: the public name or address of the listener, else its own.
fn host(config: &Config, listener: &Listener) -> String {
    use holdfast_config::Advertise;
    match &listener.advertise {
        Some(Advertise::Name(name)) => name.clone(),
        Some(Advertise::Address(address)) => address.to_string(),
        None if listener.bind.ip().is_unspecified() => config.site.domain.clone(),
        None => listener.bind.ip().to_string(),
    }
}

impl Told<'_> {
    /// Yealink, Auto Provisioning Guide: the first line is no comment and must stand there.
    fn yealink(&self) -> File {
        let (name, expires) = (self.account.name.as_str(), self.expires_s.to_string());
        let mut body = format!("#!version:1.0.0.1\n# {PRODUCT}\n");
        // Writing to a String can not fail, here and below.
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(body, "account.1.{key} = {}", one_line(value));
        };
        for (key, value) in [
            ("enable", "1"),
            ("label", self.account.display.as_str()),
            ("display_name", &self.account.display),
            ("user_name", name),
            ("auth_name", name),
            ("password", self.password),
            // 0: with all servers at the same time.
            ("fallback.redundancy_type", "0"),
        ] {
            line(key, value);
        }
        for (place, server) in (1..).zip(&self.servers) {
            let transport = match server.transport {
                ListenerTransport::Udp => "0",
                ListenerTransport::Tcp => "1",
                ListenerTransport::Tls => "2",
            };
            for (key, value) in [
                ("address", server.host.as_str()),
                ("port", &server.port.to_string()),
                ("transport_type", transport),
                ("expires", &expires),
            ] {
                line(&format!("sip_server.{place}.{key}"), value);
            }
        }
        File { content_type: "text/plain; charset=utf-8", body }
    }

    /// Snom, XML configuration files: settings with the number of their identity.
    fn snom(&self) -> File {
        let (name, expires) = (self.account.name.as_str(), self.expires_s.to_string());
        let mut body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- {PRODUCT} -->\n\
             <settings>\n  <phone-settings>\n"
        );
        for (place, server) in (1..).zip(&self.servers) {
            let transport = match server.transport {
                ListenerTransport::Udp => "",
                ListenerTransport::Tcp => ";transport=tcp",
                ListenerTransport::Tls => ";transport=tls",
            };
            let host = format!("{}:{}{transport}", server.host, server.port);
            for (key, value) in [
                ("user_active", "on"),
                ("user_realname", self.account.display.as_str()),
                ("user_name", name),
                ("user_pname", name),
                ("user_pass", self.password),
                ("user_host", &host),
                ("user_expiry", &expires),
            ] {
                let value = escaped(value);
                let _ = writeln!(body, "    <{key} idx=\"{place}\" perm=\"R\">{value}</{key}>");
            }
        }
        if self.servers.len() > 1 {
            // Calls go out over the second identity when the first is not registered.
            body.push_str(
                "    <user_failover_identity idx=\"1\" perm=\"R\">2</user_failover_identity>\n",
            );
        }
        if self.account.auto_answer {
            // Off by default (Snom wiki, answer_after_policy). Nobody but this box asks for it: of
            // a caller's INVITE neither Alert-Info nor Call-Info goes on.
            body.push_str("    <answer_after_policy perm=\"R\">idle</answer_after_policy>\n");
        }
        body.push_str("  </phone-settings>\n</settings>\n");
        File { content_type: "application/xml", body }
    }

    /// Poly, UC Software: the master file, which names the one with the account.
    fn poly_master(&self) -> File {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<!-- {PRODUCT} -->\n\
             <APPLICATION CONFIG_FILES=\"phone-{}.cfg\" MISC_FILES=\"\"/>\n",
            self.device.mac
        );
        File { content_type: "application/xml", body }
    }

    fn poly(&self) -> File {
        let (name, expires) = (self.account.name.as_str(), self.expires_s.to_string());
        let mut body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<!-- {PRODUCT} -->\n\
             <PHONE_CONFIG>\n  <reg"
        );
        let mut attribute = |key: &str, value: &str| {
            let _ = write!(body, "\n    reg.1.{key}=\"{}\"", escaped(value));
        };
        for (key, value) in [
            ("address", name),
            ("label", &self.account.display),
            ("displayName", &self.account.display),
            ("auth.userId", name),
            ("auth.password", self.password),
        ] {
            attribute(key, value);
        }
        for (place, server) in (1..).zip(&self.servers) {
            let transport = match server.transport {
                ListenerTransport::Udp => "UDPOnly",
                ListenerTransport::Tcp => "TCPOnly",
                ListenerTransport::Tls => "TLS",
            };
            for (key, value) in [
                ("address", server.host.as_str()),
                ("port", &server.port.to_string()),
                ("transport", transport),
                ("register", "1"),
                ("expires", &expires),
            ] {
                attribute(&format!("server.{place}.{key}"), value);
            }
        }
        body.push_str("/>\n</PHONE_CONFIG>\n");
        File { content_type: "application/xml", body }
    }
}

/// A value of one account must not become another key.
fn one_line(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in one_line(value).chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may die of what it did not expect")]
    use super::file;
    use holdfast_config::Config;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";

    fn config(make: &str) -> Config {
        let text = format!(
            "[[sip.listener]]\ntransport = \"tcp\"\nbind = \"192.0.2.1:5060\"\n\
             [[account]]\nname = \"anna\"\ndisplay = \"Anna <& \\\"Co\\\">\"\n\
             password = \"a & long <text>\"\n\
             [[device]]\nmac = \"00:15:65:AA:BB:01\"\nmake = \"{make}\"\naccount = \"anna\"\n\
             secret = \"{SECRET}\"\n\
             [[device]]\nmac = \"00:15:65:AA:BB:02\"\nmake = \"{make}\"\naccount = \"anna\"\n\
             secret = \"{OTHER}\"\nserver = \"pbx.example\"\n"
        );
        holdfast_config::read(&text, "f").unwrap().0
    }

    #[test]
    fn every_make_gets_its_account() {
        let yealink = file(&config("yealink"), SECRET, "001565aabb01.cfg").unwrap().body;
        assert!(yealink.starts_with("#!version:1.0.0.1\n"), "{yealink}");
        for line in [
            "account.1.user_name = anna\n",
            "account.1.password = a & long <text>\n",
            "account.1.sip_server.1.address = 192.0.2.1\n",
            "account.1.sip_server.1.transport_type = 1\n",
        ] {
            assert!(yealink.contains(line), "{line} {yealink}");
        }
        let snom = file(&config("snom"), SECRET, "snom-001565AABB01.xml").unwrap().body;
        assert!(snom.contains(">a &amp; long &lt;text&gt;</user_pass>"), "{snom}");
        assert!(snom.contains(">Anna &lt;&amp; &quot;Co&quot;&gt;</user_realname>"), "{snom}");
        assert!(snom.contains(">192.0.2.1:5060;transport=tcp</user_host>"), "{snom}");
        assert!(!snom.contains("answer_after_policy"), "{snom}");
        let mut by_itself = config("snom");
        by_itself.accounts.iter_mut().for_each(|account| account.auto_answer = true);
        let snom = file(&by_itself, SECRET, "snom-001565AABB01.xml").unwrap().body;
        assert!(snom.contains(">idle</answer_after_policy>"), "{snom}");
        let master = file(&config("poly"), OTHER, "001565aabb02.cfg").unwrap().body;
        assert!(master.contains("CONFIG_FILES=\"phone-001565aabb02.cfg\""), "{master}");
        assert!(!master.contains("long"), "no password where none is needed");
        let poly = file(&config("poly"), OTHER, "phone-001565aabb02.cfg").unwrap().body;
        assert!(poly.contains("reg.1.server.1.address=\"pbx.example\""), "{poly}");
        assert!(poly.contains("reg.1.auth.password=\"a &amp; long &lt;text&gt;\""), "{poly}");
    }

    #[test]
    fn a_phone_of_a_pbx_registers_there_first_and_here_as_well() {
        for (make, name, first, second) in [
            (
                "yealink",
                "001565aabb01.cfg",
                "sip_server.1.address = 10.0.0.5",
                "sip_server.2.address = 192.0.2.1",
            ),
            (
                "snom",
                "snom-001565aabb01.xml",
                "idx=\"1\" perm=\"R\">10.0.0.5:5080;",
                "idx=\"2\" perm=\"R\">192.0.2.1:5060;",
            ),
            (
                "poly",
                "phone-001565aabb01.cfg",
                "server.1.address=\"10.0.0.5\"",
                "server.2.address=\"192.0.2.1\"",
            ),
        ] {
            let mut config = config(make);
            if let Some(device) = config.devices.first_mut() {
                device.pbx = holdfast_config::Target::parse("10.0.0.5:5080");
            }
            let body = file(&config, SECRET, name).unwrap().body;
            assert!(body.contains(first) && body.contains(second), "{body}");
        }
    }

    #[test]
    fn a_hardware_address_opens_nothing() {
        let config = config("yealink");
        for (secret, name) in [
            ("", "001565aabb01.cfg"),
            ("001565aabb01", "001565aabb01.cfg"),
            (OTHER, "001565aabb01.cfg"),
            (SECRET, "001565aabb02.cfg"),
            (SECRET, "snom-001565aabb01.xml"),
            (SECRET, "y000000000000.cfg"),
            (SECRET, "../001565aabb01.cfg"),
        ] {
            assert!(file(&config, secret, name).is_none(), "{secret} {name}");
        }
    }

    #[test]
    fn a_value_stays_in_its_line() {
        let mut config = config("yealink");
        if let Some(account) = config.accounts.first_mut() {
            account.display = "Anna\naccount.1.enable = 0".to_owned();
        }
        let body = file(&config, SECRET, "001565aabb01.cfg").unwrap().body;
        assert_eq!(body.matches("\naccount.1.enable").count(), 1, "{body}");
    }
}
