use crate::recording;
use crate::run::{Place, tracewell};
use crate::schema;
use serde_json::Value;

/// The names that the issue promises; the document may have more.
const SUMMARY_FIELDS: [&str; 24] = [
    "events",
    "hosts",
    "bad_records",
    "lost_events",
    "alarms_raw",
    "alarms_after_fold",
    "incidents_shown",
    "host_days",
    "nodes_per_alert_median",
    "nodes_per_alert_max",
    "bytes_to_aggregator",
    "reduction_ratio",
    "attacks_total",
    "attacks_found",
    "node_tp",
    "node_fp",
    "node_fn",
    "node_precision",
    "node_recall",
    "node_mcc",
    "adp",
    "label_set",
    "parameters_hash",
    "digest",
];

#[test]
fn an_intrusion_is_found_explained_and_scored() {
    let place = Place::new();
    let input = place.file("web.json", recording::attacked("web"));
    let truth = place.file("truth.json", recording::truth());
    let out = place.path("out");
    let table = tracewell(&["replay", &input, "--truth", &truth, "--out", &out, "--role", "test"]).ok();
    assert!(table.contains("attacks found       1 of 1"), "{table}");
    assert!(table.contains("label set invented; recording role test; parameters "), "{table}");
    assert_eq!(place.listing("out"), ["alerts.json", "run.json", "summary.json"]);

    let alerts = place.json("out/alerts.json");
    schema::check("alerts-format.schema.json", &alerts);
    let incidents = alerts["incidents"].as_array().unwrap();
    assert!(!incidents.is_empty(), "{table}");
    let scores: Vec<_> = incidents.iter().map(|incident| incident["score"].as_u64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");

    let summary = place.json("out/summary.json");
    for field in SUMMARY_FIELDS {
        assert!(summary.get(field).is_some(), "{field} is missing");
    }
    assert_eq!(summary["digest"], blake3::hash(&place.read("out/alerts.json")).to_hex().as_str());
    assert_eq!(summary["parameters_hash"], alerts["parameters_hash"]);
    assert_eq!((&summary["hosts"], &summary["attacks_total"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(summary["attacks"][0]["rank"], 1);
    assert_eq!(summary["labelled_absent"], serde_json::json!(["one: process host web pid 4242"]));
    let [tp, fn_] = ["node_tp", "node_fn"].map(|field| summary[field].as_u64().unwrap());
    assert_eq!(tp + fn_, 7, "the seven labelled processes that occur");
    assert!(summary["bytes_to_aggregator"].as_u64() > Some(0) && summary["reduction_ratio"].as_f64() > Some(1.0));
    assert_eq!(summary["alarm_rate"]["per_host_day"], Value::Null);
    assert_eq!(summary["alarm_rate"]["note"], "not measurable: fewer than 30 host-days");

    let run = place.json("out/run.json");
    for field in ["wall_s", "events_per_s", "peak_rss_bytes", "versions"] {
        assert!(run.get(field).is_some(), "{field} is missing");
    }
}

#[test]
fn a_quiet_hour_shows_nothing() {
    let place = Place::new();
    let input = place.file("web.json", recording::benign("web"));
    let summary: Value = serde_json::from_str(&tracewell(&["replay", &input, "--json"]).ok()).unwrap();
    assert_eq!((&summary["incidents_shown"], &summary["events"]), (&Value::from(0), &Value::from(480 * 4)));
    for field in ["attacks_total", "node_precision", "label_set", "adp", "nodes_per_alert_max"] {
        assert_eq!(summary[field], Value::Null, "{field}");
    }
    assert!(tracewell(&["replay", &input]).ok().contains("no incidents"));
}

#[test]
fn twice_in_other_chunks_and_histories_gives_the_same_bytes() {
    let place = Place::new();
    let recording = recording::attacked("web");
    let plain = place.file("web.json", &recording);
    let packed = place.path("web.json.zst");
    tracewell(&["convert", &plain, "--to", &packed]).ok();
    let truth = place.file("truth.json", recording::truth());
    // One file in two, the second without the host's name in it: the same records in the same order.
    let half = recording[..recording.len() / 2].rfind('\n').unwrap() + 1;
    let second = format!("{{\"tracewell\":1}}\n{}", &recording[half..]);
    let (one, two) = (place.file("one.json", &recording[..half]), place.file("two.json", second));
    let runs: [&[&str]; 5] = [&[&plain], &[&plain], &[&packed], &[&plain, "--history", "memory"], &[&one, &two]];
    for (idx, run) in runs.iter().enumerate() {
        let out = place.path(&format!("out{idx}"));
        tracewell(&[&["replay", "--truth", &truth, "--out", &out], *run].concat()).ok();
    }
    for idx in 1..runs.len() {
        for name in ["alerts.json", "summary.json"] {
            assert!(
                place.read(&format!("out{idx}/{name}")) == place.read(&format!("out0/{name}")),
                "run {idx}: {name}"
            );
        }
    }
    assert!(!place.json("out0/alerts.json")["incidents"].as_array().unwrap().is_empty());
}

#[test]
fn hosts_of_several_recordings_are_told_apart() {
    let place = Place::new();
    let web = place.file("web.json", recording::attacked("web"));
    let db = place.file("db.json", recording::benign("db"));
    let out = place.path("out");
    tracewell(&["replay", &db, &web, "--out", &out]).ok();
    let (summary, alerts) = (place.json("out/summary.json"), place.json("out/alerts.json"));
    assert_eq!(summary["hosts"], 2);
    for incident in alerts["incidents"].as_array().unwrap() {
        assert_eq!(incident["hosts"], serde_json::json!(["web"]));
    }
    assert!(!alerts["incidents"].as_array().unwrap().is_empty());
}

#[test]
fn what_is_trained_on_is_not_alerted_on() {
    let place = Place::new();
    let input = place.file("web.json", recording::attacked("web"));
    let after = (recording::ATTACK.1 + 3600 * 1_000_000_000).to_string();
    let summary: Value =
        serde_json::from_str(&tracewell(&["replay", &input, "--json", "--train-until", &after]).ok()).unwrap();
    assert_eq!(summary["alarms_raw"], 0);
}

#[test]
fn parameters_change_the_hash_and_only_these_files_are_replaced() {
    let place = Place::new();
    let input = place.file("web.json", recording::benign("web"));
    let parameters = place.file("p.toml", "[graph]\nwindow_bytes = 4_000_000\n");
    let out = place.path("out");
    tracewell(&["replay", &input, "--out", &out]).ok();
    let shipped = place.json("out/summary.json")["parameters_hash"].clone();
    place.file("out/notes.txt", "mine");
    tracewell(&["replay", &input, "--out", &out, "--parameters", &parameters]).ok();
    assert_ne!(place.json("out/summary.json")["parameters_hash"], shipped);
    assert_eq!(place.listing("out"), ["alerts.json", "notes.txt", "run.json", "summary.json"]);
}
