//! Phones of a central PBX that register there through this box, one by one or pasted as a list.
//!
//! A digest never shows the password to whoever passes it on (RFC 7616 §3.4). So the box can stand
//! in for the PBX only with what stands here: the password that the phone has there, or HA1, which
//! many a PBX can export where it keeps no password.

use holdfast_base::{EndpointName, TrunkName};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use toml::de::DeValue;

use crate::defaults;
use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::schema::{Account, Secret};
use crate::section::Section;
use crate::target::Target;

/// Largest list, in bytes: some thousand phones.
const LIST_BYTES_MAX: usize = 512 * 1024;
/// Hexadecimal digits of an HA1: MD5 and SHA-256.
const HA1_DIGITS: [usize; 2] = [32, 64];
/// In front of an HA1 in a list.
const HA1_MARK: &str = "ha1:";

/// `[trunk.phones]`: the phones of a PBX that register there through this box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phones {
    /// The domain of their addresses at the PBX; that of the first target when absent.
    pub domain: Option<String>,
    /// The realm that the PBX asks them for; the box learns it when absent.
    pub realm: Option<String>,
    /// The longest time until a phone comes again: so soon it is led back to its PBX.
    pub expires: Duration,
}

/// In which form a password is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As it is typed.
    #[default]
    Text,
    /// HA1 in hexadecimal: the hash of user name, realm and password (RFC 7616 §3.4.2).
    Ha1,
}

/// Reads the section of a trunk, with the phones that it lists.
pub(crate) fn read_for(
    section: &mut Section<'_, '_, '_>,
    owner: &TrunkName,
    target: Option<&Target>,
) -> (Phones, Vec<Account>) {
    let host = target.map(|target| Target { host: target.host.clone(), port: None }.to_string());
    let read = section.table("phones", |section| {
        let phones = Phones {
            domain: section.may("domain", kind::host).or_else(|| host.clone()),
            realm: section.may("realm", kind::some_text),
            expires: section.or("expires", kind::some_duration, defaults::PHONES_EXPIRES),
        };
        (phones, section.lines("list", LIST_BYTES_MAX, |line| listed(line, owner)))
    });
    read.unwrap_or_else(|| {
        let expires = defaults::PHONES_EXPIRES;
        (Phones { domain: host, realm: None, expires }, Vec::new())
    })
}

/// `password` or `ha1` of an account.
pub(crate) fn password(section: &mut Section<'_, '_, '_>) -> (Option<Secret>, Form) {
    let password = section.may("password", kind::secret);
    let hash = section.may("ha1", ha1);
    if password.is_some() && hash.is_some() {
        section.fault(Wrong::new("`password` and `ha1` both say one thing", "leave one of them"));
    }
    match (password, hash) {
        (None, Some(hash)) => (Some(hash), Form::Ha1),
        (password, None | Some(_)) => (password, Form::Text),
    }
}

fn ha1(value: &DeValue<'_>) -> Read<Secret> {
    let Secret(text) = kind::secret(value)?;
    hash(&text).ok_or_else(|| {
        Wrong::new(
            "an HA1 has 32 hexadecimal digits (MD5) or 64 (SHA-256)",
            "write what `printf 'USER:REALM:PASSWORD' | md5sum` prints, or the password itself as \
             `password`",
        )
    })
}

fn hash(text: &str) -> Option<Secret> {
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let whole = hexadecimal && HA1_DIGITS.contains(&text.len());
    whole.then(|| Secret(text.to_ascii_lowercase()))
}

/// One phone a line: name, password or `ha1:` and HA1, and for people a name and a number outside.
fn listed(line: &str, pbx: &TrunkName) -> Option<Read<Account>> {
    let line = line.trim();
    let says = !line.is_empty() && !line.starts_with('#');
    says.then(|| phone(line, pbx))
}

