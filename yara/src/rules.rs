//! A folder of rules, compiled, and of each file that is not run the reason why not.

use boreal::compiler::CompilerParams;
use boreal::module::Console;
use boreal::scanner::{EvaluatedRule, ScanError, ScanParams};
use boreal::{Compiler, Metadata, MetadataValue};
use std::fs::{self, File};
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tracewell_model::{FindingSeverity, Str};

/// Bytes of one file, and files of one folder; what is larger is told and not read.
const FILE_BYTES_MAX: u64 = 8 << 20;
const FILES_MAX: usize = 20_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;
/// Stack of whoever compiles rules. The compiler bounds how deep it goes, for stacks of this size. Only what is used of it is ever there.
const STACK_BYTES: usize = 64 << 20;
/// Places of one string in one file that are kept: a file may hold nothing but what rules look for.
const PLACES_MAX: u32 = 256;
/// Matches of one file: the worst come first.
const MATCHES_MAX: usize = 8;
/// The parts of a match; what is longer is cut.
const TITLE_BYTES_MAX: usize = 120;
const TECHNIQUES_MAX: usize = 16;
/// Of the strings that were found, and of those that are told; the rest is left out.
const TOLD_BYTES_MAX: usize = 400;
const TOLD_MAX: usize = 8;
/// Severity of a rule whose metadata says none.
const SEVERITY: FindingSeverity = FindingSeverity::High;

/// Rules that are run, compiled. Cloning costs one atomic increment.
#[derive(Clone, Debug)]
pub struct Rules {
    scanner: boreal::Scanner,
    n_rules: usize,
}

/// A rule that holds of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub severity: FindingSeverity,
    /// The rule's name and, where its metadata has one, its description.
    pub title: Str,
    /// Which of its strings were found where.
    pub told: Str,
    pub techniques: Vec<Str>,
}

/// A file of rules that is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    pub path: PathBuf,
    /// With line and column where it could be read.
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} holds more than {FILES_MAX} files", path.display())]
    TooMany { path: PathBuf },
    #[error("cannot compile YARA rules: {0}")]
    Thread(io::Error),
}

/// What ended a scan early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    TimedOut,
    /// The engine panicked.
    Failed,
}

impl Rules {
    /// All rules in the files `*.yar` and `*.yara` of a folder and the folders in it, in order of path. Each file has names of its own.
    ///
    /// # Errors
    /// When a folder cannot be read. A file that does not compile is given back with the reason, and none of its rules is run.
    pub fn load(folder: &Path) -> Result<(Self, Vec<NotRun>), RulesError> {
        let folder = folder.to_path_buf();
        let reader = thread::Builder::new().name("yara-reader".into()).stack_size(STACK_BYTES);
        let reader = reader.spawn(move || load(&folder)).map_err(RulesError::Thread)?;
        reader.join().unwrap_or_else(|_| Err(RulesError::Thread(io::Error::other("it panicked"))))
    }

    /// No rules.
    pub fn none() -> Self {
        Self::of(compiler())
    }

    pub fn len(&self) -> usize {
        self.n_rules
    }

    pub fn is_empty(&self) -> bool {
        self.n_rules == 0
    }

    /// Which rules hold of `bytes`, the worst first, and why not all of them were tried, if so.
    pub(crate) fn scan(&mut self, bytes: &[u8], timeout: Duration) -> (Vec<Match>, Option<Broken>) {
        self.scanner.set_scan_params(parameters().timeout_duration(Some(timeout)));
        // The engine and its parsers of formats are shown hostile bytes.
        let scanned = catch_unwind(AssertUnwindSafe(|| match self.scanner.scan_mem(bytes) {
            Ok(result) => (self.matches(&result.rules), None),
            Err((ScanError::Timeout, result)) => (self.matches(&result.rules), Some(Broken::TimedOut)),
            Err((_, result)) => (self.matches(&result.rules), Some(Broken::Failed)),
        }));
        scanned.unwrap_or_else(|_| (Vec::new(), Some(Broken::Failed)))
    }

    fn of(compiler: Compiler) -> Self {
        let scanner = compiler.finalize();
        let n_rules = scanner.rules().filter(|rule| !rule.is_private).count();
        Self { scanner, n_rules }
    }

    fn matches(&self, rules: &[EvaluatedRule<'_>]) -> Vec<Match> {
        let mut matches: Vec<_> = rules.iter().filter_map(|rule| self.matched(rule)).collect();
        matches.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.title.cmp(&other.title)));
        matches.dedup_by(|one, other| one.title == other.title);
        matches.truncate(MATCHES_MAX);
        matches
    }

    /// `None` for a rule that is by its own word nothing to tell anybody.
    fn matched(&self, rule: &EvaluatedRule<'_>) -> Option<Match> {
        let text = |value: &MetadataValue| match value {
            MetadataValue::Bytes(bytes) => {
                Some(String::from_utf8_lossy(self.scanner.get_bytes_symbol(*bytes)).into_owned())
            }
            _ => None,
        };
        let (mut severity, mut description, mut techniques) = (SEVERITY, None, Vec::new());
        for Metadata { name, value } in rule.metadatas {
            let name = self.scanner.get_string_symbol(*name).to_ascii_lowercase();
            match (name.as_str(), value) {
                ("severity", value) => {
                    let named =
                        text(value).and_then(|text| FindingSeverity::from_name(&text.trim().to_ascii_lowercase()));
                    severity = named.unwrap_or(severity);
                }
                ("score", MetadataValue::Integer(score)) => severity = of_score(*score),
                ("description", value) => description = text(value),
                (name, value) if ["attack", "mitre", "technique"].iter().any(|word| name.contains(word)) => {
                    techniques.extend(text(value).iter().flat_map(|text| techniques_in(text)));
                }
                _ => {}
            }
        }
        for tag in rule.tags {
            techniques.extend(techniques_in(self.scanner.get_string_symbol(*tag)));
        }
        techniques.sort();
        techniques.dedup();
        techniques.truncate(TECHNIQUES_MAX);
        let title = match description.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            Some(description) => format!("{}: {description}", rule.name),
            None => rule.name.to_owned(),
        };
        (severity != FindingSeverity::None).then(|| Match {
            severity,
            title: shortened(&title, TITLE_BYTES_MAX),
            told: shortened(&told(rule), TOLD_BYTES_MAX),
            techniques,
        })
    }
}

