//! Which message belongs to which transaction: RFC 3261 §17.1.3, §17.2.3, §8.2.2.2, and where a
//! response goes: §18.2.2, RFC 3581.

use holdfast_base::TrunkId;
use holdfast_wire::sip::{Host, Method, Request, Via};
use std::net::SocketAddr;

use crate::sip::flow::{Flow, Transport};

/// What two copies of one request have in common (RFC 3261 §17.2.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RequestId {
    /// The branch is unique.
    Branch { branch: String, host: Host, port: Option<u16>, method: Method },
    /// The request is of RFC 2543, or its branch is the bare cookie (RFC 4475 §3.2.1).
    Old { via: String, call_id: String, cseq: u32, from_tag: String, uri: String, method: Method },
}

impl RequestId {
    /// The id of a request; an ACK has that of its INVITE.
    pub(super) fn of(request: &Request, via: &Via) -> Self {
        let method = match &request.method {
            Method::Ack => Method::Invite,
            other => other.clone(),
        };
        Self::with_method(request, via, method)
    }

    /// The id of the INVITE that a CANCEL is about (RFC 3261 §9.2).
    pub(super) fn of_cancelled(cancel: &Request, via: &Via) -> Self {
        Self::with_method(cancel, via, Method::Invite)
    }

    fn with_method(request: &Request, via: &Via, method: Method) -> Self {
        match via.branch() {
            Some(branch) if via.has_unique_branch() => Self::Branch {
                branch: branch.into_owned(),
                host: via.host.clone(),
                port: via.port,
                method,
            },
            Some(_) | None => {
                let headers = &request.headers;
                let from_tag = headers.from().ok().and_then(|from| Some(from.tag()?.into_owned()));
                Self::Old {
                    via: via.to_string(),
                    call_id: headers.call_id().unwrap_or_default().into_owned(),
                    cseq: headers.cseq().map_or(0, |cseq| cseq.number),
                    from_tag: from_tag.unwrap_or_default(),
                    uri: request.uri.to_string(),
                    method,
                }
            }
        }
    }
}

/// What two copies of one request have in common that came over different ways, because some
/// proxy before us forked it (RFC 3261 §8.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OriginId {
    call_id: String,
    cseq: u32,
    from_tag: String,
    method: Method,
}

impl OriginId {
    /// The origin of a request outside of dialogs; `None` for one inside, which no fork doubles,
    /// and for one too old to have a From tag.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let headers = &request.headers;
        if headers.to().ok()?.tag().is_some() {
            return None;
        }
        Some(Self {
            call_id: headers.call_id().ok()?.into_owned(),
            cseq: headers.cseq().ok()?.number,
            from_tag: headers.from().ok()?.tag()?.into_owned(),
            method: request.method.clone(),
        })
    }
}

/// Where the response to a request goes whose top Via is `via`, source noted.
///
/// Over a stream: back on its connection. Over UDP: to the source port when `rport` asks for it
/// (RFC 3581 §4), else to the port of sent-by (RFC 3261 §18.2.2). When sent-by is an address that
/// the request did not come from, a NAT is between us that knows nothing of the port behind it,
/// and the source port is the only one that can work.
pub(super) fn answer_flow(flow: Flow, via: &Via) -> Flow {
    let behind_nat = via.host.ip().is_some_and(|host| host != flow.remote.ip());
    match flow.transport {
        Transport::Udp if via.rport().is_none() && !behind_nat => {
            let remote = SocketAddr::new(flow.remote.ip(), via.port_or_default());
            Flow { remote, ..flow }
        }
        Transport::Udp | Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => flow,
    }
}

/// The way of a response when the connection of its request is gone: a new one to the address that
/// the request came from and the port of sent-by (RFC 3261 §18.2.2). Datagrams have no other way,
/// and browsers take no connection.
pub(super) fn reopened(answers: Flow, via: &Via) -> Flow {
    match answers.transport {
        Transport::Udp | Transport::Ws | Transport::Wss => answers,
        Transport::Tcp | Transport::Tls => {
            let remote = SocketAddr::new(answers.remote.ip(), via.port_or_default());
            Flow { remote, connection: None, ..answers }
        }
    }
}

/// What a failure of the transport names.
pub(super) type Path = (Transport, SocketAddr, SocketAddr, Option<TrunkId>);

/// The path of a flow, whatever its connection.
pub(super) const fn path(flow: Flow) -> Path {
    (flow.transport, flow.local, flow.remote, flow.identity())
}
