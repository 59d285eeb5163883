//! HTTPS with a certificate that is fetched and renewed by itself (ACME, challenge TLS-ALPN-01 on the HTTPS port).

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use futures::StreamExt;
use rustls_acme::axum::AxumAcceptor;
use rustls_acme::caches::DirCache;
use rustls_acme::futures_rustls::pki_types::CertificateDer;
use rustls_acme::futures_rustls::pki_types::pem::PemObject;
use rustls_acme::futures_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use rustls_acme::{AcmeConfig, AcmeState};
use tokio::net::TcpStream;

use crate::config::Acme;
use crate::serve::{LONGEST_HEAD, limited, serving_service};

/// How long a TLS handshake may take.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(15);

/// Takes the HTTPS port, and prepares to fetch the certificate. It is kept in `DATA/acme`, and renewed before it ends.
///
/// # Errors
///
/// When the address is taken, or the authority's root cannot be read.
pub fn listen(acme: &Acme, data: &Path) -> Result<(TcpListener, AcmeState<std::io::Error>)> {
    let listener = TcpListener::bind(acme.listen).with_context(|| {
        format!("cannot listen on {}: is the port taken, or does it need the right to use ports below 1024? (--acme-listen)", acme.listen)
    })?;
    listener.set_nonblocking(true).context("cannot set up the HTTPS port")?;
    let config = match &acme.ca {
        None => AcmeConfig::new([&acme.domain]),
        Some(file) => AcmeConfig::new_with_client_config([&acme.domain], Arc::new(trusting(file)?)),
    };
    let config = config.contact_push(format!("mailto:{}", acme.email)).cache(DirCache::new(private_folder(data)?));
    let config = match &acme.directory {
        None => config.directory_lets_encrypt(true),
        Some(url) => config.directory(url),
    };
    Ok((listener, config.state()))
}

/// `DATA/acme`, which holds private keys and is for the server's own user only.
fn private_folder(data: &Path) -> Result<PathBuf> {
    let folder = data.join("acme");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}

/// A client that trusts the roots of one PEM file and no others.
fn trusting(file: &Path) -> Result<ClientConfig> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("--acme-ca {} is no PEM file with certificates", file.display()))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    anyhow::ensure!(added > 0, "--acme-ca {} has no certificate", file.display());
    Ok(ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Keeps the certificate fresh, and serves, until `handle` ends it.
///
/// # Errors
///
/// When the port fails.
pub async fn run(listener: TcpListener, mut state: AcmeState<std::io::Error>, router: Router, handle: Handle<SocketAddr>) -> Result<()> {
    let acceptor = state.axum_acceptor(state.default_rustls_config());
    let renewal = tokio::spawn(async move {
        while let Some(event) = state.next().await {
            match event {
                Ok(event) => tracing::info!(?event, "certificate"),
                // It tries again by itself, with growing pauses.
                Err(error) => tracing::error!(%error, "the certificate could not be fetched"),
            }
        }
    });
    let server = limited(axum_server::from_tcp(listener)?.acceptor(InTime(acceptor)).handle(handle), LONGEST_HEAD);
    let served = server.serve(serving_service(router)).await;
    renewal.abort();
    served.context("the HTTPS port failed")
}

/// A handshake that takes too long is given up.
#[derive(Clone)]
struct InTime(AxumAcceptor);

impl<S: Send + 'static> Accept<TcpStream, S> for InTime {
    type Stream = <AxumAcceptor as Accept<TcpStream, S>>::Stream;
    type Service = S;
    type Future = futures::future::BoxFuture<'static, std::io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // As on the plain port: no piece of an answer waits for the acknowledgement of another. It fails on a socket that is closed already.
        let _ = stream.set_nodelay(true);
        let handshake = self.0.accept(stream, service);
        Box::pin(
            async move { tokio::time::timeout(LONGEST_HANDSHAKE, handshake).await.unwrap_or_else(|late| Err(std::io::Error::from(late))) },
        )
    }
}
