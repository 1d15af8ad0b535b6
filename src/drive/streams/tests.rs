//! The streams of a box over loopback, with a peer that speaks TLS by itself.

#![allow(clippy::unwrap_used, reason = "a test may die of what it did not expect")]

use holdfast_base::{TrunkId, TrunkName};
use holdfast_config::Config;
use holdfast_core::sip::flow::{Flow, Transport};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Speaking, Streams, bind};
use crate::inbox::{Inbound, InboxReader, inbox};
use crate::porter::Porter;
use crate::tls::sample::{Authority, Folder, Made};
use crate::tls::{News, Tls};

const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";
/// The listener as the configuration has it; the test binds another port.
const LISTENER: &str = "127.0.0.1:5061";

/// A box with a listener and two trunks with the same peer, each with a certificate of its own.
struct Bench {
    runtime: Runtime,
    streams: Streams,
    reader: InboxReader,
    tls: Tls,
    address: SocketAddr,
    folder: Folder,
    authority: Authority,
}

impl Bench {
    fn new() -> Self {
        let (folder, authority) = (Folder::new("streams"), Authority::new("Root"));
        folder.file("roots.pem", &authority.pem());
        for (name, host) in [("box", "box.example"), ("one", "one.example"), ("two", "two.example")]
        {
            folder.pair(name, &authority.vouches(&[host]));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (inbox, reader) = inbox().unwrap();
        let config = Arc::new(config(&folder));
        let (tls, news) = Tls::open(&config);
        assert!(news.certificates.iter().all(|it| it.fault.is_none()), "{news:?}");
        let porter = Porter::new(&config, None);
        let streams = Streams::new(runtime.handle().clone(), inbox, tls.clone(), porter);
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        streams.listen(listener, Speaking::Tls(LISTENER.parse().unwrap())).unwrap();
        Self { runtime, streams, reader, tls, address, folder, authority }
    }

    /// The next news for the loop; the table of connections follows it.
    fn next(&mut self) -> Inbound {
        loop {
            match self.reader.take().map(|(item, _)| item) {
                Some(Inbound::Accepted(news)) => self.streams.accepted(news),
                Some(Inbound::FlowBroken(flow)) => {
                    self.streams.closed(&flow);
                    return Inbound::FlowBroken(flow);
                }
                Some(other) => return other,
                None => {
                    let mut bell = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
                    assert_eq!(poll(&mut bell, PollTimeout::from(20_000_u16)), Ok(1), "no news");
                    self.reader.silence();
                }
            }
        }
    }

    /// The flow of the next message; callers of before may hang up meanwhile.
    fn receives(&mut self) -> Flow {
        loop {
            match self.next() {
                Inbound::Received { flow, .. } => return flow,
                Inbound::FlowBroken(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Somebody connects, asking for `host`, with a certificate or without.
    fn call(&self, host: Option<&str>, shows: Option<&Made>) -> std::io::Result<Caller> {
        let address = self.address;
        let stream = self.runtime.block_on(async move {
            let tcp = TcpStream::connect(address).await?;
            let name = match host {
                Some(host) => ServerName::try_from(host.to_owned()).unwrap(),
                None => ServerName::IpAddress(address.ip().into()),
            };
            let connector = TlsConnector::from(Arc::new(client(shows)));
            let mut stream = connector.connect(name, tcp).await?;
            // In TLS 1.3 a server refuses a certificate only after the client has finished.
            stream.write_all(OPTIONS).await?;
            stream.flush().await?;
            Ok::<_, std::io::Error>(stream)
        });
        Ok(Caller(stream?))
    }

    fn reads(&self, caller: &mut Caller, wanted: &[u8]) {
        let mut read = vec![0; wanted.len()];
        self.runtime.block_on(caller.0.read_exact(&mut read)).unwrap();
        assert_eq!(read, wanted);
    }
}

struct Caller(TlsStream<TcpStream>);

impl Caller {
    /// Whether the box showed this certificate.
    fn sees(&self, folder: &Folder, name: &str) -> bool {
        let pem = std::fs::read_to_string(folder.path().join(format!("{name}.crt"))).unwrap();
        let made = Made { pem, key_pem: String::new() };
        self.0.get_ref().1.peer_certificates().unwrap() == made.chain()
    }
}

fn config(folder: &Folder) -> Config {
    let at = folder.path().display();
    let trunk = |name: &str| {
        format!(
            "[[trunk]]\nname = '{name}'\ntransport = 'tls'\npeer_name = 'sip.example.org'\n\
             target = '127.0.0.1:5071'\nroots = '{at}/roots.pem'\n\
             certificate = '{at}/{name}.crt'\nkey = '{at}/{name}.key'\n"
        )
    };
    let text = format!(
        "[[sip.listener]]\ntransport = 'tls'\nbind = '{LISTENER}'\n\
         certificate = '{at}/box.crt'\nkey = '{at}/box.key'\n{}{}",
        trunk("one"),
        trunk("two")
    );
    holdfast_config::read(&text, "f").unwrap().0
}

fn trunk(name: &str) -> Option<TrunkId> {
    Some(TrunkName::new(name).id())
}

/// A client that takes what it is shown: the test compares.
fn client(shows: Option<&Made>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous));
    match shows {
        Some(made) => builder.with_client_auth_cert(made.chain(), made.key()).unwrap(),
        None => builder.with_no_client_auth(),
    }
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[test]
fn a_caller_is_the_trunk_that_it_asks_for_and_proves() {
    let mut bench = Bench::new();
    let peer = bench.authority.vouches(&["sip.example.org"]);
    let mut seen = Vec::new();
    for (host, shown) in [(Some("one.example"), "one"), (Some("two.example"), "two"), (None, "box")]
    {
        let caller = bench.call(host, Some(&peer)).unwrap();
        assert!(caller.sees(&bench.folder, shown), "{shown}");
        seen.push(bench.receives().trunk);
    }
    assert_eq!(seen, [trunk("one"), trunk("two"), trunk("one")]);
}

#[test]
fn a_stranger_is_refused_where_it_asks_for_a_trunk_and_nobody_elsewhere() {
    let mut bench = Bench::new();
    let strangers = [
        bench.authority.vouches(&["evil.example.org"]),
        Authority::new("Another root").vouches(&["sip.example.org"]),
    ];
    for stranger in &strangers {
        let refused = bench.call(Some("one.example"), Some(stranger)).and_then(|mut caller| {
            let mut byte = [0];
            bench.runtime.block_on(caller.0.read_exact(&mut byte))
        });
        assert!(refused.is_err());
        let _phone = bench.call(Some("box.example"), Some(stranger)).unwrap();
        assert_eq!(bench.receives().trunk, None);
    }
    let mut phone = bench.call(Some("one.example"), None).unwrap();
    assert_eq!(bench.receives().trunk, None, "showing none is allowed, and proves nothing");
    // RFC 5626 §3.5.1.
    bench.runtime.block_on(phone.0.write_all(b"\r\n\r\n")).unwrap();
    bench.reads(&mut phone, b"\r\n");
}

/// A greeting of a client that knows TLS 1.1 and nothing newer (RFC 4346 §7.4.1.2), with the one
/// extension without which none is looked at.
fn hello_of_1_1() -> Vec<u8> {
    let algorithms = [0, 13, 0, 4, 0, 2, 4, 1];
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xC0, 0x13, 0, 0x2F, 1, 0, 0, 8]);
    hello.extend(algorithms);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

#[test]
fn acceptance_1_a_certificate_for_servers_alone_comes_in_a_foreign_name_and_tls_1_1_do_not() {
    let mut bench = Bench::new();
    // For servers alone, as Microsoft's are from 2026 on.
    let peer = bench.authority.vouches(&["sip.example.org"]);
    let _caller = bench.call(Some("one.example"), Some(&peer)).unwrap();
    assert_eq!(bench.receives().trunk, trunk("one"));
    let foreign = bench.authority.vouches(&["sip.example.com"]);
    let refused = bench.call(Some("one.example"), Some(&foreign)).and_then(|mut caller| {
        let mut byte = [0];
        bench.runtime.block_on(caller.0.read_exact(&mut byte))
    });
    assert!(refused.is_err());
    let address = bench.address;
    let answer = bench.runtime.block_on(async move {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(&hello_of_1_1()).await.unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).await.unwrap();
        answer
    });
    // RFC 8446 §6: an alert, fatal, protocol_version; and then nothing more.
    assert!(matches!(answer.as_slice(), [21, 3, _, 0, 2, 2, 70]), "{answer:?}");
}

#[test]
fn of_a_peer_with_several_hosts_the_one_is_asked_for_that_the_request_is_for() {
    let to = |start: &str, route: &str| {
        let text = format!(
            "{start} SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{route}\
             Content-Length: 0\r\n\r\n"
        );
        super::next_host(text.as_bytes())
    };
    let named = |host: &str| Some(host.to_owned());
    let sip2 = "OPTIONS sip:SIP2.pstnhub.example:5061;transport=tls";
    assert_eq!(to(sip2, ""), named("sip2.pstnhub.example"));
    assert_eq!(to(sip2, "Route: <sip:edge.example;lr>\r\n"), named("edge.example"));
    assert_eq!(to("OPTIONS sip:192.0.2.1", ""), None);
    assert_eq!(super::next_host(b"SIP/2.0 200 OK\r\n\r\n"), None);
}

#[test]
fn a_connection_is_shared_by_one_trunk_alone() {
    let mut bench = Bench::new();
    let peer = bench.authority.vouches(&["sip.example.org"]);
    let mut caller = bench.call(Some("one.example"), Some(&peer)).unwrap();
    let flow = bench.receives();
    let fresh = Flow { connection: None, ..flow };
    bench.streams.send(&fresh, b"for one".to_vec()).unwrap();
    bench.reads(&mut caller, b"for one");
    // Neither by its number nor by its address does it carry what is for another.
    for foreign in [Flow { trunk: trunk("two"), ..flow }, Flow { trunk: None, ..flow }] {
        let before = bench.streams.len();
        let sent = bench.streams.send(&foreign, b"for another".to_vec());
        assert!(sent.is_err() || bench.streams.len() > before, "{foreign:?}");
    }
    bench.streams.send(&flow, b"more for one".to_vec()).unwrap();
    bench.reads(&mut caller, b"more for one");
    // A phone is never connected to: it could not prove to be one.
    let phone = Flow { trunk: None, connection: None, ..flow };
    assert!(bench.streams.send(&phone, b"x".to_vec()).is_err());
}

#[test]
fn who_asks_and_says_no_more_is_still_answered() {
    let mut bench = Bench::new();
    let mut caller = bench.call(None, None).unwrap();
    bench.runtime.block_on(caller.0.shutdown()).unwrap();
    let flow = bench.receives();
    bench.streams.send(&flow, b"fine".to_vec()).unwrap();
    bench.reads(&mut caller, b"fine");
}

#[test]
fn a_handshake_that_never_ends_keeps_nobody_waiting() {
    let mut bench = Bench::new();
    let address = bench.address;
    let silent: Vec<TcpStream> = bench.runtime.block_on(async {
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(TcpStream::connect(address).await.unwrap());
        }
        all
    });
    let _phone = bench.call(None, None).unwrap();
    assert_eq!(bench.receives().transport, Transport::Tls);
    drop(silent);
}

/// A trunk's peer that asks for our certificate, and tells which one it saw.
async fn answer(
    listener: &TcpListener,
    config: ServerConfig,
) -> Option<Vec<CertificateDer<'static>>> {
    let (tcp, _) = listener.accept().await.unwrap();
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(tcp).await.ok()?;
    let mut byte = [0];
    stream.read_exact(&mut byte).await.ok()?;
    let seen = stream.get_ref().1.peer_certificates().unwrap().to_vec();
    // It stays open: the box closes what it no longer wants.
    tokio::spawn(async move { drop(stream.read(&mut [0; 64]).await) });
    Some(seen)
}

