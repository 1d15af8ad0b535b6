//! The arithmetic of handshakes, done by ring, which rustls brings anyway: a second library for the
//! same curves and ciphers would be larger than all the rest of the browser leg.
//!
//! What everybody speaks and no more: AES-GCM with 128 and 256 bits, X25519 and P-256, signatures
//! over P-256 and P-384. `dimpl` tries all of it against known answers before the first handshake.

use aes::cipher::{BlockEncrypt, KeyInit};
use dimpl::crypto::{
    Aad, ActiveKeyExchange, Buf, Cipher, CryptoProvider, Dtls12CipherSuite, Dtls13CipherSuite,
    HashAlgorithm, HashContext, HashProvider, HmacProvider, KeyProvider, NamedGroup, Nonce,
    SecureRandom, SignatureAlgorithm, SignatureVerifier, SigningKey, SupportedDtls12CipherSuite,
    SupportedDtls13CipherSuite, SupportedKxGroup, TmpBuf, check_verify_scheme,
};
use dimpl::{CryptoError, CryptoOperation};
use ring::aead::{self, LessSafeKey, UnboundKey};
use ring::agreement::{self, EphemeralPrivateKey, UnparsedPublicKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{self, EcdsaKeyPair};
use ring::{digest, hmac};
use std::fmt;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Length of the authentication tag of AES-GCM.
const TAG_BYTES: usize = 16;

/// All of it.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: &[&Group(NamedGroup::X25519), &Group(NamedGroup::Secp256r1)],
        signature_verification: &Arithmetic,
        key_provider: &Arithmetic,
        secure_random: &Arithmetic,
        hash_provider: &Arithmetic,
        hmac_provider: &Arithmetic,
        cipher_suites: &[&Suite::Aes256, &Suite::Aes128],
        dtls13_cipher_suites: &[&Suite::Aes128, &Suite::Aes256],
    }
}

#[derive(Debug)]
struct Arithmetic;

/// AES-GCM, with the hash function that goes with it.
#[derive(Clone, Copy, Debug)]
enum Suite {
    Aes128,
    Aes256,
}

impl Suite {
    const fn hash(self) -> HashAlgorithm {
        match self {
            Self::Aes128 => HashAlgorithm::SHA256,
            Self::Aes256 => HashAlgorithm::SHA384,
        }
    }

    const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    fn cipher(self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        let algorithm = match self {
            Self::Aes128 => &aead::AES_128_GCM,
            Self::Aes256 => &aead::AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, key).map_err(failed(CryptoOperation::CreateCipher))?;
        Ok(Box::new(Gcm(LessSafeKey::new(key))))
    }
}

impl SupportedDtls12CipherSuite for Suite {
    fn suite(&self) -> Dtls12CipherSuite {
        match self {
            Self::Aes128 => Dtls12CipherSuite::ECDHE_ECDSA_AES128_GCM_SHA256,
            Self::Aes256 => Dtls12CipherSuite::ECDHE_ECDSA_AES256_GCM_SHA384,
        }
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash()
    }

    /// No key for a code of its own; the key; four bytes of the nonce (RFC 5288 §3).
    fn key_lengths(&self) -> (usize, usize, usize) {
        (0, self.key_bytes(), 4)
    }

    fn explicit_nonce_len(&self) -> usize {
        8
    }

    fn tag_len(&self) -> usize {
        TAG_BYTES
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        self.cipher(key)
    }
}

impl SupportedDtls13CipherSuite for Suite {
    fn suite(&self) -> Dtls13CipherSuite {
        match self {
            Self::Aes128 => Dtls13CipherSuite::AES_128_GCM_SHA256,
            Self::Aes256 => Dtls13CipherSuite::AES_256_GCM_SHA384,
        }
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash()
    }

    fn key_len(&self) -> usize {
        self.key_bytes()
    }

    fn iv_len(&self) -> usize {
        aead::NONCE_LEN
    }

    fn tag_len(&self) -> usize {
        TAG_BYTES
    }

