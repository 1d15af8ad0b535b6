//! Desk phones: each is there once, has a secret of its own and an account that exists.

use std::collections::BTreeSet;

use super::Check;

impl Check<'_> {
    pub(super) fn devices(&mut self) {
        let names = self.config.accounts.iter().map(|account| account.name.to_string());
        let accounts: BTreeSet<String> = names.collect();
        let (mut macs, mut secrets) = (BTreeSet::new(), BTreeSet::new());
        for (position, device) in self.config.devices.iter().enumerate() {
            let path = |key: &str| format!("device[{position}].{key}");
            self.must_exist(&path("account"), "account", device.account.as_str(), &accounts);
            if !macs.insert(device.mac) {
                let what = format!("the device {} stands here twice", device.mac);
                self.error(&path("mac"), what, "take one away");
            }
            if !secrets.insert(device.secret.0.as_str()) {
                let what = "another device has the same secret: each could read the other's file";
                self.error(&path("secret"), what, "give each device a secret of its own");
            }
        }
    }
}
