//! The judge inside a handshake.
//!
//! Where nothing is asked of a certificate, its signatures are not looked at either: a certificate of X.509 version 1, or
//! with a key that this library does not know, still hides the mail from those who only listen.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use crate::trust::{Chain, Trust};

/// Judges servers by one [`Trust`].
pub(crate) struct Verifier {
    pub trust: Trust,
    pub roots: Arc<RootCertStore>,
    pub provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl Verifier {
    fn looks(&self) -> bool {
        self.trust != Trust::Anything
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let algorithms = self.provider.signature_verification_algorithms;
        let chain = Chain { certificate, others, roots: &self.roots, algorithms, now };
        match chain.judge(&self.trust) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(distrust) => Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(distrust))))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.looks() {
            true => verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms),
            false => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.looks() {
            true => verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms),
            false => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if !self.looks() {
            let more = [SignatureScheme::ECDSA_NISTP521_SHA512, SignatureScheme::ED448, SignatureScheme::RSA_PKCS1_SHA1];
            schemes.extend(more.into_iter().filter(|scheme| !schemes.contains(scheme)).collect::<Vec<_>>());
        }
        schemes
    }
}
