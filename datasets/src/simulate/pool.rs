use super::machine::Machine;
use tracewell_model::{FileKind, FileRef, ProcessRef};

/// Files of one sort that a machine works with: mostly known ones, now and then a new one, ever more seldom.
///
/// Memory is bounded: once full, a new file takes the place of an old one, which is then never touched again.
#[derive(Debug)]
pub(crate) struct Pool {
    prefix: &'static str,
    suffix: &'static str,
    files: Vec<FileRef>,
    files_max: usize,
    n_picked: u64,
    n_made: u64,
}

/// The nth pick is new with a chance of `NOVEL / (NOVEL + n)`: about `NOVEL * ln(n)` new files among n picks.
const NOVEL: u64 = 8;

impl Pool {
    /// A pool with `n` files that are already there.
    pub fn new(machine: &mut Machine, prefix: &'static str, suffix: &'static str, n: u64, files_max: usize) -> Self {
        let files = (0..n).map(|i| machine.on_disk(format!("{prefix}{i:05}{suffix}"), FileKind::Regular)).collect();
        Self { prefix, suffix, files, files_max, n_picked: NOVEL, n_made: n }
    }

    /// A file to work with; if it is a new one, `process` creates it.
    pub fn pick(&mut self, machine: &mut Machine, process: ProcessRef) -> FileRef {
        self.n_picked += 1;
        if machine.rng.below(NOVEL + self.n_picked) < NOVEL {
            return self.make(machine, process);
        }
        self.files[machine.rng.skewed(self.files.len())].clone()
    }

    /// A new file that `process` creates and fills.
    pub fn make(&mut self, machine: &mut Machine, process: ProcessRef) -> FileRef {
        let path = format!("{}{:05}{}", self.prefix, self.n_made, self.suffix);
        self.n_made += 1;
        let file = machine.write_new(process, path, 20_000);
        if self.files.len() < self.files_max {
            self.files.push(file.clone());
        } else {
            let victim = machine.rng.below(self.files_max as u64) as usize;
            self.files[victim] = file.clone();
        }
        file
    }

    /// Another inode now stands under the name of `old`.
    pub fn replace(&mut self, old: &FileRef, new: &FileRef) {
        if let Some(slot) = self.files.iter_mut().find(|file| file.inode == old.inode) {
            slot.inode = new.inode;
        }
    }
}
