//! The other end of a handshake: OpenSSL, which prints the keys that came of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_wire::sdp::Fingerprint;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, run};

/// Key of the client, key of the server, salt of the client, salt of the server (RFC 5764 §4.2).
const MATERIAL_BYTES: usize = 60;

pub struct Client {
    certificate: PathBuf,
    key: PathBuf,
    pub fingerprint: Fingerprint,
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
        Ok(Self { certificate, key, fingerprint })
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
