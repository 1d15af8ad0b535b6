//! From HTTP to WebSocket: the first words on a listener for browsers (RFC 6455 §4.2, RFC 7118 §4).
//!
//! Whoever asks for anything else, as a technician may who looks what is here, is told so and has
//! done nothing wrong; whoever speaks no HTTP at all has.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::HeaderValue;

use super::framing::Frames;

/// Longest head of the request, in bytes: browsers send a kilobyte or two, cookies included.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// What ends it: RFC 9112 §2.1.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// RFC 7118 §4: the sub-protocol.
const SIP: &str = "sip";
const PROTOCOL: &str = "Sec-WebSocket-Protocol";

/// Why there is no WebSocket.
#[derive(Debug)]
pub enum Refused {
    /// What came is not HTTP.
    Nonsense,
    /// The other side was told why.
    Told(Telling),
    /// The connection has failed.
    Broken(io::Error),
}

/// Why a request of HTTP is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// It asks for no WebSocket.
    NoWebSocket,
    /// It asks for one that carries something else.
    NotSip,
    /// A page sends it that may not speak here.
    Stranger,
    /// Its head has no end.
    TooLong,
}

impl Telling {
    const fn status(self) -> &'static str {
        match self {
            // RFC 9110 §15.5.22.
            Self::NoWebSocket => "426 Upgrade Required",
            Self::NotSip => "400 Bad Request",
            // RFC 6455 §4.2.2.
            Self::Stranger => "403 Forbidden",
            Self::TooLong => "431 Request Header Fields Too Large",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::NoWebSocket => "Phones in browsers connect here, by WebSocket.",
            Self::NotSip => "The WebSocket here carries the sub-protocol sip.",
            Self::Stranger => {
                "Pages of this origin may not connect: see origins in [[sip.listener]]."
            }
            Self::TooLong => "This is longer than any browser's request.",
        }
    }

    fn answer(self) -> Vec<u8> {
        let (status, text) = (self.status(), self.text());
        // RFC 9110 §7.8, and RFC 6455 §4.4: the version that we speak.
        let upgrade = "Connection: upgrade, close\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n";
        format!(
            "HTTP/1.1 {status}\r\n{upgrade}Content-Type: text/plain\r\n\
             Content-Length: {}\r\n\r\n{text}\n",
            text.len() + 1
        )
        .into_bytes()
    }
}

/// Answers the first request, and begins the WebSocket when it asks for one that we serve.
/// `welcome` says whether a page of this origin may.
pub async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    welcome: impl Fn(Option<&str>) -> bool,
) -> Result<Frames, Refused> {
    let mut head = Vec::new();
    loop {
        let seen = head.len();
        let room = HEAD_BYTES_MAX - seen;
        let mut more = stream.take(u64::try_from(room).unwrap_or_default());
        if more.read_buf(&mut head).await.map_err(Refused::Broken)? == 0 {
            let full = head.len() >= HEAD_BYTES_MAX;
            let gone = || Refused::Broken(io::ErrorKind::UnexpectedEof.into());
            return Err(if full { tell(stream, Telling::TooLong).await } else { gone() });
        }
        // The first bytes tell who speaks no HTTP. After that a head is read once, when it ends:
        // who sends it byte by byte shall not have it read as often.
        if seen > 0 && !ends_after(&head, seen) {
            continue;
        }
        match judge(&head, &welcome) {
            Ok(None) => {}
            Ok(Some((answer, used))) => {
                write(stream, &answer).await.map_err(Refused::Broken)?;
                return Ok(Frames::after_handshake(head.split_off(used)));
            }
            Err(Some(telling)) => return Err(tell(stream, telling).await),
            Err(None) => return Err(Refused::Nonsense),
        }
    }
}

/// Whether the end of a head is among the bytes after the first `seen`.
fn ends_after(head: &[u8], seen: usize) -> bool {
    let new = head.get(seen.saturating_sub(HEAD_END.len() - 1)..).unwrap_or_default();
    new.windows(HEAD_END.len()).any(|window| window == HEAD_END)
}

