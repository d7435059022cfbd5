//! Files of certificates: authorities that a guest is told to trust as well, and those that
//! a server shows.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use capsock_host::TrustStore;
use capsock_serve::Certificates;

use crate::args::UsageError;

/// The system's certificates and those of the files.
pub(crate) fn store(files: &[PathBuf]) -> Result<TrustStore, UsageError> {
    files.iter().try_fold(TrustStore::system(), |store, path| {
        let unusable = |why: String| UsageError(format!("--tls-ca {}: {why}", path.display()));
        let text = read(path)
            .map_err(|error| unusable(format!("{error}; name a file with certificates in PEM")))?;
        store
            .with_pem(&text)
            .map_err(|error| unusable(error.to_string()))
    })
}

/// The certificates that a server shows, each with its key.
pub(crate) fn certificates(
    chains: &[PathBuf],
    keys: &[PathBuf],
) -> Result<Certificates, UsageError> {
    if chains.len() != keys.len() {
        return Err(UsageError(format!(
            "there are {} of --tls-cert and {} of --tls-key: each certificate has its key, in the \
             same order",
            chains.len(),
            keys.len()
        )));
    }
    let mut certificates = Certificates::default();
    for (chain, key) in chains.iter().zip(keys) {
        let read = |flag: &str, path: &Path| {
            let unusable = |error| UsageError(format!("{flag} {}: {error}", path.display()));
            read(path).map_err(unusable)
        };
        let texts = (read("--tls-cert", chain)?, read("--tls-key", key)?);
        certificates = certificates.with_pem(&texts.0, &texts.1).map_err(|error| {
            let (chain, key) = (chain.display(), key.display());
            UsageError(format!("--tls-cert {chain} --tls-key {key}: {error}"))
        })?;
    }
    Ok(certificates)
}

/// What else is beside the certificates counts too, so there may be some more.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 2 * TrustStore::MOST as u64;
    let mut text = Vec::new();
    let file = File::open(path)?;
    if file.take(MOST + 1).read_to_end(&mut text)? as u64 > MOST {
        let error = format!("it has more than {} MiB", MOST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
    }
    Ok(text)
}
