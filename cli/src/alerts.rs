//! `tracewell alerts`: incidents of a running aggregator, and what is decided about them; one incident of a replay.

use crate::args::server::{AlertsCommand, Scope, ServerArgs, Severity, ShowArgs, Status, Verdict};
use crate::failure::{Failure, print};
use crate::fleet::{lines, word};
use crate::output::alerts::{Alerts, Incident};
use crate::output::text::{clean, milli};
use crate::output::{dot, tree};
use crate::server::Server;
use clap::ValueEnum;
use std::fmt::Write;
use std::path::Path;
use tracewell_aggregator::document::alerts::SCHEMA;
use tracewell_aggregator::document::time::short;
use tracewell_api::json;
use tracewell_api::v1::{
    self, CreateExceptionRequest, DecideIncidentRequest, ExportIncidentsRequest, GetIncidentRequest,
    ListExceptionsRequest, ListIncidentsRequest, PreviewExceptionRequest, RevokeExceptionRequest, Summary,
    WatchIncidentsRequest,
};

pub fn run(server: &ServerArgs, command: AlertsCommand) -> Result<(), Failure> {
    match command {
        AlertsCommand::Show(args) => show(server, &args),
        AlertsCommand::Watch { severity, only_new } => watch(server, severity, only_new),
        AlertsCommand::Export => export(server),
        AlertsCommand::List { severity, status, host, limit } => {
            let server = Server::connect(server)?;
            let status = status.into_iter().map(|status| statuses(status).into()).collect();
            let request = ListIncidentsRequest { severity: name(severity), status, host, skip: 0, limit };
            let text = server.tell(server.incidents().list_incidents(request), |answer| {
                let mut text = lines(&answer.incidents, line);
                let rest = answer.total.saturating_sub(answer.incidents.len() as u32);
                if rest > 0 {
                    let _ = writeln!(text, "and {rest} more: --limit {}", answer.total);
                }
                text
            });
            print(&text?)
        }
        AlertsCommand::Decide { incident, status, verdict, assignee, note } => {
            let server = Server::connect(server)?;
            let request = DecideIncidentRequest {
                incident,
                status: status.map(|status| statuses(status).into()),
                verdict: verdict.map(|verdict| verdicts(verdict).into()),
                assignee,
                note,
            };
            let text = server.tell(server.incidents().decide_incident(request), |answer| {
                answer.decision.as_ref().map(decision).unwrap_or_default()
            });
            print(&text?)
        }
        AlertsCommand::Except { incident, scope, days, preview: true, .. } => {
            let server = Server::connect(server)?;
            let request = PreviewExceptionRequest { incident, scope: scopes(scope).into(), days };
            let text = server.tell(server.incidents().preview_exception(request), |answer| {
                let (n, alerts) = (answer.incidents.len(), answer.alerts);
                format!("{}would have hidden {n} incidents of {alerts} alerts\n", lines(&answer.incidents, line))
            });
            print(&text?)
        }
        AlertsCommand::Except { incident, scope, days, reason, .. } => {
            let server = Server::connect(server)?;
            let reason = reason.unwrap_or_default();
            let request = CreateExceptionRequest { incident, scope: scopes(scope).into(), days, reason };
            let text = server.tell(server.incidents().create_exception(request), |answer| {
                lines(answer.exception.as_slice(), exception)
            });
            print(&text?)
        }
        AlertsCommand::Exceptions => {
            let server = Server::connect(server)?;
            let asked = ListExceptionsRequest {};
            print(
                &server
                    .tell(server.incidents().list_exceptions(asked), |answer| lines(&answer.exceptions, exception))?,
            )
        }
        AlertsCommand::RevokeException { exception } => {
            let server = Server::connect(server)?;
            let done = format!("{exception} hides nothing any more\n");
            print(&server.tell(server.incidents().revoke_exception(RevokeExceptionRequest { exception }), |_| done)?)
        }
    }
}

/// One incident, of a replay's folder or of the server.
fn show(server: &ServerArgs, args: &ShowArgs) -> Result<(), Failure> {
    let (rank, incident, decided) = match &args.from {
        Some(folder) => of_replay(folder, &args.id)?,
        None => of_server(&Server::connect(server)?, &args.id)?,
    };
    if server.json {
        let json = serde_json::to_string_pretty(&incident).map_err(Failure::internal)?;
        return print(&format!("{json}\n"));
    }
    match args.dot {
        true => print(&dot::dot(&incident, args.expand)),
        false => print(&format!("{}{decided}", tree::tree(&incident, rank, args.expand))),
    }
}

fn of_replay(folder: &Path, id: &str) -> Result<(usize, Incident, String), Failure> {
    let path = folder.join("alerts.json");
    let bytes = std::fs::read(&path);
    let bytes = bytes.map_err(|error| Failure::Input(format!("cannot read {}: {error}", path.display())))?;
    let alerts = Alerts::from_bytes(&bytes);
    let alerts = alerts.map_err(|problem| Failure::Input(format!("{}: {problem}", path.display())))?;
    let (rank, incident) = alerts.find(id).map_err(Failure::Input)?;
    Ok((rank, incident.clone(), String::new()))
}