fn server(bench: &Bench, made: &Made) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let pem = bench.authority.pem();
    roots.add(Made { pem, key_pem: String::new() }.chain().remove(0)).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(made.chain(), made.key())
        .unwrap()
}

/// Our certificate as a client of others, who insist on that purpose.
fn client_pair(bench: &Bench, host: &str) -> Made {
    bench.authority.vouches_for(&[host], |params| {
        params.extended_key_usages = vec![
            rcgen::ExtendedKeyUsagePurpose::ServerAuth,
            rcgen::ExtendedKeyUsagePurpose::ClientAuth,
        ];
    })
}

#[test]
fn a_renewed_certificate_is_shown_on_new_connections_and_half_of_one_is_not() {
    let mut bench = Bench::new();
    let old = client_pair(&bench, "one.example");
    bench.folder.pair("one", &old);
    drop(bench.tls.look());
    let listener = bench.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let flow = Flow {
        transport: Transport::Tls,
        local: bench.address,
        remote: listener.local_addr().unwrap(),
        connection: None,
        trunk: trunk("one"),
    };
    let peer = bench.authority.vouches(&["sip.example.org"]);
    let shown = |bench: &mut Bench| {
        bench.streams.send(&flow, b"x".to_vec()).unwrap();
        let config = server(bench, &peer);
        bench.runtime.block_on(answer(&listener, config)).unwrap()
    };
    assert_eq!(shown(&mut bench), old.chain());
    assert_eq!(bench.streams.len(), 1);

    let new = client_pair(&bench, "one.example");
    bench.folder.file("one.crt", &new.pem);
    let News { retired, certificates } = bench.tls.look();
    assert!(retired.is_empty(), "the key is still the old one");
    let of_one = certificates.iter().find(|it| it.of == "trunk one").unwrap();
    assert!(of_one.fault.as_deref().unwrap().contains("it is not the key of"), "{of_one:?}");
    let caller = bench.call(Some("one.example"), None).unwrap();
    assert!(!caller.sees(&bench.folder, "one"));

    bench.folder.file("one.key", &new.key_pem);
    let News { retired, certificates } = bench.tls.look();
    assert_eq!(retired.len(), 1);
    assert!(certificates.iter().all(|it| it.fault.is_none()), "{certificates:?}");
    bench.streams.retire(&retired);
    assert_eq!(shown(&mut bench), new.chain());
    let caller = bench.call(Some("one.example"), None).unwrap();
    assert!(caller.sees(&bench.folder, "one"));
    let _ = bench.tls.look();
    assert!(bench.tls.look().retired.is_empty(), "nothing has changed since");
}

