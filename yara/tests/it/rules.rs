use crate::{folder_of, marker_rule};
use std::collections::BTreeMap;
use std::fs;
use tracewell_yara::{Rules, RulesError};

#[test]
fn a_file_that_does_not_compile_is_told_with_line_and_reason_and_the_others_run() {
    let broken = "rule fine { condition: true }\n\nrule broken {\n  condition: $missing\n}\n";
    let cases = [
        (broken, "line 4:14: error: unknown variable"),
        ("rule a { condition: unknown_thing }", "line 1:21: error: unknown identifier"),
        ("import \"cuckoo\"\nrule a { condition: true }", "line 1:1: error: unknown import"),
        ("include \"/etc/passwd\"\nrule a { condition: true }", "line 1:1: error: includes are not allowed"),
        ("rule a { strings: $a = /(/ condition: $a }", "line 1:"),
        ("rule a {", "line 1:"),
    ];
    for (text, expected) in cases {
        let folder = folder_of(&[("bad.yar", text), ("good.yara", &marker_rule()), ("note.txt", "no rule")]);
        let (rules, not_run) = Rules::load(folder.path()).unwrap();
        assert_eq!(rules.len(), 1, "nothing of a broken file is run: {not_run:?}");
        let told: Vec<_> = not_run.iter().map(|not_run| (not_run.path.clone(), not_run.why.as_str())).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, folder.path().join("bad.yar"));
        assert!(told[0].1.starts_with(expected), "{:?}, expected {expected:?}", told[0].1);
    }
}

#[test]
fn what_is_no_text_of_rules_is_told_and_a_folder_that_cannot_be_read_is_an_error() {
    let folder = folder_of(&[("good.yar", &marker_rule())]);
    fs::write(folder.path().join("large.yar"), vec![b' '; (8 << 20) + 1]).unwrap();
    fs::write(folder.path().join("bytes.yar"), [0xff, 0xfe]).unwrap();
    fs::create_dir(folder.path().join("folder.yar")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe.yar"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let (rules, not_run) = Rules::load(folder.path()).unwrap();
    let why: Vec<_> = not_run.iter().map(|not_run| not_run.why.as_str()).collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(why, ["it is no UTF-8", "it has more than 8388608 bytes", "it is no file"]);
    let missing = Rules::load(&folder.path().join("missing"));
    assert!(matches!(missing, Err(RulesError::Unreadable { .. })));
}

#[test]
fn the_same_name_in_two_files_is_two_rules() {
    let folder = folder_of(&[("a.yar", &marker_rule()), ("b.yar", &marker_rule())]);
    let (rules, not_run) = Rules::load(folder.path()).unwrap();
    assert_eq!((rules.len(), not_run.len()), (2, 0));
}

/// A folder of rules that somebody wrote to do harm: nesting without end, expressions that grow.
#[test]
fn hostile_rules_are_refused_or_compiled_and_nothing_falls_over() {
    let nested = format!("rule a {{ condition: {}true{} }}", "(".repeat(100_000), ")".repeat(100_000));
    let negated = format!("rule a {{ condition: {} true }}", "not ".repeat(100_000));
    let growing = format!("rule a {{ strings: $a = /{}{}{}/ condition: $a }}", "(".repeat(6), "x", "{99})".repeat(6));
    let groups = format!("rule a {{ strings: $a = /{}x{}/ condition: $a }}", "(".repeat(50_000), ")".repeat(50_000));
    for text in [nested, negated, growing, groups] {
        let folder = folder_of(&[("bad.yar", &text), ("good.yar", &marker_rule())]);
        let (rules, not_run) = Rules::load(folder.path()).unwrap();
        assert_eq!((rules.len(), not_run.len()), (1, 1), "{}", &text[..60]);
        assert!(not_run[0].why.len() < 1_000, "{}", not_run[0].why.len());
    }
}

#[test]
fn folders_that_are_too_deep_or_linked_are_told() {
    let folder = folder_of(&[("good.yar", &marker_rule())]);
    let deep = folder.path().join("1/2/3/4/5/6/7/8");
    fs::create_dir_all(deep.join("9")).unwrap();
    fs::write(deep.join("last.yar"), marker_rule()).unwrap();
    fs::write(deep.join("9/beyond.yar"), marker_rule()).unwrap();
    std::os::unix::fs::symlink("1", folder.path().join("link")).unwrap();
    let (rules, not_run) = Rules::load(folder.path()).unwrap();
    let told: BTreeMap<_, _> = not_run.iter().map(|not_run| (not_run.path.clone(), not_run.why.as_str())).collect();
    assert_eq!(rules.len(), 2);
    assert_eq!(
        told,
        [
            (deep.join("9"), "it lies deeper than 8 folders"),
            (folder.path().join("link"), "it is a link to a folder: these are not followed"),
        ]
        .into()
    );
}
