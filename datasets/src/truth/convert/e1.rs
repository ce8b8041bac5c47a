//! Attack processes of the CADETS trace of engagement 1: one attack per session.

use super::super::{Attack, NodePattern, Truth, Window};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;
use tracewell_model::{EventNs, NodeKind, Uuid};

#[derive(Deserialize)]
struct Labels {
    /// `2016-09-27 12:38:17-12:38:48`, in UTC, whole seconds.
    sessions_utc: Vec<String>,
    processes: Vec<Process>,
    /// Workers that served benign requests and the exploit alike.
    exploited_parents_mixed_behaviour: Vec<Parent>,
}

#[derive(Deserialize)]
struct Process {
    uuid: String,
    first_ns: u64,
}

#[derive(Deserialize)]
struct Parent {
    uuid: String,
}

pub(super) fn convert(bytes: &[u8]) -> Result<Truth, String> {
    let labels: Labels = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let n_sessions = labels.sessions_utc.len();
    let mut attacks = Vec::with_capacity(n_sessions);
    for (n, text) in (1..).zip(&labels.sessions_utc) {
        let windows = vec![session(text)?];
        let name = format!("session {n} of {n_sessions}, {text} UTC");
        attacks.push(Attack { id: format!("session-{n}"), name, windows, nodes: Vec::new(), steps: Vec::new() });
    }
    for process in &labels.processes {
        let first = EventNs(process.first_ns);
        let attack = attacks.iter_mut().find(|attack| attack.overlaps(first, first)).ok_or_else(|| {
            format!("process {} begins at {} ns, which lies in no session", process.uuid, process.first_ns)
        })?;
        attack.nodes.push(node(&process.uuid)?);
    }
    Ok(Truth {
        label_set: "e1-cadets-attack-processes".to_owned(),
        label_kinds: vec![NodeKind::Process],
        attacks,
        ignored: labels
            .exploited_parents_mixed_behaviour
            .iter()
            .map(|parent| node(&parent.uuid))
            .collect::<Result<_, _>>()?,
    })
}

fn node(uuid: &str) -> Result<NodePattern, String> {
    let uuid: Uuid = uuid.parse()?;
    Ok(NodePattern { uuid: Some(uuid), ..NodePattern::any(NodeKind::Process) })
}

/// From the beginning of the first second to the end of the last.
fn session(text: &str) -> Result<Window, String> {
    let expected = || format!("session {text:?}, expected one like 2016-09-27 12:38:17-12:38:48");
    let (date, times) = text.split_once(' ').ok_or_else(expected)?;
    let (from, to) = times.split_once('-').ok_or_else(expected)?;
    let date: Date = date.parse().map_err(|_| expected())?;
    let second = |time: &str| -> Option<u64> {
        let time: Time = time.parse().ok()?;
        let moment = TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()?;
        u64::try_from(moment.as_nanosecond()).ok()
    };
    let (from, to) = second(from).zip(second(to)).ok_or_else(expected)?;
    Ok(Window { from: EventNs(from), to: EventNs(to.saturating_add(EventNs::SECOND - 1)) })
}
