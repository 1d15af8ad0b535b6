//! SIP on the wire (RFC 3261): bytes to values and back, without loss.
//!
//! | idea | file |
//! |---|---|
//! | tokens, folds, quotes, lists, lines | `lex` |
//! | percent escapes | `escape` |
//! | a whole message, its first line, its headers | `message`, `start_line`, `headers`, `typed` |
//! | values of headers | `uri`, `host`, `params`, `name_addr`, `via`, `values`, `method`, `status` |
//! | what was wrong, and the answer to it | `error`, `answer` |
//! | messages in a stream | `frame` |
//! | passwords | `digest` |
//!
//! The text is kept as it came and read on demand. Three rules follow: an unmodified message prints
//! the bytes it was read from; a field that nobody understands is carried in its place; and every
//! reader is total, linear in its input, and bounded by `holdfast_base::limits`.
//!
//! rsip serves as table of transports only. Its reader of the wire is never used: it refuses IPv6,
//! `tel:`, folds, compact names and unknown methods.

mod answer;
pub mod digest;
mod error;
mod escape;
mod frame;
mod headers;
mod host;
mod lex;
mod message;
mod method;
mod name_addr;
mod params;
#[cfg(test)]
mod properties;
mod start_line;
mod status;
mod typed;
mod uri;
mod values;
mod via;

pub use error::{Fault, ParseError};
pub use frame::{Frame, StreamFramer};
pub use headers::{Header, Headers};
pub use host::Host;
pub use message::{Message, Request, Response};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub use status::Status;
pub use uri::{Scheme, Uri};
pub use values::{CSeq, ContentType, RAck, Refresher, Replaces, SessionExpires, Valued};
pub use via::{MAGIC_COOKIE, Via};
