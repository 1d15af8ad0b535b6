//! Where a call leads, by which number it goes on, and why. Pure: the same question has the same
//! answer, whether a call asks it or a person who wants to know.

pub mod caller;
pub mod decide;
pub mod explain;
pub mod line;
pub mod numbering;
pub mod share;
pub mod uri;
