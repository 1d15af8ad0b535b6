//! The people who may log in, and the claim of a new box.
//!
//! ```text
//! first start ──► Unclaimed { code } ──claim(code, user)──► Claimed { users }
//! ```
//! A new box has no account and no default password. It makes a one-time code, shows it on the
//! console (never on the network), and whoever brings it makes the first account. The users file
//! is durable before the code is void, so no power cut leaves a box that nobody can enter. Without
//! the users file the box is unclaimed again: removing it on the box is the way back in.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::device::Devices;
use super::secret;
use crate::files;

/// The users file, in the state directory.
const USERS_FILE: &str = "users.json";
/// Holds the claim code until it is used.
const CODE_FILE: &str = "claim-code";
/// Schema of the users file.
const USERS_VERSION: u32 = 1;
/// Longest name of a user.
pub(crate) const USER_CHARS_MAX: usize = 32;

/// The accounts of this box.
#[derive(Debug)]
pub struct Accounts {
    dir: PathBuf,
    devices: Devices,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Unclaimed { code: String },
    Claimed { users: Vec<User> },
}

#[derive(Debug, Serialize, Deserialize)]
struct UsersFile {
    version: u32,
    users: Vec<User>,
}

/// One account.
#[derive(Clone, Serialize, Deserialize)]
struct User {
    name: String,
    /// PHC string of argon2id.
    password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

/// Why a claim did not succeed.
#[derive(Debug)]
pub(crate) enum ClaimRefused {
    /// Somebody was faster.
    AlreadyClaimed,
    /// Not the code of this box.
    WrongCode,
    /// The disk did not take the users file.
    Disk(io::Error),
}

impl Accounts {
    /// Reads the accounts of `state_dir`; makes a claim code when there are none.
    ///
    /// # Errors
    /// The folder can not be read or written, or the users file is not one of ours: then nobody
    /// is let in, rather than everybody.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        let dir = state_dir.to_owned();
        let state = match files::read(&dir, USERS_FILE)? {
            Some(bytes) => {
                let users = users_of(&bytes)?;
                // A power cut after the claim could have left the code behind.
                files::remove(&dir, CODE_FILE)?;
                State::Claimed { users }
            }
            None => State::Unclaimed { code: kept_code(&dir)? },
        };
        let devices = Devices::open(&dir)?;
        Ok(Self { dir, devices, state: Mutex::new(state) })
    }

    /// The code that claims this box; `None` once it is claimed.
    #[must_use]
    pub fn claim_code(&self) -> Option<String> {
        match &*self.lock() {
            State::Unclaimed { code } => Some(code.clone()),
            State::Claimed { .. } => None,
        }
    }

    /// The browsers that were let in before.
    pub(crate) const fn devices(&self) -> &Devices {
        &self.devices
    }

    /// Whether this box has an owner.
    pub(crate) fn is_claimed(&self) -> bool {
        match &*self.lock() {
            State::Unclaimed { .. } => false,
            State::Claimed { .. } => true,
        }
    }

    /// Whether a person typed the code of this box.
    pub(crate) fn is_code(&self, typed: &str) -> bool {
        self.claim_code().is_some_and(|code| is_code(&code, typed))
    }

    /// Makes the first account. Blocks until it is on disk.
    pub(crate) fn claim(
        &self,
        typed: &str,
        user: &str,
        password_hash: String,
    ) -> Result<(), ClaimRefused> {
        let mut state = self.lock();
        match &*state {
            State::Claimed { .. } => return Err(ClaimRefused::AlreadyClaimed),
            State::Unclaimed { code } if !is_code(code, typed) => {
                return Err(ClaimRefused::WrongCode);
            }
            State::Unclaimed { .. } => {}
        }
        let users = vec![User { name: user.to_owned(), password: password_hash }];
        self.write(&users).map_err(ClaimRefused::Disk)?;
        *state = State::Claimed { users };
        // Harmless when it fails: the code is void because users exist, and the next start
        // removes the file again.
        let _ = files::remove(&self.dir, CODE_FILE);
        Ok(())
    }

