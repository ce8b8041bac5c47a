use super::{Api, Caller, internal, lock, refused, time};
use crate::decisions::{self, Decision, Kept, Story};
use crate::engine::Snapshot;
use crate::registry::now;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracewell_aggregator::document::{self, members, time::rfc3339};
use tracewell_aggregator::{Aggregator, Exception, ExceptionId, Incident, Matcher};
use tracewell_alert_scorer::Severity;
use tracewell_api::v1::incidents_server::Incidents;
use tracewell_api::v1::{
    self as proto, Counters, CreateExceptionRequest, CreateExceptionResponse, DecideIncidentRequest,
    DecideIncidentResponse, ExportIncidentsRequest, ExportIncidentsResponse, GetIncidentRequest, GetIncidentResponse,
    ListExceptionsRequest, ListExceptionsResponse, ListIncidentsRequest, ListIncidentsResponse, Note,
    PreviewExceptionRequest, PreviewExceptionResponse, RevokeExceptionRequest, RevokeExceptionResponse, Scope, Summary,
    WatchIncidentsRequest, WatchIncidentsResponse,
};
use tracewell_api::{fields, json};
use tracewell_model::EventNs;
use tracewell_wire::quic::random;

/// Messages of a stream that wait for a slow caller.
const STREAM_MAX: usize = 16;
/// Between two looks of one who watches: computing the list has its price.
const WATCH_EVERY: Duration = Duration::from_secs(2);
const DAYS_MAX: u32 = 3650;
const DAYS_SEEN: u32 = 30;

type Sender<T> = mpsc::Sender<Result<T, Status>>;

#[tonic::async_trait]
impl Incidents for Api {
    type ExportIncidentsStream = ReceiverStream<Result<ExportIncidentsResponse, Status>>;
    type WatchIncidentsStream = ReceiverStream<Result<WatchIncidentsResponse, Status>>;

    async fn list_incidents(
        &self,
        request: Request<ListIncidentsRequest>,
    ) -> Result<Response<ListIncidentsResponse>, Status> {
        let list = async |api: Api, request: ListIncidentsRequest, _| {
            let limit = fields::within("limit", request.limit, 100, 1000)? as usize;
            let least = severity(&request.severity)?;
            let snapshot = api.snapshot().await?;
            let fits = |summary: &Summary, found: &Incident| {
                found.severity >= least
                    && (request.host.is_empty() || summary.hosts.contains(&request.host))
                    && (request.status.is_empty()
                        || summary.decision.as_ref().is_some_and(|decision| request.status.contains(&decision.status)))
            };
            let mut summaries = api.summaries(&snapshot);
            summaries.retain(|(summary, found)| fits(summary, found));
            let total = summaries.len() as u32;
            let page = summaries.into_iter().skip(request.skip as usize).take(limit);
            Ok(ListIncidentsResponse {
                incidents: page.map(|(summary, _)| summary).collect(),
                total,
                parameters_hash: api.parameters_hash.to_string(),
                counters: Some(counters(&snapshot)),
            })
        };
        self.answer(request, list).await
    }

    async fn get_incident(
        &self,
        request: Request<GetIncidentRequest>,
    ) -> Result<Response<GetIncidentResponse>, Status> {
        let get = async |api: Api, request: GetIncidentRequest, _| {
            let snapshot = api.snapshot().await?;
            let found = find(&snapshot, &request.incident)?;
            let place = snapshot.incidents.shown.iter().position(|shown| shown.id == found.id);
            Ok(GetIncidentResponse {
                incident: Some(whole(found, &snapshot)?),
                decision: Some(said(&lock(&api.decisions).of(&found.id.to_string()))),
                rank: place.map_or(0, |place| place as u32 + 1),
            })
        };
        self.answer(request, get).await
    }

    async fn export_incidents(
        &self,
        request: Request<ExportIncidentsRequest>,
    ) -> Result<Response<Self::ExportIncidentsStream>, Status> {
        let export = async |api: Api, _, _| {
            let snapshot = api.snapshot().await?;
            Ok(stream(async move |to: Sender<ExportIncidentsResponse>| {
                for found in &snapshot.incidents.shown {
                    let incident =
                        whole(found, &snapshot).map(|incident| ExportIncidentsResponse { incident: Some(incident) });
                    if to.send(incident).await.is_err() {
                        return;
                    }
                }
            }))
        };
        self.answer(request, export).await
    }

