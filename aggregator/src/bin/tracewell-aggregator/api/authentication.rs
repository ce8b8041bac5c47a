//! Who calls is seen before anything else of a request is read or takes a place.

use super::{Api, Caller, gateway};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Who has not said by then who they are is no operator: their connection has no place any longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// From where a connection over TCP comes.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Whether somebody known has called over a connection.
#[derive(Clone, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    /// Returns once a connection has no place any longer.
    pub async fn expired(self) {
        sleep(PATIENCE).await;
        if self.0.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
    }
}

/// Puts the [`Caller`] on a request. Without one only health and gRPC's own questions are answered, which say nothing of the fleet.
pub async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/healthz" || path.starts_with("/grpc.") {
        return next.run(request).await;
    }
    if request.extensions().get::<Caller>().is_none() {
        let header = request.headers().get("authorization").and_then(|header| header.to_str().ok());
        match api.operator(header, request.extensions().get().copied()) {
            Ok(caller) => _ = request.extensions_mut().insert(caller),
            Err(status) => return gateway::failure_of(&request, status),
        }
    }
    if let Some(known) = request.extensions().get::<Known>() {
        known.0.store(true, Ordering::Relaxed);
    }
    next.run(request).await
}
