//! What names the machine that this runs on: no recording may hold it. The list is made anew on whoever's machine this is, so that
//! nothing has to be kept secret in the sources, and nothing has to be told to them.

use crate::root::is_lab_home;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Shorter ones occur in anything.
const PIECE_LEN_MIN: usize = 6;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Names of the machine, its people and its network interfaces: wrong where they stand as a word.
    pub words: BTreeSet<String>,
    /// Folders, devices, numbers and the kernel's full name: wrong wherever they stand.
    pub pieces: BTreeSet<String>,
}

impl Machine {
    pub fn here() -> Self {
        let mut machine = Self::default();
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let host = read("/proc/sys/kernel/hostname");
        machine.words.extend([host.trim().to_owned(), host.trim().split('.').next().unwrap_or_default().to_owned()]);
        machine.words.extend(["USER", "LOGNAME", "SUDO_USER"].iter().filter_map(|name| std::env::var(name).ok()));
        for line in read("/etc/passwd").lines() {
            machine.person(line);
        }
        for interface in fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
            machine.words.insert(interface.file_name().to_string_lossy().into_owned());
            machine.pieces.insert(read(&interface.path().join("address").to_string_lossy()).trim().to_owned());
        }
        let release = read("/proc/sys/kernel/osrelease").trim().to_owned();
        // What the distribution added to the number.
        machine.pieces.extend(release.split_once('-').map(|(_, local)| local.to_owned()));
        machine.pieces.insert(release);
        for id in ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"] {
            machine.pieces.insert(read(id).trim().to_owned());
        }
        machine.pieces.extend(read("/proc/self/mounts").lines().filter_map(device));
        let here = std::env::current_dir().map(|folder| folder.display().to_string());
        let program = std::env::current_exe().ok();
        machine.pieces.extend(here);
        machine.pieces.extend(program.iter().filter_map(|file| Some(file.parent()?.display().to_string())));
        let folders = ["CARGO_HOME", "CARGO_TARGET_DIR", "HOME"];
        machine.pieces.extend(folders.iter().filter_map(|name| std::env::var(name).ok()));
        let own = own_words();
        machine.words.retain(|word| !word.is_empty() && !own.contains(word));
        // The loopback interface has an address of zeros.
        let is_own = |piece: &str| piece.starts_with("00:00:00") || is_lab_home(piece);
        machine.pieces.retain(|piece| piece.len() >= PIECE_LEN_MIN && !is_own(piece));
        machine
    }

    /// A person's line of /etc/passwd (passwd(5)); services have smaller numbers.
    fn person(&mut self, line: &str) {
        let words: Vec<_> = line.split(':').collect();
        let [name, _, id, _, _, home, ..] = words[..] else { return };
        if id.parse().is_ok_and(|id: u32| (1000..65534).contains(&id)) {
            self.words.insert(name.to_owned());
            self.pieces.insert(home.to_owned());
        }
    }

    /// The name of the machine that a text of a recording of these hosts holds.
    pub fn named_in<'a>(&'a self, text: &str, hosts: &[String]) -> Option<&'a str> {
        // There the kernel names its own parts, some of them as people name machines.
        let is_kernels = ["/proc/", "/sys/"].iter().any(|folder| text.starts_with(folder));
        let words = self.words.iter().filter(|word| !is_kernels && !hosts.contains(word) && holds_word(text, word));
        words.chain(self.pieces.iter().filter(|piece| holds_piece(text, piece))).map(String::as_str).next()
    }
}

/// Words of the lab's own programs: a machine that is called `dev` or `build`, and a person called `alice`, are called by words that
/// recordings hold anyway.
fn own_words() -> BTreeSet<String> {
    let mut words: BTreeSet<String> = ["localhost", "debian", "lo", "eth0"].map(str::to_owned).into();
    let mut folders: Vec<_> = ["src", "files"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).into();
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            match fs::read_to_string(file.path()) {
                Ok(text) => words.extend(text.split(|c| !is_part(c)).map(str::to_owned)),
                Err(_) => folders.extend(file.path().is_dir().then(|| file.path())),
            }
        }
    }
    words
}

fn device(mount: &str) -> Option<String> {
    let source = mount.split(' ').next()?;
    Path::new(source).starts_with("/dev").then(|| source.to_owned())
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

fn holds_word(text: &str, word: &str) -> bool {
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

/// A folder is one only as a whole: `/tmp/w` is not in `/tmp/wire`.
fn holds_piece(text: &str, piece: &str) -> bool {
    text.match_indices(piece).any(|(at, _)| !piece.starts_with('/') || !text[at + piece.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_words_and_pieces_anywhere() {
        let mut machine = Machine::default();
        machine.words.insert("forge".into());
        machine.pieces.extend(["6.1.0-our".into(), "/srv/w".into()]);
        machine.person("carol:x:1005:1005::/home/carol:/bin/sh");
        machine.person("daemon:x:1:1::/usr/sbin:/usr/sbin/nologin");
        let hosts = ["web-1".to_owned()];
        for (text, named) in [
            ("ssh root@forge id", Some("forge")),
            ("/var/log/forge.log", Some("forge")),
            ("forged", None),
            ("web-forge", None),
            ("/proc/sys/forge/x", None),
            ("/lib/modules/6.1.0-our-amd64/x", Some("6.1.0-our")),
            ("/home/carol/x", Some("carol")),
            ("/srv/w/x", Some("/srv/w")),
            ("/srv/wire", None),
            ("/usr/sbin/daemon", None),
        ] {
            assert_eq!(machine.named_in(text, &hosts), named, "{text}");
        }
        machine.words.insert("web-1".into());
        assert_eq!(machine.named_in("ssh web-1", &hosts), None);
    }

    #[test]
    fn this_machine_has_names_and_the_labs_are_not_among_them() {
        let machine = Machine::here();
        assert!(!machine.pieces.is_empty());
        let own = own_words();
        for word in ["dev", "build", "alice", "web-1"] {
            assert!(own.contains(word) && !machine.words.contains(word), "{word}");
        }
    }
}
