//! A certificate of ours with its key: read, examined, and only then used.

use holdfast_base::Wall;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::fault::Fault;
use super::names;

/// The bytes of both files, as last seen: whether they have changed is whether these have.
#[derive(Clone, PartialEq, Eq)]
pub struct Files {
    paths: (PathBuf, PathBuf),
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    /// Reads both.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Fault> {
        let read = |path: &Path| fs::read(path).map_err(|error| Fault::read(path, &error));
        let paths = (certificate.to_owned(), key.to_owned());
        Ok(Self { paths, certificate: read(certificate)?, key: read(key)? })
    }
}

/// A certificate chain and its key, fit for use.
pub struct Identity {
    /// As rustls takes it, as a server and as a client.
    pub certified: Arc<CertifiedKey>,
    /// The names that it speaks for.
    pub names: Vec<String>,
    /// The end of its validity.
    pub expires: Wall,
    path: PathBuf,
    starts: Wall,
}

impl Identity {
    /// Examines the files: PEM, a chain, the key of its first certificate.
    pub fn of(files: &Files, provider: &CryptoProvider) -> Result<Self, Fault> {
        let (path, key_path) = (&files.paths.0, &files.paths.1);
        let no_pem = "write the certificate chain as PEM, the own certificate first";
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&files.certificate)
                .collect::<Result<_, _>>()
                .map_err(|error| Fault::new(path, format!("it is not PEM: {error}"), no_pem))?;
        let Some(own) = chain.first() else {
            return Err(Fault::new(path, "there is no certificate in it", no_pem));
        };
        for certificate in &chain {
            X509Certificate::from_der(certificate)
                .map_err(|_| Fault::new(path, "a certificate in it is damaged", no_pem))?;
        }
        let (_, parsed) = X509Certificate::from_der(own)
            .map_err(|_| Fault::new(path, "a certificate in it is damaged", no_pem))?;
        let names = names::of(&parsed);
        let validity = parsed.validity();
        let at = |seconds: i64| Wall::from_micros(seconds.saturating_mul(1_000_000));
        let (starts, expires) =
            (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
        let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|_| {
            Fault::new(key_path, "there is no private key in it", "write the key as PEM, unlocked")
        })?;
        let certified = CertifiedKey::from_der(chain.clone(), key, provider).map_err(|error| {
            let remedy = "put certificate and key of one pair there";
            match error {
                rustls::Error::InconsistentKeys(_) => {
                    let what = format!("it is not the key of {}", path.display());
                    Fault::new(key_path, what, remedy)
                }
                other => Fault::new(key_path, format!("it can not be used: {other}"), remedy),
            }
        })?;
        let path = path.clone();
        Ok(Self { certified: Arc::new(certified), names, expires, path, starts })
    }

    /// Whether it is valid at this time.
    pub fn valid_at(&self, now: Wall) -> Result<(), Fault> {
        let remedy = "order a new one";
        if self.expires <= now {
            return Err(Fault::new(&self.path, "the certificate has expired", remedy));
        }
        if self.starts > now {
            let what = format!("the certificate is not valid before {}", self.starts);
            return Err(Fault::new(&self.path, what, "correct the clock, or wait"));
        }
        Ok(())
    }

    /// Whether it speaks for `name`.
    pub fn covers(&self, name: &str) -> bool {
        self.names.iter().any(|own| names::covers(own, name))
    }

    /// What is wrong when it does not speak for the name by which the box calls itself.
    pub fn must_cover(&self, name: Option<&str>) -> Result<(), Fault> {
        match name {
            Some(name) if !self.covers(name) => Err(Fault::new(
                &self.path,
                format!("the certificate is not for `{name}`, so peers may refuse it"),
                "order one with this name, or correct `advertise`",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the two are one certificate.
    pub fn is(&self, other: &Self) -> bool {
        self.certified.cert.first() == other.certified.cert.first()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("names", &self.names).finish_non_exhaustive()
    }
}
