//! The triggers of all detectors, compiled together: which detectors an event is for.
//!
//! The operation decides first, and most events end there. What is no text comes next; what is left is decided by one look at each
//! text for all globs of the operation at once, whatever the number of detectors.

use crate::contract::Facts;
use crate::lower::fact;
use crate::metadata::{self, FactSet, Trigger};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;
use tracewell_graph_core::neighbourhood::{Conditions, Glimpse, OperationSet};
use tracewell_model::Operation;

#[derive(Default)]
pub(crate) struct Triggers {
    operations: OperationSet,
    /// By operation.
    rules: Vec<Rules>,
    /// Which texts of which rule fit while an event is looked at, or that it does not fit whatever they are.
    fitting: Vec<u8>,
    hits: Vec<usize>,
}

/// The triggers that name one operation.
#[derive(Default)]
struct Rules {
    rules: Vec<Rule>,
    executables: Globs,
    command_lines: Globs,
    paths: Globs,
}

struct Rule {
    detector: usize,
    /// The texts that must fit.
    needs: u8,
    ports: Vec<(u16, u16)>,
    users: Vec<u32>,
    facts: FactSet,
    conditions: Conditions,
}

const EXECUTABLE: u8 = 1;
const COMMAND_LINE: u8 = 2;
const PATH: u8 = 4;
/// Of a rule that something else than a text excludes.
const EXCLUDED: u8 = 8;

/// Globs of all rules as one set, each once, and the rules of each.
#[derive(Default)]
struct Globs {
    set: GlobSet,
    rules: Vec<Vec<usize>>,
}

impl Triggers {
    /// Compiles the triggers of all detectors, in their order.
    ///
    /// # Errors
    /// When a glob is wrong. [`check`] finds it for one detector alone.
    pub(crate) fn compile<'a>(detectors: impl Iterator<Item = &'a [Trigger]>) -> Result<Self, globset::Error> {
        let all: Vec<_> =
            detectors.enumerate().flat_map(|(at, triggers)| triggers.iter().map(move |t| (at, t))).collect();
        let rules = Operation::ALL.map(|op| {
            let of_op = all.iter().filter(|(_, trigger)| trigger.operations.contains(op));
            Rules::compile(&of_op.copied().collect::<Vec<_>>())
        });
        let operations = all.iter().fold(OperationSet::default(), |set, (_, trigger)| set | trigger.operations);
        let rules = rules.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Self { operations, rules, ..Self::default() })
    }

    pub(crate) fn operations(&self) -> OperationSet {
        self.operations
    }

    /// Adds the detectors that the event is for, in their order.
    pub(crate) fn matching(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        if !self.operations.contains(op) {
            return;
        }
        let rules = &self.rules[op as usize];
        let known = glimpse.facts.iter().chain(glimpse.usual);
        let facts = metadata::facts(known.fold(Facts::empty(), |facts, found| facts | fact(found)));
        self.fitting.clear();
        self.fitting.extend(rules.rules.iter().map(|rule| if rule.fits(glimpse, facts) { 0 } else { EXCLUDED }));
        // The texts that any rule left asks for.
        let open = rules.rules.iter().zip(&self.fitting).filter(|(_, fitting)| **fitting == 0);
        let Some(needed) = open.map(|(rule, _)| rule.needs).reduce(|one, other| one | other) else { return };
        let mut look = |globs: &Globs, text: Option<&str>, bit| {
            if let Some(text) = text.filter(|_| needed & bit != 0) {
                globs.set.matches_into(text, &mut self.hits);
                let hit = self.hits.iter().flat_map(|&hit| &globs.rules[hit]);
                hit.for_each(|&rule| self.fitting[rule] |= bit);
            }
        };
        look(&rules.executables, glimpse.executable, EXECUTABLE);
        look(&rules.command_lines, glimpse.command_line, COMMAND_LINE);
        look(&rules.paths, glimpse.path, PATH);
        look(&rules.paths, glimpse.new_path, PATH);
        for (rule, &fitting) in rules.rules.iter().zip(&self.fitting) {
            let fits = fitting & EXCLUDED == 0 && rule.needs & !fitting == 0;
            // Rules of one detector stand side by side.
            if fits && detectors.last() != Some(&rule.detector) {
                detectors.push(rule.detector);
            }
        }
    }
}

/// Whether the globs of a detector can be compiled.
///
/// # Errors
/// Says which glob is wrong.
pub(crate) fn check(triggers: &[Trigger]) -> Result<(), String> {
    Triggers::compile(std::iter::once(triggers)).map(drop).map_err(|error| format!("a trigger's glob: {error}"))
}

impl Rules {
    fn compile(triggers: &[(usize, &Trigger)]) -> Result<Self, globset::Error> {
        let globs = |of: fn(&Trigger) -> &Vec<String>, separated| {
            let globs = triggers.iter().enumerate();
            let globs =
                globs.flat_map(|(rule, (_, trigger))| of(trigger).iter().map(move |glob| (rule, glob.as_str())));
            Globs::compile(globs, separated)
        };
        let need = |globs: &[String], bit| if globs.is_empty() { 0 } else { bit };
        let rules = triggers.iter().map(|&(detector, trigger)| Rule {
            detector,
            needs: need(&trigger.executables, EXECUTABLE)
                | need(&trigger.command_lines, COMMAND_LINE)
                | need(&trigger.paths, PATH),
            ports: trigger.ports.clone(),
            users: trigger.users.clone(),
            facts: trigger.facts,
            conditions: trigger.conditions,
        });
        Ok(Self {
            rules: rules.collect(),
            executables: globs(|trigger| &trigger.executables, true)?,
            command_lines: globs(|trigger| &trigger.command_lines, false)?,
            paths: globs(|trigger| &trigger.paths, true)?,
        })
    }
}

