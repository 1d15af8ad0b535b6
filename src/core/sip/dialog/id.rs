//! The name of a dialog: Call-ID and both tags, and nothing else (RFC 3261 §12).

use holdfast_wire::sip::{Headers, Request, Response};
use serde::{Deserialize, Serialize};

/// A dialog as this box sees it. A peer of RFC 2543 has the empty tag (RFC 3261 §12.1.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The other side's tag.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog that a request to us is for; `None` when it is outside of all dialogs.
    #[must_use]
    pub fn of_request(request: &Request) -> Option<Self> {
        let (call_id, from_tag, to_tag) = parts(&request.headers)?;
        if to_tag.is_empty() {
            return None;
        }
        Some(Self { call_id, local_tag: to_tag, remote_tag: from_tag })
    }

    /// The dialog that a request of ours is in.
    #[must_use]
    pub fn of_ours(request: &Request) -> Option<Self> {
        let (call_id, from_tag, to_tag) = parts(&request.headers)?;
        Some(Self { call_id, local_tag: from_tag, remote_tag: to_tag })
    }

    /// The dialog that a response to us is of; its remote tag is empty for a 100.
    #[must_use]
    pub fn of_response(response: &Response) -> Option<Self> {
        let (call_id, from_tag, to_tag) = parts(&response.headers)?;
        Some(Self { call_id, local_tag: from_tag, remote_tag: to_tag })
    }
}

/// Call-ID, From tag, To tag.
fn parts(headers: &Headers) -> Option<(String, String, String)> {
    let from_tag = headers.from().ok()?.tag().unwrap_or_default().into_owned();
    let to_tag = headers.to().ok()?.tag().unwrap_or_default().into_owned();
    Some((headers.call_id().ok()?.into_owned(), from_tag, to_tag))
}
