use rustix::fs::{Mode, mkdir};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, io, process};
use tracewell_event_abi::head::Op;

/// Where the agent's lock lies as well. Where there is no such folder, the one for what is temporary does.
const PLACE: &str = "/run";

/// A folder with a file in it, gone when the trial is over.
pub struct Trial(PathBuf);

/// What is done to a file in a folder, and the op that it is.
type Step = (Op, fn(&Path, &Path) -> io::Result<()>);

/// In the order in which they can be done. Nothing here mounts, and the library has no call that truncates by name: hooks of
/// these ops stay as they are, and each call that they see is its own proof.
const STEPS: &[Step] = &[
    (Op::Chmod, |file, _| fs::set_permissions(file, Permissions::from_mode(0o600))),
    (Op::Chown, |file, _| chown(file, None, None)),
    (Op::SetTimes, |file, _| File::options().write(true).open(file)?.set_modified(SystemTime::UNIX_EPOCH)),
    (Op::Link, |file, folder| fs::hard_link(file, folder.join("link"))),
    (Op::Rename, |file, folder| {
        fs::rename(file, folder.join("renamed"))?;
        fs::rename(folder.join("renamed"), file)
    }),
    (Op::Symlink, |_, folder| symlink("file", folder.join("symbolic"))),
    (Op::Unlink, |_, folder| fs::remove_file(folder.join("link"))),
];

impl Trial {
    /// Does what hooks are to see; `seen` gives the inode that the hook of an op saw last, 0 for none.
    ///
    /// Gives the ops that were not seen as they were, with the reason.
    ///
    /// # Errors
    /// When there is no place to try them.
    pub fn run(seen: impl Fn(Op) -> u64) -> Result<Vec<(Op, String)>, String> {
        let trial = Self::start().map_err(|error| format!("there is no folder to try it in: {error}"))?;
        let (folder, file) = (&trial.0, trial.0.join("file"));
        let inode = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.ino());
        let inodes = File::create_new(&file).and_then(|_| Ok((inode(&file)?, inode(folder)?)));
        let (of_file, of_folder) = inodes.map_err(|error| format!("there is no file to try it on: {error}"))?;
        let mut failed = Vec::new();
        for (op, step) in STEPS {
            let expected = if *op == Op::Symlink { of_folder } else { of_file };
            match (step(&file, folder), seen(*op)) {
                (Ok(()), seen) if seen == expected => {}
                (Ok(()), 0) => failed.push((*op, "it is attached, but does not run".into())),
                (Ok(()), seen) => failed.push((*op, format!("it saw inode {seen} instead of {expected}"))),
                (Err(error), _) => failed.push((*op, format!("it could not be tried: {error}"))),
            }
        }
        Ok(failed)
    }

    fn start() -> io::Result<Self> {
        let name = format!("tracewell-agent-{}.trial", process::id());
        let make = |place: &Path| {
            let folder = place.join(&name);
            mkdir(&folder, Mode::RWXU).map(|()| Self(folder))
        };
        Ok(make(Path::new(PLACE)).or_else(|_| make(&env::temp_dir()))?)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the folder of the trial could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_that_see_nothing_or_something_else_fail() {
        let ops = |failed: Vec<(Op, String)>| failed.into_iter().map(|(op, _)| op).collect::<Vec<_>>();
        let tried: Vec<_> = STEPS.iter().map(|(op, _)| *op).collect();
        assert_eq!(ops(Trial::run(|_| 0).unwrap()), tried);
        assert_eq!(ops(Trial::run(|_| u64::MAX).unwrap()), tried);
    }
}
