//! One dialog: RFC 3261 §12.
//!
//! It decides what a request inside of the dialog looks like, where it goes, and whether one that
//! came is in order. It sends nothing, and knows neither offers nor calls. The whole of it is kept
//! in the recovery journal.

use holdfast_base::Entropy;
use holdfast_wire::sip::{CSeq, Headers, Host, Method, NameAddr, Request, Response, Status, Uri};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{DialogId, glare};
use crate::sip::as_text;
use crate::sip::flow::{Flow, Transport};

/// RFC 3261 §8.1.1.6.
const MAX_FORWARDS: u8 = 70;
/// More requests than one dialog sends in a second.
const REQUESTS_A_SECOND_MAX: u32 = 16;
/// RFC 3261 §8.1.1.5.
const CSEQ_MAX: u32 = (1 << 31) - 1;

/// A dialog, early or confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    id: DialogId,
    side: Side,
    stage: Stage,
    /// Our From or To, tag included, as it first stood on the wire.
    local: String,
    /// The other side's From or To, tag included.
    remote: String,
    #[serde(with = "as_text::uri")]
    contact: Uri,
    /// The remote target: the other side's Contact.
    #[serde(with = "as_text::uri")]
    target: Uri,
    #[serde(with = "as_text::addresses")]
    routes: Vec<NameAddr>,
    /// CSeq of our last request; 0 before the first.
    local_cseq: u32,
    /// CSeq of their last request.
    remote_cseq: Option<u32>,
    #[serde(serialize_with = "as_text::lasting")]
    flow: Flow,
    reach: Reach,
}

/// Which side began the dialog, and thereby chose its Call-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Side {
    /// We sent the INVITE.
    Caller,
    /// We answered it.
    Answerer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Early,
    Confirmed,
}

/// How the other side is reached when no proxy wants to stay on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Reach {
    /// By its Contact.
    Address,
    /// By the flow that it came on: its Contact leads nowhere from here.
    Flow,
    /// By that flow even where a proxy wants to stay on the way.
    Source,
}

/// Where the next request of the dialog goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// Along a flow that is known to work.
    Flow(Flow),
    /// To an address or a name for the resolver.
    Address {
        /// Address or name.
        host: Host,
        /// Port, when the URI has one.
        port: Option<u16>,
        /// The transport that the URI asks for, else the one that the other side has used.
        transport: Transport,
    },
}

/// The message can not begin a dialog: it lacks a tag or a Contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDialog;

impl fmt::Display for NoDialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no dialog without tag and Contact")
    }
}

/// Why a request inside of the dialog is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its CSeq is lower than that of an earlier request (RFC 3261 §12.2.2).
    OutOfOrder,
    /// Its CSeq or Contact can not be read.
    Malformed,
}

impl Refusal {
    /// The status that says so.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            Self::OutOfOrder => Status::SERVER_ERROR,
            Self::Malformed => Status::BAD_REQUEST,
        }
    }
}

impl Refusal {
    /// The response that says so.
    #[must_use]
    pub fn response(self, request: &Request) -> Response {
        request.response(self.status(), None)
    }
}

impl Dialog {
    /// The dialog of an INVITE that came, at our first response with this tag (RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// When Contact or Record-Route can not be read: the INVITE deserves a 400.
    pub fn answering(
        invite: &Request,
        flow: Flow,
        local_tag: &str,
        contact: Uri,
    ) -> Result<Self, NoDialog> {
        let headers = &invite.headers;
        let from = headers.from().map_err(|_| NoDialog)?;
        let to = headers.to().map_err(|_| NoDialog)?;
        let contact_of_caller = headers.contact().map_err(|_| NoDialog)?;
        let routes = headers.routes("Record-Route").map_err(|_| NoDialog)?;
        let (target, reach) = match contact_of_caller {
            Some(theirs) if is_behind_nat(headers, &theirs.uri, flow) => (theirs.uri, Reach::Flow),
            Some(theirs) => (theirs.uri, Reach::Address),
            // A caller of RFC 2543 may have no Contact: it is whom From says, where it came from.
            None => (from.uri.clone(), Reach::Flow),
        };
        let id = DialogId {
            call_id: headers.call_id().map_err(|_| NoDialog)?.into_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: from.tag().unwrap_or_default().into_owned(),
        };
        Ok(Self {
            id,
            side: Side::Answerer,
            stage: Stage::Early,
            local: to.with_tag(local_tag).to_string(),
            remote: headers.get("From").unwrap_or_default().into_owned(),
            contact,
            target,
            routes,
            local_cseq: 0,
            remote_cseq: Some(headers.cseq().map_err(|_| NoDialog)?.number),
            flow,
            reach,
        })
    }