    /// What is kept of the password of `user`.
    pub(crate) fn password_hash(&self, user: &str) -> Option<String> {
        match &*self.lock() {
            State::Unclaimed { .. } => None,
            State::Claimed { users } => {
                users.iter().find(|known| known.name == user).map(|known| known.password.clone())
            }
        }
    }

    fn write(&self, users: &[User]) -> io::Result<()> {
        let file = UsersFile { version: USERS_VERSION, users: users.to_vec() };
        let bytes = serde_json::to_vec_pretty(&file).map_err(io::Error::other)?;
        files::replace(&self.dir, USERS_FILE, &bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held with a half-made state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_code(code: &str, typed: &str) -> bool {
    secret::same(&secret::typed_code(code), &secret::typed_code(typed))
}

fn users_of(bytes: &[u8]) -> io::Result<Vec<User>> {
    let file: UsersFile = serde_json::from_slice(bytes)
        .map_err(|error| io::Error::other(format!("{USERS_FILE} is damaged: {error}")))?;
    if file.version != USERS_VERSION {
        let version = file.version;
        return Err(io::Error::other(format!("{USERS_FILE} is of version {version}, not ours")));
    }
    Ok(file.users)
}

/// The code of an earlier start, or a new one, durable before anyone sees it.
fn kept_code(dir: &Path) -> io::Result<String> {
    let kept = files::read(dir, CODE_FILE)?.and_then(|bytes| String::from_utf8(bytes).ok());
    match kept.map(|text| text.trim().to_owned()).filter(|code| !code.is_empty()) {
        Some(code) => Ok(code),
        None => {
            let code = secret::claim_code()?;
            files::replace(dir, CODE_FILE, code.as_bytes())?;
            Ok(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Accounts, CODE_FILE, ClaimRefused, USERS_FILE};
    use crate::sample::Folder;

    #[test]
    fn the_code_stays_until_it_is_used_and_is_void_then() {
        let folder = Folder::new("claim");
        let code = Accounts::open(folder.path()).unwrap().claim_code().unwrap();
        let accounts = Accounts::open(folder.path()).unwrap();
        assert_eq!(accounts.claim_code().as_deref(), Some(code.as_str()));

        let wrong = accounts.claim("AAAAA-AAAAA", "anna", "hash".to_owned());
        assert!(matches!(wrong, Err(ClaimRefused::WrongCode)));
        assert!(!accounts.is_claimed());

        accounts.claim(&code.to_lowercase(), "anna", "hash".to_owned()).unwrap();
        assert!(accounts.is_claimed());
        assert_eq!(accounts.claim_code(), None);
        assert!(!accounts.is_code(&code));
        let again = accounts.claim(&code, "mallory", "hash".to_owned());
        assert!(matches!(again, Err(ClaimRefused::AlreadyClaimed)));

        let reopened = Accounts::open(folder.path()).unwrap();
        assert_eq!(reopened.password_hash("anna").as_deref(), Some("hash"));
        assert_eq!(reopened.password_hash("mallory"), None);
    }

    #[test]
    fn a_power_cut_between_users_file_and_code_leaves_a_claimed_box() {
        let folder = Folder::new("cut");
        let accounts = Accounts::open(folder.path()).unwrap();
        let code = accounts.claim_code().unwrap();
        accounts.claim(&code, "anna", "hash".to_owned()).unwrap();
        std::fs::write(folder.path().join(CODE_FILE), &code).unwrap();
        assert!(Accounts::open(folder.path()).unwrap().is_claimed());
        assert!(!folder.path().join(CODE_FILE).exists());
    }

    #[test]
    fn a_damaged_users_file_lets_nobody_in() {
        let folder = Folder::new("damaged");
        for text in ["", "{}", r#"{"version":9,"users":[]}"#] {
            std::fs::write(folder.path().join(USERS_FILE), text).unwrap();
            assert!(Accounts::open(folder.path()).is_err(), "{text}");
        }
    }
}
