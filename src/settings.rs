//! The configuration as the box runs it: read, checked, and with every password in place.

use holdfast_base::EndpointName;
use holdfast_config::ical::ICAL_BYTES_MAX;
use holdfast_config::{Config, DOCUMENT_BYTES_MAX, Finding, Outside, Secret, defaults};
use holdfast_core::media::clip::ClipLibrary;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::clips;
use crate::trouble::Trouble;

/// Passwords that the box has made, in the state directory.
const PASSWORDS_FILE: &str = "passwords.json";
/// Letters of a made password: none that is mistaken for another on a phone's display.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 32 letters to the power of 16: 80 bits.
const PASSWORD_LETTERS: usize = 16;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The embedded default document.
    Embedded,
    /// A file.
    File(PathBuf),
}

/// Reads and checks the document. Warnings come with a configuration, errors instead of one.
///
/// # Errors
/// When the file can not be read, or its content is refused; each finding on a line of its own.
pub fn read(origin: &Origin, library: &ClipLibrary) -> Result<(Config, Vec<Finding>), Trouble> {
    let (text, name) = match origin {
        Origin::Embedded => (defaults::DOCUMENT.to_owned(), defaults::DOCUMENT_NAME.to_owned()),
        Origin::File(path) => (text_of(path)?, path.display().to_string()),
    };
    let outside = Outside { clips: &clips::names(library), files: &holdfast_drive::tls::examine };
    holdfast_config::read_with(&text, &name, &outside).map_err(|findings| refused(&findings, CHECK))
}

/// Each finding on a line of its own.
pub fn refused(findings: &[Finding], remedy: &str) -> Trouble {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    Trouble::new(lines.join("\n"), remedy)
}

/// What to do about a configuration that is refused.
const CHECK: &str = "mend these lines; `holdfast check FILE` tells when it is";

/// What the file says, as far as a document may be long.
///
/// # Errors
/// When it can not be read or is no text.
pub fn text_of(path: &Path) -> Result<String, Trouble> {
    let bytes = bytes_of(path, DOCUMENT_BYTES_MAX)?;
    holdfast_config::text(bytes, &path.display().to_string()).map_err(|it| refused(&it, CHECK))
}

/// What a calendar file says. What is no UTF-8 in it is shown as such; it stands in names of days.
///
/// # Errors
/// When the file can not be read.
pub fn text_of_ical(path: &Path) -> Result<String, Trouble> {
    let bytes = bytes_of(path, ICAL_BYTES_MAX)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn bytes_of(path: &Path, longest: usize) -> Result<Vec<u8>, Trouble> {
    let longest = u64::try_from(longest).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| no_file(path, &error))?;
    let mut file = file.take(longest.saturating_add(1)); // one more tells that it is too long
    file.read_to_end(&mut bytes).map_err(|error| no_file(path, &error))?;
    Ok(bytes)
}

/// The same with the clips that the document itself names: those of its folder are only known once
/// it is read.
///
/// # Errors
/// As [`read`], and when a clip can not be used.
pub fn read_with_library(origin: &Origin) -> Result<(Config, Vec<Finding>, ClipLibrary), Trouble> {
    let built_in = clips::library(None)?;
    let folder = prompts_folder(origin);
    let library = if folder.is_some() { clips::library(folder.as_deref())? } else { built_in };
    let (config, findings) = read(origin, &library)?;
    Ok((config, findings, library))
}

/// What differs from the configuration of the start and is read at start only.
#[must_use]
pub fn waiting_for_a_restart(started: &Config, now: &Config) -> Vec<&'static str> {
    let certificate = |config: &Config| (config.web.certificate.clone(), config.web.key.clone());
    [
        ("sip.listener", started.sip.listeners != now.sip.listeners),
        ("sip.t1", started.sip.t1 != now.sip.t1),
        ("media.threads", started.media.threads != now.media.threads),
        ("media.prompts", started.media.prompts != now.media.prompts),
        ("web.bind", started.web.bind != now.web.bind),
        ("web.certificate and web.key", certificate(started) != certificate(now)),
        ("abuse.nftables", started.abuse.nftables != now.abuse.nftables),
        ("trace", started.trace != now.trace),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect()
}

/// The folder of the operator's clips, if the document is good so far.
fn prompts_folder(origin: &Origin) -> Option<PathBuf> {
    let Origin::File(path) = origin else { return None };
    let text = text_of(path).ok()?;
    let (config, _) = holdfast_config::read(&text, "").ok()?;
    config.media.prompts
}

fn no_file(path: &Path, error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::NotFound => Trouble::new(
            format!("{}: there is no such file", path.display()),
            format!("make one to start from: holdfast defaults > {}", path.display()),
        ),
        io::ErrorKind::IsADirectory => Trouble::new(
            format!("{}: this is a folder", path.display()),
            "name the configuration file in it",
        ),
        io::ErrorKind::PermissionDenied => Trouble::new(
            format!("{}: {error}", path.display()),
            "let the user who runs Holdfast read it",
        ),
        _ => Trouble::file(path, error),
    }
}