    /// The dialog of an INVITE of ours, at a response with a tag (RFC 3261 §12.1.2). A 1xx without
    /// Contact, as many phones send it, leaves the Request-URI as the target until the 2xx.
    ///
    /// # Errors
    /// When the response has no To tag, or the INVITE no Contact.
    pub fn calling(invite: &Request, flow: Flow, response: &Response) -> Result<Self, NoDialog> {
        let headers = &response.headers;
        let id = DialogId::of_response(response).ok_or(NoDialog)?;
        if id.remote_tag.is_empty() {
            return Err(NoDialog);
        }
        let contact = target_of(&invite.headers).ok_or(NoDialog)?;
        let target = target_of(headers).unwrap_or_else(|| invite.uri.clone());
        let reach = if is_unreachable(&target, flow) { Reach::Flow } else { Reach::Address };
        let stage = if response.status.is_success() { Stage::Confirmed } else { Stage::Early };
        Ok(Self {
            id,
            side: Side::Caller,
            stage,
            local: invite.headers.get("From").unwrap_or_default().into_owned(),
            remote: headers.get("To").unwrap_or_default().into_owned(),
            contact,
            target,
            routes: reversed_record_route(headers)?,
            local_cseq: invite.headers.cseq().map_err(|_| NoDialog)?.number,
            remote_cseq: None,
            flow,
            reach,
        })
    }

    /// The dialog of a 2xx to an INVITE of ours that is forgotten: enough of it for ACK and BYE.
    #[must_use]
    pub fn of_stray(response: &Response, flow: Flow, contact: Uri) -> Option<Self> {
        let headers = &response.headers;
        let id = DialogId::of_response(response).filter(|id| !id.remote_tag.is_empty())?;
        let target = target_of(headers).or_else(|| headers.to().ok().map(|to| to.uri))?;
        Some(Self {
            id,
            side: Side::Caller,
            stage: Stage::Confirmed,
            local: headers.get("From").unwrap_or_default().into_owned(),
            remote: headers.get("To").unwrap_or_default().into_owned(),
            contact,
            target,
            routes: reversed_record_route(headers).ok()?,
            local_cseq: headers.cseq().ok()?.number,
            remote_cseq: None,
            flow,
            reach: Reach::Flow,
        })
    }

    /// Notes a 2xx: to INVITE it confirms the dialog, and one to a request of ours brings the other
    /// side's Contact. The first 2xx to our INVITE also settles the route set anew, because an
    /// early dialog's route may differ (RFC 3261 §13.2.2.4); later ones do not (§12.2.1.2).
    pub fn confirm(&mut self, response: &Response) {
        let headers = &response.headers;
        let (Ok(cseq), Ok(from)) = (headers.cseq(), headers.from()) else { return };
        let is_invite = cseq.method == Method::Invite;
        let answers_us = from.tag().is_some_and(|tag| *tag == *self.id.local_tag);
        let refreshes = is_invite || cseq.method == Method::Update;
        if answers_us && refreshes {
            if let Some(target) = target_of(headers) {
                self.target = target;
            }
            if is_invite
                && self.side == Side::Caller
                && self.stage == Stage::Early
                && let Ok(routes) = reversed_record_route(headers)
            {
                self.routes = routes;
            }
        }
        if is_invite {
            self.stage = Stage::Confirmed;
        }
    }

    /// Notes a reliable 1xx, which like a 2xx brings the other side's Contact and yet confirms
    /// nothing (RFC 3262 §4).
    pub fn heard_early(&mut self, response: &Response) {
        if let Some(target) = target_of(&response.headers) {
            self.target = target;
        }
    }

    /// From now on requests go along the flow, whatever the Contact says: a registered phone is
    /// reached where it registered from (RFC 5626 §5.3).
    pub fn keep_flow(&mut self) {
        self.reach = Reach::Flow;
    }

    /// Our own Contact.
    #[must_use]
    pub const fn contact(&self) -> &Uri {
        &self.contact
    }

    /// From now on requests go where the other side's own came from, whatever its Contact and its
    /// Record-Route say.
    pub fn keep_to_source(&mut self) {
        self.reach = Reach::Source;
    }