    async fn watch_incidents(
        &self,
        request: Request<WatchIncidentsRequest>,
    ) -> Result<Response<Self::WatchIncidentsStream>, Status> {
        let watch = async |api: Api, request: WatchIncidentsRequest, caller: Caller| {
            let least = severity(&request.severity)?;
            Ok(stream(async move |to| {
                let mut stopping = api.stopping.clone();
                tokio::select! {
                    () = api.watch(&caller, least, request.only_new, &to) => {}
                    () = to.closed() => {}
                    _ = stopping.wait_for(|stopping| *stopping) => {}
                }
            }))
        };
        self.answer(request, watch).await
    }

    async fn decide_incident(
        &self,
        request: Request<DecideIncidentRequest>,
    ) -> Result<Response<DecideIncidentResponse>, Status> {
        let decide = async |api: Api, request: DecideIncidentRequest, caller: Caller| {
            let snapshot = api.snapshot().await?;
            let found = find(&snapshot, &request.incident)?;
            let status = request.status.map(|_| request.status());
            let verdict = request.verdict.map(|_| request.verdict());
            if status == Some(proto::Status::Unspecified) || verdict == Some(proto::Verdict::Unspecified) {
                return Err(Status::invalid_argument("expected a status of Status and a verdict of Verdict"));
            }
            let note = request.note.map(|note| fields::text("note", &note, 1)).transpose()?;
            let change = decisions::Change {
                status,
                verdict: verdict.map(|verdict| (verdict, Story::of(found))),
                assignee: request.assignee.map(|assignee| fields::text("assignee", &assignee, 0)).transpose()?,
                note: note.map(|text| decisions::Note { time: now(), author: caller.name, text }),
            };
            let decision = lock(&api.decisions).decide(&found.id.to_string(), change).map_err(refused)?;
            // Looked up when it is to hold: of two who decide at once neither takes the other's back.
            let decisions = Arc::clone(&api.decisions);
            let hold = move |aggregator: &mut Aggregator| aggregator.confirm(lock(&decisions).confirmed());
            api.engine.ask(move |engine| engine.decide(hold)).await.map_err(internal)?;
            Ok(DecideIncidentResponse { decision: Some(said(&decision)) })
        };
        self.answer(request, decide).await
    }

    async fn preview_exception(
        &self,
        request: Request<PreviewExceptionRequest>,
    ) -> Result<Response<PreviewExceptionResponse>, Status> {
        let preview = async |api: Api, request: PreviewExceptionRequest, caller: Caller| {
            let days = fields::within("days", request.days, DAYS_SEEN, DAYS_MAX)?;
            let snapshot = api.snapshot().await?;
            let found = find(&snapshot, &request.incident)?;
            let exception = exception(found, request.scope(), &caller.name, "a preview", EventNs(u64::MAX))?;
            let since = EventNs(snapshot.latest.0.saturating_sub(span(days)));
            let confirmed = lock(&api.decisions).confirmed().signatures;
            let seen = snapshot.incidents.shown.iter().filter(|incident| {
                incident.overflow.is_none() && incident.last >= since && !confirmed.contains(&incident.signature)
            });
            let preview = exception.preview(seen);
            let mut summaries = api.summaries(&snapshot);
            summaries.retain(|(_, found)| preview.incidents.contains(&found.id));
            Ok(PreviewExceptionResponse {
                incidents: summaries.into_iter().map(|(summary, _)| summary).collect(),
                alerts: preview.n_members,
                severity: preview.highest.map(|severity| severity.name().into()).unwrap_or_default(),
            })
        };
        self.answer(request, preview).await
    }

