//! Which rules may fit an event, from what is known of it before anything is looked up. A rule that does not fit whatever the rest is
//! needs nothing to be looked up for it.
//!
//! Conditions are decided with three values (Kleene's logic), on the compiled form of the engine's own rules. What fits for sure is told
//! by the engine all the same, from the whole event: this only spares it the others.

use crate::event::{Category, Field, Fields, Held};
use rsigma_eval::matcher::{CompiledMatcher, GroupMode};
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledRule, EventValue, PlainEvent};
use rsigma_parser::{ConditionExpr, Quantifier};
use std::borrow::Cow;
use std::collections::HashMap;
use tracewell_graph_core::neighbourhood::lately::Lately;

/// Executables of which it is remembered which rules may fit what they do.
const N_IMAGES: usize = 256;

/// The rules of a category, as far as they can be decided early.
#[derive(Default)]
pub struct Likely(Vec<Test>);

/// What of events was decided lately.
pub struct Decided {
    by_image: Lately<Vec<u32>>,
}

/// Something to be decided about an event.
enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    AtLeast(u64, Vec<Test>),
    Not(Box<Test>),
    /// The field is there, or it is not.
    Exists(Field, bool),
    Holds(Field, CompiledMatcher),
    /// The same for every event.
    Is(Verdict),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    No,
    Open,
    Yes,
}

impl Default for Decided {
    fn default() -> Self {
        Self { by_image: Lately::new(N_IMAGES) }
    }
}

impl Decided {
    /// Whether any rule may fit.
    pub fn may_fit(&mut self, likely: &Likely, category: Category, fields: &Fields<'_>) -> bool {
        let held = |field| fields.held(field);
        // What an executable does is for few rules, and the same few each time.
        let Held::Text(image) = held(Field::Image) else {
            return likely.0.iter().any(|rule| rule.verdict(&held) > Verdict::No);
        };
        let only_image = |field| if field == Field::Image { Held::Text(image) } else { Held::Unknown };
        let open = self.by_image.decided(category as u32, image, |open| {
            open.clear();
            open.extend(
                (0..).zip(&likely.0).filter(|(_, rule)| rule.verdict(&only_image) > Verdict::No).map(|(at, _)| at),
            );
        });
        open.iter().any(|&at| likely.0[at as usize].verdict(&held) > Verdict::No)
    }
}

impl Likely {
    /// Of the engine's rules of a category.
    pub fn of(category: Category, rules: &[CompiledRule]) -> Self {
        let rule = |rule: &CompiledRule| {
            let conditions = rule.conditions.iter();
            Test::Any(conditions.map(|condition| Test::of_condition(category, condition, &rule.detections)).collect())
        };
        Self(rules.iter().map(rule).collect())
    }

    /// What is decided of each rule.
    #[cfg(test)]
    pub fn verdicts(&self, fields: &Fields<'_>) -> Vec<Verdict> {
        self.0.iter().map(|rule| rule.verdict(&|field| fields.held(field))).collect()
    }
}

impl Test {
    fn of_condition(category: Category, of: &ConditionExpr, named: &HashMap<String, CompiledDetection>) -> Self {
        let all = |of: &[ConditionExpr]| of.iter().map(|of| Self::of_condition(category, of, named)).collect();
        match of {
            ConditionExpr::And(of) => Self::All(all(of)),
            ConditionExpr::Or(of) => Self::Any(all(of)),
            ConditionExpr::Not(of) => Self::Not(Box::new(Self::of_condition(category, of, named))),
            ConditionExpr::Identifier(name) => {
                named.get(name).map_or(Self::Is(Verdict::No), |of| Self::of_detection(category, of))
            }
            ConditionExpr::Selector { quantifier, pattern } => {
                let meant = named.iter().filter(|(name, _)| pattern.matches_detection_name(name));
                let meant = meant.map(|(_, of)| Self::of_detection(category, of)).collect();
                match quantifier {
                    Quantifier::Any => Self::Any(meant),
                    Quantifier::All => Self::All(meant),
                    Quantifier::Count(n) => Self::AtLeast(*n, meant),
                }
            }
        }
    }

