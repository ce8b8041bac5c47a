use lru::LruCache;
use std::num::NonZeroUsize;
use tracewell_event_abi::body::FileId;
use tracewell_model::{FileKind, Inode, Str};

/// Files remembered. At the bound the ones not used longest are forgotten, and are then known by what records say.
const FILES_MAX: NonZeroUsize = NonZeroUsize::new(8192).expect("it is not zero");

/// Which path each file was last known by, what it is, and which file each path was last known to be.
pub struct Paths {
    of_file: LruCache<Inode, (Str, FileKind)>,
    /// By mount namespace, for paths mean different files in different ones.
    at_path: LruCache<(u32, Str), Inode>,
}

impl Default for Paths {
    fn default() -> Self {
        Self { of_file: LruCache::new(FILES_MAX), at_path: LruCache::new(FILES_MAX) }
    }
}

/// The identity of a file.
pub fn inode(file: &FileId) -> Inode {
    Inode { dev: u64::from(file.dev), ino: file.ino, generation: file.generation }
}

impl Paths {
    /// Learns where a file is and, unless it is unknown, what it is; gives the path back, the same one in memory where it was known.
    pub fn learn(&mut self, namespace: u32, file: Inode, kind: FileKind, path: Str) -> Str {
        let (path, kind) = match self.of_file.get(&file) {
            Some((known, known_kind)) => (
                if *known == path { known.clone() } else { path },
                if kind == FileKind::Unknown { *known_kind } else { kind },
            ),
            None => (path, kind),
        };
        self.of_file.put(file, (path.clone(), kind));
        self.at_path.put((namespace, path.clone()), file);
        path
    }

    pub fn of(&mut self, file: Inode) -> Option<Str> {
        self.of_file.get(&file).map(|(path, _)| path.clone())
    }

    pub fn kind_of(&mut self, file: Inode) -> FileKind {
        self.of_file.get(&file).map_or(FileKind::Unknown, |(_, kind)| *kind)
    }

    pub fn at(&mut self, namespace: u32, path: &Str) -> Option<Inode> {
        self.at_path.get(&(namespace, path.clone())).copied()
    }

    /// The file at one path is now at another. Gives the file, and the one that stood there before.
    pub fn moved(&mut self, namespace: u32, from: &Str, to: &Str) -> (Option<Inode>, Option<Inode>) {
        let file = self.at_path.pop(&(namespace, from.clone()));
        let replaced = match file {
            Some(file) => {
                let kind = self.kind_of(file);
                self.of_file.put(file, (to.clone(), kind));
                self.at_path.put((namespace, to.clone()), file)
            }
            None => self.at_path.pop(&(namespace, to.clone())),
        };
        (file, replaced)
    }

    /// There is no file at this path any more.
    pub fn removed(&mut self, namespace: u32, path: &Str) -> Option<Inode> {
        self.at_path.pop(&(namespace, path.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(ino: u64) -> Inode {
        Inode { dev: 1, ino, generation: 0 }
    }

    #[test]
    fn files_move_with_their_paths() {
        let mut paths = Paths::default();
        paths.learn(1, file(1), FileKind::Regular, "/a".into());
        paths.learn(1, file(2), FileKind::Directory, "/b".into());
        assert_eq!(paths.moved(1, &"/a".into(), &"/b".into()), (Some(file(1)), Some(file(2))));
        assert_eq!(paths.of(file(1)).as_deref(), Some("/b"));
        paths.learn(1, file(1), FileKind::Unknown, "/b".into());
        assert_eq!((paths.kind_of(file(1)), paths.kind_of(file(3))), (FileKind::Regular, FileKind::Unknown));
        assert_eq!(paths.at(1, &"/b".into()), Some(file(1)));
        assert_eq!(paths.at(1, &"/a".into()), None);
        assert_eq!(paths.at(2, &"/b".into()), None, "another namespace");
        assert_eq!(paths.removed(1, &"/b".into()), Some(file(1)));
        assert_eq!(paths.removed(1, &"/b".into()), None);
    }
}
