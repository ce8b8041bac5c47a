//! Matching names and paths, as triggers do.

/// The last part of a path.
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a name is one of some.
pub fn is_any(name: &str, names: &[&str]) -> bool {
    names.contains(&name)
}

/// Whether a path fits a glob: `*` is any run of characters but `/`, `**` any run at all, `?` one character but `/`.
///
/// Takes time proportional to the product of both lengths at worst; what begins with `**` and ends without a star is quickest.
pub fn fits(glob: &str, path: &str) -> bool {
    let is_plain = |text: &str| !text.contains(['*', '?']);
    if let Some(end) = glob.strip_prefix("**").filter(|end| is_plain(end)) {
        return path.ends_with(end);
    }
    if let Some(start) = glob.strip_suffix("**").filter(|start| is_plain(start)) {
        return path.starts_with(start);
    }
    let (glob, path) = (glob.as_bytes(), path.as_bytes());
    let (mut g, mut p) = (0, 0);
    // Where to go on if what follows the last star, and the last double star, turns out not to fit.
    let (mut star, mut stars) = (None::<(usize, usize)>, None::<(usize, usize)>);
    loop {
        match glob.get(g) {
            Some(b'*') if glob.get(g + 1) == Some(&b'*') => {
                g += 2;
                (stars, star) = (Some((g, p)), None);
            }
            Some(b'*') => {
                g += 1;
                star = Some((g, p));
            }
            Some(b'?') if path.get(p).is_some_and(|&c| c != b'/') => (g, p) = (g + 1, p + 1),
            Some(c) if path.get(p) == Some(c) => (g, p) = (g + 1, p + 1),
            None if p == path.len() => return true,
            _ => {
                let again = |(after, at): (usize, usize)| (after, at + 1);
                if let Some((after, at)) = star.filter(|&(_, at)| path.get(at).is_some_and(|&c| c != b'/')).map(again) {
                    (star, g, p) = (Some((after, at)), after, at);
                } else if let Some((after, at)) = stars.filter(|&(_, at)| at < path.len()).map(again) {
                    (stars, star, g, p) = (Some((after, at)), None, after, at);
                } else {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_as_in_triggers() {
        let cases = [
            ("/etc/*", "/etc/passwd", true),
            ("/etc/*", "/etc/ssh/key", false),
            ("/etc/**", "/etc/ssh/key", true),
            ("**/id_*", "/home/a/.ssh/id_rsa", true),
            ("**/id_*", "/home/a/.ssh/id/rsa", false),
            ("**/.ssh/*.pub", "/home/a/.ssh/b/.ssh/c.pub", true),
            ("**/.netrc", "/home/a/.netrc", true),
            ("**/.netrc", "/home/a/.netrc2", false),
            ("**", "/a/b", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/a/c", false),
            ("*", "", true),
            ("", "a", false),
            ("/x*y*z", "/xaybyz", true),
        ];
        for (glob, path, expected) in cases {
            assert_eq!(fits(glob, path), expected, "{glob} {path}");
        }
    }
}
