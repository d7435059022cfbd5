//! TLS as a server: certificates, each for the names that it has.

use std::fmt;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};

/// HTTP/2 where the client speaks it (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificates of a server, which is told by the client's SNI which of them it is to
/// show: the first one with that name, or else the first.
#[derive(Clone, Debug, Default)]
pub struct Certificates(Vec<Arc<CertifiedKey>>);

/// What is no certificate with its key.
#[derive(Debug)]
pub struct CertificateError(String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

impl Certificates {
    /// One more: a chain, the server's own certificate first, and its private key, both in
    /// PEM.
    ///
    /// # Errors
    /// Where there is none of them, or the key is not that of the certificate.
    pub fn with_pem(mut self, chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let malformed = |what, error: &dyn fmt::Display| {
            CertificateError(format!("{what} cannot be read as PEM: {error}"))
        };
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| malformed("the certificate", &error))?;
        if chain.is_empty() {
            let none = "there is no certificate in PEM, which begins with `-----BEGIN \
                        CERTIFICATE-----`";
            return Err(CertificateError(none.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| malformed("the private key", &error))?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let certified = certified.map_err(|error| CertificateError(error.to_string()))?;
        self.0.push(Arc::new(certified));
        Ok(self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn config(self) -> Result<Arc<ServerConfig>, CertificateError> {
        if self.is_empty() {
            return Err(CertificateError("there is no certificate".to_owned()));
        }
        let versions: &[&SupportedProtocolVersion] = rustls::ALL_VERSIONS;
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| CertificateError(error.to_string()))?;
        let resolver = Arc::new(self);
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let is_for = |certified: &&Arc<CertifiedKey>| {
            let certificate = certified.end_entity_cert().ok();
            let parsed = certificate.and_then(|it| ParsedCertificate::try_from(it).ok());
            match (&parsed, &name) {
                (Some(parsed), Some(name)) => verify_server_name(parsed, name).is_ok(),
                _ => false,
            }
        };
        self.0.iter().find(is_for).or(self.0.first()).cloned()
    }
}