async fn tell<S: AsyncWrite + Unpin>(stream: &mut S, telling: Telling) -> Refused {
    match write(stream, &telling.answer()).await {
        Ok(()) => Refused::Told(telling),
        Err(error) => Refused::Broken(error),
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// The answer to a request that is welcome, and how many bytes the request has; `None` while it is
/// not complete. Else what its sender is told, if it speaks HTTP.
type Judged = Result<Option<(Vec<u8>, usize)>, Option<Telling>>;

fn judge(head: &[u8], welcome: impl Fn(Option<&str>) -> bool) -> Judged {
    let (used, request) = match Request::try_parse(head) {
        Ok(None) => return Ok(None),
        Ok(Some((used, request))) => (used, request),
        Err(Error::Protocol(ProtocolError::HttparseError(_))) => return Err(None),
        Err(_) => return Err(Some(Telling::NoWebSocket)),
    };
    let mut response = create_response(&request).map_err(|_| Some(Telling::NoWebSocket))?;
    let offered = request.headers().get_all(PROTOCOL).iter().filter_map(|it| it.to_str().ok());
    if !offered.flat_map(|it| it.split(',')).any(|it| it.trim() == SIP) {
        return Err(Some(Telling::NotSip));
    }
    let mut origins = request.headers().get_all("Origin").iter().map(HeaderValue::to_str);
    let welcome = match (origins.next(), origins.next()) {
        (None, _) => welcome(None),
        (Some(Ok(origin)), None) => welcome(Some(origin)),
        (Some(_), _) => false, // no browser writes that
    };
    if !welcome {
        return Err(Some(Telling::Stranger));
    }
    response.headers_mut().insert(PROTOCOL, HeaderValue::from_static(SIP));
    let mut answer = Vec::new();
    write_response(&mut answer, &response).map_err(|_| Some(Telling::NoWebSocket))?;
    Ok(Some((answer, used)))
}

#[cfg(test)]
mod tests {
    use super::{HEAD_BYTES_MAX, Refused, Telling, judge, upgrade};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// The request of RFC 6455 §1.3, with these header fields besides.
    fn request(more: &str) -> String {
        format!(
            "GET /chat HTTP/1.1\r\nHost: box.example\r\nUpgrade: websocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Version: 13\r\n{more}\r\n"
        )
    }

    const WANTS_SIP: &str = "Sec-WebSocket-Protocol: chat, sip\r\n";

    fn welcome(origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| origin == "https://box.example")
    }

    #[test]
    fn a_browser_that_wants_sip_from_a_page_that_may_is_answered() {
        for origin in ["", "Origin: https://box.example\r\n"] {
            let request = request(&format!("{WANTS_SIP}{origin}"));
            let judged = judge(format!("{request}rest").as_bytes(), welcome);
            let (answer, used) = judged.expect("welcome").expect("complete");
            let answer = String::from_utf8(answer).expect("text").to_ascii_lowercase();
            assert!(answer.starts_with("http/1.1 101 "), "{answer}");
            assert!(answer.contains("\r\nsec-websocket-protocol: sip\r\n"), "{answer}");
            assert!(answer.contains("\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"));
            assert_eq!(used, request.len());
        }
        let part = request(WANTS_SIP);
        assert!(matches!(judge(&part.as_bytes()[..part.len() - 1], welcome), Ok(None)));
    }

    #[test]
    fn everybody_else_is_told_why() {
        let origin = "Origin: https://evil.example\r\n";
        let twice = "Origin: https://box.example\r\nOrigin: https://box.example\r\n";
        for (request, telling) in [
            (request(""), Some(Telling::NotSip)),
            (request("Sec-WebSocket-Protocol: sipx\r\n"), Some(Telling::NotSip)),
            (request(&format!("{WANTS_SIP}{origin}")), Some(Telling::Stranger)),
            (request(&format!("{WANTS_SIP}{twice}")), Some(Telling::Stranger)),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), Some(Telling::NoWebSocket)),
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), Some(Telling::NoWebSocket)),
            ("OPTIONS sip:a SIP/2.0\r\n\r\n".to_owned(), None),
            ("\u{16}\u{3}\u{1}".to_owned(), None),
        ] {
            let judged = judge(request.as_bytes(), welcome).expect_err("refused");
            assert_eq!(judged, telling, "{request}");
        }
    }

    #[tokio::test]
    async fn a_head_may_come_in_pieces() {
        let request = request(WANTS_SIP);
        for size in [1, 2, 3, 7, request.len()] {
            let (mut ours, mut theirs) = tokio::io::duplex(2 * HEAD_BYTES_MAX);
            let send = async {
                for piece in request.as_bytes().chunks(size) {
                    theirs.write_all(piece).await.expect("room");
                    tokio::task::yield_now().await;
                }
            };
            let (upgraded, ()) = tokio::join!(upgrade(&mut ours, welcome), send);
            assert!(upgraded.is_ok(), "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn a_head_without_end_is_cut_off() {
        let (mut ours, mut theirs) = tokio::io::duplex(2 * HEAD_BYTES_MAX);
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        theirs.write_all(long.as_bytes()).await.expect("room");
        let refused = upgrade(&mut ours, welcome).await.err();
        assert!(matches!(refused, Some(Refused::Told(Telling::TooLong))), "{refused:?}");
        drop(ours);
        let mut answer = String::new();
        theirs.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}