    /// The other side sends from elsewhere now: a new connection, or a NAT that has moved it.
    pub fn moved_to(&mut self, flow: Flow) {
        self.flow = flow;
    }

    /// Our Contact from now on.
    pub fn set_contact(&mut self, contact: Uri) {
        self.contact = contact;
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &DialogId {
        &self.id
    }

    /// Whether a 2xx has confirmed it.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        match self.stage {
            Stage::Early => false,
            Stage::Confirmed => true,
        }
    }

    /// The way that the other side was last seen on.
    #[must_use]
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// How long a change of ours waits that was refused because it met one of theirs (491).
    pub fn glare_delay(&self, entropy: &mut Entropy) -> Duration {
        glare::delay(self.side == Side::Caller, entropy)
    }

    /// The other side's Contact.
    #[must_use]
    pub const fn target(&self) -> &Uri {
        &self.target
    }

    /// Goes on after a restart. A power cut may have taken the last requests from our memory and
    /// not from the peer's, who refuses a number that it has seen; one further ahead it must take
    /// (RFC 3261 §12.2.2). Our memory ends `ago`.
    pub fn resume(&mut self, ago: Duration) {
        let lost = u32::try_from(ago.as_secs()).unwrap_or(u32::MAX);
        let lost = lost.saturating_add(1).saturating_mul(REQUESTS_A_SECOND_MAX);
        self.local_cseq = self.local_cseq.saturating_add(lost).min(CSEQ_MAX);
    }

    /// A new request inside of the dialog, with the next CSeq (RFC 3261 §12.2.1.1).
    #[must_use]
    pub fn request(&mut self, method: Method) -> Request {
        let number = self.next_number();
        let mut request = self.compose(method, number);
        // RFC 3261 §20, table 2: a BYE has none; nor has a PRACK (RFC 3262 §10, table 1).
        if !matches!(request.method, Method::Bye | Method::Prack) {
            request.headers.push("Contact", format_args!("<{}>", self.contact));
        }
        request
    }

    /// The CSeq of the next request of ours.
    pub fn next_number(&mut self) -> u32 {
        // RFC 3261 §8.1.1.5 keeps CSeq below 2³¹, which no dialog lives to see.
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.local_cseq
    }

    /// The ACK to a 2xx to our INVITE with this CSeq (RFC 3261 §13.2.2.4).
    #[must_use]
    pub fn ack(&self, invite_cseq: u32) -> Request {
        self.compose(Method::Ack, invite_cseq)
    }

    fn compose(&self, method: Method, number: u32) -> Request {
        let (uri, routes) = self.routing();
        let cseq = CSeq { number, method: method.clone() };
        let mut request = Request::new(method, uri);
        for route in &routes {
            request.headers.push("Route", route);
        }
        request.headers.push("Max-Forwards", MAX_FORWARDS);
        request.headers.push("From", &self.local);
        request.headers.push("To", &self.remote);
        request.headers.push("Call-ID", &self.id.call_id);
        request.headers.push("CSeq", cseq);
        request
    }

    /// Request-URI and Route of RFC 3261 §12.2.1.1: a strict router at the front takes the place
    /// of the target, which then goes last.
    fn routing(&self) -> (Uri, Vec<NameAddr>) {
        match self.routes.split_first() {
            Some((strict, rest)) if !strict.uri.is_loose_router() => {
                let mut routes = rest.to_vec();
                routes.push(NameAddr::new(self.target.clone()));
                (strict.uri.clone().for_request(), routes)
            }
            Some(_) | None => (self.target.clone().for_request(), self.routes.clone()),
        }
    }

    /// Whether a request with this CSeq comes after a later one.
    #[must_use]
    pub fn is_behind(&self, cseq: u32) -> bool {
        self.remote_cseq.is_some_and(|last| cseq < last)
    }

    /// Takes a request of the other side: its order, and its new Contact if it brings one.
    ///
    /// An equal CSeq passes: the transaction layer has absorbed real repetitions, and after a
    /// restart a repeated request must still find its answer.
    ///
    /// # Errors
    /// When it is out of order or can not be read; then nothing has changed.
    pub fn receive(&mut self, request: &Request) -> Result<(), Refusal> {
        let cseq = request.headers.cseq().map_err(|_| Refusal::Malformed)?.number;
        if matches!(request.method, Method::Ack | Method::Cancel) {
            return Ok(()); // both carry the number of their INVITE
        }
        if self.is_behind(cseq) {
            return Err(Refusal::OutOfOrder);
        }
        // RFC 3261 §12.2.2, RFC 3311 §5.2, RFC 5057 §5.4: these refresh the target.
        if matches!(request.method, Method::Invite | Method::Update | Method::Subscribe) {
            let contact = request.headers.contact().map_err(|_| Refusal::Malformed)?;
            if let Some(contact) = contact {
                self.target = contact.uri;
            }
        }
        self.remote_cseq = Some(cseq);
        Ok(())
    }

    /// The flow of the next request: [`Dialog::next_hop`] where that is an address, else the way
    /// that the other side was last seen on, which reaches the party that has named itself.
    #[must_use]
    pub fn next_flow(&self) -> Flow {
        match self.next_hop() {
            NextHop::Flow(flow) => flow,
            NextHop::Address { host, port, transport } => {
                let address = host.ip().filter(|ip| ip.is_ipv4() == self.flow.local.is_ipv4());
                // RFC 5922 §7.4: who has not proven a name can not be connected to over TLS, only
                // answered on the connection that it has opened itself, as phones have.
                let unproven = transport == Transport::Tls && self.flow.identity().is_none();
                let usable = transport == self.flow.transport && !unproven;
                let Some(ip) = address.filter(|_| usable) else {
                    return self.flow;
                };
                let remote = SocketAddr::new(ip, port.unwrap_or(transport.default_port()));
                Flow { remote, connection: None, ..self.flow }
            }
        }
    }

    /// Whether nobody but the other side can open the connection that the next request goes over.
    #[must_use]
    pub fn is_theirs_to_open(&self) -> bool {
        let named = self.routes.first().map_or(&self.target, |route| &route.uri);
        self.next_flow().is_theirs_to_open(named)
    }

    /// Where the next request goes: the first Route, else the target, else along the flow.
    #[must_use]
    pub fn next_hop(&self) -> NextHop {
        if self.flow.transport.is_of_browsers() {
            return NextHop::Flow(self.flow);
        }
        let (uri, reach) = match (self.reach, self.routes.first()) {
            (Reach::Source, _) | (Reach::Flow, None) => return NextHop::Flow(self.flow),
            (Reach::Address | Reach::Flow, Some(route)) => (&route.uri, Reach::Address),
            (Reach::Address, None) => (&self.target, Reach::Address),
        };
        let (Reach::Address, Some(host)) = (reach, uri.host()) else {
            return NextHop::Flow(self.flow);
        };
        if self.flow.leads_to(uri) {
            return NextHop::Flow(self.flow); // over the connection that is open already
        }
        let transport = Transport::asked_by(uri).unwrap_or(self.flow.transport);
        NextHop::Address { host: host.clone(), port: uri.port(), transport }
    }
}

