//! Connections: accepted, encrypted, limited, and ended in order.
//!
//! ```text
//! accept ─► place (in total, per source) ─► TLS handshake ─► HTTP/2 or HTTP/1.1 ─► routes
//!                    │ none free: closed        │ plain HTTP: one sentence, closed
//! ```
//! Every wait for a client has a limit, so a client that sends one byte a minute holds a place for
//! seconds only. What HTTP has no limit for (answers that nobody reads, HTTP/2 connections that
//! ask once and no more) ends with the stay of a stranger, see `places`.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, info, warn};

use crate::auth::accounts::Accounts;
use crate::doors::{self, Doors};
use crate::identity::Identity;
use crate::places::{Places, Standing};
use crate::web::{Peer, Web};
use crate::{live, routes};

/// Longest TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// Longest wait for the head of the next request, and so the rest of an idle connection.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// Most headers of a request, in number and in bytes.
const HEADERS_MAX: usize = 64;
/// See `HEADERS_MAX`.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Requests of one HTTP/2 connection at once.
const HTTP2_STREAMS_MAX: u32 = 32;
/// An HTTP/2 client that does not answer a ping within `HANDSHAKE_WITHIN` is gone.
const HTTP2_PING_EVERY: Duration = Duration::from_secs(20);
/// A pause when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What open requests get when the box stops.
const GOODBYE_WITHIN: Duration = Duration::from_secs(3);
/// First byte of a TLS record that begins a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// Said to a browser that came with `http:`.
const SPEAKS_HTTPS: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 62\r\n\r\n\
    This port speaks HTTPS: put https:// in front of the address.\n";

/// Serves the page on `listener` until `shutdown` is over, then says goodbye.
///
/// # Errors
/// The certificate can not be used, or the listener is not one.
pub async fn serve(
    listener: std::net::TcpListener,
    identity: Identity,
    accounts: Accounts,
    doors: Doors,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let tls = identity.server_config().map_err(io::Error::other)?;
    let web = Arc::new(Web::new(accounts, doors, doors::machine_clock()));
    let renderer = tokio::spawn(live::render(web.clone()));
    let door = Door {
        tls: TlsAcceptor::from(Arc::new(tls)),
        router: routes::router(&web),
        stopping: web.stopping.subscribe(),
        places: Places::default(),
    };
    let mut connections = JoinSet::new();
    {
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => door.welcome(stream, peer, &mut connections),
                    Err(error) => {
                        warn!(%error, "accept");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }
    drop(listener);
    web.stopping.send_replace(true);
    let goodbye = async { while connections.join_next().await.is_some() {} };
    // Whoever has not gone by then is cut off with the set.
    if tokio::time::timeout(GOODBYE_WITHIN, goodbye).await.is_err() {
        info!(open = connections.len(), "cut off");
    }
    renderer.abort();
    Ok(())
}

/// What every connection needs.
struct Door {
    tls: TlsAcceptor,
    router: Router,
    stopping: watch::Receiver<bool>,
    places: Places,
}

impl Door {
    fn welcome(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        let Some(place) = self.places.take(peer.ip()) else {
            // Dropped: all who are in are logged in.
            debug!(from = %peer.ip(), "no place for a connection");
            return;
        };
        let tls = self.tls.clone();
        let router = self.router.clone();
        let stopping = self.stopping.clone();
        connections.spawn(async move {
            let standing = place.standing.clone();
            let visitor = Visitor { stream, peer: Peer(peer), standing };
            tokio::select! {
                done = converse(visitor, tls, router, stopping) => if let Err(error) = done {
                    debug!(from = %peer.ip(), %error, "connection");
                },
                () = place.standing.asked_to_leave() => {
                    debug!(from = %peer.ip(), "made room for another connection");
                }
            }
        });
    }
}

/// Whoever has just come.
struct Visitor {
    stream: TcpStream,
    peer: Peer,
    standing: Arc<Standing>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn converse(
    Visitor { stream, peer, standing }: Visitor,
    tls: TlsAcceptor,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Failure> {
    // Events are small and must not wait for more.
    stream.set_nodelay(true)?;
    let encrypted = tokio::time::timeout(HANDSHAKE_WITHIN, async {
        let mut first = [0; 1];
        if stream.peek(&mut first).await? == 1 && first != [TLS_HANDSHAKE] {
            speak_plainly(stream).await?;
            return Ok(None);
        }
        tls.accept(stream).await.map(Some)
    });
    let Some(encrypted) = encrypted.await?? else {
        return Ok(());
    };
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING_EVERY)
        .keep_alive_timeout(HANDSHAKE_WITHIN)
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX));
    // Agreed in the handshake, never guessed from the first bytes.
    let http = match encrypted.get_ref().1.alpn_protocol() {
        Some(b"h2") => http.http2_only(),
        Some(_) | None => http.http1_only(),
    };
    let asked = AtomicBool::new(false);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(standing.clone());
        router.clone().oneshot(request.map(Body::new))
    });
    // The limits of HTTP begin with the first byte; before it there is this one.
    let nothing_asked = async {
        tokio::time::sleep(HEAD_WITHIN).await;
        if asked.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    };
    let mut connection = pin!(http.serve_connection(TokioIo::new(encrypted), service));
    tokio::select! {
        done = connection.as_mut() => return done,
        () = nothing_asked => return Ok(()),
        () = standing.outstayed() => {}
        // A closed channel means the same: the server is over.
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
    connection.as_mut().graceful_shutdown();
    match tokio::time::timeout(GOODBYE_WITHIN, connection).await {
        Ok(done) => done,
        Err(_) => Ok(()), // nobody reads what it is still told
    }
}

