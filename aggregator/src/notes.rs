//! What is known of hosts and of the fleet, as rows that outlast the process.

use crate::StoreError;
use crate::condition::{Condition, GAPS_MAX, Losses};
use crate::ingest::{Fork, HostState, IngestCounters};
use crate::merge::Merge;
use crate::versions::Hold;
use tracewell_graph_core::fleet::{ContributionDelta, Views};
use tracewell_graph_core::history::{HistoryError, RowReader, RowWriter};
use tracewell_model::{AlertId, EventNs, HostId};
use tracewell_wire::{Class, Inventory, Message, Payload, decode, encode};

/// First number of each row, raised with every change of one, and the oldest that is read.
const VERSION: u64 = 4;
const VERSION_MIN: u64 = 2;
/// From which version on a host's row has its [`Condition`].
const CONDITION_SINCE: u64 = 3;
/// From which version on a view's row has the views of groups; before that it was the frame that hosts were given.
const GROUPS_SINCE: u64 = 4;

pub fn host(state: &HostState) -> Vec<u8> {
    write(|row| {
        for text in [&state.name, &state.version] {
            row.option(text.as_deref(), |row, text| row.text(text));
        }
        row.u64(state.epoch.into());
        row.u64(state.latest.0);
        row.u64(state.n_alerts as u64);
        row.u64(state.n_refused);
        row.u64(state.n_missing);
        row.bool(state.wants_profile);
        row.u64(state.wanted.len() as u64);
        state.wanted.iter().for_each(|alert| row.u64(alert.0));
        row.option(state.fork, |row, fork| {
            row.u64(fork.epoch.into());
            row.u64(fork.time.0);
        });
        row.u64(state.settled.len() as u64);
        for (time, settled) in &state.settled {
            row.u64(time.0);
            row.bool(*settled);
        }
        let forgotten: Vec<_> = state.ledgers.iter().filter(|(_, ledger)| ledger.forgotten() > 0).collect();
        row.u64(forgotten.len() as u64);
        for ((epoch, class), ledger) in forgotten {
            row.u64((*epoch).into());
            row.u64(*class as u64);
            row.u64(ledger.forgotten());
        }
        let Condition { readiness_permille, losses, runs: _ } = &state.condition;
        let Losses { n_events, n_gaps, gaps, latest } = losses;
        [(*readiness_permille).into(), *n_events, *n_gaps, gaps.len() as u64].into_iter().for_each(|n| row.u64(n));
        gaps.iter().for_each(|gap| row.u64(gap.0));
        row.option(*latest, |row, latest| row.u64(latest.0));
    })
}

/// The ledgers of an epoch and class of which only up to which number they have forgotten is in the row.
type Forgotten = Vec<((u32, Class), u64)>;

pub fn read_host(bytes: &[u8]) -> Result<(HostState, Forgotten), StoreError> {
    read("a host", bytes, |row_version, row| {
        let mut text = || row.option(|row| Ok(row.text()?.into()));
        let (name, version) = (text()?, text()?);
        let (epoch, latest, n_alerts) = (row.u32()?, EventNs(row.u64()?), row.u64()? as usize);
        let (n_refused, n_missing, wants_profile) = (row.u64()?, row.u64()?, row.bool()?);
        let wanted = (0..row.u64()?).map(|_| Ok(AlertId(row.u64()?))).collect::<Result<_, HistoryError>>()?;
        let fork = row.option(|row| Ok(Fork { epoch: row.u32()?, time: EventNs(row.u64()?) }))?;
        let mut state = HostState { name, version, epoch, latest, n_alerts, fork, ..HostState::default() };
        (state.n_refused, state.n_missing) = (n_refused, n_missing);
        (state.wants_profile, state.wanted) = (wants_profile, wanted);
        for _ in 0..row.u64()? {
            state.settled.insert(EventNs(row.u64()?), row.bool()?);
        }
        let mut forgotten = Vec::new();
        for _ in 0..row.u64()? {
            let (epoch, class) = (row.u32()?, row.u64()?);
            let class = Class::ALL.into_iter().find(|known| *known as u64 == class);
            forgotten.push(((epoch, class.ok_or_else(|| row.corrupt("no such class"))?), row.u64()?));
        }
        if row_version >= CONDITION_SINCE {
            state.condition.readiness_permille = row.u64()?.min(1000) as u16;
            let (n_events, n_gaps) = (row.u64()?, row.u64()?);
            let gaps = (0..row.at_most(GAPS_MAX as u64)?).map(|_| Ok(EventNs(row.u64()?)));
            let gaps = gaps.collect::<Result<_, HistoryError>>()?;
            let latest = row.option(|row| Ok(EventNs(row.u64()?)))?;
            state.condition.losses = Losses { n_events, n_gaps, gaps, latest };
        }
        Ok((state, forgotten))
    })
}

