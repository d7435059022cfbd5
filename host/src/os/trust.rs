//! The certificates that this system trusts.

use std::env;
use std::path::PathBuf;

use rustls_pki_types::CertificateDer;

/// Those that can be read. No other part of a file is kept, such as a private key.
pub(crate) fn certificates() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(
            %error,
            "certificates that the system trusts cannot be read, and guests go without: see \
             SSL_CERT_FILE and SSL_CERT_DIR"
        );
    }
    found.certs
}

/// Where they are read from.
pub(crate) fn paths() -> Vec<PathBuf> {
    let file = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let directories = env::var_os("SSL_CERT_DIR");
    if file.is_none() && directories.is_none() {
        let probed = openssl_probe::probe();
        return probed
            .cert_file
            .into_iter()
            .chain(probed.cert_dir)
            .collect();
    }
    let directories = directories.iter().flat_map(env::split_paths);
    file.into_iter().chain(directories).collect()
}
