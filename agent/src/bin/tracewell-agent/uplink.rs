//! The uplink: a thread that sends what the spool holds, so that nothing else waits for the network.

use crate::config::Uplink as Config;
use crate::failure::Failure;
use crate::renewal;
use std::path::Path;
use std::thread::{self, JoinHandle};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracewell_agent::spool::Spool;
use tracewell_wire::quic::QuicError;
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
        let folder = config.identity.clone();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            if let Err(error) = runtime.block_on(keep_up(options, &folder, &spool, stopped)) {
                tracing::error!(%error, "there is no uplink; what is found stays in the spool");
            }
        };
        let thread = thread::Builder::new().name("uplink".into()).spawn(run).map_err(Failure::internal)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

/// Sends what there is until it is stopped, and sees that the certificate does not end to hold.
async fn keep_up(
    mut options: Options,
    folder: &Path,
    spool: &Spool,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), QuicError> {
    let mut tried_in_vain = false;
    loop {
        let mut is_due = false;
        let until = async {
            let due = async {
                if tried_in_vain {
                    sleep(renewal::EVERY).await;
                }
                renewal::due(&options.identity).await;
            };
            tokio::select! {
                // Dropped, it stops as well.
                _ = &mut stopped => {}
                () = due => is_due = true,
            }
        };
        client::run(&options, spool, until).await?;
        if !is_due {
            return Ok(());
        }
        match renewal::renew(folder, &options.identity, &options.servers).await {
            Ok(identity) => {
                tracing::info!(folder = %folder.display(), "this host has another certificate");
                (options.identity, tried_in_vain) = (identity, false);
            }
            Err(error) => {
                tracing::warn!(%error, "the certificate cannot be renewed; trying again in an hour");
                tried_in_vain = true;
            }
        }
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
