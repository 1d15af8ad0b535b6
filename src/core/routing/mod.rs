//! Where a call leads, by which number it goes on, and why.

pub mod numbering;
