//! Whom a guest can trust to sign certificates, as it is told.

use std::fmt::Write;
use std::path::PathBuf;
#[cfg(feature = "http")]
use std::sync::OnceLock;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
#[cfg(feature = "http")]
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::os;

/// The certificates of the authorities that a guest is told to trust, for TLS, which is
/// its own; see [`CapsockCtx::with_trust_store`](crate::CapsockCtx::with_trust_store).
///
/// ```
/// # use capsock_host::{CapsockCtx, Policy, TrustStore, cap_std::ambient_authority};
/// # let context = CapsockCtx::new(Policy::default(), ambient_authority());
/// # let own = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
/// // In addition to the system's; in their place, begin with `TrustStore::empty()`.
/// let store = TrustStore::system().with_pem(own)?;
/// let context = context.with_trust_store(store);
/// # Ok::<(), capsock_host::TrustError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustStore {
    system: bool,
    /// PEM of nothing but certificates.
    added: Arc<str>,
    #[cfg(feature = "http")]
    roots: Roots,
}

/// The certificates as rustls has them, read when they are first needed, for all guests that
/// have the same.
#[cfg(feature = "http")]
type Roots = Arc<OnceLock<Arc<RootCertStore>>>;

/// What cannot be added to a [`TrustStore`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Something that begins as PEM, and goes on otherwise.
    #[error("it is not written in PEM: {0}; mend it, or take it out")]
    Malformed(String),
    /// No certificate, whatever else there is.
    #[error(
        "it has no certificate in PEM, which begins with `-----BEGIN CERTIFICATE-----`; to make \
         one of DER: openssl x509 -inform der -in FILE"
    )]
    NoCertificate,
    /// More than [`TrustStore::MOST`] in all.
    #[error("there are more than {} MiB of certificates; add those alone that are needed", TrustStore::MOST >> 20)]
    TooLarge,
}

impl TrustStore {
    /// How many bytes of PEM there may be of the system's certificates, and how many
    /// of those that are added. Of the system's, those beyond are left out.
    pub const MOST: usize = 4 << 20;

    /// The certificates of the host's system, or of the files that `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name. They are read once a process, when the first guest asks for
    /// them; what could not be read is told by `tracing`, at level `WARN`.
    pub fn system() -> Self {
        #[cfg(feature = "http")]
        static ROOTS: LazyLock<Roots> = LazyLock::new(Roots::default);
        Self {
            system: true,
            added: Arc::default(),
            #[cfg(feature = "http")]
            roots: ROOTS.clone(),
        }
    }

    /// None at all.
    pub fn empty() -> Self {
        Self {
            system: false,
            added: Arc::default(),
            #[cfg(feature = "http")]
            roots: Roots::default(),
        }
    }

    /// Those too that are in a text of PEM. What else it has, such as private keys, is
    /// left out.
    ///
    /// # Errors
    /// Where there is none, they are malformed, or all that were added are too many.
    pub fn with_pem(self, text: &[u8]) -> Result<Self, TrustError> {
        let mut added = String::from(&*self.added);
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate =
                certificate.map_err(|error| TrustError::Malformed(error.to_string()))?;
            if !append(&mut added, &certificate) {
                return Err(TrustError::TooLarge);
            }
        }
        if added.len() == self.added.len() {
            return Err(TrustError::NoCertificate);
        }
        Ok(Self {
            system: self.system,
            added: added.into(),
            #[cfg(feature = "http")]
            roots: Roots::default(),
        })
    }

    /// Where the system's certificates are, for whoever confines this process before a
    /// guest has asked for them.
    pub fn system_paths() -> Vec<PathBuf> {
        os::trust::paths()
    }

    /// For what the host verifies itself. One that cannot be used verifies nothing.
    #[cfg(feature = "http")]
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let read = || {
            let mut roots = RootCertStore::empty();
            let trusted = self.certificates();
            let certificates = CertificateDer::pem_slice_iter(&trusted).flatten();
            roots.add_parsable_certificates(certificates);
            Arc::new(roots)
        };
        self.roots.get_or_init(read).clone()
    }

    /// What the guest is told.
    pub(crate) fn certificates(&self) -> Vec<u8> {
        static SYSTEM: LazyLock<String> = LazyLock::new(|| encode(&os::trust::certificates()));
        let system = if self.system { SYSTEM.as_str() } else { "" };
        [self.added.as_bytes(), system.as_bytes()].concat()
    }
}