fn of_server(server: &Server, id: &str) -> Result<(usize, Incident, String), Failure> {
    let incident = match id.strip_prefix('#') {
        None => id.to_owned(),
        Some(rank) => {
            let skip = rank.parse::<u32>().ok().and_then(|rank| rank.checked_sub(1));
            let skip = skip.ok_or_else(|| Failure::Input(format!("{id:?}: expected an id, or a rank as #1")))?;
            let request = ListIncidentsRequest { skip, limit: 1, ..ListIncidentsRequest::default() };
            let answer = server.ask(server.incidents().list_incidents(request))?;
            let first = answer.incidents.into_iter().next();
            first.ok_or_else(|| Failure::Input(format!("no incident {id}: there are {}", answer.total)))?.id
        }
    };
    let answer = server.ask(server.incidents().get_incident(GetIncidentRequest { incident }))?;
    let decided = answer.decision.as_ref().map(|decided| format!("\n{}", decision(decided))).unwrap_or_default();
    Ok((answer.rank as usize, document(answer.incident.as_ref())?, decided))
}

/// Prints until it is interrupted or the server ends.
fn watch(args: &ServerArgs, severity: Option<Severity>, only_new: bool) -> Result<(), Failure> {
    let server = Server::connect(args)?;
    let request = WatchIncidentsRequest { severity: name(severity), only_new };
    let mut stream = server.ask(server.incidents().watch_incidents(request))?;
    while let Some(answer) = server.wait(stream.message())? {
        match server.wants_json() {
            true => print(&format!("{}\n", json::of(&answer)))?,
            false => print(&lines(answer.incident.as_slice(), line))?,
        }
    }
    Err(Failure::Internal("the aggregator stops: what comes after this is not seen".into()))
}

/// The document that a replay of the same recordings writes, byte for byte.
fn export(args: &ServerArgs) -> Result<(), Failure> {
    let server = Server::connect(args)?;
    let head =
        server.ask(server.incidents().list_incidents(ListIncidentsRequest { limit: 1, ..Default::default() }))?;
    let mut stream = server.ask(server.incidents().export_incidents(ExportIncidentsRequest {}))?;
    let mut incidents = Vec::new();
    while let Some(answer) = server.wait(stream.message())? {
        incidents.push(document(answer.incident.as_ref())?);
    }
    let alerts = Alerts { schema: SCHEMA.into(), parameters_hash: head.parameters_hash, incidents };
    print(&String::from_utf8_lossy(&alerts.to_bytes()))
}

fn document(incident: Option<&v1::Incident>) -> Result<Incident, Failure> {
    let incident = incident.ok_or_else(|| Failure::Internal("the aggregator sent no incident".into()))?;
    serde_json::from_value(json::of(incident)).map_err(Failure::internal)
}

fn line(summary: &Summary) -> String {
    let Summary { id, score, severity, title, hosts, first, last, repeats, .. } = summary;
    let decided = summary.decision.clone().unwrap_or_default();
    let (score, hosts, mut status) = (milli(*score), hosts.join(", "), word(decided.status().as_str_name()));
    if decided.verdict() > v1::Verdict::Undecided {
        let _ = write!(status, ", {}", word(decided.verdict().as_str_name()));
    }
    let times = if *repeats == 1 { String::new() } else { format!(", {repeats} times") };
    let incomplete = if summary.incomplete { "  incomplete" } else { "" };
    let assignee = if decided.assignee.is_empty() { String::new() } else { format!(" ({})", decided.assignee) };
    let span = tracewell_aggregator::document::time::span(first, last);
    format!("{id}  {score:>5}  {severity:<8}  {status:<6}{assignee}  {title}  [{hosts}]  {span}{times}{incomplete}")
}

fn decision(decided: &v1::Decision) -> String {
    let (status, verdict) = (word(decided.status().as_str_name()), word(decided.verdict().as_str_name()));
    let assignee = if decided.assignee.is_empty() { "nobody" } else { &decided.assignee };
    let mut text = format!("{status}, {verdict}, assigned to {}\n", clean(assignee));
    for note in &decided.notes {
        let _ = writeln!(text, "  {}  {}: {}", short(&note.time), clean(&note.author), clean(&note.text));
    }
    text
}

fn exception(exception: &v1::Exception) -> String {
    let (id, scope, severity) = (&exception.id, word(exception.scope().as_str_name()), &exception.severity);
    let (owner, until, reason) = (&exception.owner, short(&exception.expires), &exception.reason);
    format!("{id}  {scope:<5}  up to {severity}  until {until}  {owner}: {reason}  (from {})", exception.incident)
}

fn name(severity: Option<Severity>) -> String {
    severity.and_then(|severity| severity.to_possible_value()).map(|value| value.get_name().into()).unwrap_or_default()
}

fn statuses(status: Status) -> v1::Status {
    match status {
        Status::New => v1::Status::New,
        Status::Open => v1::Status::Open,
        Status::Closed => v1::Status::Closed,
    }
}

fn verdicts(verdict: Verdict) -> v1::Verdict {
    match verdict {
        Verdict::Undecided => v1::Verdict::Undecided,
        Verdict::FalseAlarm => v1::Verdict::FalseAlarm,
        Verdict::Expected => v1::Verdict::Expected,
        Verdict::Confirmed => v1::Verdict::Confirmed,
    }
}

fn scopes(scope: Scope) -> v1::Scope {
    match scope {
        Scope::Story => v1::Scope::Story,
        Scope::Label => v1::Scope::Label,
    }
}
