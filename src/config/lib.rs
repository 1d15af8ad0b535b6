//! The configuration: what there is, how it is read, what is refused.

pub mod schema;

pub use schema::{
    Account, Agent, Config, Destination, Endpoint, Listener, ListenerTransport, Media, Network,
    Number, Queue, Secret, Sip, Site, Trunk, Web,
};
