//! The rules of the media plane: which packets are believed, how they are renumbered, what a
//! prompt sounds like, which key was pressed and how good the line is.
//!
//! The site speaks to the plane by [`order`]. [`plane`] is the set of streams of one thread; the
//! driver gives it packets and instants and sends what it returns. [`ports`] belongs to the site.

pub mod clip;
pub mod dtmf;
pub mod entrance;
pub mod fit;
pub mod guard;
pub mod handshake;
pub mod ice;
pub mod keys;
pub mod latch;
pub mod order;
pub mod plane;
pub mod ports;
pub mod quality;
pub mod report;
pub mod splice;
pub mod stream;
pub mod tape;
pub mod transcode;
