//! What kinds of value there are: each function takes one TOML value and gives the value that the
//! rest of the box uses, or says what is wrong with it and what to write instead.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::dial_plan::NumberForm;
use crate::encryption::{MediaEncryption, MediaKeys};
use crate::finding::Wrong;
use crate::hours::{Hours, Zone};
use crate::listener::{Advertise, ListenerTransport};
use crate::route::From;
use crate::schema::{Diversion, Network, Secret};
use crate::span;
use crate::target::Target;
use crate::trunk_type::{Dialect, Hold, TrunkWord};
use crate::websocket::Origin;

/// Longest text of any kind, in characters; a line of a page.
const TEXT_CHARS_MAX: usize = 200;
/// Longest name of a queue, agent, account or trunk; longer ones do not fit on a phone.
const NAME_CHARS_MAX: usize = 64;
/// Longest host name, RFC 1035 §2.3.4.
const HOST_CHARS_MAX: usize = 253;
/// Longest path, Linux `PATH_MAX`.
const PATH_CHARS_MAX: usize = 4096;

/// What a [`DeValue`] turns into.
pub(crate) type Read<T> = Result<T, Wrong>;

/// Any text that can be shown: one line, not endless.
pub(crate) fn text(value: &DeValue<'_>) -> Read<String> {
    bounded(value, TEXT_CHARS_MAX).map(str::to_owned)
}

/// A text that must not be empty.
pub(crate) fn some_text(value: &DeValue<'_>) -> Read<String> {
    match text(value)? {
        empty if empty.is_empty() => Err(Wrong::new("the text is empty", "write something")),
        text => Ok(text),
    }
}

/// A text, or the empty text for "none".
pub(crate) fn text_or_none(value: &DeValue<'_>) -> Read<Option<String>> {
    text(value).map(|text| (!text.is_empty()).then_some(text))
}

/// A text of several lines, of so many bytes at most.
pub(crate) fn lines<'v>(value: &'v DeValue<'_>, bytes_max: usize) -> Read<&'v str> {
    let DeValue::String(text) = value else {
        return Err(other_type(value, "a text of several lines", "\"\"\" around it"));
    };
    if text.len() > bytes_max {
        let what = format!("the text is longer than {bytes_max} bytes");
        return Err(Wrong::new(what, "take away what is not needed here"));
    }
    Ok(text)
}

/// A password.
pub(crate) fn secret(value: &DeValue<'_>) -> Read<Secret> {
    some_text(value).map(Secret)
}

/// A name that can stand in a SIP address, a URL and a log line without any quoting.
pub(crate) fn name(value: &DeValue<'_>) -> Read<String> {
    let text = bounded(value, NAME_CHARS_MAX)?;
    // RFC 3261 §25.1 `user` allows these unescaped; its other marks have a meaning in URLs.
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("`{text}` can not be a name: it must fit into a SIP address"),
        "use letters without accents, digits, `-`, `_` and `.`; put the rest into `display`",
    ))
}

/// The user part of a request URI, as a trunk or phone sends it.
pub(crate) fn dialled(value: &DeValue<'_>) -> Read<String> {
    let text = bounded(value, NAME_CHARS_MAX)?;
    // RFC 3261 §25.1: user = 1*( unreserved / escaped / user-unreserved ), without the escaped.
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/".contains(c);
    if !text.is_empty() && text.chars().all(legal) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("`{text}` can not be dialled: it is no user part of a SIP address"),
        "write it as the trunk sends it, for example \"+49301234567\" or \"welcome\"",
    ))
}

/// A code of `*` and digits, or the empty text for "none".
pub(crate) fn star_code(value: &DeValue<'_>) -> Read<Option<String>> {
    let text = bounded(value, NAME_CHARS_MAX)?;
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix('*').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(Some(text.to_owned()));
    }
    Err(Wrong::new(
        format!("`{text}` is not a star code"),
        "write `*` and digits, for example \"*45\", or \"\" for no such code",
    ))
}

/// A country code, or the empty text for "none".
pub(crate) fn country(value: &DeValue<'_>) -> Read<Option<String>> {
    let text = bounded(value, NAME_CHARS_MAX)?;
    // ITU-T E.164 §6.2.1: one to three digits; none begins with 0.
    let well_formed = text.len() <= 3 && !text.starts_with('0') && is_digits(text);
    if text.is_empty() || well_formed {
        return Ok((!text.is_empty()).then(|| text.to_owned()));
    }
    let remedy = "write its digits alone, for example \"49\"";
    Err(Wrong::new(format!("`{text}` is not a country code"), remedy))
}