/// Tells a browser that forgot the `s` what to do.
async fn speak_plainly(mut stream: TcpStream) -> io::Result<()> {
    // Unread bytes would turn the answer into a reset.
    let mut head = [0; 4096];
    let _read = stream.read(&mut head).await?;
    stream.write_all(SPEAKS_HTTPS.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::{GOODBYE_WITHIN, HEAD_WITHIN, SPEAKS_HTTPS, serve};
    use crate::auth::accounts::Accounts;
    use crate::doors::Doors;
    use crate::identity::Identity;
    use crate::places::STRANGER_STAY;
    use crate::sample::{Folder, busy_site};
    use rustls::{ClientConfig, RootCertStore};
    use rustls_pki_types::{CertificateDer, ServerName};
    use std::io;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::{oneshot, watch};
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    /// A served page on loopback.
    struct Served {
        address: SocketAddr,
        certificate: CertificateDer<'static>,
        stop: oneshot::Sender<()>,
        served: JoinHandle<io::Result<()>>,
        _folder: Folder,
    }

    impl Served {
        fn start(test: &str) -> Self {
            let folder = Folder::new(test);
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let identity = Identity::self_signed(&["127.0.0.1".to_owned()]).unwrap();
            let certificate = identity.leaf().unwrap().clone();
            let accounts = Accounts::open(folder.path()).unwrap();
            let doors = Doors {
                views: watch::channel(Arc::new(busy_site())).1,
                orders: Arc::new(|_| Box::pin(std::future::ready(Ok(())))),
                explain: crate::sample::explain(),
                almanac: crate::sample::almanac(),
                figures: crate::sample::figures(),
                rehearse: crate::sample::rehearse(),
                phones: Arc::new(|_, _| None),
                doctor: crate::sample::doctor(),
                healthy: Arc::new(|| true),
                trace: Arc::new(|_| Box::pin(std::future::ready(None))),
                recordings: crate::sample::recordings(),
            };
            let (stop, stopped) = oneshot::channel();
            let shutdown = async {
                // A dropped sender stops it as well.
                let _ = stopped.await;
            };
            let served = tokio::spawn(serve(listener, identity, accounts, doors, shutdown));
            Self { address, certificate, stop, served, _folder: folder }
        }

        async fn connect(&self, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            let tcp = TcpStream::connect(self.address).await.unwrap();
            let name = ServerName::try_from("127.0.0.1").unwrap();
            TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
        }
    }

    async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_client_that_knows_the_certificate_is_served_over_tls() {
        let server = Served::start("tls");
        let mut stream = server.connect(&[b"http/1.1"]).await;
        let answer = ask(&mut stream, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("ok\n"), "{answer}");

        let mut stream = server.connect(&[]).await;
        let answer = ask(&mut stream, "/").await;
        assert!(answer.contains("location: /claim\r\n"), "{answer}");

        let stream = server.connect(&[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    }

    #[tokio::test]
    async fn a_browser_that_forgot_the_s_is_told() {
        let server = Served::start("plain");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: box\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, SPEAKS_HTTPS);
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_or_too_little_is_shown_out() {
        let server = Served::start("loris");
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        let mut slow = server.connect(&[b"http/1.1"]).await;
        slow.write_all(b"GET / HTTP/1.1\r\nHost: b").await.unwrap();
        let mut mute = [server.connect(&[b"http/1.1"]).await, server.connect(&[b"h2"]).await];
        // From here on the clock runs as fast as nothing happens.
        tokio::time::pause();
        let mut rest = Vec::new();
        let all_over = async {
            // Closed with or without a word; what matters is that it ends.
            let _ = silent.read_to_end(&mut rest).await;
            let _ = slow.read_to_end(&mut rest).await;
            for stream in &mut mute {
                let _ = stream.read_to_end(&mut rest).await;
            }
        };
        tokio::time::timeout(HEAD_WITHIN * 2, all_over).await.unwrap();
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }

    /// HTTP itself ends neither: a client that reads nothing can keep an answer from ending, and
    /// an HTTP/2 connection may be idle for ever (RFC 9113 §9.1).
    #[tokio::test]
    async fn a_stranger_who_reads_nothing_or_asks_no_more_is_shown_out() {
        let server = Served::start("stranger");
        let mut deaf = server.connect(&[b"http/1.1"]).await;
        let request = b"GET /assets/page.css HTTP/1.1\r\nHost: box\r\n\r\n".repeat(64);
        // Until neither side can write any more.
        let stuffed = async { while deaf.write_all(&request).await.is_ok() {} };
        let _ = tokio::time::timeout(std::time::Duration::from_millis(300), stuffed).await;
        let mut idle = server.connect(&[b"h2"]).await;
        idle.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        // HEADERS of stream 1 with END_STREAM and END_HEADERS: GET https /healthz (RFC 7541 §A).
        let get = b"\0\0\x0f\x01\x05\0\0\0\x01\x82\x87\x01\x03box\x04\x08/healthz";
        let mut get = get.to_vec();
        get[2] = u8::try_from(get.len() - 9).unwrap();
        idle.write_all(&get).await.unwrap();
        tokio::time::pause();
        let mut rest = Vec::new();
        let over = tokio::time::timeout(STRANGER_STAY * 2, idle.read_to_end(&mut rest)).await;
        over.expect("the idle connection ends").ok();
        assert!(rest.windows(2).any(|pair| pair == b"ok"), "it was served before");
        let over = tokio::time::timeout(STRANGER_STAY * 2, async {
            // It may still find what was written for it; then there is an end.
            let mut heap = [0; 65_536];
            while matches!(deaf.read(&mut heap).await, Ok(1..)) {}
        });
        over.await.expect("the deaf connection ends");
    }

    #[tokio::test]
    async fn a_stop_waits_for_nobody_for_long() {
        let server = Served::start("stop");
        let mut idle = server.connect(&[b"http/1.1"]).await;
        tokio::time::pause();
        let stopped_at = tokio::time::Instant::now();
        server.stop.send(()).unwrap();
        server.served.await.unwrap().unwrap();
        assert!(stopped_at.elapsed() <= GOODBYE_WITHIN);
        // The idle connection is told, not cut.
        assert_eq!(idle.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert!(TcpStream::connect(server.address).await.is_err());
    }

    #[test]
    fn the_plain_answer_is_as_long_as_it_says() {
        let (head, body) = SPEAKS_HTTPS.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
    }
}
