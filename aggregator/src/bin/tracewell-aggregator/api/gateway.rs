//! The same methods over HTTP and JSON. A call is turned into the gRPC call that it stands for, which is answered in this process, and
//! the answer into JSON: one object, or one a line where the method streams.

use super::{Api, Caller};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use axum::{Json, Router};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tower::ServiceExt;
use tracewell_api::json::{decode, encode};
use tracewell_api::methods::{self, Method};
use tracewell_api::openapi;

/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
const PROMETHEUS: &str = "text/plain; version=0.0.4";
/// Bytes of a request's body.
const BODY_MAX: usize = 64 << 10;
/// Bytes of a message of ours: an incident with its graph.
const MESSAGE_MAX: usize = 64 << 20;
/// For a request's body to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lines of a stream that wait for a slow caller.
const LINES_MAX: usize = 16;
/// A gRPC message begins with whether it is compressed, and its length
/// (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
const HEAD: usize = 5;

/// A route for each method, which `services` answer.
pub fn routes(api: &Api, services: &Router) -> Router {
    let mut routes = Router::new();
    for method in methods::all() {
        let filter = if method.is_get { MethodFilter::GET } else { MethodFilter::POST };
        let services = services.clone();
        let answer = move |path: RawPathParams, query: Query<Vec<(String, String)>>, request: Request| async move {
            let named = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(query.0).collect();
            call(method, services, named, request).await.unwrap_or_else(|status| failure(&status))
        };
        routes = routes.route(&method.path, on(filter, answer));
    }
    let (metrics, health) = (api.clone(), api.clone());
    let metrics = async move || {
        let text = metrics.metrics().await;
        text.map_or_else(|status| failure(&status), |text| ([("content-type", PROMETHEUS)], text).into_response())
    };
    routes
        .route("/metrics", axum::routing::get(metrics))
        .route("/healthz", axum::routing::get(async move || health.healthz().await))
        .route("/v1/openapi.json", axum::routing::get(async || Json(openapi::document())))
        .fallback(async || failure(&Status::not_found("there is no such path; /v1/openapi.json has those there are")))
        .method_not_allowed_fallback(async || failure(&Status::unimplemented("expected another HTTP method")))
}

async fn call(
    method: &'static Method,
    services: Router,
    named: Vec<(String, String)>,
    request: Request,
) -> Result<Response, Status> {
    let (parts, body) = request.into_parts();
    let body = timeout(PATIENCE, to_bytes(body, BODY_MAX)).await;
    let body = body.map_err(|_| Status::deadline_exceeded("the body does not come"))?;
    let body = body.map_err(|_| Status::invalid_argument(format!("expected a body of at most {BODY_MAX} bytes")))?;
    let body = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body)
            .map_err(|error| Status::invalid_argument(format!("the body is no JSON: {error}")))?,
    };
    let message = encode(&method.descriptor.input(), body, &named);
    let message = message.map_err(|error| Status::invalid_argument(error.to_string()))?;

    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).map_err(|_| Status::internal("too long"))?.to_be_bytes());
    framed.extend(message);
    let mut inner = Request::post(format!("/{}", method.name)).header("content-type", "application/grpc");
    if let Some(caller) = parts.extensions.get::<Caller>() {
        inner = inner.extension(caller.clone());
    }
    let inner = inner.body(Body::from(framed)).map_err(|error| Status::internal(error.to_string()))?;
    let Ok(response) = services.oneshot(inner).await;
    // A call that failed at once has no body, and says so in the headers.
    if let Some(status) = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok) {
        return Err(status);
    }
    let mut messages = Messages { body: response.into_body(), waiting: Vec::new() };
    if method.descriptor.is_server_streaming() {
        return Ok(lines(method, messages));
    }
    let message = messages.next().await?.ok_or_else(|| Status::internal("no answer"))?;
    Ok(Json(decode(&method.descriptor.output(), &message).map_err(|error| Status::internal(error.to_string()))?)
        .into_response())
}

/// The messages of an answer's body.
struct Messages {
    body: Body,
    waiting: Vec<u8>,
}

impl Messages {
    /// `None` when there are no more, and all went well.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Status> {
        loop {
            if let Some(head) = self.waiting.first_chunk::<HEAD>() {
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if head[0] != 0 || length > MESSAGE_MAX {
                    return Err(Status::internal("the answer is too large"));
                }
                if self.waiting.len() >= HEAD + length {
                    let rest = self.waiting.split_off(HEAD + length);
                    return Ok(Some(std::mem::replace(&mut self.waiting, rest).split_off(HEAD)));
                }
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(Status::internal(error.to_string())),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.waiting.extend_from_slice(&data),
                    Err(frame) => {
                        let status = frame.trailers_ref().and_then(Status::from_header_map);
                        if let Some(status) = status.filter(|status| status.code() != Code::Ok) {
                            return Err(status);
                        }
                    }
                },
            }
        }
    }
}

/// A line for each message, and one for a fault that ends them.
fn lines(method: &'static Method, mut messages: Messages) -> Response {
    let (to, from) = mpsc::channel::<Result<Bytes, std::convert::Infallible>>(LINES_MAX);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                next = messages.next() => next,
                () = to.closed() => return,
            };
            let (value, is_last) = match next {
                Ok(None) => return,
                Ok(Some(message)) => match decode(&method.descriptor.output(), &message) {
                    Ok(value) => (value, false),
                    Err(error) => (words(&Status::internal(error.to_string())), true),
                },
                Err(status) => (words(&status), true),
            };
            if to.send(Ok(format!("{value}\n").into())).await.is_err() || is_last {
                return;
            }
        }
    });
    ([("content-type", "application/x-ndjson")], Body::from_stream(ReceiverStream::new(from))).into_response()
}

fn words(status: &Status) -> Value {
    json!({ "code": name(status.code()).1, "message": status.message() })
}

/// In the form in which the request was made.
pub fn failure_of(request: &Request, status: Status) -> Response {
    let kind = request.headers().get("content-type").map_or(&b""[..], |kind| kind.as_bytes());
    if kind.starts_with(b"application/grpc") { status.into_http() } else { failure(&status) }
}

fn failure(status: &Status) -> Response {
    let http = axum::http::StatusCode::from_u16(name(status.code()).0).unwrap_or_default();
    (http, Json(words(status))).into_response()
}

/// The status of HTTP and the name that stand for a code
/// (<https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>).
fn name(code: Code) -> (u16, &'static str) {
    match code {
        Code::Ok => (200, "ok"),
        Code::Cancelled => (499, "cancelled"),
        Code::Unknown => (500, "unknown"),
        Code::InvalidArgument => (400, "invalid_argument"),
        Code::DeadlineExceeded => (504, "deadline_exceeded"),
        Code::NotFound => (404, "not_found"),
        Code::AlreadyExists => (409, "already_exists"),
        Code::PermissionDenied => (403, "permission_denied"),
        Code::ResourceExhausted => (429, "resource_exhausted"),
        Code::FailedPrecondition => (400, "failed_precondition"),
        Code::Aborted => (409, "aborted"),
        Code::OutOfRange => (400, "out_of_range"),
        Code::Unimplemented => (501, "unimplemented"),
        Code::Internal => (500, "internal"),
        Code::Unavailable => (503, "unavailable"),
        Code::DataLoss => (500, "data_loss"),
        Code::Unauthenticated => (401, "unauthenticated"),
    }
}