/// An area code, or the empty text for "none".
pub(crate) fn area(value: &DeValue<'_>) -> Read<Option<String>> {
    let text = bounded(value, NAME_CHARS_MAX)?;
    if is_digits(text) {
        return Ok((!text.is_empty()).then(|| text.to_owned()));
    }
    let remedy = "write its digits without the prefix, for example \"30\"";
    Err(Wrong::new(format!("`{text}` is not an area code"), remedy))
}

/// What stands before a number; may be empty.
pub(crate) fn prefix(value: &DeValue<'_>) -> Read<String> {
    let text = bounded(value, NAME_CHARS_MAX)?;
    if is_digits(text) {
        return Ok(text.to_owned());
    }
    let remedy = "write digits, for example \"0\" or \"00\", or \"\" for none";
    Err(Wrong::new(format!("`{text}` can not stand before a number"), remedy))
}

/// A form of telephone numbers.
pub(crate) fn number_form(value: &DeValue<'_>) -> Read<NumberForm> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "e164" => Ok(NumberForm::E164),
        "national" => Ok(NumberForm::National),
        "international" => Ok(NumberForm::International),
        "as_dialled" => Ok(NumberForm::AsDialled),
        other => {
            let remedy = "write \"e164\", \"national\", \"international\" or \"as_dialled\"";
            Err(Wrong::new(format!("`{other}` is not a form of numbers"), remedy))
        }
    }
}

/// Where calls of a route come from.
pub(crate) fn origin(value: &DeValue<'_>) -> Read<From> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "account" => Ok(From::Accounts),
        "trunk" => Ok(From::Trunks),
        "guest" => Ok(From::Guests),
        other => {
            let remedy = "write \"account\", \"trunk\" or \"guest\", or name one trunk by \
                          `from_trunk`";
            Err(Wrong::new(format!("no calls come from `{other}`"), remedy))
        }
    }
}

/// A part of the week.
pub(crate) fn hours(value: &DeValue<'_>) -> Read<Hours> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    Hours::parse(text).ok_or_else(|| {
        let remedy = "write for example \"mon-fri 08:00-18:00\", \"sat,sun 00:00-24:00\" or \
                      \"22:00-06:00\" for every night";
        Wrong::new(format!("`{text}` is no part of the week"), remedy)
    })
}

/// A time zone.
pub(crate) fn zone(value: &DeValue<'_>) -> Read<Zone> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    Zone::named(text).ok_or_else(|| {
        let remedy = "write its name in the IANA database, for example \"Europe/Berlin\"";
        Wrong::new(format!("there is no time zone `{text}`"), remedy)
    })
}

/// A refusal by which one trunk may lead to the next.
pub(crate) fn refusal(value: &DeValue<'_>) -> Read<u16> {
    let code = whole(400, 599)(value).map_err(|wrong| {
        let remedy = "write codes from 400 to 599; a 6xx is the last word of the called party";
        Wrong { remedy: remedy.to_owned(), ..wrong }
    })?;
    match code {
        // The caller gave up; a challenge is for us; the offer was ours.
        401 | 407 | 487 | 491 => {
            Err(Wrong::new(format!("{code} says nothing of the trunk"), "take it away"))
        }
        code => Ok(code),
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A host name or address: the right side of a SIP address.
pub(crate) fn host(value: &DeValue<'_>) -> Read<String> {
    let text = bounded(value, HOST_CHARS_MAX)?;
    if is_host(text) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        format!("`{text}` is not a host name"),
        "write a name such as \"sip.example.org\" or an IPv4 address",
    ))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    text.split('.').all(label)
}

/// `true` or `false`.
pub(crate) fn flag(value: &DeValue<'_>) -> Read<bool> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        other => Err(other_type(other, "true or false", "true")),
    }
}