fn phone(line: &str, pbx: &TrunkName) -> Read<Account> {
    let separator = if line.contains(';') { ';' } else { ',' };
    let mut cells = line.split(separator).map(|cell| cell.trim().trim_matches('"'));
    let mut cell = || cells.next().filter(|cell| !cell.is_empty());
    let (name, secret, display, number) = (cell(), cell(), cell(), cell());
    let (Some(name), Some(secret)) = (name, secret) else {
        let what = "a phone needs a name and its password at the PBX";
        return Err(Wrong::new(
            what,
            "write 2001;PASSWORD;Anna Adler;+493012345610, the last two at will",
        ));
    };
    if cells.next().is_some() {
        return Err(Wrong::new(
            "it has more than four cells",
            "write the phone as an [[account]] when its password has a `;` or `,`",
        ));
    }
    let text = |text: &str| DeValue::String(text.to_owned().into());
    let name = kind::name(&text(name))?;
    let (password, form) = match secret.strip_prefix(HA1_MARK) {
        Some(hash) => (ha1(&text(hash))?, Form::Ha1),
        None => (kind::secret(&text(secret))?, Form::Text),
    };
    let display = display.map(|display| kind::text(&text(display))).transpose()?;
    Ok(Account {
        display: display.unwrap_or_else(|| name.clone()),
        name: EndpointName::new(&name),
        password: Some(password),
        number: number.map(|number| kind::dialled(&text(number))).transpose()?,
        form,
        pbx: Some(pbx.clone()),
        media_encryption: None,
        media_keys: None,
        auto_answer: false,
    })
}

#[cfg(test)]
mod tests {
    use super::Form;
    use crate::check::told;

    fn pbx(phones: &str) -> String {
        format!(
            "[[trunk]]\nname = 'hq'\ntype = 'pbx'\ntarget = 'pbx.example.org'\n\
             networks = ['192.0.2.1']\nmedia_encryption = 'off'\n[trunk.phones]\n{phones}\n"
        )
    }

    #[test]
    fn a_list_is_pasted_as_it_was_exported() {
        let list = "realm = 'pbx'\nlist = '''\n# user;password;name;number\n\
                    2001; secret one ; Anna Adler ; +493012345610\n\n\
                    \"2002\",\"ha1:6629FAE49393A05397450978507C4EF1\"\n'''";
        let (config, findings) = crate::read(&pbx(list), "f").unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        let [anna, ben] = config.accounts.as_slice() else { panic!("{:?}", config.accounts) };
        assert_eq!((anna.name.as_str(), anna.display.as_str()), ("2001", "Anna Adler"));
        assert_eq!(anna.password.as_ref().map(|secret| secret.0.as_str()), Some("secret one"));
        assert_eq!(anna.number.as_deref(), Some("+493012345610"));
        assert_eq!(anna.pbx.as_ref().map(holdfast_base::TrunkName::as_str), Some("hq"));
        assert_eq!((ben.form, ben.display.as_str()), (Form::Ha1, "2002"));
        let hash = ben.password.as_ref().map(|secret| secret.0.as_str());
        assert_eq!(hash, Some("6629fae49393a05397450978507c4ef1"));
        let trunk = config.trunks.first().unwrap();
        assert_eq!(trunk.phones.domain.as_deref(), Some("pbx.example.org"));
        assert!(!format!("{config:?}").contains("secret one"), "passwords never print");
    }

