//! The doctor before a simulated Teams that has one thing wrong at a time, or before a box that has.

use super::examine;
use crate::tls::sample::{Authority, Folder, Made, expired};
use holdfast_core::doctor::{Finding, Weight};
use rcgen::ExtendedKeyUsagePurpose as Purpose;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const OURS: &str = "sbc1.example.org";
const THEIRS: &str = "sip.pstnhub.example";

/// What the other side does after the handshake.
#[derive(Clone, Copy)]
enum Says {
    /// 200 with a Date that many seconds from now.
    Fine(i64),
    /// Another status.
    Status(&'static str),
    /// 200 with this payload in its description.
    Speaks(&'static str),
    Nothing,
}

/// A box and a Teams that get along, but for what a test plants.
struct Bench {
    folder: Folder,
    authority: Authority,
    ours: Made,
    theirs: Made,
    /// Vouches for those whom the other side lets in.
    believed: Authority,
    roots: String,
    says: Says,
    speaks_tls: bool,
    target: Option<&'static str>,
}

fn both(names: &[&str], authority: &Authority) -> Made {
    authority.vouches_for(names, |params| {
        params.extended_key_usages = vec![Purpose::ServerAuth, Purpose::ClientAuth];
    })
}

impl Bench {
    fn new() -> Self {
        let (authority, believed) = (Authority::new("Microsoft"), Authority::new("Ours"));
        Self {
            folder: Folder::new("doctor"),
            ours: both(&[OURS], &believed),
            theirs: authority.vouches(&[THEIRS]),
            roots: authority.pem(),
            authority,
            believed,
            says: Says::Fine(0),
            speaks_tls: true,
            target: None,
        }
    }

    /// What the doctor says.
    fn examined(&self) -> Vec<Finding> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let refused = self.target == Some("closed");
            let side = (!refused).then(|| tokio::spawn(serve(listener, self.door(), self.says)));
            let target = match self.target {
                None | Some("closed") => format!("localhost:{port}"),
                Some(other) => format!("{other}:{port}"),
            };
            let config = self.config(&target);
            let findings = examine(&config, config.trunks.first().unwrap()).await;
            if let Some(side) = side {
                side.abort();
            }
            findings
        })
    }

    fn config(&self, target: &str) -> holdfast_config::Config {
        self.folder.pair("ours", &self.ours);
        self.folder.file("roots.pem", &self.roots);
        let at = self.folder.path().display();
        let text = format!(
            "[dns]\nservers = ['127.0.0.1:1']\n[[sip.listener]]\ntransport = 'tls'\n\
             bind = '127.0.0.1:5061'\ncertificate = '{at}/ours.crt'\nkey = '{at}/ours.key'\n\
             [[trunk]]\nname = 'teams'\ntype = 'teams-direct'\nadvertise = '{OURS}'\n\
             peer_name = '*.pstnhub.example'\ntarget = '{target}'\nroots = '{at}/roots.pem'\n\
             certificate = '{at}/ours.crt'\nkey = '{at}/ours.key'\n"
        );
        holdfast_config::read(&text, "f").unwrap().0
    }

    fn door(&self) -> Option<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        let pem = Made { pem: self.believed.pem(), key_pem: String::new() };
        roots.add(pem.chain().remove(0)).unwrap();
        let callers =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(callers.build().unwrap())
            .with_single_cert(self.theirs.chain(), self.theirs.key())
            .unwrap();
        self.speaks_tls.then(|| TlsAcceptor::from(Arc::new(config)))
    }
}

/// Takes connections until it is stopped.
async fn serve(listener: TcpListener, door: Option<TlsAcceptor>, says: Says) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        // A guest who is refused is the doctor's finding, not a fault of the test.
        let _ = converse(stream, door.as_ref(), says).await;
    }
}

async fn converse(
    mut stream: TcpStream,
    door: Option<&TlsAcceptor>,
    says: Says,
) -> std::io::Result<()> {
    let Some(door) = door else {
        return stream.write_all(b"220 mail.example ESMTP\r\n").await;
    };
    let mut stream = door.accept(stream).await?;
    let mut asked = vec![0; 4096];
    let length = stream.read(&mut asked).await?;
    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
    if let Some(answer) = answer(&asked, says) {
        stream.write_all(answer.as_bytes()).await?;
    }
    // Stays until the other side has read.
    let mut more = [0; 1];
    stream.read(&mut more).await.map(drop)
}

