//! The user name and password that the box shows to the other side of a trunk.
//!
//! Not to be mixed up with `user` and `password` of the trunk itself, which the other side shows to
//! us.

use serde::{Deserialize, Serialize};

use crate::finding::Wrong;
use crate::kind;
use crate::phones::Form;
use crate::schema::Secret;
use crate::section::Section;

/// `[trunk.login]`: with what we answer when a trunk asks who we are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// In which form it is.
    #[serde(default)]
    pub form: Form,
    /// The one realm that it is for; none is whichever realm the trunk asks for.
    pub realm: Option<String>,
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<Login> {
    let user = section.may("user", kind::some_text);
    let password = section.may("password", kind::secret);
    let realm = section.may("realm", kind::some_text);
    match (user, password, &realm) {
        (Some(user), Some(password), _) => Some(Login { user, password, form: Form::Text, realm }),
        (None, None, None) => None,
        (None | Some(_), None | Some(_), _) => {
            section.fault(Wrong::new(
                "a login needs both `user` and `password`",
                "write both as they stand on the sheet of the carrier",
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::told;

    fn trunk(login: &str) -> Vec<String> {
        told(&format!(
            "[[trunk]]\nname = \"line\"\ntarget = \"192.0.2.1\"\nnetworks = [\"192.0.2.1\"]\n\
             [trunk.login]\n{login}\n"
        ))
    }

    #[test]
    fn a_login_is_whole_or_absent() {
        assert_eq!(trunk("user = \"u\"\npassword = \"long and secret\""), Vec::<String>::new());
        for half in ["user = \"u\"", "password = \"long and secret\"", "realm = \"r\""] {
            let told = trunk(half);
            assert!(told.iter().any(|line| line.contains("needs both")), "{half}: {told:?}");
        }
    }

    #[test]
    fn the_password_never_prints() {
        let text = "[[trunk]]\nname = \"line\"\ntarget = \"192.0.2.1\"\n\
                    login = { user = \"u\", password = \"long and secret\" }\n";
        let (config, _) = crate::read(text, "f").unwrap();
        let login = config.trunks.first().and_then(|trunk| trunk.login.as_ref()).unwrap();
        assert_eq!(login.password.0, "long and secret");
        assert!(!format!("{config:?}").contains("secret"));
    }
}
