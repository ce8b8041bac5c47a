//! What a text must begin or end with to fit any of some globs. Most texts fit none, and nearly all of these show it in their first or last
//! bytes.

/// How many bytes of an end are looked at: as many of these as it has.
const LENGTHS: [usize; 4] = [8, 4, 2, 1];
/// Bits of a set of ends: with the hundred that there may be, one in forty texts is looked at for nothing.
const BITS: usize = 4096;
/// Alternatives of one glob, its braces written out.
const ALTERNATIVES_MAX: usize = 64;

/// The ends of globs. May say of a text that it could fit where it does not, never the reverse.
#[derive(Default)]
pub(super) struct Ends {
    /// Some glob fits texts of any ends.
    any: bool,
    begins: Keys,
    ends: Keys,
    /// What follows the last `/` begins so, and what stands before it ends so.
    names: Keys,
    folders: Keys,
}

/// A set of first or last bytes of which only a hash is kept.
#[derive(Default)]
struct Keys {
    /// The sum of the lengths that there are.
    lengths: usize,
    /// Those of the keys; empty if there are none.
    hashes: Vec<u64>,
}

impl Ends {
    /// Adds those of a glob, in which `*` fits no `/` if it is `separated`.
    pub(super) fn add(&mut self, glob: &str, separated: bool) {
        let Some(alternatives) = alternatives(glob) else {
            self.any = true;
            return;
        };
        for glob in alternatives {
            // What is left of a class or an escape may stand for something else, a `/` too.
            let is_plain = !glob.contains(['[', ']', '\\']);
            let is_wild = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\');
            let until_wild = |text: &str| text.find(is_wild).unwrap_or(text.len());
            // Of `**/name` there may be no `/` in the text.
            let after_wild =
                |text: &'_ str| text.rfind(is_wild).map_or(0, |at| at + 1 + text[at + 1..].starts_with('/') as usize);
            let begin = &glob[..until_wild(&glob)];
            let end = if is_plain { &glob[after_wild(&glob)..] } else { "" };
            let (folder, name) = match glob.rsplit_once('/') {
                Some((folder, name)) if separated && is_plain && !name.contains("**") => {
                    (&folder[after_wild(folder)..], &name[..until_wild(name)])
                }
                _ => ("", ""),
            };
            let ways = [
                (&mut self.ends, end),
                (&mut self.begins, begin),
                (&mut self.names, name),
                (&mut self.folders, folder),
            ];
            let bytes_of = |text: &str| LENGTHS.into_iter().find(|length| text.len() >= *length).unwrap_or(0);
            // The longest tells most.
            match ways.into_iter().enumerate().max_by_key(|(_, (_, text))| bytes_of(text)) {
                Some((way, (keys, text))) if !text.is_empty() => {
                    let (text, n) = (text.as_bytes(), bytes_of(text));
                    let is_of_the_end = way % 3 == 0;
                    keys.insert(if is_of_the_end { &text[text.len() - n..] } else { &text[..n] });
                }
                _ => self.any = true,
            }
        }
    }

    /// Whether a text may fit any of the globs.
    pub(super) fn may_fit(&self, text: &str) -> bool {
        let text = text.as_bytes();
        let begins = |keys: &Keys, text: &[u8]| keys.any(|length| Some(hash(text.get(..length)?)));
        let ends = |keys: &Keys, text: &[u8]| keys.any(|length| Some(hash(&text[text.len().checked_sub(length)?..])));
        if self.any || begins(&self.begins, text) || ends(&self.ends, text) {
            return true;
        }
        if self.names.lengths | self.folders.lengths == 0 {
            return false;
        }
        let slash = text.iter().rposition(|byte| *byte == b'/');
        begins(&self.names, &text[slash.map_or(0, |at| at + 1)..])
            || slash.is_some_and(|at| ends(&self.folders, &text[..at]))
    }
}

impl Keys {
    fn insert(&mut self, key: &[u8]) {
        self.lengths |= key.len();
        self.hashes.resize(BITS / 64, 0);
        let hash = hash(key);
        self.hashes[hash / 64] |= 1 << (hash % 64);
    }