/// A whole number within limits.
pub(crate) fn whole<T>(min: T, max: T) -> impl Fn(&DeValue<'_>) -> Read<T>
where
    T: TryFrom<i64> + PartialOrd + Copy + std::fmt::Display,
{
    move |value| {
        let DeValue::Integer(number) = value else {
            return Err(other_type(value, "a whole number", &min.to_string()));
        };
        let read = i64::from_str_radix(number.as_str(), number.radix()).ok();
        let fits = read.and_then(|number| T::try_from(number).ok());
        fits.filter(|number| (min..=max).contains(number)).ok_or_else(|| {
            let remedy = format!("write a number from {min} to {max}");
            Wrong::new(format!("{} is out of range", number.as_str()), remedy)
        })
    }
}

/// A length of time.
pub(crate) fn duration(value: &DeValue<'_>) -> Read<Duration> {
    let remedy = "write a whole number and a unit (ms, s, m, h), for example \"18s\"";
    if let DeValue::Integer(number) = value {
        return Err(Wrong::new(format!("{} has no unit", number.as_str()), remedy));
    }
    let text = bounded(value, TEXT_CHARS_MAX)?;
    span::parse(text).map_err(|fault| Wrong::new(format!("`{text}` is {fault}"), remedy))
}

/// A length of time that is more than nothing.
pub(crate) fn some_duration(value: &DeValue<'_>) -> Read<Duration> {
    match duration(value)? {
        Duration::ZERO => Err(Wrong::new("a time of zero has no meaning here", "write a time")),
        duration => Ok(duration),
    }
}

/// A length of time, or `"never"`.
pub(crate) fn duration_or_never(value: &DeValue<'_>) -> Read<Option<Duration>> {
    if matches!(value, DeValue::String(text) if text == "never") {
        return Ok(None);
    }
    some_duration(value)
        .map(Some)
        .map_err(|wrong| Wrong { remedy: format!("{}, or \"never\"", wrong.remedy), ..wrong })
}

/// An address with a port.
pub(crate) fn socket_address(value: &DeValue<'_>) -> Read<SocketAddr> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    text.parse().map_err(|_| {
        Wrong::new(
            format!("`{text}` is not an address with a port"),
            "write for example \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"",
        )
    })
}

/// Where calls go: a name or an address, with or without a port.
pub(crate) fn target(value: &DeValue<'_>) -> Read<Target> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    Target::parse(text).ok_or_else(|| {
        Wrong::new(
            format!("`{text}` is neither a host name nor an address, with or without a port"),
            "write for example \"sip.example.org\", \"sip.example.org:5060\" or \"192.0.2.1:5060\"",
        )
    })
}

/// How one side is told who has led a call on.
pub(crate) fn diversion(value: &DeValue<'_>) -> Read<Diversion> {
    match text(value)?.as_str() {
        "none" => Ok(Diversion::None),
        "diversion" => Ok(Diversion::Diversion),
        "history-info" => Ok(Diversion::HistoryInfo),
        "both" => Ok(Diversion::Both),
        other => Err(Wrong::new(
            format!("`{other}` is no form of telling who has led a call on"),
            "write \"diversion\", \"history-info\", \"both\" or \"none\"",
        )),
    }
}

/// A name server: an address, with a port where it is not the usual one.
pub(crate) fn name_server(value: &DeValue<'_>) -> Read<SocketAddr> {
    const PORT: u16 = 53; // RFC 1035 §4.2
    let text = bounded(value, TEXT_CHARS_MAX)?;
    let plain = text.parse().map(|ip| SocketAddr::new(ip, PORT)).ok();
    plain.or_else(|| text.parse().ok()).ok_or_else(|| {
        let remedy = "write for example \"192.0.2.53\" or \"192.0.2.53:5353\"";
        Wrong::new(format!("`{text}` is not the address of a name server"), remedy)
    })
}

/// What others are told: an address without a port, or a name.
pub(crate) fn advertise(value: &DeValue<'_>) -> Read<Advertise> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    if let Ok(address) = text.parse() {
        return Ok(Advertise::Address(address));
    }
    // A last label of digits is a mistyped IPv4 address, never a name (RFC 1123 §2.1).
    let last = text.rsplit('.').next().unwrap_or_default();
    let name = host(value).ok().filter(|_| !last.bytes().all(|byte| byte.is_ascii_digit()));
    name.map(Advertise::Name).ok_or_else(|| {
        let remedy = "write for example \"192.0.2.1\" or \"sbc.example.org\", without a port";
        Wrong::new(format!("`{text}` is neither an address nor a host name"), remedy)
    })
}

/// A host name, whose first label may be `*` for any one label.
pub(crate) fn host_pattern(value: &DeValue<'_>) -> Read<String> {
    let text = bounded(value, HOST_CHARS_MAX)?;
    let named = text.strip_prefix("*.").filter(|rest| rest.contains('.')).unwrap_or(text);
    if is_host(named) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Wrong::new(
        format!("`{text}` is not a host name"),
        "write a name such as \"sip.example.org\", or \"*.example.org\" for every host there",
    ))
}

/// A network in prefix notation, or one address.
pub(crate) fn network(value: &DeValue<'_>) -> Read<Network> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    let remedy = "write for example \"192.0.2.0/24\" or \"192.0.2.1\"";
    Network::try_from(text.to_owned()).map_err(|what| Wrong::new(what, remedy))
}

