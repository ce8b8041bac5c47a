//! The control socket: a line of JSON in, a line of JSON back. Only who runs the aggregator can open it.

use crate::backup;
use crate::engine::{Asker, Question};
use crate::listener::Sessions;
use crate::registry::{Registry, now};
use crate::requests::{Answer, HostLine, Request, TokenLine};
use anyhow::{Context, Result, bail};
use rustix::fs::Mode;
use rustix::process::umask;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tracewell_aggregator::disk::Disk;
use tracewell_aggregator::document::time::rfc3339;
use tracewell_model::HostId;
use tracewell_wire::session::Close;

/// Clients at once; a further one waits.
const CLIENTS_MAX: usize = 8;
/// Bytes of a request's line.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// How long a client may take for its request, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The socket; its file goes with it.
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

/// What is asked.
pub struct Control {
    pub registry: Arc<Mutex<Registry>>,
    pub sessions: Arc<Sessions>,
    pub engine: Asker,
    pub authority: [u8; 32],
    /// What a backup is of.
    pub disk: Disk,
    pub state: PathBuf,
}

impl Socket {
    /// Before any thread is started that makes files: the mask of new files is the process's own.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    pub fn listen(path: &Path) -> Result<Self> {
        match fs::symlink_metadata(path) {
            // An aggregator that was killed left it; one that runs holds its store, which was opened before.
            Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
            Ok(_) => bail!("cannot listen on {}: it is there, and no socket", path.display()),
            Err(_) => {}
        }
        let mask = umask(Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(path);
        umask(mask);
        let listener = listener.with_context(|| format!("listening on {}", path.display()))?;
        Ok(Self { path: path.to_owned(), listener })
    }

    /// Serves until it is dropped.
    pub async fn serve(self, control: Control) {
        let (control, places) = (Arc::new(control), Arc::new(Semaphore::new(CLIENTS_MAX)));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            };
            let control = Arc::clone(&control);
            tokio::spawn(async move {
                // A client that breaks off is no concern of ours.
                let _ = client(stream, &control).await;
                drop(place);
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn client(stream: UnixStream, control: &Control) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    timeout(PATIENCE, BufReader::new(read.take(REQUEST_BYTES_MAX)).read_until(b'\n', &mut line)).await??;
    let answer = match serde_json::from_slice(&line) {
        Ok(request) => control.answer(request).await.unwrap_or_else(|error| Answer::Error(format!("{error:#}"))),
        Err(error) => Answer::Error(format!("not a request: {error}")),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    Ok(timeout(PATIENCE, write.write_all(&line)).await??)
}

impl Control {
    async fn answer(&self, request: Request) -> Result<Answer> {
        let registry = || self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        match request {
            Request::Token { seconds, uses, labels, host } => {
                let expires = now().saturating_add(seconds);
                let token = registry().token(self.authority, expires, uses, labels, host)?;
                tracing::info!(uses, seconds, "made a token");
                Ok(Answer::Token(token.to_string()))
            }
            Request::Tokens => {
                let registry = registry();
                let tokens = registry.tokens().iter().map(|(id, token)| TokenLine {
                    id: id.clone(),
                    seconds_left: token.expires.saturating_sub(now()),
                    uses_left: token.uses_left,
                    labels: token.labels.clone(),
                    host: token.host.map(|host| HostId(host).to_string()),
                });
                Ok(Answer::Tokens(tokens.collect()))
            }
            Request::Hosts => {
                let reports = self.ask(Question::Hosts).await?;
                let reports: BTreeMap<_, _> = reports.into_iter().map(|report| (report.host, report)).collect();
                let registry = registry();
                let hosts = registry.hosts().iter().map(|(&id, host)| {
                    let report = reports.get(&id);
                    HostLine {
                        id: id.to_string(),
                        name: host.name.clone(),
                        labels: host.labels.clone(),
                        connected: self.sessions.is_connected(id),
                        revoked: host.revoked,
                        enrolments: host.n_enrolments,
                        enrolled: host.enrolled,
                        enrolled_from: host.enrolled_from.clone(),
                        token: host.token.clone(),
                        version: report.and_then(|report| report.version.as_deref().map(Into::into)),
                        latest: report.map(|report| rfc3339(report.latest)),
                        alerts: report.map_or(0, |report| report.n_alerts as u64),
                        refused_frames: report.map_or(0, |report| report.n_refused),
                        missing_frames: report.map_or(0, |report| report.n_missing),
                        waited_frames: self.sessions.n_waited(id),
                        settled: report.is_some_and(|report| report.is_settled),
                        forked: report.is_some_and(|report| report.is_forked),
                    }
                });
                Ok(Answer::Hosts(hosts.collect()))
            }
            Request::Revoke { host } => {
                let host = HostId(host);
                registry().revoke(host)?;
                self.sessions.close(host, Close::Refused);
                let forgotten = self.ask(|to| Question::Forget(host, to)).await?;
                forgotten.map_err(anyhow::Error::msg).context("it is revoked, but what it contributed still counts")?;
                tracing::info!(%host, "revoked a host");
                Ok(Answer::Revoked)
            }
            Request::Backup { folder } => {
                let (disk, state) = (self.disk.clone(), self.state.clone());
                let made = move || backup::make(Path::new(&folder), &disk, &state).map(|()| folder);
                let folder = tokio::task::spawn_blocking(made).await??;
                tracing::info!(folder, "made a backup");
                Ok(Answer::BackedUp)
            }
            Request::Incidents => {
                let incidents = self.ask(Question::Incidents).await?;
                Ok(Answer::Incidents(Box::new(incidents.map_err(anyhow::Error::msg)?)))
            }
        }
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T> {
        let (to, answer) = oneshot::channel();
        self.engine.send(question(to)).await.ok().context("the aggregator stops")?;
        answer.await.context("the aggregator stops")
    }
}
