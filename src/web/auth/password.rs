//! Passwords: what is accepted, how they are kept, how they are checked.
//!
//! Argon2id with the parameters of the OWASP cheat sheet (19 MiB, 2 passes), a few at once on
//! threads of their own: a flood of logins costs the calls nothing but those threads.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use tokio::sync::Semaphore;

/// Shortest password. NIST SP 800-63B §3.1.1.2 wants more than 8 where nothing else protects.
pub(crate) const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password: bounds the work of the hash.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;
/// Argon2 runs at once; each takes 19 MiB and one core for some 50 ms.
const RUNS_MAX: usize = 2;
/// Checked when the user does not exist, so that the answer takes as long as for one who does.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm9ib2R5$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords, a few at once.
pub(crate) struct Passwords {
    runs: Arc<Semaphore>,
}

/// The work could not be done: stopping, or no randomness.
#[derive(Debug)]
pub(crate) struct Unable;

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { runs: Arc::new(Semaphore::new(RUNS_MAX)) }
    }

    /// Whether `password` is the one kept as `kept`. `None` is a user who does not exist.
    pub(crate) async fn check(
        &self,
        kept: Option<String>,
        password: String,
    ) -> Result<bool, Unable> {
        let exists = kept.is_some();
        let kept = kept.unwrap_or_else(|| NOBODY.to_owned());
        let right = self.run(move || Ok(verify(&kept, &password))).await?;
        Ok(right && exists)
    }

    /// What to keep of a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Unable> {
        self.run(move || {
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|_| Unable)?;
            let salt = SaltString::encode_b64(&salt).map_err(|_| Unable)?;
            let kept = Argon2::default().hash_password(password.as_bytes(), &salt);
            kept.map(|hash| hash.to_string()).map_err(|_| Unable)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Unable> + Send + 'static,
    ) -> Result<T, Unable> {
        let permit = self.runs.clone().acquire_owned().await.map_err(|_| Unable)?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            // Held by the thread, not by the request: a client that leaves does not free a run.
            drop(permit);
            done
        })
        .await
        .map_err(|_| Unable)?
    }
}

fn verify(kept: &str, password: &str) -> bool {
    PasswordHash::new(kept)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{NOBODY, Passwords};
    use argon2::Params;
    use argon2::password_hash::PasswordHash;

    #[tokio::test]
    async fn the_right_password_opens_and_others_do_not() {
        let passwords = Passwords::new();
        let kept = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$"));
        assert!(passwords.check(Some(kept.clone()), "correct horse".to_owned()).await.unwrap());
        assert!(!passwords.check(Some(kept), "Correct horse".to_owned()).await.unwrap());
        assert!(!passwords.check(None, "correct horse".to_owned()).await.unwrap());
        assert!(!passwords.check(Some("torn".to_owned()), String::new()).await.unwrap());
    }

    /// The user who does not exist must cost the same work as one who does.
    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(params.m_cost(), Params::DEFAULT_M_COST);
        assert_eq!(params.t_cost(), Params::DEFAULT_T_COST);
        assert_eq!(params.p_cost(), Params::DEFAULT_P_COST);
        assert_eq!(nobody.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }
}
