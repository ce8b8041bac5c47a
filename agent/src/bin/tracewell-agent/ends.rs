//! Where the pipeline's frames go: to what shows them here, and to the spool where there is an aggregator.

use tracewell_agent::spool::Spool;
use tracewell_wire::{MemoryEnd, Transport, TransportError};

pub struct Ends {
    /// Towards the alerts that are shown here.
    pub local: MemoryEnd,
    pub spool: Option<Spool>,
}

impl Transport for Ends {
    fn send(&mut self, frame: Vec<u8>) -> Result<(), TransportError> {
        if let Some(spool) = &mut self.spool {
            spool.send(frame.clone())?;
        }
        self.local.send(frame)
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        self.spool.as_mut().and_then(Transport::receive)
    }
}
