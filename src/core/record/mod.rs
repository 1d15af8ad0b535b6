//! What is written down, and what is folded from it.

pub mod cdr;
pub mod encoding;
pub mod event;
pub mod folds;
pub mod journal;
pub mod kpi;
mod led;
mod outcome;
mod recording;
mod subject;
mod supervision;
