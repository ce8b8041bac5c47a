//! What secrets look like, wherever they stand: shipped shapes and own patterns.

use super::{PLACEHOLDER, RedactError};
use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::ops::Range;

/// Of each, the first group is the secret, or all of it if there is none. The prefixes are those that the issuers publish
/// so that scanners find them; lengths as in gitleaks' rules (github.com/gitleaks/gitleaks, `config/gitleaks.toml`), but
/// without upper bounds.
const SHIPPED: [&str; 7] = [
    // JSON Web Tokens (RFC 7519): base64url of `{"`, two dots.
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]*",
    // GitHub: personal, OAuth, user, server, refresh; fine-grained.
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,})",
    r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}",
    r"\bhooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/+]{20,})",
    // AWS: ids of long-lived and of temporary keys. The secret half has no shape, only names.
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    // What was cut off has no end. OpenSSH, PKCS #1, PKCS #8, SEC 1, and OpenPGP's block.
    r"(?s)-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(.*?)(?:-----END|\z)",
];

/// Bytes that a compiled pattern may take, and all together.
const COMPILED_LEN_MAX: usize = 256 << 10;
const TOGETHER_LEN_MAX: usize = 4 << 20;

/// Bytes that matching may take for its own cache, a pattern and all together.
const CACHE_LEN_MAX: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Shapes {
    /// Tells in one pass which are there at all; mostly none.
    any: RegexSet,
    each: Vec<Regex>,
}

impl Shapes {
    pub(super) fn new(own: &[String]) -> Result<Self, RedactError> {
        let patterns = || SHIPPED.into_iter().chain(own.iter().map(String::as_str));
        let each = patterns().map(compiled).collect::<Result<_, _>>()?;
        let any = RegexSetBuilder::new(patterns()).size_limit(TOGETHER_LEN_MAX).dfa_size_limit(CACHE_LEN_MAX).build();
        Ok(Self { any: any.map_err(|error| RedactError::Together { reason: error.to_string() })?, each })
    }

    /// Adds what looks like a secret. What overlaps a placeholder was found before.
    pub(super) fn find(&self, text: &str, secrets: &mut Vec<Range<usize>>) {
        let placeholders: Vec<usize> = text.match_indices(PLACEHOLDER).map(|(start, _)| start).collect();
        for index in self.any.matches(text) {
            for captures in self.each[index].captures_iter(text) {
                let Some(found) = captures.iter().nth(1).flatten().or_else(|| captures.get(0)) else { continue };
                let overlaps = |start: &usize| found.start() < start + PLACEHOLDER.len() && *start < found.end();
                if !placeholders.iter().any(overlaps) {
                    secrets.push(found.range());
                }
            }
        }
    }
}

fn compiled(pattern: &str) -> Result<Regex, RedactError> {
    let refused = |reason: String| RedactError::Pattern { pattern: pattern.to_owned(), reason };
    let regex = RegexBuilder::new(pattern).size_limit(COMPILED_LEN_MAX).dfa_size_limit(CACHE_LEN_MAX).build();
    // The crate draws the pattern with an arrow under it; the last line says why.
    let why = |error: regex::Error| error.to_string().lines().last().map(|line| line.replace("error: ", ""));
    let regex = regex.map_err(|error| refused(why(error).unwrap_or_default()))?;
    if regex.is_match("") { Err(refused(String::from("matches the empty text"))) } else { Ok(regex) }
}
