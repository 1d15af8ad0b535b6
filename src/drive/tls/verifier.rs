//! The two questions that rustls asks about a certificate of the other side, answered by [`Trust`].

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;

use super::trust::Trust;

/// What becomes of a caller whose certificate is that of no trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// The handshake fails: the caller has asked for a trunk by its name.
    Refused,
    /// Served as one who has shown none: many phones show that of their manufacturer to anybody.
    Anonymous,
}

/// Looks at the certificates of those who connect to us. Showing none is allowed: phones have none.
#[derive(Debug)]
pub struct Callers {
    pub trusts: Vec<Arc<Trust>>,
    pub strangers: Strangers,
    pub provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Callers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[] // a list of names would keep away those whose chain begins elsewhere
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = chain(own, intermediates);
        let mut last = Error::NoCertificatesPresented;
        for trust in &self.trusts {
            match trust.believes(&chain, now) {
                Ok(()) => return Ok(ClientCertVerified::assertion()),
                Err(why) => last = why,
            }
        }
        match self.strangers {
            Strangers::Refused => Err(last),
            // It proves nothing: after the handshake nobody takes this caller for a trunk.
            Strangers::Anonymous => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Looks at the certificate of the trunk's peer that we connect to.
#[derive(Debug)]
pub struct Called {
    pub trust: Arc<Trust>,
    pub provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Called {
    /// The name that counts is the configured one, not the host that we happened to connect to.
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _host: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.trust.believes(&chain(own, intermediates), now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn chain<'c>(own: &CertificateDer<'c>, rest: &[CertificateDer<'c>]) -> Vec<CertificateDer<'c>> {
    std::iter::once(own).chain(rest).cloned().collect()
}
