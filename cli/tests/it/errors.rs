use crate::recording;
use crate::run::{Place, tracewell};

#[test]
fn wrong_usage_ends_with_2() {
    for (args, needle) in [
        (&["replay"][..], "INPUT"),
        (&["replay", "x", "--format", "pcap"], "unknown format"),
        (&["replay", "x", "--train-until", "noon"], "RFC 3339"),
        (&["replay", "x", "--simulate", "seed=1"], "cannot be used with"),
        (&["replay", "--simulate", "colour=red"], "colour"),
        (&["replay", "--simulate", "hosts=0"], "hosts"),
        (&["alerts", "list", "--server", "ftp://here"], "expected unix: and a path"),
        (&["alerts", "list", "--server", "https://here:1"], "--authority"),
        (&["alerts", "except", "a1"], "--reason"),
        (&["truth", "convert", "tarot", "x", "--to", "y"], "tarot"),
        (&["frobnicate"], "frobnicate"),
    ] {
        tracewell(args).failed(2, needle);
    }
}

#[test]
fn inputs_that_cannot_be_read_are_named() {
    let place = Place::new();
    let directory = place.path("");
    let (missing, empty) = (place.path("missing.json"), place.file("empty.json", ""));
    let (other, newer) = (place.file("other.txt", "hello\n"), place.file("newer.json", "{\"tracewell\":999}\n"));
    for (input, needle) in [
        (&missing, "missing.json"),
        (&empty, "is empty"),
        (&directory, "is a directory"),
        (&other, "not recognised"),
        (&newer, "999"),
    ] {
        tracewell(&["replay", input]).failed(2, needle);
        tracewell(&["convert", input, "--to", &place.path("out.json")]).failed(2, needle);
    }
    assert!(place.listing("").iter().all(|name| !name.starts_with("out") && !name.starts_with('.')));
}

#[test]
fn a_bad_record_is_told_with_its_line_or_skipped_and_counted() {
    let place = Place::new();
    let mut lines = recording::benign("web");
    lines.insert_str(lines.find("{\"process\"").unwrap(), "{\"event\":7}\n");
    let input = place.file("bad.json", &lines);
    tracewell(&["replay", &input]).failed(2, "line 3");
    let summary: serde_json::Value =
        serde_json::from_str(&tracewell(&["replay", &input, "--skip-bad", "1", "--json"]).ok()).unwrap();
    assert_eq!(summary["bad_records"], 1);
    // Over two inputs the allowance is one of both together.
    tracewell(&["replay", &input, &input, "--skip-bad", "1"]).failed(2, "--skip-bad allows 1");
}

#[test]
fn a_failing_replay_leaves_nothing_behind() {
    let place = Place::new();
    let input = place.file("cut.json", &recording::benign("web")[..10_000]);
    tracewell(&["replay", &input, "--out", &place.path("out")]).failed(2, "line");
    assert_eq!(place.listing("out"), Vec::<String>::new());
}

#[test]
fn other_files_that_cannot_be_used_are_named() {
    let place = Place::new();
    let input = place.file("web.json", recording::benign("web"));
    let file = place.file("file", "not json");
    for (args, needle) in [
        (&["replay", &input, "--out", &file][..], "is a file"),
        (&["replay", &input, "--truth", &file], "is not ground truth"),
        (&["replay", &input, "--truth", "/missing/truth"], "/missing/truth"),
        (&["replay", &input, "--parameters", &file], "expected"),
        (&["replay", &input, "--parameters", "/missing/p.toml"], "/missing/p.toml"),
        (&["replay", &input, "--history", &place.path("")], "is not empty"),
        (&["alerts", "show", "#1", "--from", "/missing"], "/missing/alerts.json"),
        (&["alerts", "show", "#1", "--server", "unix:/missing"], "no aggregator at unix:/missing: No such file"),
    ] {
        tracewell(args).failed(2, needle);
    }
    place.file("alerts.json", "{\"schema\":\"tracewell-alerts/99\"}");
    tracewell(&["alerts", "show", "#1", "--from", &place.path("")]).failed(2, "tracewell-alerts/99");
}
