//! Trunks that this box registers with: there is somewhere to register, and each Contact is of one.

use std::collections::BTreeMap;

use super::Check;
use crate::trunk_type::TrunkType;

impl Check<'_> {
    pub(super) fn registrations(&mut self) {
        let mut contacts: BTreeMap<&str, &str> = BTreeMap::new();
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            let Some(registration) = &trunk.registration else { continue };
            let path = |key: &str| format!("trunk[{position}].{key}");
            if trunk.targets.is_empty() {
                let what = format!("`{}` has nowhere to register", trunk.name);
                self.error(&path("register"), what, "write the registrar: target = \"…\"");
            }
            if trunk.login.is_none() {
                let what = format!("`{}` registers without user name and password", trunk.name);
                let remedy = "add [trunk.login], unless the carrier knows this box by its address";
                self.warn(&path("register"), what, remedy);
            }
            if trunk.kind == TrunkType::Carrier && trunk.line.is_none() {
                let what = format!(
                    "calls of strangers that go on over `{}` name none of its \
                                    numbers, and most carriers refuse them",
                    trunk.name
                );
                self.warn(&path("register"), what, "add [trunk.line] with main = \"+49…\"");
            }
            let Some(contact) = registration.contact.as_deref() else { continue };
            if let Some(other) = contacts.insert(contact, trunk.name.as_str()) {
                let what = format!("calls to `{contact}` would be those of `{other}` as well");
                let remedy = "give each trunk a contact of its own, or none";
                self.error(&path("registration.contact"), what, remedy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::told;

    fn lines(text: &str) -> Vec<String> {
        told(&text.replace("; ", "\n"))
    }

    #[test]
    fn a_registration_needs_a_registrar_and_should_have_a_password() {
        let told = lines(
            "[[trunk]]; name = 'a'; networks = ['192.0.2.1']; register = true; \
                          registration = { user = '1' }",
        );
        assert!(told.iter().any(|line| line.contains("nowhere to register")), "{told:?}");
        assert!(told.iter().any(|line| line.contains("without user name")), "{told:?}");
        assert!(told.iter().any(|line| line.contains("name none of its numbers")), "{told:?}");
    }

    #[test]
    fn it_is_said_what_is_registered_and_only_where_it_is() {
        let told = lines("[[trunk]]; name = 'a'; target = '192.0.2.1'; register = true");
        assert!(told.iter().any(|line| line.contains("not said what")), "{told:?}");
        let told = lines("[[trunk]]; name = 'a'; target = '192.0.2.1'; registration.user = '1'");
        assert!(told.iter().any(|line| line.contains("without `register`")), "{told:?}");
    }

    #[test]
    fn two_trunks_have_two_contacts() {
        let trunk = |name: &str| {
            format!(
                "[[trunk]]; name = '{name}'; target = '192.0.2.1'; register = true; \
                 login = {{ user = '{name}', password = 'a long text' }}; \
                 line.main = '+4930123'; registration.contact = '4930123'"
            )
        };
        assert_eq!(lines(&trunk("a")), Vec::<String>::new());
        let told = lines(&format!("{}; {}", trunk("a"), trunk("b")));
        assert!(told.iter().any(|line| line.contains("of `a` as well")), "{told:?}");
    }
}
