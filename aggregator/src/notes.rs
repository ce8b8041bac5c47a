//! What is known of hosts and of the fleet, as rows that outlast the process.

use crate::StoreError;
use crate::ingest::{Fork, HostState, IngestCounters};
use crate::merge::Merge;
use crate::versions::Hold;
use tracewell_graph_core::fleet::{ContributionDelta, FleetView};
use tracewell_graph_core::history::{HistoryError, RowReader, RowWriter};
use tracewell_model::{AlertId, EventNs, HostId};
use tracewell_wire::{Class, Message, Payload, decode, encode};

/// First byte of each row, raised with every change of one.
const VERSION: u64 = 2;

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
    })
}

/// The ledgers of an epoch and class of which only up to which number they have forgotten is in the row.
type Forgotten = Vec<((u32, Class), u64)>;

pub fn read_host(bytes: &[u8]) -> Result<(HostState, Forgotten), StoreError> {
    read("a host", bytes, |row| {
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
    match decode(bytes).map(|message| message.payload) {
        Ok(Payload::Profile(delta)) => Ok(delta),
        Ok(_) => Err(corrupt("a contribution", "another message".into())),
        Err(error) => Err(corrupt("a contribution", error.to_string())),
    }
}

pub fn counters(counters: &IngestCounters) -> Vec<u8> {
    let IngestCounters { n_alerts, n_evicted, n_expired, n_refused, n_lost_events } = *counters;
    write(|row| [n_alerts, n_evicted, n_expired, n_refused, n_lost_events].into_iter().for_each(|n| row.u64(n)))
}

pub fn read_counters(bytes: &[u8]) -> Result<IngestCounters, StoreError> {
    read("counters", bytes, |row| {
        let mut next = || row.u64();
        let (n_alerts, n_evicted, n_expired, n_refused) = (next()?, next()?, next()?, next()?);
        Ok(IngestCounters { n_alerts, n_evicted, n_expired, n_refused, n_lost_events: next()? })
    })
}

/// `None` if it outgrew a frame, and so could be given to nobody.
pub fn view(day: u32, view: &FleetView) -> Option<Vec<u8>> {
    let payload = Payload::FleetView(view.clone());
    let frame = encode(&Message { host: HostId(0), epoch: 0, sequence: 1, payload }).ok()?;
    Some(write(|row| {
        row.u64(day.into());
        row.blob(&frame);
    }))
}

/// The day of event time on which it was made, with it.
pub fn read_view(bytes: &[u8]) -> Result<(u32, FleetView), StoreError> {
    let (day, frame) = read("a view of the fleet", bytes, |row| Ok((row.u32()?, row.blob()?.to_vec())))?;
    match decode(&frame).map(|message| message.payload) {
        Ok(Payload::FleetView(view)) => Ok((day, view)),
        Ok(_) => Err(corrupt("a view of the fleet", "another message".into())),
        Err(error) => Err(corrupt("a view of the fleet", error.to_string())),
    }
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
    read("what is held", bytes, |row| {
        let (version, since) = (row.u64()?, row.u64()?);
        Ok(Hold { version, since, owner: row.text()?.into(), reason: row.text()?.into() })
    })
}

pub fn corrupt(what: &'static str, why: String) -> StoreError {
    StoreError::Corrupt { what, why }
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
    read: impl FnOnce(&mut RowReader<'_>) -> Result<T, HistoryError>,
) -> Result<T, StoreError> {
    let mut row = RowReader::new(what, bytes);
    let content = match row.u64() {
        Ok(VERSION) => read(&mut row),
        Ok(version) => Err(row.corrupt(format!("version {version}, expected {VERSION}"))),
        Err(error) => Err(error),
    };
    content.and_then(|content| row.end().map(|()| content)).map_err(|error| corrupt(what, error.to_string()))
}
