//! The hands of the box: threads, sockets, files and clocks. A driver carries out what the cores
//! order and brings back what happened; it holds no rule about calls.

pub mod gate;
pub mod index;
pub mod log;