pub fn hash(content_hash: u64) -> Vec<u8> {
    content_hash.to_be_bytes().to_vec()
}

pub fn read_hash(bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes = bytes.try_into().map_err(|_| corrupt("a taken message", format!("{} bytes", bytes.len())))?;
    Ok(u64::from_be_bytes(bytes))
}

/// `None` if there is nothing that could be sent: its host will be asked for it.
pub fn contribution(host: HostId, merge: &Merge) -> Option<Vec<u8>> {
    let payload = Payload::Profile(merge.contribution(host)?);
    encode(&Message { host, epoch: 0, sequence: 1, payload }).ok()
}

pub fn read_contribution(bytes: &[u8]) -> Result<ContributionDelta, StoreError> {
    read_payload("a contribution", bytes, |payload| match payload {
        Payload::Profile(delta) => Some(delta),
        _ => None,
    })
}

/// # Errors
/// When it is larger than a frame, as which no host can have sent it.
pub fn inventory(host: HostId, inventory: Inventory) -> Result<Vec<u8>, StoreError> {
    let payload = Payload::Inventory(inventory);
    encode(&Message { host, epoch: 0, sequence: 1, payload })
        .map_err(|error| corrupt("an inventory", error.to_string()))
}

pub fn read_inventory(bytes: &[u8]) -> Result<Inventory, StoreError> {
    read_payload("an inventory", bytes, |payload| match payload {
        Payload::Inventory(inventory) => Some(inventory),
        _ => None,
    })
}

pub fn counters(counters: &IngestCounters) -> Vec<u8> {
    let IngestCounters { n_alerts, n_evicted, n_expired, n_refused, n_lost_events } = *counters;
    write(|row| [n_alerts, n_evicted, n_expired, n_refused, n_lost_events].into_iter().for_each(|n| row.u64(n)))
}

pub fn read_counters(bytes: &[u8]) -> Result<IngestCounters, StoreError> {
    read("counters", bytes, |_, row| {
        let mut next = || row.u64();
        let (n_alerts, n_evicted, n_expired, n_refused) = (next()?, next()?, next()?, next()?);
        Ok(IngestCounters { n_alerts, n_evicted, n_expired, n_refused, n_lost_events: next()? })
    })
}

pub fn views(day: u32, views: &Views) -> Vec<u8> {
    write(|row| {
        row.u64(day.into());
        views.write(row);
    })
}

/// The day of event time on which they were made, with them.
pub fn read_views(bytes: &[u8]) -> Result<(u32, Views), StoreError> {
    let what = "a view of the fleet";
    let (day, views) = read(what, bytes, |row_version, row| {
        let day = row.u32()?;
        match row_version {
            GROUPS_SINCE.. => Ok((day, Ok(Views::read(row)?))),
            _ => Ok((day, Err(row.blob()?.to_vec()))),
        }
    })?;
    let before = |frame: Vec<u8>| {
        let view = read_payload(what, &frame, |payload| match payload {
            Payload::FleetView(view) => Some(view),
            _ => None,
        });
        view.map(|view| Views::from(&view))
    };
    Ok((day, views.or_else(before)?))
}

