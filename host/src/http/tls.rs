//! TLS as a client, verified for the host of the request.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

use super::error;
use crate::TrustStore;
use crate::os::Stream;
use crate::policy::http::Host;

/// What is spoken over TLS, the better one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
const HTTP_2: &[u8] = b"h2";

/// What one guest's connections have in common: whom they trust, and sessions to resume.
#[derive(Debug)]
pub(super) struct Tls {
    trusted: TrustStore,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(trusted: &TrustStore) -> Self {
        Self {
            trusted: trusted.clone(),
            config: OnceLock::new(),
        }
    }

    /// Connects, and tells whether HTTP/2 is spoken.
    pub(super) async fn connect(
        &self,
        stream: Stream,
        host: &Host,
    ) -> Result<(TlsStream<Stream>, bool), Error> {
        let name = server_name(host)?;
        let connector = TlsConnector::from(self.config()?.clone());
        let connected = connector.connect(name, stream).await;
        let stream = connected.map_err(|error| {
            tracing::warn!(?host, %error, "TLS");
            error::unsecured(&error)
        })?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
        Ok((stream, is_http2))
    }

    fn config(&self) -> Result<&Arc<ClientConfig>, Error> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::InternalError(Some(error.to_string())))?;
        let mut config = builder
            .with_root_certificates(self.trusted.roots())
            .with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(self.config.get_or_init(|| Arc::new(config)))
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Error> {
    match host {
        Host::Ip(IpAddr::V4(ip)) => Ok(ServerName::from(*ip)),
        Host::Ip(IpAddr::V6(ip)) => Ok(ServerName::from(*ip)),
        Host::Name(name) => {
            // A certificate never has the dot at the end of an absolute name.
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name).map_err(|_invalid| Error::HttpRequestUriInvalid)
        }
    }
}