    async fn create_exception(
        &self,
        request: Request<CreateExceptionRequest>,
    ) -> Result<Response<CreateExceptionResponse>, Status> {
        let create = async |api: Api, request: CreateExceptionRequest, caller: Caller| {
            let days = fields::within("days", request.days, 0, DAYS_MAX)?;
            let reason = fields::text("reason", &request.reason, 1)?;
            let snapshot = api.snapshot().await?;
            let found = find(&snapshot, &request.incident)?;
            let expires = EventNs(snapshot.latest.0.saturating_add(span(days)));
            let exception = exception(found, request.scope(), &caller.name, &reason, expires)?;
            let id = ExceptionId(u64::from_be_bytes(random().map_err(internal)?));
            let kept = Kept::of(found.id.to_string(), &exception);
            {
                let mut decisions = lock(&api.decisions);
                if decisions.confirmed().signatures.contains(&found.signature) {
                    return Err(refused("it was found to be an attack (VERDICT_CONFIRMED): no exception hides it"));
                }
                decisions.except(id, kept.clone()).map_err(internal)?;
            }
            let hold = move |aggregator: &mut Aggregator| aggregator.except(id, exception);
            if let Err(error) = api.engine.ask(move |engine| engine.decide(hold)).await.map_err(internal)? {
                lock(&api.decisions).unexcept(id).map_err(internal)?;
                return Err(refused(error));
            }
            Ok(CreateExceptionResponse { exception: Some(shown(&id.to_string(), &kept)) })
        };
        self.answer(request, create).await
    }

    async fn list_exceptions(
        &self,
        request: Request<ListExceptionsRequest>,
    ) -> Result<Response<ListExceptionsResponse>, Status> {
        let list = async |api: Api, _, _| {
            let decisions = lock(&api.decisions);
            let exceptions = decisions.exceptions().iter().map(|(id, kept)| shown(id, kept));
            Ok(ListExceptionsResponse { exceptions: exceptions.collect() })
        };
        self.answer(request, list).await
    }

    async fn revoke_exception(
        &self,
        request: Request<RevokeExceptionRequest>,
    ) -> Result<Response<RevokeExceptionResponse>, Status> {
        let revoke = async |api: Api, request: RevokeExceptionRequest, _| {
            let id = ExceptionId(fields::id("exception", &request.exception)?);
            lock(&api.decisions).unexcept(id).map_err(refused)?;
            let hold = move |aggregator: &mut Aggregator| aggregator.unexcept(id);
            api.engine.ask(move |engine| engine.decide(hold)).await.map_err(internal)?;
            Ok(RevokeExceptionResponse {})
        };
        self.answer(request, revoke).await
    }
}

impl Api {
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, Status> {
        self.engine.incidents().await.map_err(|error| internal(format!("{error:#}")))
    }

    /// All that is shown, best first.
    fn summaries<'a>(&self, snapshot: &'a Snapshot) -> Vec<(Summary, &'a Incident)> {
        let decisions = lock(&self.decisions);
        let summary = |(place, found): (usize, &'a Incident)| {
            let id = found.id.to_string();
            let mut hosts: Vec<_> = found.hosts.iter().map(|&host| members::host_name(&snapshot.names, host)).collect();
            hosts.sort();
            let summary = Summary {
                rank: place as u32 + 1,
                score: found.score.into(),
                severity: found.severity.name().into(),
                title: found.title.clone(),
                hosts,
                first: rfc3339(found.first),
                last: rfc3339(found.last),
                repeats: found.repeats.into(),
                incomplete: found.incomplete || found.loss != tracewell_model::Loss::default(),
                decision: Some(proto::Decision { notes: Vec::new(), ..said(&decisions.of(&id)) }),
                id,
            };
            (summary, found)
        };
        snapshot.incidents.shown.iter().enumerate().map(summary).collect()
    }

    /// Sends what is shown, then what changes, until nobody listens.
    async fn watch(&self, caller: &Caller, least: Severity, only_new: bool, to: &Sender<WatchIncidentsResponse>) {
        let mut changed = self.engine.changed();
        let mut known = BTreeMap::new();
        for is_first in std::iter::once(true).chain(std::iter::repeat(false)) {
            changed.mark_unchanged();
            let Ok(snapshot) = self.snapshot().await else { return };
            let summaries = self.summaries(&snapshot).into_iter();
            for (summary, _) in summaries.filter(|(_, found)| found.severity >= least) {
                // Its place may change without it.
                let told = Summary { rank: 0, ..summary.clone() };
                if known.insert(summary.id.clone(), told.clone()) == Some(told) || is_first && only_new {
                    continue;
                }
                if to.send(Ok(WatchIncidentsResponse { incident: Some(summary) })).await.is_err() {
                    return;
                }
            }
            sleep(WATCH_EVERY).await;
            if changed.changed().await.is_err() {
                return;
            }
            if !self.is_still(caller) {
                let _ = to.send(Err(Status::unauthenticated("the token holds no longer"))).await;
                return;
            }
        }
    }
}

