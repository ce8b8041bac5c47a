//! Generalised texts: what a path, an executable or a command line says once everything that varies is masked.

use crate::profile::mask::mask_into;
use std::borrow::Cow;

/// Bytes of a path that are looked at; Linux's own limit (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4096;
/// Components kept by [`generalise_path`], and bytes of each.
const DEPTH_MAX: usize = 12;
const COMPONENT_BYTES_MAX: usize = 64;
/// Words of a command line that are kept, and bytes of each.
const WORDS_MAX: usize = 32;
const WORD_BYTES_MAX: usize = 64;

/// Directories whose children are the homes of users.
const HOMES: [&str; 4] = ["/home/", "/usr/home/", "/var/home/", "/Users/"];

/// A path with numbers, versions, identifiers, temporary suffixes and user homes masked, `.` and `..` resolved in text.
///
/// Generalising twice is generalising once.
pub fn generalise_path(path: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(path.len());
    for_each_component(path, DEPTH_MAX, COMPONENT_BYTES_MAX, |label| out.push_str(label));
    if out == path { Cow::Borrowed(path) } else { Cow::Owned(out) }
}

/// Whether [`generalise_command`] cuts nothing of a command line.
pub fn generalises_whole(command: &str) -> bool {
    let mut words = command.split_ascii_whitespace();
    words.by_ref().take(WORDS_MAX).all(|word| word.len() <= WORD_BYTES_MAX) && words.next().is_none()
}

/// A command line with each word masked, paths among them as paths; at most 32 words.
pub fn generalise_command(command: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(command.len().min(1024));
    for (i, word) in command.split_ascii_whitespace().take(WORDS_MAX).enumerate() {
        if i > 0 {
            out.push(' ');
        }
        match word.find('/') {
            // An option's name, or the scheme and host of an address, stands before the path.
            Some(slash) => {
                mask_into(&word[..slash], WORD_BYTES_MAX, &mut out);
                for_each_component(&word[slash..], DEPTH_MAX, COMPONENT_BYTES_MAX, |label| out.push_str(label));
            }
            None => mask_into(word, WORD_BYTES_MAX, &mut out),
        }
    }
    if out == command { Cow::Borrowed(command) } else { Cow::Owned(out) }
}

/// Calls `each` with the labels whose concatenation is the generalised path: directories end in `/`, the last does not.
///
/// An absolute path's first label begins with `/`. Of a path deeper than `depth_max` the last component is kept and what
/// lies too deep above it is left out.
pub(super) fn for_each_component(path: &str, depth_max: usize, bytes_max: usize, mut each: impl FnMut(&str)) {
    let path = &path[..path.floor_char_boundary(PATH_BYTES_MAX)];
    let (absolute, mut n_parts) = (path.starts_with('/'), 0);
    let mut parts = [""; PARTS_MAX];
    let depth_max = depth_max.clamp(1, PARTS_MAX);
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." && n_parts > 0 && parts[n_parts - 1] != ".." {
            n_parts -= 1;
        } else if part == ".." && absolute {
            continue;
        } else if n_parts == depth_max {
            parts[n_parts - 1] = part;
        } else {
            parts[n_parts] = part;
            n_parts += 1;
        }
    }
    let home = if absolute { home_of(&parts[..n_parts]) } else { None };
    let mut label = String::with_capacity(bytes_max + 2);
    for (i, part) in parts[..n_parts].iter().enumerate() {
        label.clear();
        if absolute && i == 0 {
            label.push('/');
        }
        if home == Some(i) {
            label.push('#')
        } else {
            mask_into(part, bytes_max, &mut label)
        }
        if i + 1 < n_parts {
            label.push('/');
        }
        each(&label);
    }
    if n_parts == 0 {
        each(if absolute { "/" } else { "." });
    }
}

/// Upper bound of `depth_max`.
const PARTS_MAX: usize = 32;

/// Which component, if any, is the name of a user's home directory.
fn home_of(parts: &[&str]) -> Option<usize> {
    let is_home = |home: &&&str| {
        let names = home.trim_matches('/').split('/');
        parts.len() > names.clone().count() && names.zip(parts).all(|(name, part)| name == *part)
    };
    HOMES.iter().find(is_home).map(|home| home.trim_matches('/').split('/').count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths() {
        for (path, expected) in [
            ("/etc/passwd", "/etc/passwd"),
            ("/proc/4711/status", "/proc/#/status"),
            ("/home/alice/.ssh/id_rsa", "/home/#/.ssh/id_rsa"),
            ("/usr/home/bob/x", "/usr/home/#/x"),
            ("/home", "/home"),
            ("/./var/tmp/./x", "/var/tmp/x"),
            ("/var/tmp/../lib//y", "/var/lib/y"),
            ("../../x", "../../x"),
            ("/../x", "/x"),
            ("sh", "sh"),
            ("/", "/"),
            ("", "."),
            ("/tmp/prc.280002378/", "/tmp/prc.#"),
            ("/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "/a/b/c/d/e/f/g/h/i/j/k/n"),
        ] {
            assert_eq!(generalise_path(path), expected, "{path:?}");
        }
        assert!(matches!(generalise_path("/etc/passwd"), Cow::Borrowed(_)));
    }

    #[test]
    fn commands() {
        for (command, expected) in [
            ("docker inspect 5facb37bd928", "docker inspect #"),
            ("ping -c 3 192.168.28.37", "ping -c # 192.168.28.#"),
            ("tar xf /home/alice/a-1.2.tgz", "tar xf /home/#/a-#.tgz"),
            ("dd if=/dev/sda1 of=/tmp/x", "dd if=/dev/sda# of=/tmp/x"),
            ("kill -9 1234", "kill -# #"),
            ("  ls   -l ", "ls -l"),
        ] {
            assert_eq!(generalise_command(command), expected, "{command:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_bounded_and_holds_no_wildcard(text in ".{0,400}") {
            for general in [generalise_path(&text), generalise_command(&text)] {
                prop_assert!(general.len() <= WORDS_MAX * DEPTH_MAX * (COMPONENT_BYTES_MAX + 2));
                prop_assert!(!general.contains('*'));
            }
        }

        #[test]
        fn generalising_twice_is_generalising_once(path in "(/[a-zA-Z0-9._-]{1,12}){1,6}") {
            let once = generalise_path(&path).into_owned();
            prop_assert_eq!(generalise_path(&once), once.as_str());
        }
    }
}
