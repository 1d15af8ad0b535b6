//! Names: each is given once, and what can be dialled has one meaning.

use std::collections::BTreeMap;

use super::Check;
use crate::schema::Destination;

impl Check<'_> {
    pub(super) fn names(&mut self) {
        let config = self.config;
        self.once("trunk", config.trunks.iter().map(|trunk| trunk.name.as_str()));
        self.once("account", config.accounts.iter().map(|account| account.name.as_str()));
        self.once("queue", config.queues.iter().map(|queue| queue.name.as_str()));
        self.once("agent", config.agents.iter().map(|agent| agent.name.as_str()));
        self.once("calendar", config.calendars.iter().map(|calendar| calendar.name.as_str()));
        self.once("holidays", config.holidays.iter().map(|set| set.name.as_str()));
        self.queue_or_account();
        self.queue_or_agent();
        self.numbers_once();
        self.star_codes();
    }

    /// Names that differ in case only are one name for everybody but the program.
    fn once<'n>(&mut self, kind: &str, names: impl Iterator<Item = &'n str>) {
        let mut first: BTreeMap<String, &str> = BTreeMap::new();
        for (position, name) in names.enumerate() {
            let path = format!("{kind}[{position}].name");
            match first.insert(name.to_ascii_lowercase(), name) {
                None => {}
                Some(other) if other == name => {
                    let what = format!("there are two of the kind {kind} named `{name}`");
                    self.error(&path, what, "give one of them another name");
                }
                Some(other) => {
                    let what = format!("`{name}` and `{other}` differ in capital letters only");
                    self.error(&path, what, "give one of them another name");
                }
            }
        }
    }

    fn queue_or_account(&mut self) {
        for (position, account) in self.config.accounts.iter().enumerate() {
            let name = account.name.as_str();
            if self.config.queues.iter().any(|queue| queue.name.as_str() == name) {
                self.error(
                    &format!("account[{position}].name"),
                    format!("`{name}` is a queue too, and both are dialled by their name"),
                    "give one of them another name",
                );
            }
        }
    }

    fn queue_or_agent(&mut self) {
        for (position, agent) in self.config.agents.iter().enumerate() {
            let name = agent.name.as_str();
            if self.config.queues.iter().any(|queue| queue.name.as_str() == name) {
                self.warn(
                    &format!("agent[{position}].name"),
                    format!("`{name}` is a queue too, and figures of both show under one name"),
                    "give one of them another name",
                );
            }
        }
    }

    fn numbers_once(&mut self) {
        let mut seen = BTreeMap::new();
        for (position, number) in self.config.numbers.iter().enumerate() {
            let path = format!("number[{position}].dialled");
            let dialled = number.dialled.as_str();
            if let Some(first) = seen.insert(dialled, position) {
                let line = self.places.of(&format!("number[{first}].dialled")).line;
                let what = format!("`{dialled}` is routed in line {line} already");
                self.error(&path, what, "take one of the two away");
            }
            self.hidden(&path, dialled, &number.to);
        }
    }

    /// A number that has the name of a queue or account and leads somewhere else hides it.
    fn hidden(&mut self, path: &str, dialled: &str, to: &Destination) {
        let config = self.config;
        let queue = config.queues.iter().any(|queue| queue.name.as_str() == dialled)
            && !matches!(to, Destination::Queue(name) if name.as_str() == dialled);
        let account = config.accounts.iter().any(|account| account.name.as_str() == dialled)
            && !matches!(to, Destination::Account(name) if name.as_str() == dialled);
        if queue || account {
            let kind = if queue { "queue" } else { "account" };
            self.warn(
                path,
                format!("who dials `{dialled}` is not led to the {kind} of this name"),
                "use another number, or rename",
            );
        }
    }

    fn star_codes(&mut self) {
        let sip = &self.config.sip;
        if sip.duty_on.is_some() && sip.duty_on == sip.duty_off {
            self.error("sip.duty_off", "it is the same as `duty_on`", "use another code");
        }
        let codes = [("duty_on", &sip.duty_on), ("duty_off", &sip.duty_off)];
        for (position, number) in self.config.numbers.iter().enumerate() {
            for (key, code) in codes {
                if code.as_deref() == Some(number.dialled.as_str()) {
                    self.error(
                        &format!("number[{position}].dialled"),
                        format!("`{}` is the code `{key}` of [sip] already", number.dialled),
                        "use another number, or change the code",
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn each_name_is_given_once() {
        let text = "
[[queue]]
name = 'sales'
members = ['anna']
[[queue]]
name = 'Sales'
members = ['anna']
[[agent]]
name = 'anna'
endpoints = [{ account = 'anna' }]
[[account]]
name = 'anna'
[[account]]
name = 'anna'
";
        assert_eq!(
            told(text),
            [
                "f:6: key `queue.name`: `Sales` and `sales` differ in capital letters only; give \
                 one of them another name",
                "f:14: key `account.name`: there are two of the kind account named `anna`; give \
                 one of them another name",
            ]
        );
    }

    #[test]
    fn what_is_dialled_has_one_meaning() {
        let text = "
[[account]]
name = 'sales'
[[queue]]
name = 'sales'
members = ['sales']
[[agent]]
name = 'sales'
endpoints = [{ account = 'sales' }]
[[account]]
name = 'ben'
[[number]]
dialled = 'ben'
to = { queue = 'sales' }
[[number]]
dialled = 'ben'
to = { account = 'ben' }
[[number]]
dialled = '*45'
to = { queue = 'sales' }
[sip]
duty_off = '*45'
";
        assert_eq!(
            told(text),
            [
                "f:3: key `account.name`: `sales` is a queue too, and both are dialled by their \
                 name; give one of them another name",
                "f:8: warning: key `agent.name`: `sales` is a queue too, and figures of both show \
                 under one name; give one of them another name",
                "f:13: warning: key `number.dialled`: who dials `ben` is not led to the account \
                 of this name; use another number, or rename",
                "f:16: key `number.dialled`: `ben` is routed in line 13 already; take one of the \
                 two away",
                "f:19: key `number.dialled`: `*45` is the code `duty_on` of [sip] already; use \
                 another number, or change the code",
                "f:19: key `number.dialled`: `*45` is the code `duty_off` of [sip] already; use \
                 another number, or change the code",
                "f:22: key `sip.duty_off`: it is the same as `duty_on`; use another code",
            ]
        );
    }
}
