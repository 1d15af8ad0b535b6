//! What is usual with a carrier: defaults of a trunk under one name, so that a technician writes
//! down only what is on the carrier's sheet for this very line.
//!
//! A template is nothing but defaults: each key of the trunk that is written comes before it. It
//! holds facts that the carrier or its customers have published, and says what has to be compared
//! with the sheet, because carriers change their platforms and sell several. The simulated carriers
//! of the tests hold the box to the same facts and name where each comes from.

use std::fmt::Write as _;

use crate::dial_plan::{DialPlan, NumberForm};
use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::line::NamedBy;
use crate::listener::ListenerTransport;
use crate::schema::Diversion;
use crate::suggest;
use toml::de::DeValue;

/// One carrier's defaults.
#[derive(Debug, PartialEq, Eq)]
pub struct Template {
    /// As it is written in `template`.
    pub name: &'static str,
    /// Whose line it is.
    pub line: &'static str,
    /// See [`crate::Trunk::transport`].
    pub transport: ListenerTransport,
    /// Whether this box registers there.
    pub register: bool,
    /// Where calls go, when it is the same for every customer.
    pub target: Option<&'static str>,
    /// See [`crate::Registration::domain`].
    pub domain: Option<&'static str>,
    /// Country code of numbers without one.
    pub country: Option<&'static str>,
    /// Whether numbers are sent with a plus.
    pub e164: bool,
    /// See [`crate::Overrides::user_phone`].
    pub user_phone: bool,
    /// See [`crate::Line::named_by`].
    pub named_by: NamedBy,
    /// See [`crate::Trunk::diversion`].
    pub diversion: Diversion,
    /// Whether targets are asked by OPTIONS; where a registration is kept alive it tells as much.
    pub options: bool,
    /// What is not known for every line of this kind.
    pub confirm: &'static str,
}

/// Every template, in the order of the list.
pub const ALL: [Template; 6] = [
    Template {
        name: "telekom-companyflex",
        line: "Deutsche Telekom, CompanyFlex SIP-Trunk (1TR119)",
        transport: ListenerTransport::Tcp,
        register: true,
        target: None,
        domain: Some("tel.t-online.de"),
        country: Some("49"),
        e164: true,
        user_phone: true,
        named_by: NamedBy::Preferred,
        diversion: Diversion::Both,
        options: false,
        confirm: "targets (NUMBER.primary.companyflex.de and NUMBER.secondary.companyflex.de), \
                  registration.user (+49199…), login.user (the same with @tel.t-online.de), \
                  line.main, and whether the access asks for TLS and SRTP (that of another \
                  provider does)",
    },
    Template {
        name: "telekom-sip-trunk",
        line: "Deutsche Telekom, DeutschlandLAN SIP-Trunk, registered mode",
        transport: ListenerTransport::Tcp,
        register: true,
        target: Some("reg.sip-trunk.telekom.de"),
        domain: Some("sip-trunk.telekom.de"),
        country: Some("49"),
        e164: true,
        user_phone: true,
        named_by: NamedBy::Preferred,
        diversion: Diversion::Both,
        options: false,
        confirm: "registration.user, login.user, line.main, and that the line is in registered \
                  mode; in static mode write register = false and target = \"stat.sip-trunk.telekom.de\"",
    },
    Template {
        name: "a1",
        line: "A1 (Austria), SIP products that register",
        transport: ListenerTransport::Udp,
        register: true,
        target: None,
        domain: None,
        country: Some("43"),
        e164: true,
        user_phone: true,
        named_by: NamedBy::Asserted,
        diversion: Diversion::Diversion,
        options: false,
        confirm: "targets, registration.domain, registration.user, line.main and line.named_by, \
                  the transport, and the form of numbers (dial_plan.sends)",
    },
    Template {
        name: "swisscom",
        line: "Swisscom (Switzerland), Smart Business Connect, which registers over TLS",
        transport: ListenerTransport::Tls,
        register: true,
        target: None,
        domain: None,
        country: Some("41"),
        e164: true,
        user_phone: true,
        named_by: NamedBy::Asserted,
        diversion: Diversion::Diversion,
        options: false,
        confirm: "targets, peer_name (the name in the certificate of the target), \
                  registration.domain, registration.user, line.main, and that the audio is \
                  encrypted (SRTP); an account takes one registration alone",
    },
    Template {
        name: "sip-trunk-registered",
        line: "any carrier, by user name and password (SIPconnect, registration mode)",
        transport: ListenerTransport::Udp,
        register: true,
        target: None,
        domain: None,
        country: None,
        e164: true,
        user_phone: false,
        named_by: NamedBy::Asserted,
        diversion: Diversion::Both,
        options: false,
        confirm: "targets, registration.user, login, line.main and line.named_by, the transport, \
                  and the form of numbers",
    },
    Template {
        name: "sip-trunk-static",
        line: "any carrier, by addresses that both sides know (SIPconnect, static mode)",
        transport: ListenerTransport::Udp,
        register: false,
        target: None,
        domain: None,
        country: None,
        e164: true,
        user_phone: false,
        named_by: NamedBy::Asserted,
        diversion: Diversion::Both,
        options: true,
        confirm: "targets, networks, line.main and line.named_by, the transport, and the form of \
                  numbers",
    },
];