/// What a listener speaks, and whether inside of a WebSocket.
pub(crate) fn spoken(value: &DeValue<'_>) -> Read<(ListenerTransport, bool)> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "ws" => Ok((ListenerTransport::Tcp, true)),
        "wss" => Ok((ListenerTransport::Tls, true)),
        "udp" | "tcp" | "tls" => transport(value).map(|transport| (transport, false)),
        other => {
            let what = format!("`{other}` is not a transport");
            Err(Wrong::new(what, "write \"udp\", \"tcp\", \"tls\", \"ws\" or \"wss\""))
        }
    }
}

/// A page, by its origin.
pub(crate) fn page(value: &DeValue<'_>) -> Read<Origin> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    Origin::parse(text).ok_or_else(|| {
        let remedy = "write scheme and host as the browser shows them, \"https://crm.example.org\"";
        Wrong::new(format!("`{text}` is not where a page comes from"), remedy)
    })
}

/// A page where none can speak.
pub(crate) fn no_page(_: &DeValue<'_>) -> Read<Origin> {
    let what = "pages can speak over WebSocket alone";
    Err(Wrong::new(what, "set `transport` to \"ws\" or \"wss\", or take `origins` away"))
}

/// The transport of a trunk.
pub(crate) fn transport(value: &DeValue<'_>) -> Read<ListenerTransport> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "udp" => Ok(ListenerTransport::Udp),
        "tcp" => Ok(ListenerTransport::Tcp),
        "tls" => Ok(ListenerTransport::Tls),
        "ws" | "wss" => {
            let what = "WebSocket is for browsers, and no trunk speaks it";
            Err(Wrong::new(what, "write \"udp\", \"tcp\" or \"tls\""))
        }
        other => {
            let what = format!("`{other}` is not a transport");
            Err(Wrong::new(what, "write \"udp\", \"tcp\" or \"tls\""))
        }
    }
}

/// What stands at the other end of a trunk.
pub(crate) fn trunk_word(value: &DeValue<'_>) -> Read<TrunkWord> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "carrier" => Ok(TrunkWord::Carrier),
        "sbc" => Ok(TrunkWord::Sbc),
        "pbx" => Ok(TrunkWord::Pbx),
        "teams-via-sbc" => Ok(TrunkWord::TeamsViaSbc),
        "teams-direct" => Ok(TrunkWord::TeamsDirect),
        other => {
            let remedy =
                "write \"carrier\", \"sbc\", \"pbx\", \"teams-via-sbc\" or \"teams-direct\"";
            Err(Wrong::new(format!("`{other}` is no type of trunk"), remedy))
        }
    }
}

/// Whose PBX stands there.
pub(crate) fn dialect(value: &DeValue<'_>) -> Read<Dialect> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "generic" => Ok(Dialect::Generic),
        "avaya" => Ok(Dialect::Avaya),
        "cisco" => Ok(Dialect::Cisco),
        "mitel" => Ok(Dialect::Mitel),
        "sfb" => Ok(Dialect::Sfb),
        other => {
            let remedy = "write \"generic\", \"avaya\", \"cisco\", \"mitel\" or \"sfb\"";
            Err(Wrong::new(format!("the dialect `{other}` is not known"), remedy))
        }
    }
}

/// How a party is told of a hold.
pub(crate) fn hold(value: &DeValue<'_>) -> Read<Hold> {
    match bounded(value, TEXT_CHARS_MAX)? {
        "music" => Ok(Hold::Music),
        "inactive" => Ok(Hold::Inactive),
        other => {
            let remedy = "write \"music\" or \"inactive\"";
            Err(Wrong::new(format!("nobody is held by `{other}`"), remedy))
        }
    }
}

/// Whether audio is encrypted.
pub(crate) fn media_encryption(value: &DeValue<'_>) -> Read<MediaEncryption> {
    let all = [MediaEncryption::Required, MediaEncryption::Preferred, MediaEncryption::Off];
    let text = bounded(value, TEXT_CHARS_MAX)?;
    all.into_iter().find(|word| word.as_str() == text).ok_or_else(|| {
        let remedy = "write \"required\", \"preferred\" or \"off\"";
        Wrong::new(format!("`{text}` says nothing of encryption"), remedy)
    })
}

