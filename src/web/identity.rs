//! The certificate of the box.
//!
//! A new box signs its own. Its fingerprint stands on the console beside the claim code, so that
//! the technician can compare it with what the browser shows; the operator's own certificate
//! replaces it by configuration.

use std::fmt;
use std::io;
use std::path::Path;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::sync::Arc;

use crate::files;

/// Certificate and key of a box that has none of the operator's, in the state directory.
const KEPT_FILE: &str = "web-identity.pem";
/// Name of the protocols offered, best first (RFC 7301, RFC 9113 §3.2).
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate chain and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why there is no identity.
#[derive(Debug)]
pub enum IdentityError {
    /// A file could not be read or written.
    Io(io::Error),
    /// Not PEM, or nothing in it.
    Pem(String),
    /// A certificate for these names could not be made.
    Make(String),
    /// Certificate and key do not fit, or are of a kind that TLS does not take.
    Unusable(String),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "certificate or key file: {error}"),
            Self::Pem(why) => write!(f, "certificate or key is not PEM: {why}"),
            Self::Make(why) => write!(f, "no certificate could be made: {why}"),
            Self::Unusable(why) => write!(f, "certificate and key can not be used: {why}"),
        }
    }
}

impl std::error::Error for IdentityError {}

impl From<io::Error> for IdentityError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<pem::Error> for IdentityError {
    fn from(error: pem::Error) -> Self {
        Self::Pem(error.to_string())
    }
}

impl Identity {
    /// The operator's certificate chain, own certificate first, and its key, from PEM files.
    ///
    /// # Errors
    /// A file can not be read, is not PEM, or the key is not that of the certificate.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let certificate = std::fs::read(certificate)?;
        let key = std::fs::read(key)?;
        Self::from_pem(&certificate, &key)
    }

    /// The box's own certificate, kept in `state_dir` (mode 0600) and made there at first start,
    /// so that its fingerprint stays.
    ///
    /// # Errors
    /// The folder can not be read or written, or the file there is damaged.
    pub fn kept(state_dir: &Path, names: &[String]) -> Result<Self, IdentityError> {
        if let Some(pem) = files::read(state_dir, KEPT_FILE)? {
            return Self::from_pem(&pem, &pem);
        }
        let (certificate, key) = signed_by_itself(names)?;
        files::replace(state_dir, KEPT_FILE, format!("{certificate}{key}").as_bytes())?;
        Self::from_pem(certificate.as_bytes(), key.as_bytes())
    }

    /// A new certificate for these host names and addresses, signed by its own key.
    ///
    /// # Errors
    /// A name can not stand in a certificate.
    pub fn self_signed(names: &[String]) -> Result<Self, IdentityError> {
        let (certificate, key) = signed_by_itself(names)?;
        Self::from_pem(certificate.as_bytes(), key.as_bytes())
    }

    fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(certificate).collect::<Result<_, _>>()?;
        if chain.is_empty() {
            return Err(IdentityError::Pem("there is no certificate in it".to_owned()));
        }
        let identity = Self { chain, key: PrivateKeyDer::from_pem_slice(key)? };
        // Refused now, with the name of the file in hand, rather than at the first visitor.
        identity.server_config()?;
        Ok(identity)
    }

    /// SHA-256 of the certificate as browsers show it: `AB:CD:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = self.chain.first().map(Sha256::digest).unwrap_or_default();
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    /// The own certificate, for a client that shall trust it.
    #[cfg(test)]
    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.chain.first()
    }

    /// TLS 1.2 and 1.3 with this certificate, HTTP/2 or HTTP/1.1.
    pub(crate) fn server_config(&self) -> Result<ServerConfig, IdentityError> {
        let unusable = |error: rustls::Error| IdentityError::Unusable(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint()).finish()
    }
}

/// Certificate and key in PEM. Valid for ever: the box may have no right time when it makes it, and
/// trust comes from comparing the fingerprint, not from a date.
fn signed_by_itself(names: &[String]) -> Result<(String, String), IdentityError> {
    let made = |error: rcgen::Error| IdentityError::Make(error.to_string());
    let mut params = CertificateParams::new(names.to_vec()).map_err(made)?;
    let name = names.first().map_or("holdfast", String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(made)?;
    let certificate = params.self_signed(&key).map_err(made)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::{Identity, IdentityError, signed_by_itself};
    use crate::sample::Folder;

    fn names() -> Vec<String> {
        ["box.example", "127.0.0.1"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_own_certificate_stays_over_restarts() {
        let folder = Folder::new("identity");
        let first = Identity::kept(folder.path(), &names()).unwrap().fingerprint();
        let again = Identity::kept(folder.path(), &names()).unwrap().fingerprint();
        assert_eq!(first, again);
        assert_eq!(first.len(), 32 * 3 - 1);
        assert!(first.split(':').all(|pair| u8::from_str_radix(pair, 16).is_ok()));
        assert_ne!(first, Identity::self_signed(&names()).unwrap().fingerprint());
    }

    #[test]
    fn a_key_of_another_certificate_is_refused_at_start() {
        let folder = Folder::new("pair");
        let (certificate, _) = signed_by_itself(&names()).unwrap();
        let (_, key) = signed_by_itself(&names()).unwrap();
        let paths = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], certificate).unwrap();
        std::fs::write(&paths[1], key).unwrap();
        let refused = Identity::load(&paths[0], &paths[1]);
        assert!(matches!(refused, Err(IdentityError::Unusable(_))), "{refused:?}");
        std::fs::write(&paths[0], "no pem").unwrap();
        assert!(matches!(Identity::load(&paths[0], &paths[1]), Err(IdentityError::Pem(_))));
    }
}
