//! One SIP dialog of an endpoint (RFC 3261 §12) and the session descriptions in it (RFC 3264).

use holdfast_wire::g711::Law;
use holdfast_wire::sdp::{
    Connection, Direction, Line, Media, MediaKind, MediaLine, Origin, Protocol, Sdp,
};
use holdfast_wire::sip::digest::{
    Challenge, ClientNonce, Login, NonceCount, Protected, Protection,
};
use holdfast_wire::sip::{CSeq, Host, Method, NameAddr, Request, Response, Status, Uri};
use std::net::SocketAddr;

use crate::chance::Chance;

/// RFC 3261 §8.1.1.6.
const HOPS: u8 = 70;
/// RFC 3551 §6.
const PAYLOAD_TYPES: [(Law, u8, &str); 2] =
    [(Law::A, 8, "8 PCMA/8000"), (Law::Mu, 0, "0 PCMU/8000")];
/// What a phone of the branch may be asked.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";

/// A name and a password of the box.
#[derive(Clone, Debug)]
pub struct Account {
    /// User part of the address.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// Two parties that know each other.
#[derive(Debug)]
pub struct Dialog {
    call_id: String,
    local: NameAddr,
    remote: NameAddr,
    target: Uri,
    contact: Uri,
    number: u32,
    /// The number of the INVITE, which its ACK repeats.
    invited: u32,
    session: Description,
}

/// What this side says about its audio.
#[derive(Clone, Copy, Debug)]
struct Description {
    audio: SocketAddr,
    version: u64,
    law: Law,
}

/// What the other side says about its audio.
#[derive(Clone, Copy, Debug)]
pub struct Remote {
    /// Where it listens.
    pub audio: SocketAddr,
    /// What it wants to hear.
    pub law: Law,
    /// As the payload type says it.
    pub payload_type: u8,
    /// Its direction.
    pub direction: Direction,
}

/// The two ends of a dialog that is to be.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Who calls.
    pub from: NameAddr,
    /// Who is called.
    pub to: Uri,
    /// Where the caller is reached.
    pub contact: SocketAddr,
    /// Where the caller listens.
    pub audio: SocketAddr,
    /// The law that the caller likes better.
    pub law: Law,
}

impl Dialog {
    /// The calling side, before its INVITE.
    pub fn calling(ends: &Ends, chance: &mut Chance) -> Self {
        Self {
            call_id: chance.token(),
            local: ends.from.clone().with_tag(&chance.token()),
            remote: NameAddr::new(ends.to.clone()),
            target: ends.to.clone(),
            contact: contact_of(ends.from.uri.user(), ends.contact),
            number: 0,
            invited: 0,
            session: Description { audio: ends.audio, version: 1, law: ends.law },
        }
    }

    /// The called side of this INVITE. `None` when the INVITE lacks what a dialog needs.
    pub fn called(
        invite: &Request,
        contact: SocketAddr,
        ends: (SocketAddr, Law),
        tag: &str,
    ) -> Option<Self> {
        let to = invite.headers.to().ok()?;
        Some(Self {
            call_id: invite.headers.call_id().ok()?.into_owned(),
            contact: contact_of(to.uri.user(), contact),
            local: to.with_tag(tag),
            remote: invite.headers.from().ok()?,
            target: invite.headers.contact().ok()??.uri,
            number: 0,
            invited: 0,
            session: Description { audio: ends.0, version: 1, law: ends.1 },
        })
    }

    /// Whether a request belongs to it.
    pub fn has(&self, request: &Request) -> bool {
        request.headers.call_id().is_ok_and(|call_id| call_id == self.call_id)
    }

    /// The tag of this side.
    pub fn tag(&self) -> String {
        self.local.tag().unwrap_or_default().into_owned()
    }

    /// The next request of this side.
    pub fn request(&mut self, method: Method) -> Request {
        if method != Method::Ack {
            self.number += 1;
        }
        if method == Method::Invite {
            self.invited = self.number;
        }
        // RFC 3261 §13.2.2.4: an ACK carries the number of its INVITE.
        let number = if method == Method::Ack { self.invited } else { self.number };
        let mut request = Request::new(method.clone(), self.target.clone());
        let headers = &mut request.headers;
        headers.push("Max-Forwards", HOPS);
        headers.push("From", &self.local);
        headers.push("To", &self.remote);
        headers.push("Call-ID", &self.call_id);
        headers.push("CSeq", CSeq { number, method });
        headers.push("Contact", format_args!("<{}>", self.contact));
        headers.push("Allow", ALLOW);
        request
    }