    fn of_detection(category: Category, of: &CompiledDetection) -> Self {
        let all = |of: &[CompiledDetection]| of.iter().map(|of| Self::of_detection(category, of)).collect();
        match of {
            CompiledDetection::AllOf(items) => {
                Self::All(items.iter().map(|item| Self::of_item(category, item)).collect())
            }
            CompiledDetection::AnyOf(of) => Self::Any(all(of)),
            CompiledDetection::And(of) => Self::All(all(of)),
            // None of them is run.
            CompiledDetection::Keywords(_)
            | CompiledDetection::ArrayMatch { .. }
            | CompiledDetection::Conditional { .. } => Self::Is(Verdict::Open),
        }
    }

    fn of_item(category: Category, item: &CompiledDetectionItem) -> Self {
        let Some(field) = item.field.as_deref().and_then(|name| category.field(name)) else {
            return Self::Is(Verdict::Open);
        };
        match item.exists {
            Some(expected) => Self::Exists(field, expected),
            None if looks_elsewhere(&item.matcher) => Self::Is(Verdict::Open),
            None => Self::Holds(field, item.matcher.clone()),
        }
    }

    fn verdict<'a>(&self, held: &impl Fn(Field) -> Held<'a>) -> Verdict {
        match self {
            Self::All(tests) => {
                let mut verdict = Verdict::Yes;
                for test in tests {
                    verdict = verdict.min(test.verdict(held));
                    if verdict == Verdict::No {
                        break;
                    }
                }
                verdict
            }
            Self::Any(tests) => {
                let mut verdict = Verdict::No;
                for test in tests {
                    verdict = verdict.max(test.verdict(held));
                    if verdict == Verdict::Yes {
                        break;
                    }
                }
                verdict
            }
            Self::AtLeast(n, tests) => {
                let (mut n_yes, mut n_open) = (0, 0);
                for test in tests {
                    match test.verdict(held) {
                        Verdict::Yes => n_yes += 1,
                        Verdict::Open => n_open += 1,
                        Verdict::No => {}
                    }
                }
                match n {
                    n if n_yes >= *n => Verdict::Yes,
                    n if n_yes + n_open >= *n => Verdict::Open,
                    _ => Verdict::No,
                }
            }
            Self::Not(test) => match test.verdict(held) {
                Verdict::No => Verdict::Yes,
                Verdict::Open => Verdict::Open,
                Verdict::Yes => Verdict::No,
            },
            Self::Exists(field, expected) => match held(*field) {
                Held::Unknown => Verdict::Open,
                Held::Nothing => Verdict::from(!expected),
                _ => Verdict::from(*expected),
            },
            Self::Holds(field, matcher) => match held(*field) {
                Held::Unknown => Verdict::Open,
                Held::Nothing => Verdict::from(matches!(matcher, CompiledMatcher::Null)),
                Held::Text(text) => Verdict::from(fits(matcher, text)),
                other => Verdict::from(other.value().is_some_and(|value| matcher.matches(&value, &nothing_else()))),
            },
            Self::Is(verdict) => *verdict,
        }
    }
}

