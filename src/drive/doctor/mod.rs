//! Looks at a trunk from here, as a call over it would meet it: the name, the connection, the
//! handshake, and one exchange of OPTIONS. What it means is judged in `holdfast_core::doctor`.

mod answer;
#[cfg(test)]
mod tests;

use holdfast_base::Entropy;
use holdfast_config::{Config, ListenerTransport, Target, TargetHost, Trunk};
use holdfast_core::call::words;
use holdfast_core::doctor::{Distrust, Finding, PlaceSeen, Seen, TargetSeen, judge};
use holdfast_core::peer::default_port;
use holdfast_core::peer::resolve::{Answer, Question};
use holdfast_core::routing::uri::request_uri;
use holdfast_core::sip::flow::{Flow, Transport};
use holdfast_wire::sip::{Frame, Host, Message, Request, Response, StreamFramer};
use rustls::{AlertDescription, CertificateError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::names;
use crate::tls::{Dialling, sight};

/// How long each step may take: a connection, a handshake, an answer.
const STEP_TIME: Duration = Duration::from_secs(4);
/// Most addresses of one target that are looked at.
const ADDRESSES_MAX: usize = 8;
/// Largest answer over UDP.
const DATAGRAM_MAX: usize = 65_535;

/// Looks at one trunk and says what is wrong with it.
pub async fn examine(config: &Config, trunk: &Trunk) -> Vec<Finding> {
    judge(trunk, &see(config, trunk).await)
}

/// Looks at one trunk.
pub async fn see(config: &Config, trunk: &Trunk) -> Seen {
    let name = match words::host_towards(config, trunk) {
        Some(Host::Name(name)) => Some(name),
        Some(Host::V4(_) | Host::V6(_)) | None => None,
    };
    let sight = match trunk.transport {
        ListenerTransport::Tls => Some(sight::of(config, trunk, name.as_deref())),
        ListenerTransport::Udp | ListenerTransport::Tcp => None,
    };
    let (own, dialling) = sight.map(|sight| (sight.own, sight.dialling)).unzip();
    let mut targets = Vec::new();
    for target in &trunk.targets {
        let places = match addresses(config, trunk, target).await {
            Err(why) => Err(why),
            Ok(all) => {
                let mut places = Vec::new();
                for address in all.into_iter().take(ADDRESSES_MAX) {
                    let visit = Visit { config, trunk, target, address };
                    places.push((address, visit.pay(dialling.as_ref()).await));
                }
                Ok(places)
            }
        };
        targets.push(TargetSeen { target: target.to_string(), places });
    }
    Seen { own, name, targets }
}

async fn addresses(
    config: &Config,
    trunk: &Trunk,
    target: &Target,
) -> Result<Vec<SocketAddr>, String> {
    let port = default_port(trunk.transport);
    let host = match &target.host {
        TargetHost::Address(ip) => {
            return Ok(vec![SocketAddr::new(*ip, target.port.unwrap_or(port))]);
        }
        // What names of the machine itself mean stands in no name server.
        TargetHost::Name(name) if name == "localhost" => {
            return Ok(vec![SocketAddr::new(
                Ipv4Addr::LOCALHOST.into(),
                target.port.unwrap_or(port),
            )]);
        }
        TargetHost::Name(name) => name.clone(),
    };
    let question = match target.port {
        Some(port) => Question::Host { host, port },
        None => Question::Service { service: service(trunk, &host), host, port },
    };
    match names::look_up(&config.dns, &question).await {
        Answer::Found { records, .. } => Ok(records.iter().map(|it| it.address).collect()),
        Answer::Absent { .. } => Err("there is no such name".to_owned()),
        Answer::Failed(why) => Err(why),
    }
}

fn service(trunk: &Trunk, host: &str) -> String {
    match trunk.transport {
        ListenerTransport::Udp => format!("_sip._udp.{host}"),
        ListenerTransport::Tcp => format!("_sip._tcp.{host}"),
        ListenerTransport::Tls => format!("_sips._tcp.{host}"),
    }
}

/// One address, and for whom it is asked.
struct Visit<'v> {
    config: &'v Config,
    trunk: &'v Trunk,
    target: &'v Target,
    address: SocketAddr,
}

