//! What operators ask: by gRPC, and the same by HTTP and JSON; at the local socket as who runs the aggregator, over TLS with a
//! token.
//!
//! In reading order: [`serve`] takes connections, [`authentication`] sees who calls, [`gateway`] turns a call over HTTP into the gRPC
//! call that it stands for, and [`Api::answer`] sees whether they may, and that changes are noted, before [`hosts`], [`incidents`],
//! [`model`] and [`operators`] do what was asked. [`metrics`] and [`health`] are for machines.

mod authentication;
mod gateway;
mod health;
mod hosts;
mod incidents;
mod metrics;
mod model;
mod operators;
pub mod serve;

use self::authentication::Peer;
use crate::audit::Audit;
use crate::decisions::Decisions;
use crate::engine::Asker;
use crate::listener::Sessions;
use crate::operators::Operators;
use crate::registry::{Registry, now};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status};
use tracewell_aggregator::disk::Disk;
use tracewell_aggregator::document::time::rfc3339;
use tracewell_api::v1::Role;
use tracewell_api::{Message, Name, fields, json, methods};
use tracewell_model::EventNs;
use tracewell_wire::session::Token;

/// What all calls share. Clones share it too.
#[derive(Clone)]
pub struct Api {
    pub registry: Arc<Mutex<Registry>>,
    pub sessions: Arc<Sessions>,
    pub engine: Asker,
    /// SHA-256 of the authority's certificate, which tokens carry.
    pub authority: [u8; 32],
    /// When that certificate ends, in seconds since 1970.
    pub authority_ends: u64,
    pub parameters_hash: Arc<str>,
    pub operators: Arc<Mutex<Operators>>,
    pub decisions: Arc<Mutex<Decisions>>,
    pub audit: Arc<Mutex<Audit>>,
    /// Ends what would go on for ever.
    pub stopping: watch::Receiver<bool>,
    /// For backups.
    pub disk: Disk,
    pub state: Arc<Path>,
}

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub name: String,
    pub role: Role,
    pub is_local: bool,
}

impl Caller {
    /// Who can open the local socket runs the aggregator.
    pub fn local(uid: u32) -> Self {
        Self { name: format!("local:{uid}"), role: Role::Admin, is_local: true }
    }
}

impl Api {
    /// Does what was asked, if the caller may. A change is noted before it is made, with what came of it after; it is carried to its end
    /// also if the caller breaks off.
    async fn answer<T, R, F>(
        &self,
        request: Request<T>,
        act: impl FnOnce(Self, T, Caller) -> F,
    ) -> Result<Response<R>, Status>
    where
        T: Message + Name,
        R: Send + 'static,
        F: Future<Output = Result<R, Status>> + Send + 'static,
    {
        let method = methods::of::<T>().ok_or_else(|| Status::unimplemented("no such method"))?;
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Status::unauthenticated("nobody has seen who calls"))?;
        if caller.role < method.role {
            let (name, least) = (&caller.name, method.role.as_str_name());
            tracing::warn!(operator = %name, method = %method.name, "an operator may not do that");
            return Err(Status::permission_denied(format!(
                "{name} has {}, expected {least}",
                caller.role.as_str_name()
            )));
        }
        let message = request.into_inner();
        if method.is_get {
            return act(self.clone(), message, caller).await.map(Response::new);
        }
        let words = masked(&json::of(&message).to_string());
        tracing::info!(operator = %caller.name, method = %method.name, request = %words, "a change is asked for");
        let number = lock(&self.audit).begin(&caller.name, &method.name, words).map_err(internal)?;
        let (act, audit) = (act(self.clone(), message, caller), Arc::clone(&self.audit));
        let done = tokio::spawn(async move {
            let done = act.await;
            let failure = done.as_ref().err().map(|status| masked(status.message()));
            if let Err(error) = lock(&audit).end(number, failure.as_deref()) {
                tracing::error!(%error, number, "what came of a change cannot be noted");
            }
            done
        });
        done.await.map_err(internal)?.map(Response::new)
    }

    /// Whether somebody who called before still may.
    fn is_still(&self, caller: &Caller) -> bool {
        let operators = lock(&self.operators);
        caller.is_local || operators.all().get(&caller.name).is_some_and(|operator| operator.expires > now())
    }

    /// Whose token a header `authorization` shows.
    fn operator(&self, header: Option<&str>, from: Option<Peer>) -> Result<Caller, Status> {
        let Some(token) = header.and_then(|header| header.strip_prefix("Bearer ")) else {
            return Err(Status::unauthenticated("expected a header \"authorization: Bearer TOKEN\""));
        };
        let operators = lock(&self.operators);
        let found = operators.of_token(token).map(|(name, role)| Caller { name: name.into(), role, is_local: false });
        found.ok_or_else(|| {
            let from = from.map(|Peer(address)| tracing::field::display(address));
            tracing::warn!(from, "a token that is not known or holds no longer was shown");
            Status::unauthenticated("the token is not known, or holds no longer")
        })
    }
}

