//! Whether the aggregator serves: over HTTP and by gRPC's own service, for everybody who asks.

use super::Api;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// An engine that has not answered by then does not serve.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// Between two looks for who watches.
const EVERY: Duration = Duration::from_secs(10);

impl Api {
    /// `/healthz`.
    pub(super) async fn healthz(&self) -> Response {
        match self.serves().await {
            Ok(()) => "serving\n".into_response(),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
        }
    }

    async fn serves(&self) -> Result<(), &'static str> {
        match timeout(PATIENCE, self.engine.ask(|_| ())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("stopping"),
            Err(_) => Err("the engine does not answer"),
        }
    }

    async fn status(&self) -> HealthCheckResponse {
        let status = match self.serves().await {
            Ok(()) => ServingStatus::Serving,
            Err(_) => ServingStatus::NotServing,
        };
        HealthCheckResponse { status: status.into() }
    }
}

#[tonic::async_trait]
impl Health for Api {
    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        whole(request.get_ref())?;
        Ok(tonic::Response::new(self.status().await))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<tonic::Response<Self::WatchStream>, Status> {
        whole(request.get_ref())?;
        let (api, (to, watched)) = (self.clone(), mpsc::channel(1));
        tokio::spawn(async move {
            let (mut said, mut stopping) = (None, api.stopping.clone());
            loop {
                let status = api.status().await;
                if said != Some(status) && to.send(Ok(status)).await.is_err() {
                    return;
                }
                said = Some(status);
                tokio::select! {
                    () = sleep(EVERY) => {}
                    () = to.closed() => return,
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                }
            }
        });
        Ok(tonic::Response::new(ReceiverStream::new(watched)))
    }
}

/// The aggregator serves as a whole or not at all.
fn whole(request: &HealthCheckRequest) -> Result<(), Status> {
    match request.service.as_str() {
        "" => Ok(()),
        service => Err(Status::not_found(format!("service is {service:?}, expected none: all are served or none"))),
    }
}