fn answer(asked: &str, says: Says) -> Option<String> {
    let line = |name: &str| asked.lines().find(|it| it.starts_with(name)).unwrap_or_default();
    // contract 1.3: a trunk that names itself by an address is refused.
    let named = line("Contact:").contains(&format!("<sip:{OURS}:5061;transport=tls>"));
    let (status, date, body) = match says {
        Says::Nothing => return None,
        Says::Fine(_) | Says::Speaks(_) if !named => ("403 Forbidden", 0, String::new()),
        Says::Fine(away) => ("200 OK", away, String::new()),
        Says::Status(status) => (status, 0, String::new()),
        Says::Speaks(payload) => {
            let sdp = format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=audio 4000 RTP/AVP {payload} 101\r\na=rtpmap:101 telephone-event/8000\r\n"
            );
            ("200 OK", 0, sdp)
        }
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    Some(format!(
        "SIP/2.0 {status}\r\n{}\r\n{}\r\n{};tag=t\r\n{}\r\n{}\r\n\
         Contact: <sip:{THEIRS}:5061>\r\nDate: {}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        line("Via:"),
        line("From:"),
        line("To:"),
        line("Call-ID:"),
        line("CSeq:"),
        date_in(date),
        body.len(),
    ))
}

/// The Date so many seconds from now.
fn date_in(away: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seconds = i64::try_from(now.as_secs()).unwrap() + away;
    // Nothing but this test looks at it: days are counted from a known one of our time.
    let (first, first_day) = (1_735_689_600, 1); // 1 January 2025
    let (mut days, rest) = ((seconds - first) / 86_400, (seconds - first) % 86_400);
    let mut year = 2025;
    while days >= (if year % 4 == 0 { 366 } else { 365 }) {
        days -= if year % 4 == 0 { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if year % 4 == 0 { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let names =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let day = days + first_day;
    format!("Sun, {day:02} {} {year} {hour:02}:{minute:02}:{second:02} GMT", names[month])
}

fn faults(findings: &[Finding]) -> Vec<&str> {
    let faults = findings.iter().filter(|finding| finding.weight == Weight::Fault);
    faults.map(|finding| finding.says.as_str()).collect()
}

#[test]
fn where_nothing_is_wrong_the_doctor_finds_nothing() {
    let findings = Bench::new().examined();
    assert!(findings.iter().all(|it| it.weight == Weight::Good), "{findings:#?}");
    assert!(findings.iter().any(|it| it.says.contains("answers OPTIONS in")), "{findings:#?}");
}

/// What is planted, and the words of the finding that names it.
type Planted = (fn(&mut Bench), &'static str);

const PLANTED: [Planted; 13] = [
    (|bench| bench.target = Some("nowhere.invalid"), "means no address"),
    (|bench| bench.target = Some("closed"), "nobody takes a connection"),
    (|bench| bench.speaks_tls = false, "speaks no TLS that is safe"),
    (|bench| bench.roots = Authority::new("Other").pem(), "no authority that this trunk believes"),
    (|bench| bench.theirs = bench.authority.vouches(&["sip.evil.example"]), "is for others"),
    (
        |bench| bench.theirs = bench.authority.vouches_for(&[THEIRS], expired),
        "has expired or is not valid yet",
    ),
    (
        |bench| {
            bench.theirs = bench.authority.vouches_for(&[THEIRS], |params| {
                params.extended_key_usages = vec![Purpose::CodeSigning];
            });
        },
        "is not for TLS",
    ),
    (
        |bench| bench.ours = both(&["other.example.org"], &bench.believed),
        "not for `sbc1.example.org`",
    ),
    (|bench| bench.ours = both(&[OURS], &bench.authority), "refuses our certificate"),
    (|bench| bench.says = Says::Fine(-3600), "s from ours"),
    (|bench| bench.says = Says::Status("403 Forbidden"), "knows no peer by the name of this box"),
    (|bench| bench.says = Says::Nothing, "does not answer OPTIONS"),
    (|bench| bench.says = Says::Speaks("18"), "no codec in common: it has G729"),
];

#[test]
fn each_misconfiguration_is_named_and_no_other() {
    for (plant, words) in PLANTED {
        let mut bench = Bench::new();
        plant(&mut bench);
        let findings = bench.examined();
        match faults(&findings).as_slice() {
            [one] => assert!(one.contains(words), "{words}: {findings:#?}"),
            _ => panic!("{words}: {findings:#?}"),
        }
        assert!(findings.iter().all(|it| it.weight == Weight::Good || !it.remedy.is_empty()));
    }
}

#[test]
fn an_old_certificate_of_ours_is_named_before_what_follows_from_it() {
    let mut bench = Bench::new();
    bench.ours = bench.believed.vouches_for(&[OURS], expired);
    let findings = bench.examined();
    assert_eq!(faults(&findings).first(), Some(&"our certificate has expired"), "{findings:#?}");
}
