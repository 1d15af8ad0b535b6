//! The hands: sockets, threads, files and clocks. No rule about calls lives here.

pub mod clock;
pub mod media;
