//! What people may see of the phones of a PBX.

use holdfast_base::{Now, TrunkName, Wall};
use holdfast_config::Account;

use crate::peer::picture::{PhoneView, PhonesView};
use crate::sip::extension::{Extension, Proof, Standing};
use crate::site::Site;

impl Site {
    /// What people may see of the phones of a PBX.
    pub(in crate::site) fn phones_of(&self, now: Now, pbx: &TrunkName) -> Option<PhonesView> {
        let own = self.config.accounts.iter().filter(|account| account.pbx.as_ref() == Some(pbx));
        let phones: Vec<PhoneView> = own.map(|account| self.phone_view(now, account)).collect();
        (!phones.is_empty()).then(|| PhonesView::of(phones))
    }

    fn phone_view(&self, now: Now, account: &Account) -> PhoneView {
        let known = self.extensions.all.get(&account.name);
        let standing = known.map_or(Standing::Untried, Extension::standing);
        let here = self.registrar.bindings(&account.name).any(|it| it.expires > now.mono);
        let (state, since) = match standing {
            Standing::Refused { since } => ("refused", Some(since)),
            Standing::Through { .. } | Standing::Taken { .. } | Standing::Untried if !here => {
                ("away", None)
            }
            Standing::Through { since } => ("through", Some(since)),
            Standing::Taken { since } => ("taken_over", Some(since)),
            Standing::Untried => ("away", None),
        };
        let proof = known.map_or(Proof::Untested, Extension::proof);
        let ago = |since: Wall| now.wall.micros().saturating_sub(since.micros()) / 1000;
        let for_ms = since.map(|since| u64::try_from(ago(since)).unwrap_or(0));
        PhoneView { account: account.name.clone(), state: state.to_owned(), for_ms, proof }
    }
}
