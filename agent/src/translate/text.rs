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

/// What stands behind the last variable of an environment that was not seen to its end.
pub const CUT: &str = "…";

/// The chosen variables of an environment, one a line, without secrets. A variable that is cut off is left out.
pub fn environment(redactor: &Redactor, chosen: &[String], variables: &[u8], is_cut: bool) -> Option<Str> {
    if chosen.is_empty() {
        return None;
    }
    // What is behind the last zero byte is nothing, or the beginning of a variable.
    let end = variables.iter().rposition(|&byte| byte == 0).unwrap_or(0);
    let mut lines = Vec::new();
    for variable in variables[..end].split(|&byte| byte == 0) {
        let variable = String::from_utf8_lossy(variable);
        let Some((name, value)) = variable.split_once('=') else { continue };
        if chosen.iter().any(|chosen| chosen == name) {
            let value = redactor.environment(name, value);
            lines.push(format!("{name}={}", value.replace('\n', " ")));
        }
    }
    if is_cut {
        lines.push(CUT.into());
    }
    let mut text = lines.join("\n");
    if text.len() > COMMAND_MAX {
        text.truncate(text.floor_char_boundary(COMMAND_MAX));
    }
    (!text.is_empty()).then(|| text.into())
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

    #[test]
    fn of_an_environment_only_what_was_chosen_is_kept() {
        let redactor = Redactor::new(&["pin(\\d+)".into()]).unwrap();
        let check = |chosen: &[&str], variables: &[u8], is_cut| {
            let chosen: Vec<_> = chosen.iter().map(|name| (*name).to_owned()).collect();
            environment(&redactor, &chosen, variables, is_cut).map(|text| text.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        let all = b"A=1\0AB=2\0=x\0none\0B=two\nlines\0TOKEN=secret\0U=https://me:word@host/\0P=pin77\0";
        assert_eq!(check(&[], all, true), None);
        assert_eq!(check(&["C", "none", ""], all, false), some("=x"));
        assert_eq!(check(&["A", "B"], all, false), some("A=1\nB=two lines"));
        let clean = "TOKEN=<redacted>\nU=https://me:<redacted>@host/\nP=pin<redacted>";
        assert_eq!(check(&["TOKEN", "U", "P"], all, false), some(clean));
        assert_eq!(check(&["A", "B"], b"A=1\0B=is cut o", true), some("A=1\n…"));
        assert_eq!(check(&["B"], b"A=1\0B=is cut o", false), None);
    }
}
