//! A folder of rules: those that can be run, and of each other one the reason why not.

use crate::check::check;
use crate::event::Category;
use crate::likely::Likely;
use rsigma_eval::Engine;
use rsigma_parser::{SigmaRule, parse_sigma_yaml};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// Bytes of one file, and files of one folder; what is larger is told and not read.
const FILE_BYTES_MAX: u64 = 64 << 10;
const FILES_MAX: usize = 20_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;
/// Stack of whoever reads rules: the engine's reader recurses for each `not` of a condition, of which a file may be full, and 2 MiB are
/// too few. Only what is used of it is ever there.
const STACK_BYTES: usize = 64 << 20;

/// Rules that are run, compiled.
#[derive(Clone, Default)]
pub struct Rules {
    /// By category.
    categories: Arc<[OfCategory; Category::ALL.len()]>,
}

#[derive(Default)]
struct OfCategory {
    engine: Engine,
    likely: Likely,
}

/// A rule that would never say anything here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRun {
    pub path: PathBuf,
    /// Empty where the file could not be read as one.
    pub title: String,
    pub why: String,
}

#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} holds more than {FILES_MAX} files", path.display())]
    TooMany { path: PathBuf },
    #[error("cannot start a thread that reads rules: {0}")]
    Thread(io::Error),
}

impl Rules {
    /// All rules in the files `*.yml` and `*.yaml` of a folder and the folders in it, in order of path.
    ///
    /// # Errors
    /// When a folder cannot be read. A rule that cannot be understood or run is none: it is given back with the reason.
    pub fn load(folder: &Path) -> Result<(Self, Vec<NotRun>), RulesError> {
        let folder = folder.to_path_buf();
        let reader = thread::Builder::new().name("sigma-reader".into()).stack_size(STACK_BYTES);
        let reader = reader.spawn(move || load(&folder)).map_err(RulesError::Thread)?;
        reader.join().unwrap_or_else(|_| Err(RulesError::Thread(io::Error::other("it panicked"))))
    }

    pub fn len(&self) -> usize {
        self.categories.iter().map(|of| of.engine.rule_count()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What runs the rules of a category, if there are any.
    pub(crate) fn engine(&self, category: Category) -> Option<&Engine> {
        Some(&self.categories[category as usize].engine).filter(|engine| engine.rule_count() > 0)
    }

    pub(crate) fn likely(&self, category: Category) -> &Likely {
        &self.categories[category as usize].likely
    }
}

fn load(folder: &Path) -> Result<(Rules, Vec<NotRun>), RulesError> {
    let mut paths = Vec::new();
    collect(folder, DEPTH_MAX, &mut paths)?;
    paths.sort();
    let mut not_run = Vec::new();
    let mut rules = Category::ALL.map(|_| Vec::new());
    for path in paths {
        let read = read(&path).and_then(|text| take_up(&text));
        let (taken, refused) = read.unwrap_or_else(|why| (Vec::new(), vec![(String::new(), why)]));
        not_run.extend(refused.into_iter().map(|(title, why)| NotRun { path: path.clone(), title, why }));
        taken.into_iter().for_each(|(category, rule)| rules[category as usize].push((path.clone(), rule)));
    }
    let mut categories = Category::ALL.into_iter();
    let categories = rules.map(|rules| {
        let category = categories.next().expect("as many as rules");
        let mut engine = Engine::new();
        for (at, error) in engine.add_rules(rules.iter().map(|(_, rule)| rule)) {
            let (path, rule) = &rules[at];
            not_run.push(NotRun {
                path: path.clone(),
                title: rule.title.clone(),
                why: format!("it cannot be compiled: {error}"),
            });
        }
        OfCategory { likely: Likely::of(category, engine.rules()), engine }
    });
    Ok((Rules { categories: Arc::new(categories) }, not_run))
}

type Taken = (Vec<(Category, SigmaRule)>, Vec<(String, String)>);

/// The rules of a file that can be run, and title and reason of those that cannot.
fn take_up(text: &str) -> Result<Taken, String> {
    let collection = parse_sigma_yaml(text).map_err(|error| format!("it is no Sigma rule: {error}"))?;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let mut refuse = |title: &str, why: String| refused.push((title.to_owned(), why));
    collection.errors.iter().for_each(|error| refuse("", format!("it is no Sigma rule: {error}")));
    collection.correlations.iter().for_each(|rule| refuse(&rule.title, "correlations are not run".to_owned()));
    collection.filters.iter().for_each(|rule| refuse(&rule.title, "filters of other rules are not run".to_owned()));
    for rule in collection.rules {
        match check(&rule) {
            Ok(category) => taken.push((category, rule)),
            Err(why) => refuse(&rule.title, why),
        }
    }
    match taken.is_empty() && refused.is_empty() {
        true => Err("it holds no Sigma rule".to_owned()),
        false => Ok((taken, refused)),
    }
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), RulesError> {
    let failed = |error| RulesError::Unreadable { path: folder.to_path_buf(), error };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
        if kind.is_dir() && depth > 0 {
            collect(&path, depth - 1, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(logsource: &str, detection: &str) -> String {
        format!("title: t\nlogsource:\n{logsource}\ndetection:\n{detection}\n    condition: selection\n")
    }

    #[test]
    fn what_can_never_say_anything_is_told_with_the_reason() {
        let exec = "    category: process_creation\n    product: linux";
        let image = "    selection:\n        Image|endswith: /nc";
        let cases = [
            (rule(exec, image), ""),
            (rule("    category: process_creation", image), ""),
            (rule("    category: process_creation\n    product: windows", image), "it is for windows"),
            (rule("    product: linux\n    service: auditd", image), "it reads the log of the service auditd"),
            (rule("    product: linux\n    category: dns_query", image), "its log source is \"dns_query\""),
            (
                rule(exec, "    selection:\n        CurrentDirectory: /tmp\n        User: root"),
                "it needs CurrentDirectory, User, which",
            ),
            (rule(exec, "    selection:\n        - rootkit"), "it searches keywords"),
            (rule(exec, "    selection:\n        Image|fieldref: OriginalFileName"), "it needs OriginalFileName"),
            (rule(exec, "    selection:\n        Image|fieldref: ParentImage"), ""),
            (rule(exec, "    selection:\n        Image|expand: '%tools%'"), "it asks for placeholders"),
            (rule(exec, "    selection:\n        Image|re: '('"), "it cannot be compiled"),
            (rule(exec, image).replace("title: t", "title: ''"), "it has no title"),
            (rule(exec, image) + "level: informational\n", "it is informational"),
            ("title: [".to_owned(), "it is no Sigma rule"),
            (String::new(), "it is no Sigma rule"),
            ("action: global\nlevel: high\n".to_owned(), "it holds no Sigma rule"),
        ];
        for (text, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("rule.yml"), &text).unwrap();
            let (rules, not_run) = Rules::load(folder.path()).unwrap();
            match expected {
                "" => assert!(rules.len() == 1 && not_run.is_empty(), "{not_run:?}"),
                why => assert!(rules.is_empty() && not_run[0].why.starts_with(why), "{not_run:?}, expected {why}"),
            }
        }
    }
}
