//! All that an aggregator has, as a folder: made while it runs, put in place of what was lost, and looked through.

use crate::args::{AuthorityArgs, BackupArgs, CheckArgs, RestoreArgs};
use crate::audit::Audit;
use crate::authority::Authority;
use crate::config;
use crate::decisions::Decisions;
use crate::operators::Operators;
use crate::registry::{Registry, now};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::fs::{FlockOperation, fcntl_lock};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tonic::transport::Endpoint;
use tracewell_aggregator::disk::{self, Checked, Disk};
use tracewell_aggregator::document::time::rfc3339;
use tracewell_aggregator::whole;
use tracewell_api::v1::MakeBackupRequest;
use tracewell_api::v1::operators_client::OperatorsClient;
use tracewell_model::EventNs;

/// The parts of an aggregator's state.
pub const STORE: &str = "store";
pub const AUTHORITY: &str = "authority";
/// When a backup was made: seconds since 1970, in digits.
const TAKEN: &str = "taken";
/// Lies in the state folder while it is restored: until that is done it is of no use.
const RESTORING: &str = "restoring";

/// Two that are made in one folder would clear each other's away.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Has the running aggregator make a backup.
pub fn ask(args: &BackupArgs, file: Option<&Path>) -> Result<()> {
    let socket = match &args.control {
        Some(path) => std::path::absolute(path)?,
        None => config::socket(file)?,
    };
    let folder = std::path::absolute(&args.folder)?.to_string_lossy().into_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let none = || format!("no aggregator answers at {}: `tracewell-aggregator run` starts one", socket.display());
        let server = Endpoint::from_shared(format!("unix:{}", socket.display()))?.connect().await.with_context(none)?;
        let asked = OperatorsClient::new(server).make_backup(MakeBackupRequest { folder }).await;
        asked.map(drop).map_err(|status| anyhow!("{}", status.message()))
    })
}

/// Makes a backup of a running aggregator: one moment's store, its authority, and when that was.
///
/// # Errors
/// When the folder is there already, or cannot be written.
pub fn make(folder: &Path, disk: &Disk, state: &Path) -> Result<()> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // Elsewhere in the state folder is right: a service may write nowhere else.
    [STORE, AUTHORITY].iter().try_for_each(|part| is_outside(folder, &state.join(part)))?;
    let made = whole::make(folder, |part| {
        disk.checkpoint(&part.join(STORE)).map_err(io::Error::other)?;
        whole::copy(&state.join(AUTHORITY), &part.join(AUTHORITY))?;
        fs::write(part.join(TAKEN), now().to_string())
    });
    made.with_context(|| format!("making a backup in {}", folder.display()))
}

/// Whether a folder that is to be made lies outside another, also through links.
fn is_outside(folder: &Path, other: &Path) -> Result<()> {
    // What is not there yet cannot be asked; the nearest that is there can.
    let real = folder.ancestors().find_map(|part| fs::canonicalize(part).ok());
    let lies_within = real.is_some_and(|real| fs::canonicalize(other).is_ok_and(|other| real.starts_with(other)));
    ensure!(!lies_within, "{} lies within {}: expected a folder outside it", folder.display(), other.display());
    Ok(())
}

/// Puts a backup in place of a state folder that is empty.
pub fn restore(args: &RestoreArgs, file: Option<&Path>) -> Result<()> {
    let state = state(args.state.as_deref(), file)?;
    is_outside(&state, &args.folder)?;
    let taken = taken(&args.folder)?;
    if !args.with_faults {
        let Contents { checked, .. } = look_through(&args.folder).with_context(|| {
            format!("{} is not whole (--with-faults restores what can be read)", args.folder.display())
        })?;
        let faults: Vec<_> = checked.faults.iter().map(ToString::to_string).collect();
        ensure!(
            faults.is_empty(),
            "{} has {} faults, with --with-faults it is restored all the same: {}",
            args.folder.display(),
            checked.n_faults,
            faults.join("; ")
        );
    }
    fs::create_dir_all(&state).with_context(|| format!("making {}", state.display()))?;
    let marker = state.join(RESTORING);
    if !marker.exists() && fs::read_dir(&state)?.next().is_some() {
        bail!("{} is not empty: a backup takes the place of nothing", state.display());
    }
    let restored = (|| -> io::Result<()> {
        fs::write(&marker, b"")?;
        fs::File::open(&state)?.sync_all()?;
        for part in [AUTHORITY, STORE] {
            whole::remove(&state.join(part))?;
            whole::make(&state.join(part), |to| whole::copy(&args.folder.join(part), to))?;
        }
        Ok(())
    })();
    restored.with_context(|| format!("restoring {} to {}", args.folder.display(), state.display()))?;
    // A token that was used since would let another machine in.
    let disk = Disk::open(&state.join(STORE))?;
    let n_tokens = Registry::open(disk, usize::MAX)?.forget_tokens()?;
    fs::remove_file(&marker)?;
    fs::File::open(&state)?.sync_all()?;
    println!(
        "restored what was known at {}; {n_tokens} tokens are void. What hosts sent since is lost, unless it still waits with them; who \
         or what operator was revoked since is to be revoked again, who was enrolled since is to be enrolled again. \
         What was decided since is undone, a roll-back of the fleet's view as well.",
        rfc3339(EventNs(taken.saturating_mul(EventNs::SECOND)))
    );
    Ok(())
}