impl Visit<'_> {
    async fn pay(&self, dialling: Option<&Result<Dialling, String>>) -> PlaceSeen {
        match (self.trunk.transport, dialling) {
            (ListenerTransport::Udp, _) => self.by_datagram().await,
            (ListenerTransport::Tcp, _) => match within(TcpStream::connect(self.address)).await {
                Ok(stream) => self.by_stream(stream).await,
                Err(error) => PlaceSeen::NoConnection(in_words(&error)),
            },
            (ListenerTransport::Tls, Some(Ok(dialling))) => self.secured(dialling).await,
            (ListenerTransport::Tls, Some(Err(why))) => {
                PlaceSeen::NoTrust(Distrust::NoTls(why.clone()))
            }
            (ListenerTransport::Tls, None) => {
                PlaceSeen::NoTrust(Distrust::NoTls("no certificate is named".to_owned()))
            }
        }
    }

    async fn secured(&self, dialling: &Dialling) -> PlaceSeen {
        let stream = match within(TcpStream::connect(self.address)).await {
            Ok(stream) => stream,
            Err(error) => return PlaceSeen::NoConnection(in_words(&error)),
        };
        let wanted = match &self.target.host {
            TargetHost::Name(name) => Some(name.as_str()),
            TargetHost::Address(_) => None,
        };
        let name = dialling.server_name(self.address, wanted);
        let connector = TlsConnector::from(dialling.config.clone());
        match within(connector.connect(name, stream)).await {
            Ok(stream) => self.by_stream(stream).await,
            Err(error) => PlaceSeen::NoTrust(distrust(&error)),
        }
    }

    /// Asks by OPTIONS. In TLS 1.3 the other side may refuse our certificate as late as here.
    async fn by_stream(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> PlaceSeen {
        let asked = Instant::now();
        let exchange = async {
            stream.write_all(&self.options()?.print()).await?;
            stream.flush().await?;
            read(&mut stream).await
        };
        match within(exchange).await {
            Ok(response) => PlaceSeen::Answered(answer::read(&response, asked.elapsed())),
            Err(error) => match distrust(&error) {
                Distrust::RefusesUs(alert) => PlaceSeen::NoTrust(Distrust::RefusesUs(alert)),
                Distrust::UnknownIssuer
                | Distrust::WrongName
                | Distrust::Expired
                | Distrust::WrongPurpose
                | Distrust::NoTls(_) => PlaceSeen::Silent,
            },
        }
    }

    async fn by_datagram(&self) -> PlaceSeen {
        let asked = Instant::now();
        let exchange = async {
            let any: IpAddr = match self.address {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind((any, 0)).await?;
            socket.connect(self.address).await?;
            socket.send(&self.options()?.print()).await?;
            let mut bytes = vec![0; DATAGRAM_MAX];
            let length = socket.recv(&mut bytes).await?;
            response(bytes.get(..length).unwrap_or_default()).ok_or_else(no_sip)
        };
        match within(exchange).await {
            Ok(response) => PlaceSeen::Answered(answer::read(&response, asked.elapsed())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                PlaceSeen::NoConnection(in_words(&error))
            }
            Err(_silence) => PlaceSeen::Silent,
        }
    }

    /// As the running box would ask, but for the port that the answer returns to (RFC 3581).
    fn options(&self) -> io::Result<Request> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
        let mut entropy = Entropy::new(seed);
        let flow = self.flow();
        let port = Some(self.address.port());
        let uri = request_uri(self.target, port, self.trunk.transport, None);
        let (call_id, tag) = (entropy.token(), entropy.token());
        let mut request = words::options(self.config, &flow, &uri, &call_id, &tag);
        let via = words::via(self.config, &flow, &mut entropy);
        request.headers.push_front("Via", via);
        Ok(request)
    }

    fn flow(&self) -> Flow {
        Flow {
            transport: Transport::from(self.trunk.transport),
            local: words::listener_towards(self.config, self.trunk)
                .unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into()),
            remote: self.address,
            connection: None,
            trunk: Some(self.trunk.name.id()),
        }
    }
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(STEP_TIME, step).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Response> {
    let mut framer = StreamFramer::for_opened();
    let mut bytes = vec![0; 4096];
    loop {
        while let Some(frame) = framer.next().map_err(|_| no_sip())? {
            match frame {
                Frame::Message(message) => {
                    if let Some(response) = response(&message) {
                        return Ok(response);
                    }
                }
                Frame::KeepAlivePing | Frame::KeepAlivePong => {}
            }
        }
        match stream.read(&mut bytes).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => framer.push(bytes.get(..length).unwrap_or_default()),
        }
    }
}

/// A final response; the other side may ask us something at the same time.
fn response(bytes: &[u8]) -> Option<Response> {
    match Message::parse(bytes) {
        Ok(Message::Response(response)) if response.status.is_final() => Some(response),
        Ok(Message::Response(_) | Message::Request(_)) | Err(_) => None,
    }
}

fn no_sip() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what came is not SIP")
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "it is refused".to_owned(),
        io::ErrorKind::TimedOut => format!("nothing comes back within {} s", STEP_TIME.as_secs()),
        _ => error.to_string(),
    }
}

/// What a failed handshake means.
fn distrust(error: &io::Error) -> Distrust {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::NotValidForName => Distrust::WrongName,
            CertificateError::Expired | CertificateError::NotValidYet => Distrust::Expired,
            CertificateError::InvalidPurpose => Distrust::WrongPurpose,
            _ => Distrust::UnknownIssuer, // of a foreign enum: no chain that we believe
        },
        Some(rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure,
        )) => Distrust::NoTls(error.to_string()),
        Some(rustls::Error::AlertReceived(alert)) => Distrust::RefusesUs(format!("{alert:?}")),
        Some(_) | None => Distrust::NoTls(error.to_string()),
    }
}