    /// Whether a key may be among them, of which the hash is given for each length that there is.
    fn any(&self, key: impl Fn(usize) -> Option<usize>) -> bool {
        let may_be = |hash: usize| self.hashes[hash / 64] & 1 << (hash % 64) != 0;
        let lengths = LENGTHS.into_iter().filter(|length| self.lengths & length != 0);
        lengths.filter_map(key).any(may_be)
    }
}

/// Of as many bytes as one of [`LENGTHS`] says.
fn hash(key: &[u8]) -> usize {
    let bits = match *key {
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
        [a, b] => u16::from_le_bytes([a, b]).into(),
        [a] => a.into(),
        _ => 0,
    };
    // The upper bits of a product depend on all bits (Knuth, TAOCP 3, 6.4).
    (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - BITS.ilog2())) as usize
}

/// A glob with its braces written out; `None` if that is too many, or not as simple as it looks.
fn alternatives(glob: &str) -> Option<Vec<String>> {
    let mut whole = vec![String::new()];
    let mut rest = glob;
    if glob.contains(['[', '\\']) {
        // Braces may be meant as they are.
        return (!glob.contains('{')).then(|| vec![glob.to_owned()]);
    }
    while let Some((before, after)) = rest.split_once('{') {
        let (choice, after) = after.split_once('}')?;
        if choice.contains('{') || before.contains('}') {
            return None;
        }
        let choices: Vec<_> = choice.split(',').collect();
        if whole.len() * choices.len() > ALTERNATIVES_MAX {
            return None;
        }
        whole = whole
            .iter()
            .flat_map(|begun| choices.iter().map(move |choice| format!("{begun}{before}{choice}")))
            .collect();
        rest = after;
    }
    whole.iter_mut().for_each(|begun| begun.push_str(rest));
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use globset::GlobBuilder;

    fn ends(globs: &[&str], separated: bool) -> Ends {
        let mut ends = Ends::default();
        globs.iter().for_each(|glob| ends.add(glob, separated));
        ends
    }

    /// Every text made of some pieces against every glob made of some others: what fits is never passed over.
    #[test]
    fn what_fits_a_glob_may_fit_its_ends() {
        let pieces = ["", "/", "a", "b.c", "**", "*", "?", "{a,/b}", "{,x.y}", "[ab]", "[!/]", "**/", "/**", "\\*"];
        let texts = ["", "/", "a", "b", "b.c", "/b", "x.y", "*", "a/b.c", "abc.defghijkl", "/a/b", "//", "."];
        let texts: Vec<_> = texts.iter().flat_map(|one| texts.map(|other| format!("{one}{other}"))).collect();
        let (mut n_fitting, mut n_passed_over) = (0, 0);
        for one in pieces {
            for other in pieces {
                for last in pieces {
                    let glob = format!("{one}{other}{last}");
                    for separated in [true, false] {
                        let Ok(built) = GlobBuilder::new(&glob).literal_separator(separated).build() else { continue };
                        let (matcher, ends) = (built.compile_matcher(), ends(&[&glob], separated));
                        for text in &texts {
                            let (fits, may_fit) = (matcher.is_match(text), ends.may_fit(text));
                            assert!(may_fit || !fits, "{glob} {text}");
                            n_fitting += usize::from(fits);
                            n_passed_over += usize::from(!may_fit);
                        }
                    }
                }
            }
        }
        assert!(n_fitting > 10_000 && n_passed_over > 10_000, "{n_fitting} {n_passed_over}");
    }

    #[test]
    fn most_texts_show_that_they_fit_none() {
        let globs = [
            "/etc/{shadow,gshadow}",
            "**/.ssh/*",
            "**/id_*",
            "**/.{aws,docker}/{credentials,config}",
            "/tmp/**",
            "**/*.tar",
        ];
        let ends = ends(&globs, true);
        let all = ["/etc/shadow", "/home/a/.ssh/x", "/srv/id_rsa", "/root/.aws/config", "/tmp/x/y", "/srv/x.tar"];
        assert!(all.iter().all(|text| ends.may_fit(text)));
        let paths = (0..1_000).map(|n| format!("/usr/lib/x86_64-linux-gnu/lib{n}.so.{n}"));
        let n_left = paths.filter(|path| ends.may_fit(path)).count();
        assert!(n_left < 50, "{n_left} are looked at further");
    }
}