    fn create_cipher(&self, key: &[u8]) -> Result<Box<dyn Cipher>, CryptoError> {
        self.cipher(key)
    }

    /// One block of AES over a sample of the record (RFC 9147 §4.2.3).
    fn encrypt_sn(&self, sn_key: &[u8], sample: &[u8; 16]) -> [u8; 16] {
        let mut block = (*sample).into();
        // A key of another length is none of this suite; `dimpl` makes it by `key_len`.
        match self {
            Self::Aes128 => {
                aes::Aes128::new_from_slice(sn_key).map_or((), |key| key.encrypt_block(&mut block))
            }
            Self::Aes256 => {
                aes::Aes256::new_from_slice(sn_key).map_or((), |key| key.encrypt_block(&mut block))
            }
        }
        block.into()
    }
}

#[derive(Debug)]
struct Gcm(LessSafeKey);

impl Cipher for Gcm {
    fn encrypt(&mut self, text: &mut Buf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        let (nonce, aad) = parts(&aad, nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, aad, text.as_mut());
        let tag = tag.map_err(failed(CryptoOperation::Encrypt))?;
        text.extend_from_slice(tag.as_ref());
        Ok(())
    }

    fn decrypt(&mut self, text: &mut TmpBuf, aad: Aad, nonce: Nonce) -> Result<(), CryptoError> {
        let (nonce, aad) = parts(&aad, nonce);
        let opened = self.0.open_in_place(nonce, aad, text.as_mut());
        let length = opened.map_err(failed(CryptoOperation::Decrypt))?.len();
        text.truncate(length);
        Ok(())
    }
}

fn parts(aad: &Aad, nonce: Nonce) -> (aead::Nonce, aead::Aad<&[u8]>) {
    (aead::Nonce::assume_unique_for_key(nonce.0), aead::Aad::from(aad.0.as_slice()))
}

/// A group of points in which both sides find a secret.
#[derive(Debug)]
struct Group(NamedGroup);

#[derive(Debug)]
struct Exchange {
    group: NamedGroup,
    own: EphemeralPrivateKey,
    public: Buf,
}

impl SupportedKxGroup for Group {
    fn name(&self) -> NamedGroup {
        self.0
    }

    fn start_exchange(&self, mut public: Buf) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let group = self.0;
        let algorithm = algorithm_of(group)?;
        let own = EphemeralPrivateKey::generate(algorithm, &SystemRandom::new())
            .map_err(failed(CryptoOperation::GenerateEphemeralKey))?;
        let shown = own.compute_public_key().map_err(failed(CryptoOperation::ComputePublicKey))?;
        public.clear();
        public.extend_from_slice(shown.as_ref());
        Ok(Box::new(Exchange { group, own, public }))
    }
}

impl ActiveKeyExchange for Exchange {
    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    /// ring refuses points that are none of the group, and secrets of zeros (RFC 7748 §6.1).
    fn complete(self: Box<Self>, peer_pub: &[u8], out: &mut Buf) -> Result<(), CryptoError> {
        let theirs = UnparsedPublicKey::new(algorithm_of(self.group)?, peer_pub);
        let refused = CryptoError::InvalidPublicKey(self.group);
        agreement::agree_ephemeral(self.own, &theirs, |secret| {
            out.clear();
            out.extend_from_slice(secret);
        })
        .map_err(|_| refused)
    }

    fn group(&self) -> NamedGroup {
        self.group
    }
}

fn algorithm_of(group: NamedGroup) -> Result<&'static agreement::Algorithm, CryptoError> {
    match group {
        NamedGroup::X25519 => Ok(&agreement::X25519),
        NamedGroup::Secp256r1 => Ok(&agreement::ECDH_P256),
        other => Err(CryptoError::UnsupportedKeyExchangeGroup(other)),
    }
}

struct Hash(digest::Context);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        out.clear();
        out.extend_from_slice(self.0.clone().finish().as_ref());
    }
}

