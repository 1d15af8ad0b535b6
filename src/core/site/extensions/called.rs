//! A phone under the name that its PBX was told, and the PBX as the one who decides where its phone
//! may call.

use holdfast_base::{EndpointName, Now, TrunkName};
use holdfast_wire::sip::{Host, Uri};

use super::super::numbers::Over;
use crate::call::io::Target;
use crate::call::origin::Origin;
use crate::sip::extension::{Extension, Summary};
use crate::sip::flow::Flow;
use crate::site::Site;

impl Site {
    /// The PBX of the phone that is called by a name which only that PBX was told.
    pub(in crate::site) fn pbx_of_alias(&self, uri: &Uri) -> Option<&TrunkName> {
        let (account, _) = self.extensions.called(&uri.user_decoded()?)?;
        self.config.account(account.as_str())?.pbx.as_ref()
    }

    /// The phone that its PBX means by this name, whether it is there or not.
    pub(in crate::site) fn phone_of_alias(
        &self,
        flow: &Flow,
        uri: &Uri,
    ) -> Option<(EndpointName, Uri)> {
        let (account, contact) = self.extensions.called(&uri.user_decoded()?)?;
        self.called_at_contact(flow, uri)?;
        Some((account.clone(), contact.clone()))
    }

    /// What the PBX said of the mailbox of its phone last.
    pub(in crate::site) fn summary_of(&self, account: &EndpointName) -> Option<&str> {
        self.extensions.all.get(account)?.summary().map(Summary::text)
    }

    /// The PBX says something of the mailbox of its phone.
    pub(in crate::site) fn note_summary(&mut self, account: &EndpointName, summary: Summary) {
        self.extensions.learn(account, |it| it.told(summary));
    }

    /// The phone that its PBX calls: its account, and where it is now.
    pub(in crate::site) fn phone_called(
        &self,
        now: Now,
        (origin, uri): (&Origin, &Uri),
    ) -> Option<(EndpointName, Vec<Target>)> {
        let (account, contact) = self.extensions.called(&uri.user_decoded()?)?;
        let pbx = self.config.account(account.as_str())?.pbx.as_ref();
        let own = matches!(origin, Origin::Trunk(trunk) if Some(trunk) == pbx);
        let mut targets = self.targets_of_account(now, account);
        targets.retain(|target| target.uri.same_as(contact));
        own.then(|| (account.clone(), targets))
    }

    /// Where the call of a phone goes that its PBX is to decide about: with the very digits, as if
    /// the phone had asked the PBX itself.
    pub(in crate::site) fn target_at_pbx(
        &mut self,
        account: &EndpointName,
        (pbx, dialled): (&TrunkName, &str),
        flow: &Flow,
    ) -> Option<Target> {
        let domain = self.config.trunk(pbx)?.phones.domain.clone()?;
        let host = Host::parse(&domain).ok()?;
        let uri = Uri::sip(Some(dialled), host, None);
        let mut target = self.target_verbatim(Over::one(pbx), &uri, flow)?;
        let route = self.extensions.all.get(account).map(Extension::service_route);
        let route = route.unwrap_or_default();
        for path in
            std::iter::once(&mut target.path).chain(target.then.iter_mut().map(|it| &mut it.path))
        {
            path.extend(route.iter().cloned());
        }
        Some(target)
    }
}
