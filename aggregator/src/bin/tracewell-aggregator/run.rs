//! `tracewell-aggregator run`.

use crate::api::Api;
use crate::api::serve::{Local, Remote, routes};
use crate::args::RunArgs;
use crate::audit::Audit;
use crate::authority::Authority;
use crate::backup;
use crate::config::Config;
use crate::decisions::Decisions;
use crate::engine::{self, Rules};
use crate::listener::{Listener, Sessions};
use crate::operators::Operators;
use crate::places::Places;
use crate::registry::Registry;
use anyhow::{Context, Result, anyhow, ensure};
use sd_notify::NotifyState;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracewell_aggregator::disk::Disk;
use tracewell_aggregator::{Aggregator, ExceptionId};
use tracewell_wire::quic::server::{Inbox, listen};
use tracewell_wire::session::Close;

/// Threads for connections; what is taken in has one of its own.
const THREADS: usize = 2;
/// Hosts are told at once that it stops. Whoever may not have heard it is told again for so long, and by the next run whenever it speaks.
const FAREWELL: Duration = Duration::from_secs(2);
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
    let registry = Registry::open(disk.clone(), config.hosts_max)?;
    let (folder, n_hosts) = (config.state.join(backup::AUTHORITY), registry.hosts().len());
    let is_first = n_hosts == 0;
    ensure!(is_first || folder.exists(), "{} is missing: none of {n_hosts} hosts would be let in", folder.display());
    let authority = Authority::open(&folder)?;
    authority.warn_of_its_end();
    let registry = Arc::new(Mutex::new(registry));
    let mut aggregator = Aggregator::with_store(&config.parameters, Box::new(disk.store()))?;
    let decisions = Decisions::open(&disk)?;
    hold(&mut aggregator, &decisions)?;
    let (operators, audit) = (Operators::open(disk.clone())?, Audit::open(disk.clone())?);
    let (stop, stopping) = watch::channel(false);
    let (inbox, frames) = Inbox::new(config.inbox_bytes);
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).thread_name("connections").enable_all().build()?;
    runtime.block_on(async {
        let local = Local::listen(&config.control)?;
        let endpoint = listen(&authority.aggregator()?, config.listen, authority.secret())
            .with_context(|| format!("listening on {}", config.listen))?;
        let sessions = Arc::new(Sessions::new(config.host_rate));
        let rules = Rules {
            retention_days: config.retention_days,
            silent_after: config.silent_after,
            group_by: config.group_by.clone(),
        };
        let (engine, thread) = engine::start(aggregator, Arc::clone(&registry), rules, frames, Arc::clone(&sessions))?;
        let api = Api {
            registry: Arc::clone(&registry),
            sessions: Arc::clone(&sessions),
            engine,
            authority: authority.fingerprint(),
            authority_ends: authority.ends(),
            parameters_hash: config.parameters.hash().into(),
            operators: Arc::new(Mutex::new(operators)),
            decisions: Arc::new(Mutex::new(decisions)),
            audit: Arc::new(Mutex::new(audit)),
            stopping,
            disk,
            state: config.state.clone().into(),
        };
        let remote = match config.api {
            Some(address) => Some(Remote::listen(address, authority.api(&config.api_names)?).await?),
            None => None,
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
        let mut serving = vec![tokio::spawn(local.serve(routes(&api)?))];
        if let Some(remote) = remote {
            tracing::info!(address = %remote.address()?, "answering operators");
            // With places of its own: whoever comes over the network keeps nobody from the socket.
            serving.push(tokio::spawn(remote.serve(routes(&api)?)));
        }
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
        serving.iter().for_each(tokio::task::JoinHandle::abort);
        stop.send_replace(true);
        drop(api);
        let _ = accepting.await;
        let _ = timeout(FAREWELL, endpoint.wait_idle()).await;
        let joined = timeout(DRAIN, tokio::task::spawn_blocking(|| thread.join())).await;
        let joined = joined.context("what was under way took too long")??;
        joined.map_err(|_| anyhow!("the engine panicked"))??;
        tracing::info!(counts = ?sessions.counted(), "stopped");
        Ok(())
    })
}

/// Has the decisions of earlier runs hold.
fn hold(aggregator: &mut Aggregator, decisions: &Decisions) -> Result<()> {
    aggregator.confirm(decisions.confirmed());
    for (id, kept) in decisions.exceptions() {
        let id = u64::from_str_radix(id, 16).with_context(|| format!("reading exception {id:?}"))?;
        let exception = kept.exception().with_context(|| format!("reading exception {id:016x}"))?;
        if let Err(error) = aggregator.except(ExceptionId(id), exception) {
            tracing::error!(%error, exception = format!("{id:016x}"), "an exception does not hold");
        }
    }
    Ok(())
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
