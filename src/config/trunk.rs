//! One trunk: its keys, and what stands in for those that are not written: the carrier's template,
//! the kind of the far end, and the box as a whole.

use holdfast_base::TrunkName;
use std::time::Duration;

use crate::dial_plan::{self, DialPlan};
use crate::encryption::{MediaEncryption, MediaKeys};
use crate::finding::Wrong;
use crate::parse::{identity, limit};
use crate::schema::{Account, Diversion, Trunk, TrunkTls};
use crate::section::Section;
use crate::target::Target;
use crate::{
    defaults, header_rule, kind, line, login, phones, registration, teams, template, test_call,
    trunk_type,
};

/// What a trunk takes from the whole box where it says nothing: how numbers are written, and how
/// long a session lasts, asked for and at least.
pub(crate) type Common<'a> = (&'a DialPlan, (Option<Duration>, Duration));

/// Reads one trunk, and the phones that its section lists.
pub(crate) fn read(
    section: &mut Section<'_, '_, '_>,
    (plan, (lasts, least)): Common<'_>,
) -> Option<(Trunk, Vec<Account>)> {
    let name = section.must("name", kind::name, "\"carrier\"");
    let target = section.may("target", kind::target);
    let mut targets = section.list("targets", kind::target);
    if let Some(target) = target {
        if targets.is_empty() {
            targets.push(target);
        } else {
            section.fault(Wrong::new(
                "`target` and `targets` both say where calls go",
                "leave `targets`, with all of them in order",
            ));
        }
    }
    let template = section.may("template", template::read);
    let advertise = section.may("advertise", kind::advertise);
    let kind = trunk_type::read(section, advertise.as_ref());
    let usual = teams::usual(&kind, plan);
    if targets.is_empty() {
        let named = template.and_then(|template| template.target);
        targets = named.and_then(Target::parse).map_or(usual.targets, |target| vec![target]);
    }
    let spoken = template.map_or(usual.dial_plan, |template| template.dial_plan(plan));
    let asked = template.is_none_or(|template| template.options);
    let every = asked.then_some(defaults::OPTIONS_EVERY);
    let transport = template.map_or(usual.transport, |template| template.transport);
    let transport = section.or("transport", kind::transport, transport);
    let encryption = section.may("media_encryption", kind::media_encryption);
    let login = section.table("login", login::read).flatten();
    let register = template.map_or(defaults::REGISTER, |template| template.register);
    let register = section.or("register", kind::flag, register);
    let domain = template.and_then(|template| template.domain);
    let user = login.as_ref().map(|login| login.user.as_str());
    let registration = section
        .table("registration", |section| registration::read(section, register, (user, domain)))
        .flatten();
    let names = template.map(|template| template.named_by);
    let line = section.table("line", |section| line::read(section, names)).flatten();
    let mut overrides = trunk_type::overrides(section);
    overrides.user_phone =
        overrides.user_phone.or(template.and_then(|it| it.user_phone.then_some(true)));
    let owner = TrunkName::new(name.as_deref().unwrap_or_default());
    let (phones, listed) = phones::read_for(section, &owner, targets.first());
    let led_on = template.map_or_else(Diversion::default, |template| template.diversion);
    let trunk = Trunk {
        kind,
        overrides,
        name: owner,
        networks: section.list("networks", kind::network),
        user: section.may("user", kind::some_text),
        password: section.may("password", kind::secret),
        login,
        phones,
        registration,
        line,
        targets,
        transport,
        media_encryption: encryption.unwrap_or_else(|| MediaEncryption::usual(transport)),
        encryption_written: encryption.is_some(),
        media_keys: section.or("media_keys", kind::media_keys, MediaKeys::default()),
        ice: section.or("ice", kind::flag, false),
        options_every: section.or("options_every", kind::duration_or_never, every),
        test_call: section.table("test_call", test_call::read).flatten(),
        answer_within: section.or("answer_within", kind::some_duration, defaults::ANSWER_WITHIN),
        calls_max: section.or("calls_max", limit(), defaults::CALLS_MAX),
        calls_per_second: section.or("calls_per_second", limit(), defaults::CALLS_PER_SECOND),
        max_bandwidth: section.or("max_bandwidth", limit(), defaults::MAX_BANDWIDTH),
        session_expires: section.or("session_expires", kind::duration_or_never, lasts),
        min_se: section.or("min_se", kind::some_duration, least),
        advertise,
        tls: TrunkTls {
            identity: identity(section),
            roots: section.may("roots", kind::path),
            peer_name: section.may("peer_name", kind::host_pattern).or(usual.peer_name),
        },
        dial_plan: section
            .table("dial_plan", |section| dial_plan::read(section, &spoken))
            .unwrap_or_default(),
        headers: section.tables("headers", header_rule::read).unwrap_or_default(),
        trusted: section.or("trusted", kind::flag, defaults::TRUSTED),
        withhold_caller: section.or("withhold_caller", kind::flag, defaults::WITHHOLD_CALLER),
        diversion: section.or("diversion", kind::diversion, led_on),
    };
    name.map(|_| (trunk, listed))
}