/// Looks at every row of a backup, or of the state of an aggregator that does not run.
pub fn check(args: &CheckArgs, file: Option<&Path>) -> Result<()> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => state(None, file)?,
    };
    is_whole(&folder)?;
    if !folder.join(STORE).is_dir() {
        bail!("{} is neither a state folder nor a backup: expected a folder {STORE} in it", folder.display());
    }
    is_at_rest(&folder.join(STORE))?;
    if folder.join(TAKEN).exists() {
        taken(&folder)?;
    }
    let Contents { checked, registry, n_operators, n_exceptions, n_entries } = look_through(&folder)?;
    let (n_hosts, n_tokens) = (registry.hosts().len(), registry.tokens().len());
    let (n_alerts, n_notes) = (checked.n_alerts, checked.n_notes);
    println!(
        "{n_alerts} alert graphs, {n_hosts} hosts, {n_tokens} tokens, {n_notes} notes of hosts, {n_operators} operators, {n_exceptions} \
         exceptions, {n_entries} entries of the audit log: {} faults",
        checked.n_faults
    );
    checked.faults.iter().for_each(|fault| println!("{fault}"));
    match checked.n_faults {
        0 => Ok(()),
        n => bail!("{} has {n} faults", folder.display()),
    }
}

/// What stands in a state folder or a backup.
struct Contents {
    checked: Checked,
    registry: Registry,
    n_operators: usize,
    n_exceptions: usize,
    /// Of the audit log.
    n_entries: usize,
}

/// Looks at every row, and at the authority.
///
/// # Errors
/// When something cannot be read at all.
fn look_through(folder: &Path) -> Result<Contents> {
    let disk = Disk::open_read_only(&folder.join(STORE))?;
    let registry = Registry::open(disk.clone(), usize::MAX)?;
    Authority::load(&folder.join(AUTHORITY))?;
    let (operators, decisions) = (Operators::open(disk.clone())?, Decisions::open(&disk)?);
    let (n_operators, n_exceptions) = (operators.all().len(), decisions.exceptions().len());
    let n_entries = Audit::open(disk.clone())?.before(0, usize::MAX)?.len();
    Ok(Contents { checked: disk::check(&disk)?, registry, n_operators, n_exceptions, n_entries })
}

/// Whether a state folder may be used.
///
/// # Errors
/// When a backup is being put in its place, or was, and that was cut off.
pub fn is_whole(state: &Path) -> Result<()> {
    match state.join(RESTORING).exists() {
        true => bail!("{} was not restored to the end: restore it again", state.display()),
        false => Ok(()),
    }
}

/// Whether nobody has a store open for writing: RocksDB holds a lock of fcntl(2) on its file LOCK meanwhile. Files of one that changes
/// may go while they are read.
fn is_at_rest(store: &Path) -> Result<()> {
    // A backup on a medium that cannot be written has no writer.
    let Ok(file) = fs::OpenOptions::new().write(true).open(store.join("LOCK")) else { return Ok(()) };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(_) => bail!("an aggregator runs on {}: check a backup of it", store.display()),
    }
}

/// Puts an authority into a state folder that has none.
///
/// # Errors
/// When it has one, or what is given can be none.
pub fn install_authority(args: &AuthorityArgs, file: Option<&Path>) -> Result<()> {
    let state = state(args.state.as_deref(), file)?;
    is_whole(&state)?;
    fs::create_dir_all(&state).with_context(|| format!("making {}", state.display()))?;
    let folder = state.join(AUTHORITY);
    Authority::install(&folder, &args.certificate, &args.key)?;
    tracing::info!(folder = %folder.display(), "the certificate authority is installed");
    Ok(())
}

fn state(given: Option<&Path>, file: Option<&Path>) -> Result<std::path::PathBuf> {
    match given {
        Some(state) => Ok(std::path::absolute(state)?),
        None => config::state(file),
    }
}

fn taken(backup: &Path) -> Result<u64> {
    let path = backup.join(TAKEN);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{} is no backup: reading {TAKEN} in it", backup.display()))?;
    let taken = text.parse().with_context(|| format!("{} is not a number of seconds", path.display()))?;
    // Before anything is changed.
    Authority::load(&backup.join(AUTHORITY))?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_within_another_folder_is_told_also_through_links() {
        let place = tempfile::tempdir().unwrap();
        let [state, beside, link] = ["state", "state-2", "link"].map(|name| place.path().join(name));
        fs::create_dir(&state).unwrap();
        std::os::unix::fs::symlink(&state, &link).unwrap();
        for within in [state.join("backup"), state.join("a/b/c"), link.join("backup"), state.clone()] {
            let error = is_outside(&within, &state).unwrap_err().to_string();
            assert!(error.contains("expected a folder outside it"), "{error}");
        }
        for outside in [beside.clone(), beside.join("a"), place.path().to_owned(), "/nowhere/at/all".into()] {
            is_outside(&outside, &state).unwrap();
        }
    }
}