/// A stream that a task of its own fills until it is done or nobody listens.
fn stream<T: Send + 'static, F: Future<Output = ()> + Send + 'static>(
    fill: impl FnOnce(Sender<T>) -> F,
) -> ReceiverStream<Result<T, Status>> {
    let (to, from) = mpsc::channel(STREAM_MAX);
    tokio::spawn(fill(to));
    ReceiverStream::new(from)
}

/// The incident of that id, or of the only one that starts so, also of those that are held.
fn find<'a>(snapshot: &'a Snapshot, wanted: &str) -> Result<&'a Incident, Status> {
    let all = snapshot.incidents.shown.iter().chain(&snapshot.incidents.held);
    let mut found = all.filter(|incident| !wanted.is_empty() && incident.id.to_string().starts_with(wanted));
    match (found.next(), found.find(|other| other.id.to_string() != wanted)) {
        (Some(incident), None) => Ok(incident),
        (Some(one), Some(other)) => {
            let words = format!("{wanted:?} is the start of {} and {}: give more of it", one.id, other.id);
            Err(Status::invalid_argument(words))
        }
        (None, _) => Err(Status::not_found(format!("no incident {wanted:?}"))),
    }
}

/// Its form is that of `alerts.json`: field by field the same.
fn whole(found: &Incident, snapshot: &Snapshot) -> Result<proto::Incident, Status> {
    let document = serde_json::to_value(document::incident(found, &snapshot.names)).map_err(internal)?;
    json::read(&document).map_err(internal)
}

fn counters(snapshot: &Snapshot) -> Counters {
    let counters = &snapshot.incidents.counters;
    Counters {
        alerts: counters.alarms_raw,
        incidents: counters.alarms_after_fold,
        shown: counters.incidents_shown,
        overflowed: counters.overflowed,
        excepted: counters.excepted,
        evicted: counters.alarms_evicted,
        lost_events: counters.lost_events,
    }
}

fn said(decision: &Decision) -> proto::Decision {
    let note =
        |note: &decisions::Note| Note { time: time(note.time), author: note.author.clone(), text: note.text.clone() };
    proto::Decision {
        status: decision.status().into(),
        verdict: decision.verdict().into(),
        assignee: decision.assignee.clone(),
        notes: decision.notes.iter().map(note).collect(),
    }
}

fn shown(id: &str, kept: &Kept) -> proto::Exception {
    let exception = kept.exception();
    proto::Exception {
        id: id.into(),
        incident: kept.incident.clone(),
        scope: kept.scope().into(),
        owner: kept.owner.clone(),
        reason: kept.reason.clone(),
        expires: exception.as_ref().map(|exception| rfc3339(exception.expires)).unwrap_or_default(),
        severity: exception.map(|exception| exception.severity_max.name().into()).unwrap_or_default(),
    }
}

/// For what is like an incident, up to its severity.
fn exception(found: &Incident, scope: Scope, owner: &str, why: &str, expires: EventNs) -> Result<Exception, Status> {
    let matcher = match scope {
        Scope::Story => Some(Matcher::Signature(found.signature)),
        Scope::Label => Matcher::label_of(found),
        Scope::Unspecified => return Err(Status::invalid_argument("expected a scope: SCOPE_STORY or SCOPE_LABEL")),
    };
    let matcher = matcher.filter(|_| !found.members.is_empty() && found.overflow.is_none());
    let matcher = matcher.ok_or_else(|| refused("it tells no one story, or several things stand out in it"))?;
    Ok(Exception { owner: owner.into(), why: why.into(), expires, severity_max: found.severity, matcher })
}

/// Nanoseconds of so many days.
fn span(days: u32) -> u64 {
    u64::from(days) * EventNs::DAY
}

fn severity(name: &str) -> Result<Severity, Status> {
    let severity = if name.is_empty() { Some(Severity::Low) } else { Severity::from_name(name) };
    let wrong = || Status::invalid_argument(format!("severity is {name:?}, expected low, medium, high or critical"));
    severity.ok_or_else(wrong)
}
