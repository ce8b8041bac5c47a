//! The uplink: a thread that sends what the spool holds, so that nothing else waits for the network.

use crate::config::Uplink as Config;
use crate::failure::Failure;
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio::sync::oneshot;
use tracewell_agent::spool::Spool;
use tracewell_wire::quic::client::{self, Options};
use tracewell_wire::quic::identity::Identity;

/// It ends when this is dropped; what it has not sent stays in the spool.
pub struct Uplink {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Uplink {
    /// # Errors
    /// When no thread can be started.
    pub fn start(config: &Config, identity: Identity, spool: Spool) -> Result<Self, Failure> {
        let options = Options { servers: config.servers.clone(), identity, keep_alive: config.keep_alive };
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let stopped = async {
                // Dropped, it stops as well.
                let _ = stopped.await;
            };
            if let Err(error) = runtime.block_on(client::run(&options, &spool, stopped)) {
                tracing::error!(%error, "there is no uplink; what is found stays in the spool");
            }
        };
        let thread = thread::Builder::new().name("uplink".into()).spawn(run).map_err(Failure::internal)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
