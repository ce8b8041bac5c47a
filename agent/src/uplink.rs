//! What the agent says to the aggregator, numbered and encoded, and what it is told in return.

use std::collections::BTreeMap;
use tracewell_graph_core::checkpoint::{LoadError, LoadRows, SaveRows};
use tracewell_model::HostId;
use tracewell_wire::{Class, Message, Payload, Transport, TransportError, WireError};

/// The sending side of one host.
#[derive(Debug)]
pub struct Uplink {
    host: HostId,
    epoch: u32,
    sequences: BTreeMap<Class, u64>,
    bytes_sent: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    #[error("message cannot be encoded: {0}")]
    Encode(#[from] WireError),
    #[error("message cannot be sent: {0}")]
    Send(#[from] TransportError),
}

impl Uplink {
    pub fn new(host: HostId) -> Self {
        Self { host, epoch: 1, sequences: BTreeMap::new(), bytes_sent: 0 }
    }

    /// The host's enrolments and recoveries so far.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Application bytes sent.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// Starts anew after a stop: what was sent last may have got numbers that are not known here.
    pub fn recover(&mut self) {
        self.begin_epoch(self.epoch.saturating_add(1));
    }

    /// Goes on in this epoch, with numbers from 1: whoever asks for it knows that none of them was used.
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.sequences.clear();
    }

    pub fn save(&self, rows: &mut SaveRows<'_>) {
        rows.row(|row| {
            row.u64(self.epoch.into());
            row.u64(self.bytes_sent);
            Class::ALL.iter().for_each(|class| row.u64(self.sequences.get(class).copied().unwrap_or(0)));
        });
    }

    /// Reads what [`Self::save`] gave.
    ///
    /// # Errors
    /// When the row is not of an uplink.
    pub fn load(host: HostId, rows: &mut LoadRows<'_>) -> Result<Self, LoadError> {
        rows.row("an uplink", |row| {
            let (epoch, bytes_sent) = (row.u32()?, row.counter()?);
            let mut sequences = BTreeMap::new();
            for class in Class::ALL {
                match row.counter()? {
                    0 => {}
                    sequence => _ = sequences.insert(class, sequence),
                }
            }
            Ok(Self { host, epoch, sequences, bytes_sent })
        })
    }

    /// Sends one payload under the next number of its class.
    ///
    /// # Errors
    /// When it cannot be encoded or the transport does not take it; the number is then free for the next try.
    pub fn send(&mut self, payload: Payload, transport: &mut dyn Transport) -> Result<(), UplinkError> {
        let sequence = self.sequences.entry(payload.class()).or_insert(0);
        let message = Message { host: self.host, epoch: self.epoch, sequence: *sequence + 1, payload };
        let frame = tracewell_wire::encode(&message)?;
        let n_bytes = frame.len() as u64;
        transport.send(frame)?;
        *sequence += 1;
        self.bytes_sent += n_bytes;
        Ok(())
    }

    /// What has arrived for this host, without waiting. What cannot be read is passed over: the aggregator repeats itself.
    pub fn receive(&mut self, transport: &mut dyn Transport) -> Vec<Payload> {
        let mut arrived = Vec::new();
        while let Some(frame) = transport.receive() {
            match tracewell_wire::decode(&frame) {
                Ok(message) if message.host == self.host => arrived.push(message.payload),
                Ok(message) => tracing::warn!(host = %message.host, "message for another host"),
                Err(error) => tracing::warn!(%error, "unreadable message from the aggregator"),
            }
        }
        if let Some(Payload::NewEpoch { epoch }) =
            arrived.iter().rfind(|payload| matches!(payload, Payload::NewEpoch { .. }))
        {
            self.begin_epoch(*epoch);
        }
        arrived
    }
}
