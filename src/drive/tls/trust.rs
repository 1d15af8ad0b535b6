//! Whom a trunk believes: its roots, and the name that the other side must carry.
//!
//! A certificate is believed when a chain leads from it to a root, when it is for TLS at all, and
//! when it carries the name (RFC 5922 §7.3, §7.4). That a client shows one that is for servers, or
//! a server one without any purpose, is no fault: Microsoft's have serverAuth alone.

use holdfast_base::TrunkId;
use rustls::CertificateError;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::fs;
use std::path::Path;
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::fault::Fault;
use super::names;

/// What Debian, Ubuntu, Alpine and others keep the authorities in.
pub const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Certificates in one file of roots; the system has some 150.
const ROOTS_MAX: usize = 2000;

/// Certificate authorities.
#[derive(Debug, PartialEq, Eq)]
pub struct Roots(Vec<TrustAnchor<'static>>);

impl Roots {
    /// Reads a file of PEM certificates. An unusual one is left out; none at all is a fault.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let bytes = fs::read(path).map_err(|error| Fault::read(path, &error))?;
        let certificates = CertificateDer::pem_slice_iter(&bytes).take(ROOTS_MAX).flatten();
        let anchors: Vec<TrustAnchor<'static>> = certificates
            .filter_map(|der| Some(webpki::anchor_from_trusted_cert(&der).ok()?.to_owned()))
            .collect();
        if anchors.is_empty() {
            let remedy = "write the certificates of the authorities as PEM";
            return Err(Fault::new(path, "there is no certificate of an authority in it", remedy));
        }
        Ok(Self(anchors))
    }
}

/// What one trunk believes.
#[derive(Debug)]
pub struct Trust {
    /// The trunk.
    pub trunk: TrunkId,
    /// Its roots.
    pub roots: Roots,
    /// The name that the other side must carry; a star in front is one label.
    pub peer: String,
}

impl Trust {
    /// Whether this chain, own certificate first, is that of the trunk's peer.
    pub fn believes(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let Some((own, intermediates)) = chain.split_first() else {
            return Err(rustls::Error::NoCertificatesPresented);
        };
        let certificate = EndEntityCert::try_from(own).map_err(reason)?;
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        let roots = &self.roots.0;
        certificate
            .verify_for_usage(algorithms, roots, intermediates, now, ForTls, None, None)
            .map_err(reason)?;
        let (_, parsed) = X509Certificate::from_der(own)
            .map_err(|_| rustls::Error::from(CertificateError::BadEncoding))?;
        if names::of(&parsed).iter().any(|name| names::covers(name, &self.peer)) {
            return Ok(());
        }
        Err(CertificateError::NotValidForName.into())
    }
}

/// The purpose is TLS, on whichever side, or not said.
struct ForTls;

impl ExtendedKeyUsageValidator for ForTls {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let tls = [KeyUsage::SERVER_AUTH_REPR, KeyUsage::CLIENT_AUTH_REPR];
        let mut said = false;
        for purpose in purposes {
            said = true;
            if tls.contains(&purpose?.to_decoded_oid().as_slice()) {
                return Ok(());
            }
        }
        if said { Err(Error::EmptyEkuExtension) } else { Ok(()) }
    }
}

