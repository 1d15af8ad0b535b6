//! What of a call record people may see: the one rule of the page and of the API.
//!
//! Numbers of callers are masked, as in the picture of live calls; what was dialled is shown in
//! full when it led to a queue, since then it is a number of our own. The whole number stays sealed
//! in the event log.

use holdfast_core::record::event::{Cdr, Subject};
use holdfast_core::view::SiteView;

/// Who called.
pub(crate) fn from(cdr: &Cdr) -> String {
    cdr.from.masked()
}

/// What was dialled.
pub(crate) fn dialled(cdr: &Cdr) -> String {
    match cdr.queue {
        Some(_) => cdr.dialled.0.clone(),
        None => cdr.dialled.masked(),
    }
}

/// The records for the API.
pub(crate) fn cdrs(cdrs: &[Cdr]) -> Vec<Cdr> {
    let shown = |cdr: &Cdr| {
        let mut shown = cdr.clone();
        shown.from = Subject(from(cdr));
        shown.dialled = Subject(dialled(cdr));
        for transfer in &mut shown.transfers {
            transfer.by = Subject(transfer.by.masked());
            transfer.to = Subject(transfer.to.masked());
        }
        for number in shown.exits.iter_mut().filter_map(|exit| exit.to.subject_mut()) {
            *number = Subject(number.masked());
        }
        shown.legs.iter_mut().for_each(|leg| leg.to = Subject(leg.to.masked()));
        shown
    };
    cdrs.iter().map(shown).collect()
}

/// The whole picture for the API.
pub(crate) fn site(view: &SiteView) -> SiteView {
    SiteView { cdrs: cdrs(&view.cdrs), ..view.clone() }
}