impl From<bool> for Verdict {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

/// What a matcher is handed that looks at no other field.
fn nothing_else() -> PlainEvent {
    PlainEvent::new(String::new())
}

/// Whether a matcher needs more than its own field.
fn looks_elsewhere(matcher: &CompiledMatcher) -> bool {
    match matcher {
        CompiledMatcher::FieldRef { .. } | CompiledMatcher::Expand { .. } => true,
        CompiledMatcher::Not(inner) | CompiledMatcher::TimestampPart { inner, .. } => looks_elsewhere(inner),
        CompiledMatcher::AnyOf(all)
        | CompiledMatcher::AllOf(all)
        | CompiledMatcher::CaseInsensitiveGroup { children: all, .. } => all.iter().any(looks_elsewhere),
        _ => false,
    }
}

/// As the engine says, which makes a new text in lower case for each of the most common matchers, whatever the case was.
fn fits(matcher: &CompiledMatcher, text: &str) -> bool {
    match text.is_ascii() {
        true => fits_in_lower_case(matcher, text, &lower(text)),
        false => fits_as_it_is(matcher, text),
    }
}

fn fits_in_lower_case(matcher: &CompiledMatcher, text: &str, lower: &str) -> bool {
    use CompiledMatcher::{AllOf, AnyOf, CaseInsensitiveGroup, Contains, EndsWith, Exact, Not, StartsWith};
    let fits = |one: &CompiledMatcher| fits_in_lower_case(one, text, lower);
    match matcher {
        Exact { value, case_insensitive: true } => lower == value,
        StartsWith { value, case_insensitive: true } => lower.starts_with(&**value),
        EndsWith { value, case_insensitive: true } => lower.ends_with(&**value),
        Contains { value, case_insensitive: true } => lower.contains(&**value),
        Not(inner) => !fits(inner),
        AnyOf(all) => all.iter().any(fits),
        AllOf(all) => all.iter().all(fits),
        // These see nothing but the lower case.
        CaseInsensitiveGroup { children, mode: GroupMode::Any } => {
            children.iter().any(|one| fits_in_lower_case(one, lower, lower))
        }
        CaseInsensitiveGroup { children, mode: GroupMode::All } => {
            children.iter().all(|one| fits_in_lower_case(one, lower, lower))
        }
        other => fits_as_it_is(other, text),
    }
}

fn fits_as_it_is(matcher: &CompiledMatcher, text: &str) -> bool {
    matcher.matches(&EventValue::Str(Cow::Borrowed(text)), &nothing_else())
}

/// A text without other letters than ASCII's in lower case.
fn lower(text: &str) -> Cow<'_, str> {
    // All of it is looked at, many bytes at a time.
    match text.bytes().fold(false, |any, c| any | c.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;
    use proptest::prelude::*;
    use proptest::sample::select;
    use tracewell_graph_core::neighbourhood::{Glimpse, Parent};
    use tracewell_model::{NodeAttrs, Operation, ProcessRef, Protocol, Str};

    /// Detections and conditions of rules of each category: every modifier that is run, and every form of condition.
    const RULES: &[(Category, &str)] = &[
        (Category::ProcessCreation, "{a: {Image|endswith: /sh, ParentImage|endswith: [/nginx, /httpd]}, condition: a}"),
        (Category::ProcessCreation, "{a: {Image: '*/NC'}, b: {ParentImage: null}, condition: a and not b}"),
        (
            Category::ProcessCreation,
            "{a: {CommandLine|contains|all: [-E, nc]}, b: {Image|re: '^/tmp/'}, condition: 1 of them}",
        ),
        (
            Category::ProcessCreation,
            "{a: {Image|contains: s}, b: {CommandLine|windash|contains: ' -e'}, c: {ParentProcessId|gt: 5},
              condition: 2 of them}",
        ),
        (
            Category::ProcessCreation,
            "{a_1: {Image|startswith: /TMP}, a_2: {ParentCommandLine|contains: x}, condition: all of a_*}",
        ),
        (Category::ProcessCreation, "{a: {Image|cased: /tmp/É}, b: {Image|fieldref: ParentImage}, condition: a or b}"),
        (Category::ProcessCreation, "{a: {ParentImage|exists: false}, condition: a}"),
        (
            Category::ProcessCreation,
            "{a: {CommandLine|exists: true}, b: [{Image|endswith: é}, {ProcessId: 7}], condition: a and b}",
        ),
        (
            Category::ProcessCreation,
            "{a: {Image|endswith: [/a, /b, /c, /d, /e, /f, /g, /h, /i, /sh]}, condition: not a}",
        ),
        (Category::FileEvent, "{a: {TargetFilename: /etc/x}, b: {Image|endswith: /sh}, condition: a and not b}"),
        (
            Category::FileEvent,
            "{a: {TargetFilename|contains: '/x'}, b: {ParentImage|endswith: /nginx}, condition: a and b}",
        ),
        (
            Category::NetworkConnection,
            "{a: {Initiated: 'true', DestinationPort: 443}, b: {DestinationIp|cidr: 10.0.0.0/8},
              condition: a and not b}",
        ),
        (
            Category::NetworkConnection,
            "{a: {Protocol: tcp, DestinationIsIpv6: 'false'}, b: {ParentImage: /bin/sh}, condition: a and b}",
        ),
        (
            Category::NetworkConnection,
            "{a: {SourcePort|lt: 1024}, b: {DestinationPort|gte: 443, SourceIp|startswith: '10.'}, condition: a or b}",
        ),
    ];

    fn rules() -> Rules {
        let folder = tempfile::tempdir().unwrap();
        for (at, (category, detection)) in RULES.iter().enumerate() {
            let source = format!("{{category: {}, product: linux}}", category.name());
            let text = format!("title: '{at:02}'\nlogsource: {source}\ndetection: {detection}\n");
            std::fs::write(folder.path().join(format!("{at:02}.yml")), text).unwrap();
        }
        let (rules, not_run) = Rules::load(folder.path()).unwrap();
        assert!(not_run.is_empty(), "{not_run:?}");
        rules
    }

    fn process() -> impl Strategy<Value = NodeAttrs> {
        let images =
            ["/bin/sh", "/bin/SH", "/usr/bin/nc", "/usr/sbin/nginx", "/tmp/É", "/tmp/é", "/tmp/x", "/opt/httpd", ""];
        let lines = ["nc -e x", "NC -E", "sh", "x /e", ""];
        let texts =
            |of: &'static [&'static str]| prop_oneof![Just(None), select(of).prop_map(|text| Some(Str::from(text)))];
        (texts(images.to_vec().leak()), texts(lines.to_vec().leak()), 1..9u32).prop_map(|(exe, cmdline, pid)| {
            NodeAttrs::Process {
                process: ProcessRef { pid, start: 1, uuid: None },
                exe,
                cmdline,
                uid: None,
                container: None,
                environment: None,
            }
        })
    }

    fn socket() -> impl Strategy<Value = NodeAttrs> {
        let addresses = ["10.0.0.1:443", "203.0.113.9:443", "127.0.0.1:80", "[2001:db8::1]:22", "[::ffff:10.0.0.1]:9"];
        let address =
            || prop_oneof![Just(None), select(addresses.to_vec()).prop_map(|text| Some(text.parse().unwrap()))];
        let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Unix]);
        (address(), address(), protocol).prop_map(|(local, remote, protocol)| NodeAttrs::Socket {
            uuid: None,
            protocol,
            local,
            remote,
            path: None,
        })
    }

    /// Who did it, its parent, a connection, a path.
    type Ends = (NodeAttrs, Option<NodeAttrs>, NodeAttrs, Option<&'static str>);

    fn events() -> impl Strategy<Value = Vec<Ends>> {
        let path = select(vec![None, Some("/etc/x"), Some("/etc/X/x")]);
        prop::collection::vec((process(), prop::option::of(process()), socket(), path), 1..4)
    }

    /// What is decided of an event with all that is known of it, without its parent, and without anything.
    fn check(rules: &Rules, decided: &mut Decided, (subject, parent, socket, path): &Ends, op: Operation) {
        let category = Category::of(op).unwrap();
        let parent = parent.as_ref().map_or(Parent::None, Parent::Known);
        let (subject, object) = (Some(subject), Some(socket));
        let glimpse = Glimpse { subject, object, path: *path, parent, ..Glimpse::default() };
        let whole = Fields::at_hand(category, op, &glimpse);
        let without_parent = Fields::at_hand(category, op, &Glimpse { parent: Parent::Unknown, ..glimpse });
        let unseen = Fields::at_hand(category, op, &Glimpse::default());
        let (engine, likely) = (rules.engine(category).unwrap(), rules.likely(category));
        let fitting = engine.evaluate(&whole);
        for fields in [whole, without_parent, unseen] {
            let verdicts = likely.verdicts(&fields);
            for (rule, &verdict) in engine.rules().iter().zip(&verdicts) {
                let wrong = match fitting.iter().any(|found| found.header.rule_title == rule.title) {
                    true => Verdict::No,
                    false => Verdict::Yes,
                };
                assert!(verdict != wrong, "{}: {verdict:?} of {fields:?}", rule.title);
            }
            let any = verdicts.iter().any(|verdict| *verdict > Verdict::No);
            assert_eq!(decided.may_fit(likely, category, &fields), any);
        }
        // All is known but what another field is compared with, which is left to the engine.
        let n_open = likely.verdicts(&whole).into_iter().filter(|verdict| *verdict == Verdict::Open).count();
        assert!(n_open <= usize::from(category == Category::ProcessCreation), "{n_open} left to the engine");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Nothing that fits is passed over, whatever is known, and nothing is said to fit that does not.
        #[test]
        fn what_is_decided_early_is_what_the_engine_says_of_all(events in events()) {
            thread_local!(static RULES: Rules = rules());
            let mut decided = Decided::default();
            for ends in &events {
                for op in [Operation::Exec, Operation::Create, Operation::Connect, Operation::Accept] {
                    RULES.with(|rules| check(rules, &mut decided, ends, op));
                }
            }
        }
    }
}