    #[test]
    fn a_wrong_line_of_a_list_is_named() {
        for (line, wrong) in [
            ("2001", "f:10: key `trunk.phones.list`: a phone needs a name and its password"),
            ("20 01;secret", "can not be a name"),
            ("2001;ha1:123", "32 hexadecimal digits"),
            ("2001;secret;Anna;+49;more", "more than four cells"),
            ("2001;secret;Anna;4 9", "can not be dialled"),
        ] {
            let told = told(&pbx(&format!("list = '''\n\n{line}\n'''")));
            assert!(told.iter().any(|said| said.contains(wrong)), "{wrong}: {told:?}");
        }
        for (list, wrong) in [
            ("['2001']".to_owned(), "a text of several lines"),
            // Nobody finds the second line of this text by its number in the file.
            (r#""2001;one\n2002""#.to_owned(), "f:8: key `trunk.phones.list`: line 2 of the text"),
            (format!("'{}'", "x".repeat(super::LIST_BYTES_MAX + 1)), "longer than 524288 bytes"),
        ] {
            let told = told(&pbx(&format!("list = {list}")));
            assert!(told.iter().any(|said| said.contains(wrong)), "{wrong}: {told:?}");
        }
    }

    #[test]
    fn every_wrong_line_of_a_list_is_told_where_it_stands() {
        let list = "realm = 'pbx'\nlist = '''\n2001;one\n   2002\n2003;ha1:123\n2004;four\n'''";
        let findings = crate::read(&pbx(list), "f").unwrap_err();
        let told: Vec<_> = findings.iter().map(|it| (it.place.line, it.place.column)).collect();
        assert_eq!(told, [(11, 4), (12, 1)]);
    }

    #[test]
    fn what_is_wrong_with_a_phone_of_a_list_is_told_at_its_line() {
        let queue = "[[queue]]\nname = '2001'\nmembers = ['anna']\n[[agent]]\nname = 'anna'\n\
                     endpoints = [{ account = 'anna' }]\n[[account]]\nname = 'anna'\n";
        let list =
            "list = '''\n# fifth floor\n2001;one\n2002;ha1:HASH\n  Anna;three\n2002;four\n'''";
        let list = list.replace("HASH", "6629fae49393a05397450978507c4ef1");
        let findings = crate::read(&format!("{queue}{}", pbx(&list)), "f").unwrap_err();
        assert!(findings.iter().all(|it| it.key == "trunk.phones.list"), "{findings:?}");
        let at = |it: &crate::finding::Finding| (it.place.line, it.place.column);
        let told: Vec<_> =
            findings.iter().map(|it| format!("{:?} {}; {}", at(it), it.what, it.remedy)).collect();
        assert_eq!(
            told,
            [
                "(18, 1) `2001` is a queue too, and both are dialled by their name; give one of \
                 them another name",
                "(19, 1) `2002`: its HA1 is good for one realm alone; write the `realm` of \
                 [trunk.phones] of `hq`",
                "(20, 3) `Anna` and `anna` differ in capital letters only; give one of them \
                 another name",
                "(21, 1) there are two of the kind account named `2002`; give one of them another \
                 name",
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_pbx_is_told_once_for_all_its_phones() {
        let list = pbx("list = '''\n2001;one\n2002;two\n'''").replace("'pbx'", "'carrier'");
        let told = told(&list);
        let unfit: Vec<_> = told.iter().filter(|said| said.contains("is no PBX")).collect();
        let [one] = unfit.as_slice() else { panic!("{told:?}") };
        assert!(one.starts_with("f:9: key `trunk.phones.list`"), "{one}");
    }

    #[test]
    fn who_can_not_be_stood_in_for_is_told() {
        let account = |keys: &str| format!("{}[[account]]\nname = '2001'\n{keys}\n", pbx(""));
        let hash = "ha1 = '6629fae49393a05397450978507c4ef1'";
        for (keys, wrong) in [
            ("pbx = 'hq'", "its password at `hq` is missing"),
            ("pbx = 'nowhere'\npassword = 'x'", "there is no trunk `nowhere`"),
            (hash, "an HA1 is of no use without `pbx`"),
            (&format!("pbx = 'hq'\n{hash}"), "`realm`"),
            (&format!("pbx = 'hq'\npassword = 'x'\n{hash}"), "both say one thing"),
        ] {
            let told = told(&account(keys));
            assert!(told.iter().any(|said| said.contains(wrong)), "{wrong}: {told:?}");
        }
        assert_eq!(told(&account("pbx = 'hq'\npassword = 'x'")), Vec::<String>::new());
        let carrier = account("pbx = 'hq'\npassword = 'x'").replace("type = 'pbx'\n", "");
        let told = told(&carrier);
        assert!(told.iter().any(|said| said.contains("is no PBX")), "{told:?}");
    }
}
