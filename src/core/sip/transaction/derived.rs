//! Messages that follow from others without a user: the ACK to a refusal, the CANCEL, and our own
//! refusals of what no user shall see.

use holdfast_wire::sip::{Method, Request, Response, Status};
use sha2::{Digest, Sha256};

/// RFC 3261 §8.1.1.6.
const MAX_FORWARDS: u8 = 70;

/// The ACK to a 3xx to 6xx of `invite`: same Via, same Route, To of the response (RFC 3261
/// §17.1.1.3).
pub(super) fn refusal_ack(invite: &Request, response: &Response) -> Request {
    let mut ack = same_hop(Method::Ack, invite);
    match response.headers.get("To") {
        Some(to) => ack.headers.push("To", to),
        None => copy(invite, "To", &mut ack),
    }
    ack
}

/// The CANCEL of `invite` (RFC 3261 §9.1): To without a tag even when a 1xx had one, and a Reason
/// (RFC 3326) so that phones do not show a call answered elsewhere as missed.
pub(super) fn cancel(invite: &Request, reason: Option<&str>) -> Request {
    let mut cancel = same_hop(Method::Cancel, invite);
    copy(invite, "To", &mut cancel);
    if let Some(reason) = reason {
        cancel.headers.push("Reason", reason);
    }
    cancel
}

/// A request that must take the very path of the INVITE: everything but To.
fn same_hop(method: Method, invite: &Request) -> Request {
    let number = invite.headers.cseq().map_or(0, |cseq| cseq.number);
    let cseq = format!("{number} {method}");
    let mut request = Request::new(method, invite.uri.clone());
    if let Some(via) = invite.headers.lines("Via").next() {
        request.headers.push_line(via.clone());
    }
    request.headers.push("Max-Forwards", MAX_FORWARDS);
    for name in ["Route", "From", "Call-ID", "Session-ID"] {
        copy(invite, name, &mut request);
    }
    request.headers.push("CSeq", cseq);
    request
}

fn copy(from: &Request, name: &str, to: &mut Request) {
    from.headers.lines(name).for_each(|line| to.headers.push_line(line.clone()));
}

/// A response of ours to a request that no user sees, which every copy of it leads to again.
#[must_use]
pub fn refusal(request: &Request, status: Status) -> Response {
    request.response(status, Some(&derived_tag(request)))
}

/// A To tag that every copy of this request leads to again, so that we need not remember it:
/// RFC 3261 §8.2.7.
#[must_use]
pub fn derived_tag(request: &Request) -> String {
    let mut digest = Sha256::new();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        digest.update(request.headers.get(name).unwrap_or_default().as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
