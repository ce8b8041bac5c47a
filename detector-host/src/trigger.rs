//! The triggers of all detectors, compiled together: which detectors an event is for.
//!
//! The operation decides first, and most events end there. What is no text comes next; what is left is decided by one look at each
//! text for all globs of the operation at once, whatever the number of detectors, and by none for a text whose [`ends`] fit no glob or that
//! was looked at lately. Rules are bits meanwhile: 64 are decided at a time.

mod ends;

use crate::contract::Facts;
use crate::lower::fact;
use crate::metadata::{self, FactSet, Trigger};
use ends::Ends;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::BTreeMap;
use tracewell_graph_core::neighbourhood::lately::Lately;
use tracewell_graph_core::neighbourhood::{Conditions, Glimpse, OperationSet};
use tracewell_model::Operation;

/// Texts of which it is remembered which globs they fit, over all operations.
const N_TEXTS: usize = 512;

pub(crate) struct Triggers {
    operations: OperationSet,
    /// By operation.
    rules: Vec<Rules>,
    /// The rules that may still fit while an event is looked at, and those that a text fits.
    open: Bits,
    fitting: Bits,
    texts: Texts,
}

/// The rules that texts fit.
struct Texts {
    lately: Lately<Bits>,
    hits: Vec<usize>,
}

/// The triggers that name one operation, as bits in their order.
struct Rules {
    detectors: Vec<usize>,
    /// The rules that ask for the same facts and conditions.
    asking: Vec<(FactSet, Conditions, Bits)>,
    /// What few ask for: those that name ports or users.
    narrow: Vec<Narrow>,
    executables: Globs,
    command_lines: Globs,
    paths: Globs,
}

struct Narrow {
    rule: usize,
    ports: Vec<(u16, u16)>,
    users: Vec<u32>,
}

/// Globs of all rules as one set, each once, and the rules of each.
struct Globs {
    /// The same for none other of an operation's sets, nor for another operation's.
    number: u32,
    ends: Ends,
    set: GlobSet,
    rules: Vec<Bits>,
    /// The rules that any text fits, and those that name any glob.
    of_any: Bits,
    naming: Bits,
}

