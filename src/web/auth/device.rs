//! Browsers that were let in before, so that a crowd that guesses passwords does not lock them out.
//!
//! A right password earns the browser a device cookie: a random number and its HMAC, with the name
//! of the user, under a key of this box. It opens nothing. It only says that tries from here are
//! counted on their own (see [`super::throttle`]), so one that is stolen buys a few guesses a
//! minute. (OWASP, "Slow down online guessing attacks with device cookies".)

use std::io;
use std::path::Path;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::secret::{self, TokenHash};
use crate::files;

/// Key of the cookies, in the state directory: a browser stays known over a restart.
const KEY_FILE: &str = "device-key";
/// Bytes of the key: one block of the hash (RFC 2104 §2).
const KEY_BYTES: usize = 64;
/// Characters of a token of [`secret::token`], and of a MAC.
const PART_CHARS: usize = 64;

/// The cookie that carries it.
pub(crate) const COOKIE: &str = "__Host-device";
/// How long a browser is known, in seconds: half a year, between two visits of a technician.
pub(crate) const KNOWN_SECONDS: u32 = 180 * 24 * 60 * 60;

/// Knows the devices by a key alone; there is no list that could grow.
pub(crate) struct Devices {
    key: [u8; KEY_BYTES],
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Devices").finish_non_exhaustive()
    }
}

impl Devices {
    /// The key of an earlier start, or a new one.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let kept = files::read(dir, KEY_FILE)?.and_then(|bytes| bytes.try_into().ok());
        if let Some(key) = kept {
            return Ok(Self { key });
        }
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        files::replace(dir, KEY_FILE, &key)?;
        Ok(Self { key })
    }

    /// The cookie of a browser that has just brought the right password of `user`.
    pub(crate) fn cookie(&self, user: &str) -> io::Result<String> {
        let number = secret::token()?;
        let mac = self.mac(user, &number);
        Ok(format!("{number}{mac}"))
    }

    /// The device of a cookie, when this box made it for `user`.
    pub(crate) fn known(&self, user: &str, cookie: &str) -> Option<TokenHash> {
        let (number, mac) = cookie.split_at_checked(PART_CHARS)?;
        secret::same(&self.mac(user, number), mac).then(|| secret::hash(number))
    }

    fn mac(&self, user: &str, number: &str) -> String {
        let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&self.key.into());
        mac.update(number.as_bytes()); // of fixed length, so that no name reads as part of it
        mac.update(user.as_bytes());
        secret::hex(&mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{Devices, KEY_FILE};
    use crate::sample::Folder;

    #[test]
    fn a_browser_is_known_over_a_restart_for_its_user_and_on_its_box_alone() {
        let folder = Folder::new("device");
        let cookie = Devices::open(folder.path()).unwrap().cookie("anna").unwrap();
        let devices = Devices::open(folder.path()).unwrap();
        let device = devices.known("anna", &cookie).unwrap();
        assert_ne!(devices.known("anna", &devices.cookie("anna").unwrap()), Some(device));
        assert_eq!(devices.known("ben", &cookie), None);
        let (number, mac) = cookie.split_at(64);
        let forged = format!("{}{mac}", "0".repeat(64));
        let longer = format!("{cookie}0");
        for cookie in [&forged, number, mac, "", "\u{2026}", &longer] {
            assert_eq!(devices.known("anna", cookie), None, "{cookie}");
        }
        std::fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
        assert_eq!(Devices::open(folder.path()).unwrap().known("anna", &cookie), None);
    }
}
