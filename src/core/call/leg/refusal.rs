//! Why a description of the party is refused, in the words of a response.

use holdfast_wire::sip::{Headers, Request, Response, Status};

use crate::call::words::NotSdp;
use crate::offer_answer::{Fault, Reject};

/// The refusal of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: Status,
    fault: Option<Fault>,
}

impl Refusal {
    /// The response to a request inside the dialog.
    pub(super) fn response(self, request: &Request) -> Response {
        let mut response = request.response(self.status, None);
        warn(self.status, self.fault, &mut response.headers);
        response
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        let status = reject.status_code().and_then(|code| Status::new(code).ok());
        Self { status: status.unwrap_or(Status::SERVER_ERROR), fault: reject.fault() }
    }
}

impl From<NotSdp> for Refusal {
    fn from(_: NotSdp) -> Self {
        Self { status: Status::BAD_REQUEST, fault: None }
    }
}

/// Says beside a refusal of a description what did not suit (RFC 3261 §21.4.26).
pub(super) fn warn(status: Status, fault: Option<Fault>, headers: &mut Headers) {
    if let Some(fault) = fault.filter(|_| is_about_audio(status)) {
        headers.push("Warning", fault.warning());
    }
}

/// Whether a refusal is one of the description (RFC 3261 §21.4.26, §21.6.4).
pub(super) const fn is_about_audio(status: Status) -> bool {
    matches!(status, Status::NOT_ACCEPTABLE_HERE | Status::NOT_ACCEPTABLE_ANYWHERE)
}