/// A set of rules.
#[derive(Default)]
struct Bits(Vec<u64>);

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
            Rules::compile(op, &of_op.copied().collect::<Vec<_>>())
        });
        let operations = all.iter().fold(OperationSet::default(), |set, (_, trigger)| set | trigger.operations);
        let rules = rules.into_iter().collect::<Result<Vec<_>, _>>()?;
        let texts = Texts { lately: Lately::new(N_TEXTS), hits: Vec::new() };
        Ok(Self { operations, rules, open: Bits::default(), fitting: Bits::default(), texts })
    }

    pub(crate) fn operations(&self) -> OperationSet {
        self.operations
    }

    /// Adds the detectors that the event is for, in their order.
    pub(crate) fn matching(&mut self, op: Operation, glimpse: &Glimpse<'_>, detectors: &mut Vec<usize>) {
        if !self.operations.contains(op) {
            return;
        }
        let Self { rules, open, fitting, texts, .. } = self;
        let rules = &rules[op as usize];
        rules.open(glimpse, open);
        let asked = [
            (&rules.executables, [glimpse.executable, None]),
            (&rules.command_lines, [glimpse.command_line, None]),
            (&rules.paths, [glimpse.path, glimpse.new_path]),
        ];
        for (globs, given) in asked {
            if open.meets(&globs.naming) {
                fitting.clear(rules.detectors.len());
                given.into_iter().flatten().for_each(|text| fitting.add(texts.fitting(globs, text)));
                open.keep(&globs.naming, fitting);
            }
        }
        for rule in open.iter() {
            let detector = rules.detectors[rule];
            // Rules of one detector stand side by side.
            if detectors.last() != Some(&detector) {
                detectors.push(detector);
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

impl Texts {
    fn fitting<'a>(&'a mut self, globs: &'a Globs, text: &str) -> &'a Bits {
        if !globs.ends.may_fit(text) {
            return &globs.of_any;
        }
        let hits = &mut self.hits;
        self.lately.decided(globs.number, text, |fitting| {
            fitting.clone_from(&globs.of_any);
            globs.set.matches_into(text, hits);
            hits.iter().for_each(|&hit| fitting.add(&globs.rules[hit]));
        })
    }
}

impl Rules {
    fn compile(op: Operation, triggers: &[(usize, &Trigger)]) -> Result<Self, globset::Error> {
        let globs = |kind, of: fn(&Trigger) -> &Vec<String>, separated| {
            let globs = triggers.iter().enumerate();
            let globs =
                globs.flat_map(|(rule, (_, trigger))| of(trigger).iter().map(move |glob| (rule, glob.as_str())));
            Globs::compile(op as u32 * 3 + kind, triggers.len(), globs, separated)
        };
        let mut asking: Vec<(FactSet, Conditions, Bits)> = Vec::new();
        for (rule, (_, trigger)) in triggers.iter().enumerate() {
            let known = asking.iter_mut().find(|known| (known.0, known.1) == (trigger.facts, trigger.conditions));
            match known {
                Some((_, _, rules)) => rules.insert(rule),
                None => asking.push((trigger.facts, trigger.conditions, Bits::of(triggers.len(), [rule]))),
            }
        }
        let narrow = triggers.iter().enumerate().filter(|(_, (_, t))| !t.ports.is_empty() || !t.users.is_empty());
        let narrow =
            narrow.map(|(rule, (_, t))| Narrow { rule, ports: t.ports.clone(), users: t.users.clone() }).collect();
        Ok(Self {
            detectors: triggers.iter().map(|(detector, _)| *detector).collect(),
            asking,
            narrow,
            executables: globs(0, |trigger| &trigger.executables, true)?,
            command_lines: globs(1, |trigger| &trigger.command_lines, false)?,
            paths: globs(2, |trigger| &trigger.paths, true)?,
        })
    }

    /// The rules of which all that is no text fits.
    fn open(&self, glimpse: &Glimpse<'_>, open: &mut Bits) {
        open.clear(self.detectors.len());
        let known = glimpse.facts.iter().chain(glimpse.usual);
        let facts = metadata::facts(known.fold(Facts::empty(), |facts, found| facts | fact(found)));
        for (asked, conditions, rules) in &self.asking {
            if facts.contains(*asked) && glimpse.conditions.contains(*conditions) {
                open.add(rules);
            }
        }
        let excluded = self.narrow.iter().filter(|narrow| !narrow.fits(glimpse));
        excluded.for_each(|narrow| open.remove(narrow.rule));
    }
}

impl Narrow {
    fn fits(&self, glimpse: &Glimpse<'_>) -> bool {
        let port = |port| self.ports.iter().any(|&(first, last)| (first..=last).contains(&port));
        (self.ports.is_empty() || glimpse.port.is_some_and(port))
            && (self.users.is_empty() || glimpse.user.is_some_and(|user| self.users.contains(&user)))
    }
}

impl Globs {
    fn compile<'a>(
        number: u32,
        n_rules: usize,
        globs: impl Iterator<Item = (usize, &'a str)>,
        separated: bool,
    ) -> Result<Self, globset::Error> {
        let mut by_glob = BTreeMap::<_, Bits>::new();
        let (mut of_any, mut naming) = (Bits::of(n_rules, []), Bits::of(n_rules, []));
        for (rule, glob) in globs {
            naming.insert(rule);
            match glob {
                "**" => of_any.insert(rule),
                _ => by_glob.entry(glob).or_insert_with(|| Bits::of(n_rules, [])).insert(rule),
            }
        }
        let (mut set, mut ends) = (GlobSetBuilder::new(), Ends::default());
        for glob in by_glob.keys() {
            ends.add(glob, separated);
            set.add(GlobBuilder::new(glob).literal_separator(separated).build()?);
        }
        Ok(Self { number, ends, set: set.build()?, rules: by_glob.into_values().collect(), of_any, naming })
    }
}

impl Clone for Bits {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Into the room that is there.
    fn clone_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }
}

impl Bits {
    fn of<const N: usize>(n_rules: usize, rules: [usize; N]) -> Self {
        let mut bits = Self::default();
        bits.clear(n_rules);
        rules.into_iter().for_each(|rule| bits.insert(rule));
        bits
    }

    fn clear(&mut self, n_rules: usize) {
        self.0.clear();
        self.0.resize(n_rules.div_ceil(64), 0);
    }

    fn insert(&mut self, rule: usize) {
        self.0[rule / 64] |= 1 << (rule % 64);
    }

    fn remove(&mut self, rule: usize) {
        self.0[rule / 64] &= !(1 << (rule % 64));
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(word, other)| word & other != 0)
    }

    /// Of those in `naming`, keeps those in `fitting`.
    fn keep(&mut self, naming: &Self, fitting: &Self) {
        let words = self.0.iter_mut().zip(&naming.0).zip(&fitting.0);
        words.for_each(|((word, naming), fitting)| *word &= !naming | fitting);
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let rest = std::iter::successors(Some(word), |word| Some(word & word.wrapping_sub(1)));
            rest.take_while(|word| *word != 0).map(move |word| at * 64 + word.trailing_zeros() as usize)
        })
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
            vec![Trigger { paths: texts(&["**"]), users: vec![7], ..trigger(&[Exec, Rename]) }],
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
            (Read, read, vec![4]),
            (Read, Glimpse { facts: &facts[1..], ..read }, vec![]),
            (Read, Glimpse { facts: &facts[1..], usual: &facts[..1], ..read }, vec![4]),
            (Read, Glimpse { conditions: Conditions::WRITTEN, ..read }, vec![]),
            (Listen, nc, vec![0]),
            (Listen, Glimpse { port: Some(8889), ..nc }, vec![]),
            (Listen, Glimpse { port: None, ..nc }, vec![]),
            (Listen, Glimpse { executable: Some("/usr/bin/ncat"), ..nc }, vec![]),
            (Listen, Glimpse { executable: None, ..nc }, vec![]),
            (Connect, nc, vec![]),
            (Exec, Glimpse { path: Some("/tmp/a/b"), ..nc }, vec![1]),
            (Exec, Glimpse::default(), vec![1]),
            // Any path, but one.
            (Rename, Glimpse { user: Some(7), path: Some("/x"), ..nc }, vec![3]),
            (Rename, Glimpse { user: Some(7), ..nc }, vec![]),
            (Rename, Glimpse { user: Some(7), path: Some("/tmp/x"), new_path: Some("/x"), ..nc }, vec![1, 3]),
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
