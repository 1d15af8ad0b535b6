//! Desk phones that fetch their configuration here.

use holdfast_base::EndpointName;
use serde::{Deserialize, Serialize};
use std::fmt;
use toml::de::DeValue;

use crate::finding::Wrong;
use crate::kind::{self, Read};
use crate::schema::Secret;
use crate::section::Section;
use crate::target::Target;

/// Fewest characters of a secret: whoever knows it reads the password of the phone. 26 characters
/// of letters and digits are 128 bits.
pub(crate) const SECRET_CHARS_MIN: usize = 26;

/// `[[device]]`: one desk phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its hardware address.
    pub mac: Mac,
    /// Who made it.
    pub make: Make,
    /// The account that it registers with.
    pub account: EndpointName,
    /// The part of its address here that nobody else knows.
    pub secret: Secret,
    /// Where it finds this box; the first listener when absent.
    pub server: Option<String>,
    /// The PBX that it belongs to. It registers there first, and here as well, so that it is
    /// reached and can call when that PBX is gone.
    pub pbx: Option<Target>,
}

/// Who made a phone, and thereby what its files look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Make {
    /// Yealink: `MAC.cfg`, lines of keys and values.
    Yealink,
    /// Snom: `snom-MAC.xml`.
    Snom,
    /// Poly: `MAC.cfg` names `phone-MAC.cfg`.
    Poly,
}

/// A hardware address (IEEE 802 MAC-48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

impl Mac {
    /// Reads twelve hexadecimal digits, with or without separators.
    fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
        let plain = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(&digits, 16).ok().filter(|_| plain)?;
        let [_, _, mac @ ..] = number.to_be_bytes();
        Some(Self(mac))
    }
}

impl fmt::Display for Mac {
    /// As phones write it into the names of files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a hardware address"))
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> Self {
        mac.to_string()
    }
}

pub(crate) fn read(section: &mut Section<'_, '_, '_>) -> Option<Device> {
    let mac = section.must("mac", mac, "\"00:15:65:12:34:56\"");
    let make = section.must("make", make, "\"yealink\"");
    let account = section.must("account", kind::name, "\"anna\"");
    let secret = section.must("secret", secret, "\"26 letters and digits by chance\"");
    let server = section.may("server", kind::host);
    let pbx = section.may("pbx", kind::target);
    let account = EndpointName::new(&account?);
    Some(Device { mac: mac?, make: make?, account, secret: secret?, server, pbx })
}

fn mac(value: &DeValue<'_>) -> Read<Mac> {
    let text = kind::some_text(value)?;
    Mac::parse(&text).ok_or_else(|| {
        let remedy = "write the twelve digits from the label of the phone, \"00:15:65:12:34:56\"";
        Wrong::new(format!("`{text}` is not a hardware address"), remedy)
    })
}

fn make(value: &DeValue<'_>) -> Read<Make> {
    match kind::some_text(value)?.as_str() {
        "yealink" => Ok(Make::Yealink),
        "snom" => Ok(Make::Snom),
        "poly" => Ok(Make::Poly),
        other => {
            let remedy = "write \"yealink\", \"snom\" or \"poly\"";
            Err(Wrong::new(format!("`{other}` is no make that has files here"), remedy))
        }
    }
}

/// It stands in an address: letters and digits, and enough of them.
fn secret(value: &DeValue<'_>) -> Read<Secret> {
    let Secret(text) = kind::secret(value)?;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || text.len() < SECRET_CHARS_MIN {
        let what = "the secret of a device can be guessed or can not stand in an address";
        let remedy = format!(
            "write {SECRET_CHARS_MIN} letters and digits or more, as `openssl rand -hex 16` makes \
             them"
        );
        return Err(Wrong::new(what, remedy));
    }
    Ok(Secret(text))
}

#[cfg(test)]
mod tests {
    use super::Mac;
    use crate::check::told;

    fn device(text: &str) -> Vec<String> {
        told(&format!(
            "[[account]]\nname = \"anna\"\npassword = \"a long text\"\n[[device]]\n{}\n",
            text.replace("; ", "\n")
        ))
    }

    const GOOD: &str = "mac = '00:15:65:AA:bb:01'; make = 'yealink'; account = 'anna'; \
                        secret = '0123456789abcdef0123456789abcdef'";

    #[test]
    fn a_hardware_address_is_read_as_it_is_printed_anywhere() {
        for text in ["00:15:65:AA:bb:01", "001565aabb01", "00-15-65-aa-bb-01", "0015.65aa.bb01"] {
            assert_eq!(
                Mac::parse(text).map(|mac| mac.to_string()).as_deref(),
                Some("001565aabb01")
            );
        }
        for bad in ["", "0015", "00:15:65:aa:bb:0g", "+01565aabb01", "00:15:65:aa:bb:01:02"] {
            assert_eq!(Mac::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_device_is_whole_known_and_has_a_secret() {
        assert_eq!(device(GOOD), Vec::<String>::new());
        for (change, to, told) in [
            ("yealink", "cisco", "no make that has files"),
            ("'anna'", "'ann'", "did you mean `anna`?"),
            ("0123456789abcdef0123456789abcdef", "short", "can be guessed"),
            ("0123456789abcdef0123456789abcdef", "0123456789/bcdef0123456789abc", "can not stand"),
            ("00:15", "00:1", "not a hardware address"),
        ] {
            let lines = device(&GOOD.replace(change, to));
            assert!(lines.iter().any(|line| line.contains(told)), "{told}: {lines:?}");
        }
        let twice = device(&format!("{GOOD}; [[device]]; {GOOD}"));
        assert!(twice.iter().any(|line| line.contains("twice")), "{twice:?}");
    }
}
