//! The hands of the box: threads, sockets, files and clocks. A driver carries out what the cores
//! order and brings back what happened; it holds no rule about calls.

pub mod clock;
pub mod doctor;
pub mod gate;
pub mod inbox;
pub mod index;
pub mod intake;
pub mod interfaces;
pub mod log;
pub mod logging;
pub mod media;
pub mod names;
pub mod packet_filter;
pub mod porter;
pub mod pulse;
pub mod recordings;
pub mod run;
pub mod streams;
pub mod systemd;
pub mod tls;
pub mod trace;
pub mod udp;