/// What may be noted of a request.
fn masked(text: &str) -> String {
    fields::masked(text, &[crate::operators::PREFIX, Token::PREFIX])
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fault is the aggregator's.
fn internal(error: impl std::fmt::Display) -> Status {
    tracing::error!(%error, "a call failed");
    Status::internal(error.to_string())
}

/// What was asked cannot be done as things are; the words say why.
fn refused(error: impl std::fmt::Display) -> Status {
    Status::new(Code::FailedPrecondition, error.to_string())
}

/// Seconds since 1970 as RFC 3339.
fn time(seconds: u64) -> String {
    rfc3339(EventNs(seconds.saturating_mul(EventNs::SECOND)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{self, Rules};
    use axum::body::Body;
    use axum::http;
    use tokio::sync::mpsc;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::health_server::Health;
    use tower::ServiceExt;
    use tracewell_aggregator::Aggregator;
    use tracewell_parameters::Parameters;
    use tracewell_wire::quic::Rate;
    use tracewell_wire::quic::server::Arrived;

    const RATE: Rate = Rate { frames: 0, bytes: 0 };

    const ROLES: [Role; 4] = [Role::Viewer, Role::Analyst, Role::Operator, Role::Admin];

    /// What is asked, with an engine behind it; in the folder is its store.
    fn api(folder: &Path, operators: Operators, disk: Disk) -> (Api, (watch::Sender<bool>, mpsc::Sender<Arrived>)) {
        let (to_engine, frames) = mpsc::channel(1);
        let registry = Arc::new(Mutex::new(Registry::open(disk.clone(), 1).unwrap()));
        let aggregator = Aggregator::new(&Parameters::default());
        let sessions = Arc::new(Sessions::new(RATE));
        let (engine, _thread) =
            engine::start(aggregator, Arc::clone(&registry), Rules::default(), frames, Arc::clone(&sessions)).unwrap();
        let (stop, stopping) = watch::channel(false);
        let api = Api {
            registry,
            sessions,
            engine,
            authority: [0; 32],
            authority_ends: 0,
            parameters_hash: "".into(),
            operators: Arc::new(Mutex::new(operators)),
            decisions: Arc::new(Mutex::new(Decisions::open(&disk).unwrap())),
            audit: Arc::new(Mutex::new(Audit::open(disk.clone()).unwrap())),
            stopping,
            disk,
            state: folder.into(),
        };
        (api, (stop, to_engine))
    }

    /// An engine that does not answer does not serve, whoever asks how.
    #[tokio::test]
    async fn an_engine_that_does_not_answer_does_not_serve() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let (api, _running) = api(folder.path(), Operators::open(disk.clone()).unwrap(), disk);
        let check = async |service: &str| {
            let request = HealthCheckRequest { service: service.into() };
            api.check(Request::new(request)).await.map(|answer| answer.into_inner().status())
        };
        assert_eq!(check("tracewell.api.v1.Hosts").await.unwrap_err().code(), Code::NotFound);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let asker = api.engine.clone();
        let asked = tokio::spawn(async move { asker.ask(move |_| wait.recv().is_ok()).await });
        tokio::task::yield_now().await;
        assert_eq!(check("").await.unwrap(), ServingStatus::NotServing);
        assert_eq!(api.healthz().await.status(), 503);
        go.send(()).unwrap();
        assert!(asked.await.unwrap().unwrap());
        // On a busy machine an engine that is free may take its time, too.
        while check("").await.unwrap() != ServingStatus::Serving {}
        assert_eq!(api.healthz().await.status(), 200);
    }

    /// Each method, asked over HTTP with an empty request by each role and by nobody: who is let through to it, and who is not.
    #[tokio::test]
    async fn every_method_asks_for_its_role() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        let mut operators = Operators::open(disk.clone()).unwrap();
        let tokens = ROLES.map(|role| operators.create(role.as_str_name(), role, 60).unwrap());
        let (api, _running) = api(folder.path(), operators, disk);
        let routes = serve::routes(&api).unwrap();
        for method in methods::all() {
            let ask = async |authorization: &str| {
                let verb = if method.is_get { "GET" } else { "POST" };
                let request = http::Request::builder().method(verb).uri(method.path.replace(['{', '}'], "-"));
                let request = request.header("authorization", authorization).body(Body::empty()).unwrap();
                routes.clone().oneshot(request).await.unwrap().status().as_u16()
            };
            for wrong in ["", "Bearer ", "Bearer tracewell-operator-0", &tokens[3]] {
                assert_eq!(ask(wrong).await, 401, "{} by nobody", method.name);
            }
            for (role, token) in ROLES.iter().zip(&tokens) {
                let status = ask(&format!("Bearer {token}")).await;
                assert_eq!(status == 403, *role < method.role, "{} by {role:?}: {status}", method.name);
                assert!(matches!(status, 200 | 400 | 403 | 404), "{} by {role:?}: {status}", method.name);
            }
        }
        let asked = api.audit.lock().unwrap().before(0, 100).unwrap();
        let n_changes = methods::all().iter().filter(|method| !method.is_get);
        let n_let_through: usize =
            n_changes.map(|method| ROLES.iter().filter(|role| **role >= method.role).count()).sum();
        assert_eq!(asked.len(), n_let_through, "each change that somebody could ask for is noted");
    }
}
