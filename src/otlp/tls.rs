//! Certificates: read when the exporter starts, so that a file that is missing is told then.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::config::Otlp;

/// PEM files that were given, each of which holds what it should.
#[derive(Default)]
pub(super) struct Pem {
    /// `None`: the system's authorities.
    authorities: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pem {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(super) fn read(settings: &Otlp) -> Result<Self, Vec<String>> {
        let Otlp { certificate, client_certificate, client_key, .. } = settings;
        let mut mistakes = Vec::new();
        let mut file = |key: &str, path: &Path, holds: fn(&[u8]) -> bool, what: &str| {
            match std::fs::read(path) {
                Ok(text) if holds(&text) => return Some(text),
                Ok(_) => mistakes.push(format!("{key}: {} holds no {what} in PEM", path.display())),
                Err(error) => mistakes.push(format!("{key}: the file it names cannot be read: {error}")),
            }
            None
        };
        let authorities = certificate
            .as_ref()
            .and_then(|path| file("otlp.certificate", path, has_certificate, "certificate"));
        let shown = client_certificate
            .as_ref()
            .and_then(|path| file("otlp.client-certificate", path, has_certificate, "certificate"));
        let key = client_key.as_ref().and_then(|path| file("otlp.client-key", path, has_key, "private key"));
        match (client_certificate, client_key) {
            (Some(_), None) => {
                mistakes.push("otlp.client-key: missing: a certificate needs its key".to_owned())
            }
            (None, Some(_)) => {
                mistakes.push("otlp.client-certificate: missing: a key needs its certificate".to_owned());
            }
            _ => {}
        }
        if mistakes.is_empty() { Ok(Self { authorities, identity: shown.zip(key) }) } else { Err(mistakes) }
    }

    /// For HTTP.
    pub(super) fn rustls(&self) -> Result<ClientConfig, String> {
        // Named, because another crate of the process may have chosen another for all.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &self.authorities {
            Some(text) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(text) {
                    roots.add(certificate).map_err(|error| format!("otlp.certificate: {error}"))?;
                }
                builder.with_root_certificates(roots)
            }
            None => builder.with_native_roots().map_err(|error| {
                format!("otlp.certificate: this system has no authorities of its own: {error}")
            })?,
        };
        match &self.identity {
            Some((shown, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| format!("otlp.client-key: {error}"))?;
                builder
                    .with_client_auth_cert(certificates(shown), key)
                    .map_err(|error| format!("otlp.client-certificate: {error}"))
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }

    /// For gRPC.
    pub(super) fn tonic(&self) -> ClientTlsConfig {
        let config = match &self.authorities {
            Some(text) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(text)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.identity {
            Some((shown, key)) => config.identity(Identity::from_pem(shown, key)),
            None => config,
        }
    }
}

fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect()
}

fn has_certificate(text: &[u8]) -> bool {
    !certificates(text).is_empty()
}

fn has_key(text: &[u8]) -> bool {
    PrivateKeyDer::from_pem_slice(text).is_ok()
}
