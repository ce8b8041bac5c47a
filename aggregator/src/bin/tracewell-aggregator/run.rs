//! `tracewell-aggregator run`.

use crate::args::RunArgs;
use crate::authority::Authority;
use crate::backup;
use crate::config::Config;
use crate::control::{Control, Socket};
use crate::engine;
use crate::listener::{Listener, Sessions};
use crate::places::Places;
use crate::registry::Registry;
use anyhow::{Context, Result, anyhow};
use sd_notify::NotifyState;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};
use tracewell_aggregator::Aggregator;
use tracewell_aggregator::disk::Disk;
use tracewell_wire::quic::server::{Inbox, listen};
use tracewell_wire::session::Close;

/// Threads for connections; what is taken in has one of its own.
const THREADS: usize = 2;
/// What is under way when it is told to stop may take this long.
const DRAIN: Duration = Duration::from_secs(20);
/// Between two looks whether the engine still runs.
const BREATH: Duration = Duration::from_millis(200);

pub fn run(args: &RunArgs, file: Option<&Path>) -> Result<()> {
    let config = Config::load(file, |fields| args.lay_over(fields))?;
    fs::create_dir_all(&config.state).with_context(|| format!("making {}", config.state.display()))?;
    backup::is_whole(&config.state)?;
    // Held by one aggregator: whoever comes after fails here.
    let disk = Disk::open(&config.state.join(backup::STORE))?;
    let authority = Authority::open(&config.state.join(backup::AUTHORITY))?;
    let registry = Arc::new(Mutex::new(Registry::open(disk.clone(), config.hosts_max)?));
    let aggregator = Aggregator::with_store(&config.parameters, Box::new(disk.store()))?;
    let (inbox, frames) = Inbox::new(config.inbox_bytes);
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).thread_name("connections").enable_all().build()?;
    runtime.block_on(async {
        let socket = Socket::listen(&config.control)?;
        let endpoint = listen(&authority.aggregator()?, config.listen)
            .with_context(|| format!("listening on {}", config.listen))?;
        let settings = (config.parameters.hash(), config.retention_days);
        let (engine, thread) = engine::start(aggregator, Arc::clone(&registry), settings, frames)?;
        let sessions = Arc::new(Sessions::new(config.host_rate));
        let fingerprint = authority.fingerprint();
        let control = Control {
            registry: Arc::clone(&registry),
            sessions: Arc::clone(&sessions),
            engine,
            authority: fingerprint,
            disk,
            state: config.state.clone(),
        };
        let listener = Listener {
            registry,
            authority,
            inbox,
            certificate_holds: config.certificate_holds,
            sessions: Arc::clone(&sessions),
            places: Places::new(config.handshakes_max),
        };
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let accepting = tokio::spawn(listener.run(endpoint.clone()));
        let serving = tokio::spawn(socket.serve(control));
        // With port 0 the system chose one.
        tracing::info!(address = %endpoint.local_addr()?, state = %config.state.display(), "listening");
        tell(&[NotifyState::Ready, NotifyState::Status("listening")]);
        let ended = async {
            while !thread.is_finished() {
                sleep(BREATH).await;
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = ended => {}
        }
        tell(&[NotifyState::Stopping, NotifyState::Status("writing what is left")]);
        // In the order of the data: connections, what they brought, what it became.
        endpoint.close(Close::Done.code().into(), b"");
        serving.abort();
        let _ = accepting.await;
        let _ = timeout(DRAIN, endpoint.wait_idle()).await;
        let joined = timeout(DRAIN, tokio::task::spawn_blocking(|| thread.join())).await;
        let joined = joined.context("what was under way took too long")??;
        joined.map_err(|_| anyhow!("the engine panicked"))??;
        tracing::info!(counts = ?sessions.counted(), "stopped");
        Ok(())
    })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
