//! Secrets in arguments and environment are taken out before anything is stored or sent. Pure.
//!
//! [`Redactor`] replaces them by `<redacted>` and keeps the rest byte for byte: what was run, and how, is what detection
//! lives on. `docs/redaction.md` lists the rules, what they do not find, and why each ambiguity was decided as it was.
//!
//! [`names`] knows how secrets are called, [`programs`] which programs take them without a name, [`shapes`] what they look
//! like wherever they stand; [`values`] finds where a named value ends, and [`mod@line`] follows a command line with all of
//! these. Each gives ranges of bytes in one text, which are joined and replaced once at the end, so that no rule sees
//! what another left.

mod names;
mod programs;
mod shapes;
mod values;
mod line;
#[cfg(test)]
mod tests;

use line::Line;
use shapes::Shapes;
use std::borrow::Cow;
use std::ops::Range;

/// What stands in the place of a secret.
pub const PLACEHOLDER: &str = "<redacted>";

/// Own patterns, and the bytes of each.
const PATTERNS_MAX: usize = 64;
const PATTERN_LEN_MAX: usize = 1024;

/// Takes secrets out of texts, by the shipped rules and by one's own.
#[derive(Debug)]
pub struct Redactor {
    shapes: Shapes,
}

/// Why an own pattern was refused.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    #[error("{n_patterns} redaction patterns, at most {PATTERNS_MAX} can be kept")]
    TooMany { n_patterns: usize },
    #[error("redaction pattern {pattern:?}: {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("redaction patterns are too large together: {reason}")]
    Together { reason: String },
}

impl Redactor {
    /// The shipped rules and own patterns, in the syntax of the crate `regex`, without look-around and back-references,
    /// so that a text of n bytes takes O(n) for each match. Of a pattern with a group, only the first group is replaced.
    ///
    /// # Errors
    /// For more than 64 patterns, and for one that is longer than 1,024 bytes, cannot be read, takes more than 256 KiB
    /// compiled, or matches the empty text.
    pub fn new(patterns: &[String]) -> Result<Self, RedactError> {
        if patterns.len() > PATTERNS_MAX {
            return Err(RedactError::TooMany { n_patterns: patterns.len() });
        }
        if let Some(pattern) = patterns.iter().find(|pattern| pattern.len() > PATTERN_LEN_MAX) {
            let start = pattern[..pattern.floor_char_boundary(40)].to_owned();
            let reason = format!("{} bytes, at most {PATTERN_LEN_MAX} can be taken", pattern.len());
            return Err(RedactError::Pattern { pattern: format!("{start}…"), reason });
        }
        Ok(Self { shapes: Shapes::new(patterns)? })
    }

    /// A process's whole argument vector, its own name first, joined by single spaces; and whether anything was taken
    /// out. `exe` is the path of its executable, for a name that says nothing.
    pub fn arguments<'a>(&self, exe: &str, arguments: impl Iterator<Item = &'a str>) -> (String, bool) {
        let mut line = Line::new(exe);
        let (mut joined, mut redacted) = (String::new(), false);
        for (index, argument) in arguments.enumerate() {
            if index > 0 {
                joined.push(' ');
            }
            let clean = self.argument(&mut line, argument);
            redacted |= matches!(clean, Cow::Owned(_));
            joined += &clean;
        }
        (joined, redacted)
    }

    fn argument<'a>(&self, line: &mut Line<'_>, argument: &'a str) -> Cow<'a, str> {
        let mut secrets = Vec::new();
        line.argument(argument, &mut secrets);
        self.shapes.find(argument, &mut secrets);
        replaced(argument, secrets)
    }

    /// The value of an environment variable.
    pub fn environment<'a>(&self, name: &str, value: &'a str) -> Cow<'a, str> {
        let mut secrets = Vec::new();
        if names::is_secret(name) {
            secrets.push(0..value.len());
        }
        values::find(value, false, &mut secrets);
        self.shapes.find(value, &mut secrets);
        replaced(value, secrets)
    }
}

/// The text with each stretch of overlapping ranges replaced; empty ranges say nothing.
fn replaced(text: &str, mut secrets: Vec<Range<usize>>) -> Cow<'_, str> {
    secrets.retain(|secret| !secret.is_empty());
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_unstable_by_key(|secret| secret.start);
    let mut clean = String::with_capacity(text.len());
    let mut kept_to = 0;
    for secret in secrets {
        if secret.start >= kept_to {
            clean += &text[kept_to..secret.start];
            clean += PLACEHOLDER;
        }
        kept_to = kept_to.max(secret.end);
    }
    clean += &text[kept_to..];
    Cow::Owned(clean)
}