/// The alert that the other side's technician will see.
fn reason(error: Error) -> rustls::Error {
    let says = match error {
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => CertificateError::BadEncoding,
        Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        Error::CertExpired { .. } => CertificateError::Expired,
        Error::UnknownIssuer => CertificateError::UnknownIssuer,
        Error::EmptyEkuExtension => CertificateError::InvalidPurpose,
        other => CertificateError::Other(rustls::OtherError(std::sync::Arc::new(other))),
    };
    says.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may die of what it did not expect")]
    use super::{Roots, Trust};
    use crate::tls::sample::{Authority, Folder, Made, expired};
    use holdfast_base::TrunkId;
    use rcgen::{CertificateParams, ExtendedKeyUsagePurpose as Purpose};
    use rustls_pki_types::UnixTime;

    struct Bench {
        authority: Authority,
        trust: Trust,
    }

    impl Bench {
        fn new(peer: &str) -> Self {
            let folder = Folder::new("trust");
            let authority = Authority::new("Root");
            let path = folder.file("roots.pem", &authority.pem());
            let roots = Roots::read(&path).unwrap();
            Self { authority, trust: Trust { trunk: TrunkId(1), roots, peer: peer.to_owned() } }
        }

        fn says(&self, made: &Made) -> String {
            match self.trust.believes(&made.chain(), UnixTime::now()) {
                Ok(()) => "believed".to_owned(),
                Err(rustls::Error::InvalidCertificate(why)) => {
                    format!("{why:?}").split(['(', ' ']).next().unwrap().to_owned()
                }
                Err(other) => other.to_string(),
            }
        }
    }

    fn with(purposes: Vec<Purpose>) -> impl Fn(&mut CertificateParams) {
        move |params| params.extended_key_usages.clone_from(&purposes)
    }

    #[test]
    fn any_purpose_of_tls_or_none_will_do_and_no_other() {
        let bench = Bench::new("sip.example.org");
        let told: Vec<String> = [
            vec![Purpose::ServerAuth],
            vec![Purpose::ClientAuth],
            vec![Purpose::EmailProtection, Purpose::ServerAuth],
            vec![],
            vec![Purpose::EmailProtection],
        ]
        .map(|purposes| {
            bench.says(&bench.authority.vouches_for(&["sip.example.org"], with(purposes)))
        })
        .into();
        assert_eq!(told, ["believed", "believed", "believed", "believed", "InvalidPurpose"]);
    }

    #[test]
    fn the_name_must_be_there_and_the_time_right_and_the_root_one_of_ours() {
        let bench = Bench::new("sip.example.org");
        let authority = &bench.authority;
        let told = |names: &[&str]| bench.says(&authority.vouches(names));
        assert_eq!(told(&["other.example", "SIP.example.org"]), "believed");
        assert_eq!(told(&["*.example.org"]), "believed");
        assert_eq!(told(&["sip:sip.example.org"]), "believed");
        assert_eq!(told(&["*.sip.example.org"]), "NotValidForName");
        assert_eq!(told(&["example.org"]), "NotValidForName");
        assert_eq!(told(&["sip:bob@sip.example.org"]), "NotValidForName");
        // RFC 5922 §7.1: where there is a SIP URI, the DNS names do not count.
        assert_eq!(told(&["sip:else.example", "sip.example.org"]), "NotValidForName");
        assert_eq!(told(&[]), "NotValidForName");
        let late = authority.vouches_for(&["sip.example.org"], expired);
        assert_eq!(bench.says(&late), "Expired");
        let foreign = Authority::new("Another root").vouches(&["sip.example.org"]);
        assert_eq!(bench.says(&foreign), "UnknownIssuer");
    }

    #[test]
    fn a_pattern_takes_every_host_of_one_label() {
        let bench = Bench::new("*.pstnhub.example");
        let told = |name: &str| bench.says(&bench.authority.vouches(&[name]));
        assert_eq!(told("sip2.pstnhub.example"), "believed");
        assert_eq!(told("*.pstnhub.example"), "believed");
        assert_eq!(told("sip.eu.pstnhub.example"), "NotValidForName");
        assert_eq!(told("pstnhub.example"), "NotValidForName");
    }

    #[test]
    fn files_without_an_authority_are_refused() {
        let folder = Folder::new("roots");
        let empty = folder.file("empty.pem", "nothing");
        assert!(Roots::read(&empty).is_err());
        let absent = Roots::read(&folder.path().join("absent.pem")).unwrap_err();
        assert_eq!(absent.what, "there is no such file");
    }
}
