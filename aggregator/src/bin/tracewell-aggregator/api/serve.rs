//! Where operators connect: a socket of this machine, and TCP with TLS. Either way HTTP/1.1 or HTTP/2, gRPC or JSON.

use super::authentication::{Known, Peer, authenticate};
use super::{Api, Caller, gateway};
use anyhow::{Context, Result, bail};
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustix::fs::Mode;
use rustix::process::umask;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, version::TLS13};
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tower::limit::GlobalConcurrencyLimitLayer;
use tracewell_api::DESCRIPTORS;
use tracewell_api::v1::hosts_server::HostsServer;
use tracewell_api::v1::incidents_server::IncidentsServer;
use tracewell_api::v1::model_server::ModelServer;
use tracewell_api::v1::operators_server::OperatorsServer;
use tracewell_wire::quic::identity::Identity;

/// Connections at once of either kind; a further one waits.
const CONNECTIONS_MAX: usize = 128;
/// Calls of a connection at once.
const CALLS_MAX: u32 = 32;
/// Calls that are answered at once; a further one waits.
const ANSWERED_MAX: usize = 64;
/// Bytes of a request.
const REQUEST_MAX: usize = 64 << 10;
/// Bytes of headers, which carry a token.
const HEADERS_MAX: u32 = 16 << 10;
/// For a TLS handshake, and for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a connection could not be taken.
const BREATH: Duration = Duration::from_millis(200);

/// All that is answered: gRPC with reflection and health, and the same methods over HTTP.
///
/// # Errors
/// When the descriptors are not what reflection reads.
pub fn routes(api: &Api) -> Result<Router> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let services = Routes::new(HostsServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX))
        .add_service(IncidentsServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX))
        .add_service(ModelServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX))
        .add_service(OperatorsServer::new(api.clone()).max_decoding_message_size(REQUEST_MAX))
        .into_axum_router()
        .reset_fallback();
    let routes = gateway::routes(api, &services).merge(services);
    let routes = routes.layer(GlobalConcurrencyLimitLayer::new(ANSWERED_MAX));
    // What everybody may ask takes no operator's place.
    let routes = routes
        .merge(Routes::new(HealthServer::new(api.clone())).add_service(reflection).into_axum_router().reset_fallback());
    Ok(routes.layer(from_fn_with_state(api.clone(), authenticate)))
}

/// The socket of this machine; its file goes with it.
pub struct Local {
    path: PathBuf,
    listener: UnixListener,
}

impl Local {
    /// Before any thread is started that makes files: the mask of new files is the process's own.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    pub fn listen(path: &Path) -> Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() && UnixStream::connect(path).is_ok() => {
                bail!("cannot listen on {}: another aggregator answers there", path.display())
            }
            // An aggregator that was killed left it.
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
            Ok(_) => bail!("cannot listen on {}: it is there, and no socket", path.display()),
            Err(_) => {}
        }
        let mask = umask(Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(path);
        umask(mask);
        let listener = listener.with_context(|| format!("listening on {}", path.display()))?;
        Ok(Self { path: path.to_owned(), listener })
    }

    /// Serves until it is dropped. Only its owner and root can open the file, so who calls may do everything.
    pub async fn serve(self, routes: Router) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                sleep(BREATH).await;
                continue;
            };
            let uid = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
            let routes = routes.clone().layer(Extension(Caller::local(uid)));
            tokio::spawn(async move {
                connection(stream, routes).await;
                drop(place);
            });
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// TCP with TLS 1.3.
pub struct Remote {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Remote {
    /// # Errors
    /// When the address cannot be listened on, or the certificate is of no use.
    pub async fn listen(address: SocketAddr, identity: Identity) -> Result<Self> {
        let config = ServerConfig::builder_with_protocol_versions(&[&TLS13]).with_no_client_auth();
        let mut config = config.with_single_cert(identity.certificates, identity.key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
        Ok(Self { listener, tls: TlsAcceptor::from(Arc::new(config)) })
    }

    /// With port 0 the system chose one.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until it is dropped.
    pub async fn serve(self, routes: Router) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, from)) = self.listener.accept().await else {
                sleep(BREATH).await;
                continue;
            };
            let (tls, routes) = (self.tls.clone(), routes.clone().layer(Extension(Peer(from))));
            tokio::spawn(async move {
                if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                    connection(stream, routes).await;
                }
                drop(place);
            });
        }
    }
}

/// A caller that breaks off is no concern of ours.
async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, routes: Router) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEADERS_MAX as usize);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(CALLS_MAX)
        .max_header_list_size(HEADERS_MAX)
        .keep_alive_interval(Some(PATIENCE * 3));
    let known = Known::default();
    let service = TowerToHyperService::new(routes.layer(Extension(known.clone())));
    tokio::select! {
        _ = server.serve_connection(TokioIo::new(stream), service) => {}
        () = known.expired() => {}
    }
}
