//! Passwords that are guessed: whoever has that of a phone or trunk calls at the cost of this box.
//!
//! The passwords of phones of a central PBX are not looked at: the PBX decides them.

use super::Check;
use crate::phones::Form;

/// Least characters: NIST SP 800-63B §5.1.1.1, of secrets that people choose.
const CHARS_MIN: usize = 8;

impl Check<'_> {
    pub(super) fn passwords(&mut self) {
        let config = self.config;
        for (position, account) in config.accounts.iter().enumerate() {
            let own = account.pbx.is_none() && account.form == Form::Text;
            let Some(password) = account.password.as_ref().filter(|_| own) else { continue };
            if guessed(&password.0, account.name.as_str()) {
                let remedy = "take the key away, and the box makes a password";
                self.guessable(&format!("account[{position}].password"), remedy);
            }
        }
        for (position, trunk) in config.trunks.iter().enumerate() {
            let (Some(user), Some(password)) = (&trunk.user, &trunk.password) else { continue };
            if guessed(&password.0, user) {
                let remedy = format!("take {CHARS_MIN} characters or more, letters among them");
                self.guessable(&format!("trunk[{position}].password"), &remedy);
            }
        }
    }

    fn guessable(&mut self, path: &str, remedy: &str) {
        self.warn(path, "this is guessed, and who guesses it calls at your cost", remedy);
    }
}

/// Short, of digits alone, or the name: what scanners try first.
fn guessed(password: &str, name: &str) -> bool {
    password.chars().count() < CHARS_MIN
        || password.chars().all(|c| c.is_ascii_digit())
        || password.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn what_scanners_try_first_is_told() {
        let of = |password: &str| {
            let text = format!("[[account]]\nname = 'anna-meier'\npassword = '{password}'\n");
            told(&text).into_iter().filter(|told| told.contains("guessed")).collect::<Vec<_>>()
        };
        for weak in ["1234", "secret", "20261123", "Anna-Meier"] {
            assert_eq!(
                of(weak),
                ["f:3: warning: key `account.password`: this is guessed, and who guesses it \
                     calls at your cost; take the key away, and the box makes a password"]
            );
        }
        assert_eq!(of("8 letters, and more"), Vec::<String>::new());
        let trunk = "[[trunk]]\nname = 'a'\nuser = 'u'\npassword = '1234'\n";
        assert!(told(trunk).join("\n").starts_with("f:4: warning: key `trunk.password`"));
    }

    #[test]
    fn the_password_of_a_pbx_is_decided_there() {
        let text = "[[trunk]]\nname = 'pbx'\ntype = 'pbx'\nnetworks = ['192.0.2.1']\n\
                    target = '192.0.2.1'\nphones.list = '2003;1234'\n";
        assert_eq!(told(text), Vec::<String>::new());
    }
}