    /// An INVITE, first or again, that wants audio in this direction.
    pub fn invite(&mut self, direction: Direction) -> Request {
        let mut invite = self.request(Method::Invite);
        invite.body = self.session.offer(direction);
        self.session.version += 1;
        invite.headers.push("Content-Type", "application/sdp");
        invite
    }

    /// Takes the other side's tag and address from its 2xx.
    pub fn accepted(&mut self, response: &Response) {
        if let Ok(to) = response.headers.to() {
            self.remote = to;
        }
        if let Ok(Some(contact)) = response.headers.contact() {
            self.target = contact.uri;
        }
    }

    /// A response of this side without a body.
    pub fn response(&self, request: &Request, status: Status) -> Response {
        let mut response = request.response(status, Some(&self.tag()));
        response.headers.push("Contact", format_args!("<{}>", self.contact));
        response
    }

    /// The 200 to an INVITE or UPDATE, with the answer to its offer.
    pub fn accept(&mut self, request: &Request) -> Response {
        let mut response = self.response(request, Status::OK);
        response.headers.push("Allow", ALLOW);
        let remote = read(&request.body);
        if let Some(remote) = remote {
            self.session.law = remote.law;
        }
        if remote.is_some() || request.method == Method::Invite {
            let direction = remote.map_or(Direction::SendRecv, |it| it.direction.reversed());
            response.body = self.session.describe(direction, &[self.session.law]);
            self.session.version += 1;
            response.headers.push("Content-Type", "application/sdp");
        }
        response
    }
}

impl Description {
    fn offer(self, direction: Direction) -> Vec<u8> {
        let other = if self.law == Law::A { Law::Mu } else { Law::A };
        self.describe(direction, &[self.law, other])
    }

    fn describe(self, direction: Direction, laws: &[Law]) -> Vec<u8> {
        let host = Connection::Ip(self.audio.ip());
        let origin = Origin {
            username: "-".to_owned(),
            session_id: u64::from(self.audio.port()),
            version: self.version,
            host: host.clone(),
        };
        let formats = || PAYLOAD_TYPES.iter().filter(|(law, ..)| laws.contains(law));
        let mut ordered: Vec<_> = formats().collect();
        ordered.sort_by_key(|(law, ..)| laws.iter().position(|wanted| wanted == law));
        let mut media = Media::new(MediaLine {
            kind: MediaKind::Audio,
            port: self.audio.port(),
            protocol: Protocol::RtpAvp,
            formats: ordered.iter().map(|(_, number, _)| number.to_string()).collect(),
        });
        for (_, _, map) in ordered {
            media.push(Line::attribute("rtpmap", Some(map)));
        }
        media.push(Line::attribute(direction.name(), None));
        let mut sdp = Sdp::new(&origin, &host);
        sdp.push(media);
        sdp.print()
    }
}

/// What a description says about audio; `None` when it has none that this side speaks.
pub fn read(body: &[u8]) -> Option<Remote> {
    let sdp = Sdp::parse(body).ok()?;
    let media = sdp.media().iter().find(|media| media.head().kind == MediaKind::Audio)?;
    let speaks =
        |format: &String| PAYLOAD_TYPES.iter().find(|(_, number, _)| number.to_string() == *format);
    let (law, payload_type, _) = media.head().formats.iter().find_map(speaks)?;
    let ip = sdp.connection_of(media)?.ip()?;
    Some(Remote {
        audio: SocketAddr::new(ip, media.head().port),
        law: *law,
        payload_type: *payload_type,
        direction: sdp.direction_of(media),
    })
}

/// A request outside of any call, with credentials when the box asks for them.
pub fn with_credentials(
    mut request: Request,
    challenged: &Response,
    account: &Account,
    chance: &mut Chance,
) -> Option<Request> {
    let challenge =
        challenged.headers.all("WWW-Authenticate").find_map(|line| Challenge::parse(&line).ok())?;
    let login = Login { username: &account.name, password: &account.password };
    let uri = request.uri.to_string();
    let protected = Protected { method: &request.method, uri: &uri, body: &request.body };
    let client = challenge.qop.contains(&Protection::Auth).then(|| ClientNonce {
        qop: Protection::Auth,
        cnonce: chance.token(),
        count: NonceCount::new(1),
    });
    let credentials = challenge.answer(&login, &protected, client);
    request.headers.set("Authorization", credentials);
    Some(request)
}

fn contact_of(user: Option<&str>, at: SocketAddr) -> Uri {
    Uri::sip(user, Host::from(at.ip()), Some(at.port()))
}
