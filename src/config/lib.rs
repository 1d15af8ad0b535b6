//! The configuration: what there is, how it is read, what is refused.
//!
//! A text becomes a [`Config`] in three steps, each of which says everything that it finds: the
//! TOML itself, then each key by itself (`parse`), then what the keys mean together (`check`).
//! Files, watching and applying belong to the drivers.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod abuse;
pub mod calendar;
mod canonical;
mod check;
pub mod days;
pub mod defaults;
pub mod device;
mod dial_plan;
mod emergency;
mod encryption;
pub mod finding;
pub mod header_rule;
pub mod hours;
pub mod ical;
mod kind;
pub mod line;
mod lines;
pub mod listener;
pub mod login;
mod overflow;
mod parse;
pub mod phones;
mod queue;
pub mod registration;
pub mod route;
pub mod schema;
mod section;
pub mod span;
mod suggest;
pub mod supervision;
pub mod target;
mod teams;
pub mod template;
pub mod test_call;
mod text;
mod trunk;
mod trunk_type;
mod websocket;

pub use abuse::Abuse;
pub use calendar::{Calendar, Holidays, Special, WithoutClock};
pub use days::Days;
pub use device::Device;
pub use dial_plan::{DialPlan, NumberForm};
pub use emergency::Emergency;
pub use encryption::{MediaEncryption, MediaKeys};
pub use finding::{Finding, Place, Remark, Severity};
pub use header_rule::{Direction, HeaderAction, HeaderRule};
pub use hours::{Hours, Zone};
pub use line::{Line, NamedBy};
pub use listener::{Advertise, IdentityFiles, Listener, ListenerTransport};
pub use login::Login;
pub use overflow::{Absence, Exit, Overflow, Whom};
pub use parse::{DOCUMENT_BYTES_MAX, Outside, read, read_with};
pub use phones::{Form, Phones};
pub use queue::{Circle, Distribution, Fit, Need, Queue, Skill, Strategy};
pub use registration::Registration;
pub use route::Route;
pub use schema::{
    Account, Agent, Config, Destination, Diversion, Dns, Endpoint, Media, Network, Number, Secret,
    Sip, Site, Trunk, TrunkTls, Web,
};
pub use supervision::Supervision;
pub use target::{Target, TargetHost};
pub use test_call::TestCall;
pub use text::text;
pub use trunk_type::{Dialect, Hold, HostName, Overrides, TrunkType};
pub use websocket::{Origin, Pages, WebSocket};