#[test]
fn whoever_answers_for_a_trunk_must_prove_its_name() {
    let mut bench = Bench::new();
    bench.folder.pair("one", &client_pair(&bench, "one.example"));
    drop(bench.tls.look());
    let listener = bench.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let flow = Flow {
        transport: Transport::Tls,
        local: bench.address,
        remote: listener.local_addr().unwrap(),
        connection: None,
        trunk: trunk("one"),
    };
    let wrong = bench.authority.vouches(&["evil.example"]);
    bench.streams.send(&flow, b"x".to_vec()).unwrap();
    let config = server(&bench, &wrong);
    assert_eq!(bench.runtime.block_on(answer(&listener, config)), None);
    match bench.next() {
        Inbound::FlowBroken(broken) => assert_eq!(broken.remote, flow.remote),
        other => panic!("{other:?}"),
    }
    assert!(bench.streams.is_empty());
}

#[test]
fn what_meets_a_connection_that_was_just_closed_goes_over_a_new_one_once() {
    let mut bench = Bench::new();
    let listener = bench.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let remote = listener.local_addr().unwrap();
    let (transport, local) = (Transport::Tcp, bench.address);
    let flow = Flow { transport, local, remote, connection: None, trunk: None };
    // The other side answers the first message, reads the second and closes.
    bench.streams.send(&flow, b"one".to_vec()).unwrap();
    let mut peer = bench.runtime.block_on(async {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut read = [0; 3];
        peer.read_exact(&mut read).await.unwrap();
        peer.write_all(OPTIONS).await.unwrap();
        peer
    });
    bench.receives();
    bench.streams.send(&flow, b"two".to_vec()).unwrap();
    bench.runtime.block_on(async {
        let mut read = [0; 3];
        peer.read_exact(&mut read).await.unwrap();
    });
    drop(peer);
    let Inbound::WrittenInVain { flow: closed, messages } = bench.next() else {
        panic!("it was written in vain");
    };
    assert_eq!(messages, [b"two".to_vec()]);
    // Over the new one it comes; that one says nothing and is not opened a third time.
    bench.streams.closed(&closed);
    bench.streams.send(&flow, messages[0].clone()).unwrap();
    bench.runtime.block_on(async {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut read = [0; 3];
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"two");
    });
    assert!(matches!(bench.next(), Inbound::FlowBroken(_)));
}
