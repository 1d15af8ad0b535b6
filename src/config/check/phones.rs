//! Phones of a central PBX: there is such a PBX, and the box has what it needs to stand in for it.

use holdfast_base::TrunkName;
use std::collections::BTreeSet;

use super::Check;
use crate::phones::Form;
use crate::schema::Account;
use crate::trunk_type::TrunkType;

impl Check<'_> {
    pub(super) fn phones(&mut self) {
        let config = self.config;
        let mut told = BTreeSet::new();
        for (position, account) in config.accounts.iter().enumerate() {
            self.phone(position, account, &mut told);
        }
        for (position, device) in config.devices.iter().enumerate() {
            let account = config.account(device.account.as_str());
            if account.is_some_and(|account| account.form == Form::Ha1) {
                let path = format!("device[{position}].account");
                let what = "the file of the phone needs its password, and here is only its HA1";
                self.error(&path, what, "write `password` instead of `ha1` for this account");
            }
        }
    }

    /// `told` are faults of a PBX: the first phone that suffers by one tells of it for all.
    fn phone<'c>(
        &mut self,
        position: usize,
        account: &'c Account,
        told: &mut BTreeSet<(&'c TrunkName, &'static str)>,
    ) {
        let (config, path) = (self.config, |key: &str| format!("account[{position}].{key}"));
        let Some(pbx) = &account.pbx else {
            if account.form == Form::Ha1 {
                let what = format!("`{}`: an HA1 is of no use without `pbx`", account.name);
                self.error(&path("ha1"), what, "write `password`, or the PBX of the phone");
            }
            return;
        };
        let known = config.trunks.iter().map(|trunk| trunk.name.to_string()).collect();
        self.must_exist(&path("pbx"), "trunk", pbx.as_str(), &known);
        let Some(trunk) = config.trunk(pbx) else { return };
        let unfit = !matches!(trunk.kind, TrunkType::Pbx(_)) || trunk.targets.is_empty();
        if unfit && told.insert((pbx, "type")) {
            let what = format!("`{pbx}` is no PBX with a target, and no phone can register there");
            self.error(&path("pbx"), what, "write type = \"pbx\" and a target for that trunk");
        }
        if account.password.is_none() {
            let what = format!("`{}`: its password at `{pbx}` is missing", account.name);
            let remedy = "write the one that the phone has, or its `ha1`: the box can not learn it";
            self.error(&path("password"), what, remedy);
        }
        let blind = account.form == Form::Ha1 && trunk.phones.realm.is_none();
        if blind && told.insert((pbx, "realm")) {
            let what = format!("`{}`: its HA1 is good for one realm alone", account.name);
            let remedy = format!("write the `realm` of [trunk.phones] of `{pbx}`");
            self.error(&path("ha1"), what, remedy);
        }
    }
}