/// By what keys are agreed on.
pub(crate) fn media_keys(value: &DeValue<'_>) -> Read<MediaKeys> {
    let text = bounded(value, TEXT_CHARS_MAX)?;
    let all = [MediaKeys::Sdes, MediaKeys::Dtls];
    all.into_iter().find(|word| word.as_str() == text).ok_or_else(|| {
        let remedy = "write \"sdes\" for keys in session descriptions, or \"dtls\" for a handshake";
        Wrong::new(format!("no keys are agreed on by `{text}`"), remedy)
    })
}

/// A path of the file system.
pub(crate) fn path(value: &DeValue<'_>) -> Read<PathBuf> {
    let text = bounded(value, PATH_CHARS_MAX)?;
    let path = PathBuf::from(text);
    if path.is_absolute() {
        return Ok(path);
    }
    let remedy = "write it from the root, for example \"/etc/holdfast/prompts\"";
    Err(Wrong::new(format!("`{text}` depends on where the program was started"), remedy))
}

/// A table.
pub(crate) fn table<'v, 'i>(value: &'v DeValue<'i>) -> Read<&'v DeTable<'i>> {
    match value {
        DeValue::Table(table) => Ok(table),
        other => Err(other_type(other, "a table", "{ key = value }")),
    }
}

fn bounded<'v>(value: &'v DeValue<'_>, chars_max: usize) -> Read<&'v str> {
    let DeValue::String(text) = value else {
        return Err(other_type(value, "a text", "\"text\" in quotes"));
    };
    if text.chars().count() > chars_max {
        let what = format!("the text is longer than {chars_max} characters");
        return Err(Wrong::new(what, "shorten it"));
    }
    if text.contains(|c: char| c.is_control()) {
        let what = "the text contains a control character or a line break";
        return Err(Wrong::new(what, "write it in one line"));
    }
    Ok(text)
}

/// The value is of another TOML type than the key wants.
pub(crate) fn other_type(value: &DeValue<'_>, wanted: &str, example: &str) -> Wrong {
    let is = match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Wrong::new(format!("this is {is}, and {wanted} is wanted"), format!("write {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> DeValue<'_> {
        DeValue::parse(text).map(toml::Spanned::into_inner).unwrap()
    }

    #[test]
    fn numbers_keep_their_limits_in_any_radix() {
        let port = whole(1024_u16, u16::MAX);
        assert_eq!(port(&value("5_060")), Ok(5060));
        assert_eq!(port(&value("0x13C4")), Ok(5060));
        for bad in ["80", "65536", "-5060", "99999999999999999999", "5060.0", "\"5060\""] {
            assert!(port(&value(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_fit_into_addresses() {
        assert_eq!(name(&value("'front-desk.2'")), Ok("front-desk.2".to_owned()));
        for bad in ["''", "'M\u{fc}ller'", "'a b'", "'a@b'", "'a/b'", "7"] {
            assert!(name(&value(bad)).is_err(), "{bad}");
        }
        assert_eq!(dialled(&value("'+4930*'")), Ok("+4930*".to_owned()));
        for bad in ["''", "'+49 30'", "'#21'", "'a@b'"] {
            assert!(dialled(&value(bad)).is_err(), "{bad}");
        }
        assert_eq!(star_code(&value("''")), Ok(None));
        assert_eq!(star_code(&value("'*45'")), Ok(Some("*45".to_owned())));
        for bad in ["'*'", "'45'", "'*4*'", "'*a'"] {
            assert!(star_code(&value(bad)).is_err(), "{bad}");
        }
        for bad in ["''", "'a..b'", "'-a'", "'a_b'", "'a:5060'"] {
            assert!(host(&value(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn never_is_a_time_only_where_it_may_be() {
        assert_eq!(duration_or_never(&value("'never'")), Ok(None));
        assert_eq!(duration_or_never(&value("'2m'")), Ok(Some(Duration::from_secs(120))));
        assert!(duration_or_never(&value("'0s'")).is_err());
        assert!(some_duration(&value("'never'")).is_err());
        assert_eq!(
            duration(&value("18")).map_err(|wrong| wrong.what),
            Err("18 has no unit".into())
        );
    }

    #[test]
    fn a_wrong_type_is_named() {
        let told = |result: Read<bool>| result.map_err(|wrong| wrong.what);
        let cases = [
            ("1", "a whole number"),
            ("1.5", "a number with a fraction"),
            ("'x'", "a text"),
            ("2024-01-01", "a date"),
            ("[]", "a list"),
            ("{}", "a table"),
        ];
        for (text, is) in cases {
            let what = format!("this is {is}, and true or false is wanted");
            assert_eq!(told(flag(&value(text))), Err(what));
        }
        assert!(text(&value("\"a\\nb\"")).is_err());
    }
}
