//! The certificates of our handshakes. Nobody has to know who signed them: what counts is that
//! their fingerprint stands in the session description (RFC 5763 §5). So they are made at each
//! start and kept nowhere.

use dimpl::DtlsCertificate;
use holdfast_wire::sdp::Fingerprint;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::io;

/// As many as are needed to show a peer another one than before: it begins another handshake then.
const COUNT: usize = 2;

/// Our certificates and their keys.
pub struct Certificates(Vec<(Fingerprint, DtlsCertificate)>);

impl Certificates {
    /// Makes new ones.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn make() -> io::Result<Self> {
        (0..COUNT).map(|_| make()).collect::<Result<_, _>>().map(Self).map_err(io::Error::other)
    }

    /// What stands of them in session descriptions.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.0.iter().map(|(fingerprint, _)| fingerprint.clone()).collect()
    }

    /// The certificate of this fingerprint.
    pub(super) fn of(&self, fingerprint: &Fingerprint) -> Option<DtlsCertificate> {
        self.0.iter().find(|(own, _)| own == fingerprint).map(|(_, it)| it.clone())
    }
}

fn make() -> Result<(Fingerprint, DtlsCertificate), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "holdfast");
    let certificate = params.self_signed(&key)?.der().to_vec();
    let private_key = key.serialize_der();
    Ok((Fingerprint::of(&certificate), DtlsCertificate { certificate, private_key }))
}