impl Rule {
    /// Whether all that is no text fits.
    fn fits(&self, glimpse: &Glimpse<'_>, facts: FactSet) -> bool {
        let port = |port| self.ports.iter().any(|&(first, last)| (first..=last).contains(&port));
        glimpse.conditions.contains(self.conditions)
            && facts.contains(self.facts)
            && (self.ports.is_empty() || glimpse.port.is_some_and(port))
            && (self.users.is_empty() || glimpse.user.is_some_and(|user| self.users.contains(&user)))
    }
}

impl Globs {
    fn compile<'a>(globs: impl Iterator<Item = (usize, &'a str)>, separated: bool) -> Result<Self, globset::Error> {
        let mut by_glob = BTreeMap::<_, Vec<_>>::new();
        globs.for_each(|(rule, glob)| by_glob.entry(glob).or_default().push(rule));
        let mut set = GlobSetBuilder::new();
        for glob in by_glob.keys() {
            set.add(GlobBuilder::new(glob).literal_separator(separated).build()?);
        }
        Ok(Self { set: set.build()?, rules: by_glob.into_values().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_model::{NodeKey, Reason};

    fn trigger(ops: &[Operation]) -> Trigger {
        Trigger { operations: ops.iter().copied().collect(), ..Trigger::default() }
    }

    fn texts(globs: &[&str]) -> Vec<String> {
        globs.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_that_is_named_must_fit() {
        use Operation::{Connect, Exec, Listen, Read, Rename};
        let detectors = [
            vec![Trigger {
                executables: texts(&["**/nc", "/bin/ncat"]),
                ports: vec![(8888, 8888)],
                ..trigger(&[Listen])
            }],
            vec![Trigger { paths: texts(&["/etc/cron.d/*", "/tmp/**"]), ..trigger(&[Exec, Rename]) }, trigger(&[Exec])],
            vec![Trigger { command_lines: texts(&["*/dev/tcp/*"]), users: vec![0], ..trigger(&[Connect]) }],
            vec![Trigger {
                facts: metadata::facts(Facts::CALLS_OUT | Facts::RAN_OWN_WRITE),
                conditions: Conditions::WRITTEN.or(Conditions::BELOW_SERVER, true),
                ..trigger(&[Read])
            }],
        ];
        let mut triggers = Triggers::compile(detectors.iter().map(Vec::as_slice)).unwrap();
        let nc = Glimpse { executable: Some("/usr/bin/nc"), port: Some(8888), ..Glimpse::default() };
        let facts =
            [Reason::RanOwnWrite { file: NodeKey(1), writer: NodeKey(2) }, Reason::CallsOut { socket: NodeKey(3) }];
        let all = Conditions::WRITTEN.or(Conditions::BELOW_SERVER, true).or(Conditions::IN_CONTAINER, true);
        let read = Glimpse { facts: &facts, conditions: all, ..Glimpse::default() };
        let cases = [
            (Read, read, vec![3]),
            (Read, Glimpse { facts: &facts[1..], ..read }, vec![]),
            (Read, Glimpse { facts: &facts[1..], usual: &facts[..1], ..read }, vec![3]),
            (Read, Glimpse { conditions: Conditions::WRITTEN, ..read }, vec![]),
            (Listen, nc, vec![0]),
            (Listen, Glimpse { port: Some(8889), ..nc }, vec![]),
            (Listen, Glimpse { port: None, ..nc }, vec![]),
            (Listen, Glimpse { executable: Some("/usr/bin/ncat"), ..nc }, vec![]),
            (Listen, Glimpse { executable: None, ..nc }, vec![]),
            (Connect, nc, vec![]),
            (Exec, Glimpse { path: Some("/tmp/a/b"), ..nc }, vec![1]),
            (Exec, Glimpse::default(), vec![1]),
            (Rename, Glimpse::default(), vec![]),
            (Rename, Glimpse { path: Some("/x"), new_path: Some("/etc/cron.d/x"), ..nc }, vec![1]),
            (Rename, Glimpse { new_path: Some("/etc/cron.d/x/y"), ..nc }, vec![]),
            (Connect, Glimpse { command_line: Some("sh -c >/dev/tcp/1.2.3.4/5"), user: Some(0), ..nc }, vec![2]),
            (Connect, Glimpse { command_line: Some("sh -c >/dev/tcp/1.2.3.4/5"), user: Some(1), ..nc }, vec![]),
        ];
        for (op, glimpse, expected) in cases {
            let mut found = Vec::new();
            triggers.matching(op, &glimpse, &mut found);
            assert_eq!(found, expected, "{op:?} {glimpse:?}");
        }
    }

    #[test]
    fn a_wrong_glob_is_named() {
        let wrong = Trigger { paths: texts(&["/a/{b"]), ..trigger(&[Operation::Read]) };
        assert!(check(&[wrong]).unwrap_err().contains("/a/{b"));
    }
}