impl Default for TrustStore {
    fn default() -> Self {
        Self::system()
    }
}

/// As many as there is room for.
fn encode(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for certificate in certificates {
        if !append(&mut text, certificate) {
            left_out += 1;
        }
    }
    if left_out > 0 {
        tracing::warn!(
            left_out,
            most = TrustStore::MOST,
            "the system has more certificates than a guest is given: name fewer by SSL_CERT_FILE"
        );
    }
    text
}

/// Whether there was room for it.
fn append(text: &mut String, certificate: &[u8]) -> bool {
    // As RFC 7468 has it.
    const LINE: usize = 64;
    const AROUND: usize = 64;
    let base64 = BASE64_STANDARD.encode(certificate);
    let length = base64.len() + base64.len().div_ceil(LINE) + AROUND;
    if text.len() + length > TrustStore::MOST {
        return false;
    }
    text.push_str("-----BEGIN CERTIFICATE-----\n");
    for start in (0..base64.len()).step_by(LINE) {
        let line = &base64[start..base64.len().min(start + LINE)];
        // Writing to a string succeeds.
        _ = writeln!(text, "{line}");
    }
    text.push_str("-----END CERTIFICATE-----\n");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, content: &[u8]) -> String {
        let base64 = BASE64_STANDARD.encode(content);
        let lines: Vec<_> = base64.as_bytes().chunks(64).collect();
        let lines = String::from_utf8(lines.join(&b'\n')).expect("ASCII");
        format!("-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n")
    }

    fn told(text: &str) -> Result<String, TrustError> {
        let store = TrustStore::empty().with_pem(text.as_bytes())?;
        Ok(String::from_utf8(store.certificates()).expect("ASCII"))
    }

    #[test]
    fn certificates_alone_are_told() {
        let (one, other) = ([7; 700], [9; 48]);
        let certificates = block("CERTIFICATE", &one) + &block("CERTIFICATE", &other);
        assert_eq!(told(&certificates), Ok(certificates.clone()));
        let others = [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "DSA PRIVATE KEY",
            "PUBLIC KEY",
            "X509 CRL",
            "CERTIFICATE REQUEST",
        ];
        for label in others {
            let secret = block(label, b"what nobody is told");
            assert_eq!(told(&secret), Err(TrustError::NoCertificate), "{label}");
            let text = format!(
                "{secret}a remark\n{}{secret}{}{secret}",
                block("CERTIFICATE", &one),
                block("CERTIFICATE", &other)
            );
            assert_eq!(told(&text), Ok(certificates.clone()), "{label}");
        }
    }

    #[test]
    fn the_form_that_a_file_has_does_not_matter() {
        let certificate = block("CERTIFICATE", &[7; 100]);
        let text = certificate.replace('\n', "\r\n");
        assert_eq!(told(&text), Ok(certificate.clone()));
        assert_eq!(told(certificate.trim_end()), Ok(certificate));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for text in ["", "text", "-----BEGIN", "\0\u{ff}"] {
            assert_eq!(told(text), Err(TrustError::NoCertificate), "{text:?}");
        }
        let whole = block("CERTIFICATE", &[7; 100]);
        let cut = &whole[..whole.len() - 30];
        for text in [cut, &whole.replace("Bw", "!!")] {
            let error = told(text).expect_err(text);
            assert!(matches!(error, TrustError::Malformed(_)), "{error}");
        }
    }

    #[test]
    fn there_is_a_bound() {
        let large = block("CERTIFICATE", &vec![7; 1 << 20]);
        let store = TrustStore::empty().with_pem(large.as_bytes());
        let store = store.and_then(|store| store.with_pem(large.as_bytes()));
        let store = store.expect("room for two");
        let error = store.clone().with_pem(large.as_bytes());
        assert_eq!(error.expect_err("too large"), TrustError::TooLarge);
        assert!(store.certificates().len() <= TrustStore::MOST);

        let certificate = CertificateDer::from(vec![7; 1 << 20]);
        let few = CertificateDer::from(vec![9; 10]);
        let all = [&certificate; 5].map(Clone::clone).into_iter();
        let all: Vec<_> = all.chain([few.clone()]).collect();
        let text = encode(&all);
        assert!(text.len() <= TrustStore::MOST);
        assert!(text.ends_with(&encode(&[few])), "a small one has room yet");
    }
}
