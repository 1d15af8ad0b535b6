//! Asks name servers what the site wants to know, in a task for each question: the site loop never
//! waits for one.
//!
//! Nothing is remembered here, neither an answer nor the list of servers: the cache is the core's,
//! and `/etc/resolv.conf` may change or appear while the box runs.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use holdfast_config::Dns;
use holdfast_core::peer::resolve::{Answer, Question, RECORDS_MAX, Record};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::runtime::Handle;

use crate::inbox::{Inbound, Inbox};

/// How long one server may take for one answer.
const SERVER_TIME: Duration = Duration::from_secs(2);
/// How often every server is asked.
const ATTEMPTS: usize = 2;
/// How long all of it may take: shorter than the core waits.
const QUESTION_TIME: Duration = Duration::from_secs(15);
/// How long a name without an address is one, when the server does not say: RFC 2308 §5.
const ABSENT: Duration = Duration::from_secs(60);

/// How the service of each transport is called in SRV and in NAPTR records (RFC 3263 §4.1, §10).
const SERVICES: [(&str, &str); 3] =
    [("_sip._udp.", "SIP+D2U"), ("_sip._tcp.", "SIP+D2T"), ("_sips._tcp.", "SIPS+D2T")];

/// Whoever asks.
#[derive(Debug)]
pub struct NameServers {
    runtime: Handle,
    inbox: Inbox,
    servers: Vec<SocketAddr>,
}

impl NameServers {
    /// Questions are asked on `runtime`, and answers go into `inbox`.
    #[must_use]
    pub fn new(runtime: Handle, inbox: Inbox, dns: &Dns) -> Self {
        Self { runtime, inbox, servers: dns.servers.clone() }
    }

    /// From now on these servers are asked.
    pub fn configured(&mut self, dns: &Dns) {
        self.servers.clone_from(&dns.servers);
    }

    /// Asks; the answer comes through the inbox.
    pub fn ask(&self, question: Question) {
        let (servers, inbox) = (self.servers.clone(), self.inbox.clone());
        self.runtime.spawn(async move {
            let answer = ask(&servers, &question).await;
            tracing::debug!(?question, ?answer, "name");
            inbox.push(Inbound::Resolved { question, answer }).await;
        });
    }
}

/// Asks the servers of a configuration, once.
pub async fn look_up(dns: &Dns, question: &Question) -> Answer {
    ask(&dns.servers, question).await
}

async fn ask(servers: &[SocketAddr], question: &Question) -> Answer {
    match tokio::time::timeout(QUESTION_TIME, answer(servers, question)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => without_answer(&error),
        Err(_) => Answer::Failed("no name server has answered in time".to_owned()),
    }
}

async fn answer(servers: &[SocketAddr], question: &Question) -> Result<Answer, NetError> {
    let resolver = resolver(servers)?;
    match question {
        Question::Host { host, port } => {
            let (addresses, ttl) = addresses(&resolver, host).await?;
            Ok(at_port(addresses, *port, ttl))
        }
        Question::Service { service, host, port } => {
            let named = replacement(&resolver, service, host).await;
            match services(&resolver, named.as_deref().unwrap_or(service)).await {
                Ok(found) => Ok(found),
                // RFC 3263 §4.2: no SRV records at all leave the host itself.
                Err(error) if error.is_no_records_found() => {
                    let (addresses, ttl) = addresses(&resolver, host).await?;
                    Ok(at_port(addresses, *port, ttl))
                }
                Err(error) => Err(error),
            }
        }
    }
}

/// The name of the SRV records, where the domain says by NAPTR that it is another one than usual:
/// RFC 3263 §4.1. The transport is not chosen by it, since that stands in the configuration: of the
/// records only those count that are for it. Without such a record, or any answer, the usual name
/// holds, so that a server that knows no NAPTR costs nothing but the question.
async fn replacement(resolver: &TokioResolver, service: &str, host: &str) -> Option<String> {
    let (_, wanted) = SERVICES.iter().find(|(prefix, _)| service.starts_with(prefix))?;
    let found = resolver.lookup(host, RecordType::NAPTR).await.ok()?;
    let pointers = found.answers().iter().filter_map(|record| match &record.data {
        RData::NAPTR(pointer) => Some(pointer),
        _ => None, // a CNAME on the way
    });
    let meant = pointers.filter(|pointer| {
        // RFC 3263 §4.1: "s" is followed by SRV; the service is compared without case.
        pointer.flags.eq_ignore_ascii_case(b"s")
            && pointer.services.eq_ignore_ascii_case(wanted.as_bytes())
            && !pointer.replacement.is_root()
    });
    let best = meant.min_by_key(|pointer| (pointer.order, pointer.preference))?;
    Some(best.replacement.to_utf8())
}

type Addresses = (Vec<std::net::IpAddr>, Duration);

async fn addresses(resolver: &TokioResolver, host: &str) -> Result<Addresses, NetError> {
    let found = resolver.lookup_ip(host).await?;
    let ttl = shortest(found.as_lookup().answers().iter().map(|record| record.ttl));
    Ok((found.iter().collect(), ttl))
}

fn at_port(addresses: Vec<std::net::IpAddr>, port: u16, ttl: Duration) -> Answer {
    let record = |ip| Record { priority: 0, weight: 0, address: SocketAddr::new(ip, port) };
    Answer::Found { records: addresses.into_iter().map(record).collect(), ttl }
}

/// The servers of a service with their addresses. One whose name means nothing is left out, unless
/// it is the only one.
async fn services(resolver: &TokioResolver, service: &str) -> Result<Answer, NetError> {
    let found = resolver.lookup(service, RecordType::SRV).await?;
    let mut ttl = shortest(found.answers().iter().map(|record| record.ttl));
    let services = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(service) => Some(service),
        _ => None, // a CNAME on the way
    });
    let mut records = Vec::new();
    let mut failed = None;
    // RFC 2782: the target "." says that there is no such service here.
    for service in services.filter(|service| !service.target.is_root()).take(RECORDS_MAX) {
        match addresses(resolver, &service.target.to_utf8()).await {
            Ok((addresses, its_ttl)) => {
                ttl = ttl.min(its_ttl);
                records.extend(addresses.into_iter().map(|ip| Record {
                    priority: service.priority,
                    weight: service.weight,
                    address: SocketAddr::new(ip, service.port),
                }));
            }
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if records.is_empty() && !error.is_no_records_found() => Err(error),
        Some(_) | None => Ok(Answer::Found { records, ttl }),
    }
}

/// Why there is no answer: because there is nothing, or because nobody said so.
fn without_answer(error: &NetError) -> Answer {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let ttl =
                none.negative_ttl.map_or(ABSENT, |seconds| Duration::from_secs(seconds.into()));
            Answer::Absent { ttl }
        }
        other => Answer::Failed(other.to_string()),
    }
}

fn resolver(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(|server| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.iter_mut().for_each(|connection| connection.port = server.port());
            NameServerConfig::new(server.ip(), true, connections)
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = SERVER_TIME;
    options.attempts = ATTEMPTS;
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

fn shortest(ttls: impl Iterator<Item = u32>) -> Duration {
    Duration::from_secs(ttls.min().unwrap_or(0).into())
}
