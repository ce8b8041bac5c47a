//! Texts of the kernel as texts of the model.

use crate::redact::Redactor;
use tracewell_model::Str;

/// Bytes of a command line that are kept.
const COMMAND_MAX: usize = 8192;

/// A path from its names, which the kernel side gives from the file upward. One that did not reach the root has no slash
/// in front.
pub fn path(names: &[u8], has_root: bool) -> Str {
    let names: Vec<_> = names.split(|&byte| byte == 0).filter(|name| !name.is_empty()).collect();
    let mut path = String::new();
    for (n, name) in names.iter().rev().enumerate() {
        if n > 0 || has_root {
            path.push('/');
        }
        path.push_str(&String::from_utf8_lossy(name));
    }
    if path.is_empty() && has_root {
        path.push('/');
    }
    path.into()
}

/// The path that a name means when it is relative to `base`, without `.` and `..`.
pub fn resolved(base: Option<&str>, name: &str) -> Str {
    let full = match base {
        Some(base) if !name.starts_with('/') => format!("{base}/{name}"),
        _ => name.to_owned(),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    let root = if full.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/")).into()
}

/// A text up to its zero byte.
pub fn until_zero(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

/// Arguments as one line, split by single spaces, without secrets.
pub fn command_line(redactor: &Redactor, exe: &str, arguments: &[u8]) -> Str {
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(arguments);
    let words: Vec<_> = arguments.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
    let (mut line, _) = redactor.arguments(exe, words.iter().map(AsRef::as_ref));
    if line.len() > COMMAND_MAX {
        line.truncate(line.floor_char_boundary(COMMAND_MAX));
    }
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_together_from_the_file_upward() {
        assert_eq!(&*path(b"passwd\0etc\0", true), "/etc/passwd");
        assert_eq!(&*path(b"", true), "/");
        assert_eq!(&*path(b"memfd:x\0", false), "memfd:x");
    }

    #[test]
    fn names_are_resolved_against_their_folder() {
        assert_eq!(&*resolved(Some("/tmp/a"), "../b/./c"), "/tmp/b/c");
        assert_eq!(&*resolved(Some("/tmp/a"), "/etc//passwd"), "/etc/passwd");
        assert_eq!(&*resolved(None, "../../x"), "x");
        assert_eq!(&*resolved(Some("/"), ".."), "/");
    }

    #[test]
    fn arguments_are_joined_with_spaces() {
        let redactor = Redactor::new(&[]).unwrap();
        assert_eq!(&*command_line(&redactor, "/bin/ls", b"ls\0-l\0\0"), "ls -l ");
        assert_eq!(&*command_line(&redactor, "/bin/sh", b"sh\0-c\0a b\0"), "sh -c a b");
        assert_eq!(&*command_line(&redactor, "/bin/x", b"x\0--password\0y\0"), "x --password <redacted>");
    }
}