/// Names of strings and their places: what they hold is the file's, and does not leave it.
fn told(rule: &EvaluatedRule<'_>) -> String {
    let found = rule.matches.iter().filter_map(|string| Some((string.name, string.matches.first()?)));
    let found = found.take(TOLD_MAX).map(|(name, place)| format!("${name} at {}", place.base + place.offset));
    found.collect::<Vec<_>>().join(", ")
}

/// A score from 0 to 100, as collections of rules have it. Critical is what a rule calls so itself.
fn of_score(score: i64) -> FindingSeverity {
    match score {
        ..40 => FindingSeverity::Low,
        40..75 => FindingSeverity::Medium,
        75.. => FindingSeverity::High,
    }
}

/// `T1059.004` where it stands in a text as itself or, as tags must, as `t1059_004`.
fn techniques_in(text: &str) -> Vec<Str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    let mut found: Vec<String> = Vec::new();
    for word in words {
        let word = word.trim_end_matches('.').to_ascii_uppercase();
        let is_number = |number: &str, len| number.len() == len && number.bytes().all(|digit| digit.is_ascii_digit());
        let (technique, sub) = word.split_once('.').unwrap_or((&word, ""));
        if technique.strip_prefix('T').is_some_and(|number| is_number(number, 4))
            && (sub.is_empty() || is_number(sub, 3))
        {
            found.push(word);
        } else if let Some(last) = found.last_mut().filter(|last| last.len() == 5 && is_number(&word, 3)) {
            // The second half of what an underscore parted.
            last.push('.');
            last.push_str(&word);
        }
    }
    found.into_iter().map(Into::into).collect()
}

fn compiler() -> Compiler {
    // What rules print goes nowhere.
    let mut compiler = boreal::compiler::CompilerBuilder::new().add_module(Console::with_callback(|_| {})).build();
    // A file that names others would have them read wherever they are.
    compiler.set_params(CompilerParams::default().disable_includes(true));
    compiler
}

fn parameters() -> ScanParams {
    // What was found is not told, and would only take memory.
    ScanParams::default().string_max_nb_matches(PLACES_MAX).match_max_length(0)
}

fn load(folder: &Path) -> Result<(Rules, Vec<NotRun>), RulesError> {
    let mut paths = Vec::new();
    let (mut compiler_of_all, mut not_run) = (compiler(), Vec::new());
    collect(folder, DEPTH_MAX, &mut paths, &mut not_run)?;
    paths.sort();
    for path in paths {
        let compiled = read(&path).and_then(|text| {
            let namespace = path.to_string_lossy();
            let compile = |compiler: &mut Compiler| {
                let added = compiler.add_rules_str_in_namespace(&text, &namespace);
                added.map(|_| ()).map_err(|error| without_name(&error.to_string()))
            };
            // Alone first: of a file that does not compile what comes before the mistake would stay.
            compile(&mut compiler())?;
            compile(&mut compiler_of_all)
        });
        if let Err(why) = compiled {
            not_run.push(NotRun { path, why });
        }
    }
    Ok((Rules::of(compiler_of_all), not_run))
}

/// The compiler's sentence, `mem:LINE:COLUMN: error: WHAT`, without the name that a text without a file has.
fn without_name(error: &str) -> String {
    let error = error.strip_prefix("mem:").map_or_else(|| error.to_owned(), |rest| format!("line {rest}"));
    error.lines().next().unwrap_or_default().to_owned()
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>, not_run: &mut Vec<NotRun>) -> Result<(), RulesError> {
    let failed = |error| RulesError::Unreadable { path: folder.to_path_buf(), error };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, paths, not_run)?;
        } else if kind.is_dir() {
            not_run.push(NotRun { path, why: format!("it lies deeper than {DEPTH_MAX} folders") });
        } else if kind.is_symlink() && path.is_dir() {
            not_run.push(NotRun { path, why: "it is a link to a folder: these are not followed".to_owned() });
        } else if path.extension().is_some_and(|extension| extension == "yar" || extension == "yara") {
            paths.push(path);
        }
        if paths.len() + not_run.len() > FILES_MAX {
            return Err(RulesError::TooMany { path: folder.to_path_buf() });
        }
    }
    Ok(())
}

/// The text of a file, or why it is none that is read.
fn read(path: &Path) -> Result<String, String> {
    let failed = |error: io::Error| format!("it cannot be read: {error}");
    // A pipe would wait for who writes into it.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(format!("it has more than {FILE_BYTES_MAX} bytes")),
        false => String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned()),
    }
}

/// Rules come from anybody, and what they say is shown on terminals.
fn shortened(text: &str, max: usize) -> Str {
    text[..text.floor_char_boundary(max)].replace(char::is_control, "\u{fffd}").into()
}