pub fn hold(hold: &Hold) -> Vec<u8> {
    write(|row| {
        row.u64(hold.version);
        row.u64(hold.since);
        row.text(&hold.owner);
        row.text(&hold.reason);
    })
}

pub fn read_hold(bytes: &[u8]) -> Result<Hold, StoreError> {
    read("what is held", bytes, |_, row| {
        let (version, since) = (row.u64()?, row.u64()?);
        Ok(Hold { version, since, owner: row.text()?.into(), reason: row.text()?.into() })
    })
}

pub fn corrupt(what: &'static str, why: String) -> StoreError {
    StoreError::Corrupt { what, why }
}

/// What is kept as the frame that a host could send or be given.
fn read_payload<T>(what: &'static str, frame: &[u8], take: impl FnOnce(Payload) -> Option<T>) -> Result<T, StoreError> {
    let message = decode(frame).map_err(|error| corrupt(what, error.to_string()))?;
    take(message.payload).ok_or_else(|| corrupt(what, "another message".into()))
}

fn write(write: impl FnOnce(&mut RowWriter<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut row = RowWriter::new(&mut bytes);
    row.u64(VERSION);
    write(&mut row);
    bytes
}

fn read<T>(
    what: &'static str,
    bytes: &[u8],
    read: impl FnOnce(u64, &mut RowReader<'_>) -> Result<T, HistoryError>,
) -> Result<T, StoreError> {
    let mut row = RowReader::new(what, bytes);
    let content = match row.u64() {
        Ok(version @ VERSION_MIN..=VERSION) => read(version, &mut row),
        Ok(version) => Err(row.corrupt(format!("version {version}, expected {VERSION_MIN} to {VERSION}"))),
        Err(error) => Err(error),
    };
    content.and_then(|content| row.end().map(|()| content)).map_err(|error| corrupt(what, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_graph_core::fleet::{FleetNode, FleetView};

    #[test]
    fn a_view_survives_its_row_and_one_of_before_is_read() {
        let node = |parent, label: &str| FleetNode { parent, label: label.into(), votes: 4, peers: 5, group: 0 };
        let view = FleetView::from_nodes(6, vec![node(u32::MAX, "host"), node(0, "/bin/app")]).unwrap();
        let all = Views::from(&view);
        assert_eq!(read_views(&views(7, &all)).unwrap(), (7, all.clone()));
        let payload = Payload::FleetView(view);
        let frame = encode(&Message { host: HostId(0), epoch: 0, sequence: 1, payload }).unwrap();
        for version in [VERSION_MIN, GROUPS_SINCE - 1] {
            let mut before = write(|row| {
                row.u64(7);
                row.blob(&frame);
            });
            before[0] = version as u8;
            assert_eq!(read_views(&before).unwrap(), (7, all.clone()));
        }
    }

    #[test]
    fn a_host_survives_its_row_and_one_of_before_is_read() {
        let losses = Losses { n_events: 3, n_gaps: 2, gaps: [EventNs(4), EventNs(9)].into(), latest: Some(EventNs(9)) };
        let condition = Condition { readiness_permille: 500, losses, runs: None };
        let state = HostState {
            name: Some("web-1".into()),
            n_missing: 7,
            condition: condition.clone(),
            ..HostState::default()
        };
        let row = host(&state);
        let (read, _) = read_host(&row).unwrap();
        assert_eq!((read.name, read.n_missing, read.condition), (state.name, 7, condition));

        let fresh = HostState { n_missing: 7, ..HostState::default() };
        let mut before = host(&fresh);
        // Readiness, three counts of losses, and that there was none.
        before.truncate(before.len() - 5);
        before[0] = 2;
        let (read, _) = read_host(&before).unwrap();
        assert_eq!((read.n_missing, read.condition), (7, Condition::default()));
        before[0] = 5;
        let refused = read_host(&before).map(drop).unwrap_err().to_string();
        assert!(refused.contains("version 5, expected 2 to 4"), "{refused}");
    }
}
