//! The checkpoint beside the history: taken up at the start, and written while the agent runs.
//!
//! The loop compresses what the pipeline knows into a file of another name; a thread then makes the history durable, then the
//! file, and gives it its name. So whenever the agent is killed, the file of that name is whole, and what it relies on is on
//! the disk (ADR 0011).

use crate::config::Config;
use crate::failure::Failure;
use crate::status::CheckpointStatus;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tracewell_agent::{CheckpointError, Pipeline};
use tracewell_model::{EventNs, HostId};
use tracewell_store::Store;

/// Fast: the loop waits for it.
const LEVEL: i32 = 1;
/// Bytes of a checkpoint that is taken up, uncompressed. One of a full window and profile has some 10 MB.
const BYTES_MAX: u64 = 1 << 30;
/// Bytes of rows that are compressed in one call.
const ROWS_BYTES: usize = 1 << 16;
/// Logarithm of the window that a decompressor may need; level 1 asks for less.
const WINDOW_LOG_MAX: u32 = 23;

pub struct Checkpoints {
    path: PathBuf,
    every: Duration,
    begun: Instant,
    to_writer: Option<SyncSender<Written>>,
    done: Receiver<()>,
    is_writing: bool,
    writer: Option<JoinHandle<()>>,
    last: Arc<Mutex<Last>>,
}

/// A file that still has to be made durable and named.
struct Written {
    file: File,
    part: PathBuf,
    took: Duration,
}

/// What came of the checkpoints so far.
#[derive(Default)]
struct Last {
    at: Option<Instant>,
    n_bytes: u64,
    took: Duration,
    n_written: u64,
    n_failed: u64,
}

/// Where the checkpoint of a host lies beside its history.
pub fn path(folder: &Path, host: HostId) -> PathBuf {
    folder.join(format!("checkpoint-{host}"))
}

/// Takes up a checkpoint. `false` where there is none; one that cannot be taken up is kept under another name, and the
/// reason said. The pipeline is then of no use.
///
/// # Errors
/// When it cannot be renamed.
pub fn resume(path: &Path, pipeline: &mut Pipeline, now: EventNs, config: &Config) -> Result<bool, Failure> {
    let why = match read(path, pipeline) {
        Ok(()) => match too_early(pipeline.now(), now, config) {
            None => return Ok(true),
            Some(why) => why,
        },
        Err(CheckpointError::Read(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => error.to_string(),
    };
    let aside = path.with_extension("refused");
    if let Err(error) = fs::rename(path, &aside) {
        let message = format!("{} is refused ({why}), and cannot be renamed: {error}", path.display());
        return Err(Failure::Input(message));
    }
    let (path, kept) = (path.display(), aside.display());
    tracing::error!(%path, why, %kept, "the checkpoint is refused: begins to learn anew");
    Ok(false)
}

/// Event time does not go back: what came now would all be clamped to the checkpoint's time.
fn too_early(last: EventNs, now: EventNs, config: &Config) -> Option<String> {
    let reach_ns = u64::from(config.parameters.graph.retention_days).saturating_mul(EventNs::DAY);
    let ahead_ns = last.since(now);
    (ahead_ns >= reach_ns).then(|| {
        let days = |ns| ns / EventNs::DAY;
        format!("it is {} days ahead of the clock, expected less than {}", days(ahead_ns), days(reach_ns))
    })
}

fn read(path: &Path, pipeline: &mut Pipeline) -> Result<(), CheckpointError> {
    let mut decoder = zstd::Decoder::new(BufReader::new(File::open(path)?))?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    pipeline.restore(&mut BufReader::new(decoder.take(BYTES_MAX)))
}

impl Checkpoints {
    /// # Errors
    /// When no thread can be started.
    pub fn start(path: PathBuf, every: Duration, store: Store) -> Result<Self, Failure> {
        let last = Arc::new(Mutex::new(Last::default()));
        let (to_writer, written) = sync_channel::<Written>(1);
        let (tell, done) = sync_channel(1);
        let (told, to) = (Arc::clone(&last), path.clone());
        let writer = thread::Builder::new().name("checkpoint".into()).spawn(move || {
            for written in written {
                let outcome = finish(&written, &to, &store);
                told.lock().unwrap_or_else(PoisonError::into_inner).add(&written, outcome);
                if tell.send(()).is_err() {
                    break;
                }
            }
        });
        let writer = Some(writer.map_err(Failure::internal)?);
        let to_writer = Some(to_writer);
        Ok(Self { path, every, begun: Instant::now(), to_writer, done, is_writing: false, writer, last })
    }

    pub fn set_every(&mut self, every: Duration) {
        self.every = every;
    }

    /// Writes a checkpoint if it is time for one and the last is on the disk.
    pub fn write_if_due(&mut self, pipeline: &mut Pipeline) {
        self.is_writing &= self.done.try_recv().is_err();
        if self.begun.elapsed() >= self.every && !self.is_writing {
            self.write(pipeline);
        }
    }

    /// Writes a checkpoint and waits until it is on the disk.
    pub fn write_and_wait(&mut self, pipeline: &mut Pipeline) {
        self.wait();
        self.write(pipeline);
        self.wait();
    }

    fn wait(&mut self) {
        if self.is_writing {
            let _ = self.done.recv();
            self.is_writing = false;
        }
    }

    fn write(&mut self, pipeline: &mut Pipeline) {
        self.begun = Instant::now();
        let part = self.path.with_extension("tmp");
        match compress(&part, pipeline) {
            Ok(file) => {
                let took = self.begun.elapsed();
                let to_writer = self.to_writer.as_ref().expect("it is taken only at the end");
                self.is_writing = to_writer.send(Written { file, part, took }).is_ok();
            }
            Err(error) => self.last.lock().unwrap_or_else(PoisonError::into_inner).fail(&part, &error),
        }
    }

    pub fn status(&self) -> CheckpointStatus {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        CheckpointStatus {
            written: last.n_written,
            failed: last.n_failed,
            age_seconds: last.at.map(|at| at.elapsed().as_secs()),
            bytes: last.n_bytes,
            microseconds: u64::try_from(last.took.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        // The writer ends when nothing more can come; it must not be cut off while it renames.
        self.wait();
        self.to_writer = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Last {
    fn add(&mut self, written: &Written, outcome: io::Result<u64>) {
        match outcome {
            Ok(n_bytes) => {
                (self.at, self.n_bytes, self.took) = (Some(Instant::now()), n_bytes, written.took);
                self.n_written += 1;
            }
            Err(error) => self.fail(&written.part, &error),
        }
    }

    fn fail(&mut self, path: &Path, error: &io::Error) {
        tracing::warn!(path = %path.display(), %error, "no checkpoint could be written");
        self.n_failed += 1;
    }
}

fn compress(part: &Path, pipeline: &mut Pipeline) -> io::Result<File> {
    // It holds command lines: for its owner alone.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    let encoder = zstd::Encoder::new(BufWriter::new(file), LEVEL)?;
    // Rows are small, and each call of the compressor costs.
    let mut rows = BufWriter::with_capacity(ROWS_BYTES, encoder);
    pipeline.save(&mut rows)?;
    let encoder = rows.into_inner().map_err(io::IntoInnerError::into_error)?;
    encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
}

/// Makes durable what the checkpoint relies on, then itself, and then gives it its name. Gives its size.
fn finish(written: &Written, path: &Path, store: &Store) -> io::Result<u64> {
    store.flush().map_err(io::Error::other)?;
    written.file.sync_all()?;
    fs::rename(&written.part, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(written.file.metadata()?.len())
}