impl HashProvider for Arithmetic {
    /// Only the functions of the suites above are asked for.
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        let function = match algorithm {
            HashAlgorithm::SHA384 => &digest::SHA384,
            _sha256_and_none_other => &digest::SHA256,
        };
        Box::new(Hash(digest::Context::new(function)))
    }
}

impl HmacProvider for Arithmetic {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let algorithm = match hash {
            HashAlgorithm::SHA256 => hmac::HMAC_SHA256,
            HashAlgorithm::SHA384 => hmac::HMAC_SHA384,
            other => return Err(CryptoError::UnsupportedHmacHash(other)),
        };
        let code = hmac::sign(&hmac::Key::new(algorithm, key), data);
        let code = code.as_ref();
        let too_small = CryptoError::OperationFailed(CryptoOperation::ComputeHmac);
        out.get_mut(..code.len()).ok_or(too_small)?.copy_from_slice(code);
        Ok(code.len())
    }
}

impl SecureRandom for Arithmetic {
    fn fill(&self, buf: &mut [u8]) -> Result<(), CryptoError> {
        SystemRandom::new().fill(buf).map_err(failed(CryptoOperation::FillRandom))
    }
}

/// Our key, of the curve P-256.
#[derive(Debug)]
struct Key(EcdsaKeyPair);

impl KeyProvider for Arithmetic {
    fn load_private_key(&self, key_der: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, key_der, &SystemRandom::new());
        Ok(Box::new(Key(key.map_err(|_| CryptoError::InvalidPrivateKey)?)))
    }
}

impl SigningKey for Key {
    fn sign(
        &mut self,
        data: &[u8],
        hash_alg: HashAlgorithm,
        out: &mut Buf,
    ) -> Result<(), CryptoError> {
        if hash_alg != HashAlgorithm::SHA256 {
            let group = NamedGroup::Secp256r1;
            return Err(CryptoError::SigningKeyUnsupportedHash { group, hash: hash_alg });
        }
        let signed = self.0.sign(&SystemRandom::new(), data);
        let signed = signed.map_err(failed(CryptoOperation::Sign))?;
        out.clear();
        out.extend_from_slice(signed.as_ref());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}

impl SignatureVerifier for Arithmetic {
    fn verify_signature(
        &self,
        cert_der: &[u8],
        data: &[u8],
        signature: &[u8],
        hash_alg: HashAlgorithm,
        sig_alg: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        let (_, certificate) =
            X509Certificate::from_der(cert_der).map_err(|_| CryptoError::CertificateParseFailed)?;
        let key = certificate.public_key();
        if key.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
            return Err(CryptoError::UnsupportedPublicKeyAlgorithm);
        }
        let curve = key.algorithm.parameters.as_ref().and_then(|it| it.as_oid().ok());
        let group = match curve {
            Some(curve) if curve == OID_EC_P256 => NamedGroup::Secp256r1,
            Some(curve) if curve == OID_NIST_EC_P384 => NamedGroup::Secp384r1,
            Some(_) | None => return Err(CryptoError::UnsupportedEcCurve),
        };
        check_verify_scheme(sig_alg, hash_alg, group)?;
        let algorithm = match (group, hash_alg) {
            (NamedGroup::Secp256r1, HashAlgorithm::SHA256) => &signature::ECDSA_P256_SHA256_ASN1,
            (NamedGroup::Secp256r1, _) => &signature::ECDSA_P256_SHA384_ASN1,
            (_, HashAlgorithm::SHA256) => &signature::ECDSA_P384_SHA256_ASN1,
            (_, _) => &signature::ECDSA_P384_SHA384_ASN1,
        };
        let key = signature::UnparsedPublicKey::new(algorithm, &key.subject_public_key.data);
        let wrong = |_| CryptoError::SignatureVerificationFailed {
            signature: sig_alg,
            hash: hash_alg,
            group,
        };
        key.verify(data, signature).map_err(wrong)
    }
}

fn failed<E>(what: CryptoOperation) -> impl FnOnce(E) -> CryptoError {
    move |_| CryptoError::OperationFailed(what)
}
