//! Rights that the agent needs while it watches, and no others.
//!
//! Loading is done with all that root may; afterwards another root process is only looked at. Rights belong to threads, and
//! threads take over those of the thread that starts them: this is called before the first is started.

use rustix::io;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Maps of BPF, its programs, other processes in /proc, and paths that only their owner may search.
pub const KEPT: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH);

/// Gives up all rights but [`KEPT`] for good. `written` is what is still to be written: in a folder of somebody else, as
/// with `sudo … --record` at home, that needs the right to override its permissions, which is then kept.
///
/// Where the kernel refuses, that is said, and the agent goes on.
pub fn drop_what_is_not_needed(written: &[Option<&Path>]) {
    let needs_override = written.iter().flatten().any(|path| belongs_to_another(path));
    let kept = if needs_override { KEPT | CapabilitySet::DAC_OVERRIDE } else { KEPT };
    if needs_override {
        tracing::warn!("a folder to write to belongs to another user: CAP_DAC_OVERRIDE is kept");
    }
    if let Err(error) = keep(kept) {
        tracing::warn!(%error, "rights that are not needed could not be dropped");
    }
}

fn keep(kept: CapabilitySet) -> io::Result<()> {
    set_no_new_privs(true)?;
    let has = capabilities(None)?;
    // Without CAP_SETPCAP the bounding set stays; with no new privileges nothing comes of it.
    if has.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all() - kept {
            // What this kernel does not know cannot be had either.
            if capability_is_in_bounding_set(capability).unwrap_or(false) {
                remove_capability_from_bounding_set(capability)?;
            }
        }
    }
    let kept = has.permitted & kept;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
}

/// Whether a path, or the folder that it will be in, is of another user and not for all to write to.
fn belongs_to_another(path: &Path) -> bool {
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
    };
    let own = rustix::process::geteuid().as_raw();
    fs::metadata(folder).is_ok_and(|folder| folder.uid() != own && folder.mode() & 0o002 == 0)
}