fn target_of(headers: &Headers) -> Option<Uri> {
    headers.contact().ok().flatten().map(|contact| contact.uri)
}

/// RFC 3261 §12.1.2: the caller sees the proxies in reverse order.
fn reversed_record_route(headers: &Headers) -> Result<Vec<NameAddr>, NoDialog> {
    let mut routes = headers.routes("Record-Route").map_err(|_| NoDialog)?;
    routes.reverse();
    Ok(routes)
}

/// Whether the sender of this request is mistaken about its own address: its Via and its Contact
/// name one that the request did not come from.
fn is_behind_nat(headers: &Headers, contact: &Uri, flow: Flow) -> bool {
    if is_unreachable(contact, flow) {
        return true;
    }
    let Some(named) = contact.host().and_then(Host::ip) else { return false };
    let sent_by = headers.via().ok().and_then(|via| via.host.ip());
    sent_by == Some(named) && named != flow.remote.ip()
}

/// Whether nobody can connect to this Contact: a peer on the internet gives an address of a private
/// network, or a browser, which knows no address of its own, a name that never exists (RFC 2606 §2,
/// RFC 7118 §5); a proxy may have brought that one over another transport.
fn is_unreachable(contact: &Uri, flow: Flow) -> bool {
    match contact.host() {
        Some(Host::Name(name)) => name.to_ascii_lowercase().ends_with(".invalid"),
        Some(Host::V4(ip)) => is_private((*ip).into()) && !is_private(flow.remote.ip()),
        Some(Host::V6(ip)) => is_private((*ip).into()) && !is_private(flow.remote.ip()),
        None => false,
    }
}

/// RFC 1918, RFC 6598 (carrier NAT), RFC 3927, RFC 4193 and loopback.
const fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[path = "scripts.rs"]
mod scripts;