/// A template by its name.
pub(crate) fn read(value: &DeValue<'_>) -> Read<&'static Template> {
    let name = kind::some_text(value)?;
    ALL.iter().find(|template| template.name == name).ok_or_else(|| {
        let names = || ALL.iter().map(|template| template.name);
        let remedy = match suggest::nearest(&name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        Wrong::new(format!("there is no template `{name}`"), remedy)
    })
}

impl Template {
    /// How numbers are written over there, where the trunk does not say.
    pub(crate) fn dial_plan(&self, common: &DialPlan) -> DialPlan {
        let country = self.country.map(str::to_owned).or_else(|| common.country.clone());
        let sends = if self.e164 { NumberForm::E164 } else { common.sends };
        DialPlan { country, sends, ..common.clone() }
    }
}

/// All of them, for people.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for template in &ALL {
        let Template { name, line, transport, target, domain, country, .. } = template;
        let registers = if template.register { "true" } else { "false" };
        let every = if template.options { "as usual" } else { "\"never\"" };
        let transport = transport.as_str().to_ascii_lowercase();
        // Writing to a String can not fail.
        let _ = writeln!(text, "template = \"{name}\"\n  {line}");
        let _ = writeln!(text, "    transport     {transport}");
        let _ = writeln!(text, "    register      {registers}");
        let _ = writeln!(text, "    target        {}", target.unwrap_or("to be written"));
        let _ =
            writeln!(text, "    domain        {}", domain.unwrap_or("that of the first target"));
        let _ = writeln!(text, "    country       {}", country.unwrap_or("as in [dial_plan]"));
        let sends = if template.e164 { "\"e164\"" } else { "as in [dial_plan]" };
        let _ = writeln!(text, "    sends         {sends}");
        let marked = if template.user_phone { "true" } else { "as usual" };
        let _ = writeln!(text, "    user_phone    {marked}");
        let _ = writeln!(text, "    line.named_by \"{}\"", template.named_by.as_str());
        let _ = writeln!(text, "    diversion     \"{}\"", template.diversion.as_str());
        let _ = writeln!(text, "    options_every {every}");
        let _ = writeln!(text, "    compare with the carrier's sheet: {}\n", template.confirm);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ALL, list};
    use crate::check::told;
    use crate::{ListenerTransport, NumberForm, TargetHost};

    const LOGIN: &str = "login = { user = '+49199', password = 'a long and secret text' }\n";

    #[test]
    fn a_template_gives_defaults_and_what_is_written_comes_first() {
        let text = format!(
            "[[trunk]]\nname = 'line'\ntemplate = 'telekom-companyflex'\n{LOGIN}\
             line.main = '+49305550'\nmedia_encryption = 'off'\n\
             targets = ['1.primary.companyflex.de', '1.secondary.companyflex.de']\n\
             [[sip.listener]]\ntransport = 'tcp'\nbind = '0.0.0.0:5060'\n"
        );
        let (config, warnings) = crate::read(&text, "f").unwrap();
        assert_eq!(warnings, Vec::new());
        let trunk = config.trunks.first().unwrap();
        assert_eq!(trunk.transport, ListenerTransport::Tcp);
        let domain = TargetHost::Name("tel.t-online.de".to_owned());
        assert_eq!(trunk.registered_domain(), Some(domain));
        assert_eq!(trunk.dial_plan.country.as_deref(), Some("49"));
        assert_eq!(trunk.dial_plan.sends, NumberForm::E164);
        assert_eq!(trunk.options_every, None);

        let text = text.replace(
            "name = 'line'",
            "name = 'line'\ntransport = 'udp'\n\
            register = false\nnetworks = ['192.0.2.1']\n\
            options_every = '30s'\ndial_plan.sends = 'national'",
        );
        let udp = "[[sip.listener]]\ntransport = 'udp'\nbind = '0.0.0.0:5060'\n";
        let (config, _) = crate::read(&format!("{text}{udp}"), "f").unwrap();
        let trunk = config.trunks.first().unwrap();
        assert_eq!(trunk.transport, ListenerTransport::Udp);
        assert_eq!(trunk.registration, None);
        assert_eq!(trunk.dial_plan.sends, NumberForm::National);
        assert!(trunk.options_every.is_some());
    }

    #[test]
    fn a_template_that_does_not_exist_is_refused_with_one_that_does() {
        let told = told("[[trunk]]\nname = 'line'\ntemplate = 'swiscom'\ntarget = '192.0.2.1'");
        assert!(told.iter().any(|line| line.contains("did you mean `swisscom`?")), "{told:?}");
    }

    #[test]
    fn every_template_makes_a_trunk_with_what_is_on_a_sheet() {
        for template in &ALL {
            let proof = match template.transport {
                ListenerTransport::Tls => "peer_name = 'sip.carrier.example'\n",
                ListenerTransport::Udp | ListenerTransport::Tcp => "",
            };
            let text = format!(
                "[[trunk]]\nname = 'line'\ntemplate = '{}'\n{LOGIN}{proof}{}\n\
                 [[sip.listener]]\ntransport = 'tls'\nbind = '0.0.0.0:5061'\n\
                 certificate = '/c'\nkey = '/k'\n\
                 [[sip.listener]]\ntransport = 'tcp'\nbind = '0.0.0.0:5060'\n\
                 [[sip.listener]]\ntransport = 'udp'\nbind = '0.0.0.0:5060'\n",
                template.name,
                if template.target.is_some() { "" } else { "target = 'sip.carrier.example'" },
            );
            let read = crate::read(&text, "f");
            let trunk = read.as_ref().ok().and_then(|(config, _)| config.trunks.first());
            let trunk = trunk.unwrap_or_else(|| panic!("{}: {read:?}", template.name));
            assert_eq!(trunk.registration.is_some(), template.register, "{}", template.name);
            assert!(list().contains(template.name));
        }
    }
}
