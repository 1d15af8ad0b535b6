//! The HTML of the page. Every value is escaped by `maud` where it is written.

pub(crate) mod agents;
pub(crate) mod bans;
pub(crate) mod calendars;
pub(crate) mod calls;
pub(crate) mod cdrs;
pub(crate) mod doctor;
pub(crate) mod doors;
pub(crate) mod figures;
pub(crate) mod health;
pub(crate) mod icon;
pub(crate) mod ladder;
pub(crate) mod live;
pub(crate) mod queues;
pub(crate) mod recordings;
pub(crate) mod routing;
pub(crate) mod shell;
pub(crate) mod simulate;
mod table;
mod text;
pub(crate) mod times;
pub(crate) mod trace;
pub(crate) mod trunks;