/// Gives every account without a password the one that this box made for it, at first start a new
/// one. The file is written before anyone can register with it.
///
/// # Errors
/// When the file can not be read or written.
pub fn complete(config: &mut Config, state: &Path) -> Result<(), Trouble> {
    let path = state.join(PASSWORDS_FILE);
    let trouble = |error: io::Error| Trouble::file(&path, &error);
    let mut made: BTreeMap<EndpointName, Secret> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| {
            Trouble::new(
                format!("{}: not a list of passwords", path.display()),
                "put back a copy of it, or remove it: new passwords are made then",
            )
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(trouble(error)),
    };
    let before = made.len();
    for account in config.accounts.iter_mut().filter(|account| account.password.is_none()) {
        if !made.contains_key(&account.name) {
            made.insert(account.name.clone(), new_password().map_err(trouble)?);
        }
        account.password = made.get(&account.name).cloned();
    }
    if made.len() > before {
        let bytes = serde_json::to_vec_pretty(&made).unwrap_or_default();
        replace(&path, &bytes).map_err(trouble)?;
    }
    Ok(())
}

fn new_password() -> io::Result<Secret> {
    let mut random = [0; PASSWORD_LETTERS];
    getrandom::fill(&mut random).map_err(io::Error::from)?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).copied().map(char::from);
    Ok(Secret(random.iter().filter_map(letter).collect()))
}

/// Writes a file that only we may read, whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{Origin, complete, read, waiting_for_a_restart};
    use crate::clips::library;

    #[test]
    fn made_passwords_stay_and_differ() {
        let state = std::env::temp_dir().join(format!("holdfast-settings-{}", std::process::id()));
        std::fs::create_dir_all(&state).expect("folder");
        let passwords = || {
            let clips = library(None).expect("clips");
            let (mut config, _) = read(&Origin::Embedded, &clips).expect("defaults");
            complete(&mut config, &state).expect("passwords");
            config.accounts.into_iter().map(|a| a.password.expect("password").0).collect()
        };
        let first: Vec<String> = passwords();
        let again: Vec<String> = passwords();
        std::fs::remove_dir_all(&state).expect("clean up");
        assert_eq!(first, again);
        assert_eq!(first.len(), 2);
        assert_ne!(first.first(), first.last());
        assert!(first.iter().all(|password| password.len() == 16));
    }

    #[test]
    fn a_reload_names_what_it_can_not_change() {
        let clips = library(None).expect("clips");
        let (started, _) = read(&Origin::Embedded, &clips).expect("defaults");
        let mut now = started.clone();
        now.site.name = "Elsewhere".to_owned();
        now.media.port_max += 2;
        assert!(waiting_for_a_restart(&started, &now).is_empty());
        now.sip.listeners.pop();
        now.sip.t1 *= 2;
        now.media.threads = 3;
        now.media.prompts = Some("/prompts".into());
        now.web.bind.set_port(9443);
        now.web.key = Some("/key".into());
        now.abuse.nftables = true;
        now.trace.megabytes = 0;
        assert_eq!(
            waiting_for_a_restart(&started, &now),
            [
                "sip.listener",
                "sip.t1",
                "media.threads",
                "media.prompts",
                "web.bind",
                "web.certificate and web.key",
                "abuse.nftables",
                "trace",
            ]
        );
    }

    #[test]
    fn a_missing_file_says_how_to_make_one() {
        let clips = library(None).expect("clips");
        let trouble = read(&Origin::File("/nowhere/holdfast.toml".into()), &clips).unwrap_err();
        assert_eq!(
            trouble.to_string(),
            "/nowhere/holdfast.toml: there is no such file\n  remedy: make one to start from: \
             holdfast defaults > /nowhere/holdfast.toml"
        );
    }

    #[test]
    fn a_folder_and_a_file_of_another_encoding_say_what_to_do() {
        let clips = library(None).expect("clips");
        let folder = std::env::temp_dir().join(format!("holdfast-latin-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let latin = folder.join("holdfast.toml");
        std::fs::write(&latin, b"[site]\nname = \"B\xfcro\"\n").expect("file");
        let told = |path: &std::path::Path| {
            let trouble = read(&Origin::File(path.to_owned()), &clips).unwrap_err();
            trouble.to_string().replace(&folder.display().to_string(), "DIR")
        };
        let (of_folder, of_latin) = (told(&folder), told(&latin));
        std::fs::remove_dir_all(&folder).expect("clean up");
        assert_eq!(of_folder, "DIR: this is a folder\n  remedy: name the configuration file in it");
        assert_eq!(
            of_latin,
            "DIR/holdfast.toml:2: column 10: the byte 0xfc is not UTF-8; save the file as UTF-8\n  \
             remedy: mend these lines; `holdfast check FILE` tells when it is"
        );
    }
}
