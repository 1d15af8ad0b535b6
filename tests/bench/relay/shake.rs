//! The other end of a handshake: OpenSSL, which prints the keys that came of it. Before it, a check
//! as a browser makes it opens the way (RFC 8445 §7.2.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use holdfast_base::Entropy;
use holdfast_core::media::order::AgreedIce;
use holdfast_wire::sdp::{Credentials, Fingerprint};
use sha1::Sha1;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Result, run};

/// Key of the client, key of the server, salt of the client, salt of the server (RFC 5764 §4.2).
const MATERIAL_BYTES: usize = 60;

/// A check is repeated after so long, so often at most.
const CHECK_AGAIN_AFTER: Duration = Duration::from_millis(50);
const CHECKS_MAX: usize = 40;

pub struct Client {
    certificate: PathBuf,
    key: PathBuf,
    pub fingerprint: Fingerprint,
    /// By what the checks of every call are known.
    pub names: AgreedIce,
}

impl Client {
    /// Makes a certificate.
    pub fn prepare(scratch: &Path) -> Result<Self> {
        let (certificate, key) = (scratch.join("client.pem"), scratch.join("client.key"));
        let mut request = Command::new("openssl");
        request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        request.args(["-nodes", "-subj", "/CN=bench", "-keyout"]).arg(&key);
        run(request.arg("-out").arg(&certificate).stderr(Stdio::null()))?;
        let text = std::fs::read_to_string(&certificate)?;
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let fingerprint = Fingerprint::of(&STANDARD.decode(body)?);
        let [ours, theirs] = [1, 2].map(|seed| Credentials::drawn(&mut Entropy::new([seed; 32])));
        Ok(Self { certificate, key, fingerprint, names: AgreedIce { ours, theirs } })
    }

    /// Opens the way between an address of the generator and one of our ports, or keeps it open:
    /// the consent lasts for 30 s (RFC 7675 §5.1).
    pub fn nominate(&self, from: SocketAddr, port: u16) -> Result<()> {
        let socket = UdpSocket::bind(from)?;
        socket.set_read_timeout(Some(CHECK_AGAIN_AFTER))?;
        for _ in 0..CHECKS_MAX {
            socket.send_to(&self.check()?, (Ipv4Addr::LOCALHOST, port))?;
            // The stream may not be there yet; and it may have been said something else to.
            let mut answer = [0; 1500];
            while socket.recv(&mut answer).is_ok() {
                if answer.starts_with(&[1, 1]) {
                    return Ok(());
                }
            }
        }
        Err("no check is answered".into())
    }

    /// A binding request that nominates.
    fn check(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([7; 12]);
        let add = |bytes: &mut Vec<u8>, kind: u16, value: &[u8]| {
            bytes.extend(kind.to_be_bytes());
            bytes.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            let length = u16::try_from(bytes.len() - 20).unwrap_or_default();
            bytes.splice(2..4, length.to_be_bytes());
        };
        let names = &self.names;
        let username = format!("{}:{}", names.ours.fragment(), names.theirs.fragment());
        add(&mut bytes, 0x0006, username.as_bytes());
        add(&mut bytes, 0x0024, &[110, 0, 1, 255]); // PRIORITY
        add(&mut bytes, 0x802a, &[9; 8]); // ICE-CONTROLLING
        add(&mut bytes, 0x0025, &[]); // USE-CANDIDATE
        let unsigned = bytes.clone();
        add(&mut bytes, 0x0008, &[0; 20]);
        let mut mac = Hmac::<Sha1>::new_from_slice(names.ours.password().as_bytes())?;
        // Signed is what stands before, under the length that the whole has.
        mac.update(bytes.get(..unsigned.len()).unwrap_or_default());
        bytes.truncate(unsigned.len() + 4);
        bytes.extend(mac.finalize().into_bytes());
        Ok(bytes)
    }

    /// Shakes hands with one of our ports, from the address of the generator: the keys with which
    /// that one sends and hears, as SDES would write them.
    pub fn shake(&self, from: SocketAddr, port: u16) -> Result<[String; 2]> {
        let mut client = Command::new("openssl")
            .args(["s_client", "-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80"])
            .args(["-keymatexport", "EXTRACTOR-dtls_srtp"])
            .args(["-keymatexportlen", &MATERIAL_BYTES.to_string()])
            .args(["-bind", &from.to_string(), "-connect", &format!("127.0.0.1:{port}")])
            .arg("-cert")
            .arg(&self.certificate)
            .arg("-key")
            .arg(&self.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = client.stdout.take().ok_or("no output of openssl")?;
        let printed = BufReader::new(stdout).lines().map_while(std::io::Result::ok);
        let material = printed
            .filter_map(|line| Some(line.trim().strip_prefix("Keying material: ")?.to_owned()))
            .next();
        client.kill()?; // so that it does not say goodbye
        client.wait()?;
        let material = unhex(&material.ok_or("no handshake")?)?;
        let part = |key: usize, salt: usize| {
            let bytes = [material.get(key..key + 16), material.get(salt..salt + 14)];
            STANDARD.encode(bytes.map(Option::unwrap_or_default).concat())
        };
        Ok([part(0, 32), part(16, 46)])
    }
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let pairs = text
        .as_bytes()
        .chunks(2)
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?));
    let bytes: Vec<u8> = pairs.collect::<Result<_>>()?;
    if bytes.len() == MATERIAL_BYTES { Ok(bytes) } else { Err("another length of keys".into()) }
}
