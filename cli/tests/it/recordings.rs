//! What the public recordings must come to, with the shipped parameters.

use crate::fleet::recording;
use crate::run::{Place, shared, tracewell};
use serde_json::Value;

const E1: &str = "darpa-tc-e1-cadets/stretch-am.json.xz";

fn replay(place: &Place, recording: &str, more: &[&str]) -> Option<Value> {
    let recording = shared(recording)?;
    let out = place.path("out");
    let mut args = vec!["replay", recording.to_str().expect("the path is UTF-8"), "--out", &out, "--json"];
    args.extend(more);
    Some(serde_json::from_str(&tracewell(&args).ok()).expect("--json prints a document"))
}

#[test]
fn all_attack_sessions_of_e1_are_found_first() {
    let place = Place::new();
    let Some(labels) = shared("darpa-tc-e1-cadets/attack-processes.json") else { return };
    let truth = place.path("truth.json");
    tracewell(&["truth", "convert", "--to", &truth, "e1-processes", labels.to_str().expect("UTF-8")]).ok();
    let Some(summary) = replay(&place, E1, &["--truth", &truth]) else { return };
    assert_eq!((&summary["attacks_found"], &summary["attacks_total"]), (&3.into(), &3.into()));
    assert!(summary["incidents_shown"].as_u64().expect("a count") <= 10, "{summary:#}");
    assert!(summary["node_precision"].as_f64().expect("a share") >= 0.5, "{summary:#}");
    assert!(summary["node_recall"].as_f64().expect("a share") >= 0.8, "{summary:#}");
    let ranks = summary["attacks"].as_array().expect("a list").iter().map(|attack| attack["rank"].as_u64());
    assert!(ranks.into_iter().all(|rank| rank.is_some_and(|rank| rank <= 5)), "{summary:#}");
}

#[test]
fn twice_and_with_the_history_spilled_early_gives_the_same_digest() {
    let place = Place::new();
    let Some(first) = replay(&place, E1, &[]) else { return };
    let ways: [&[&str]; 3] = [&[], &["--window-bytes", "200000"], &["--window-bytes", "200000", "--history", "memory"]];
    for way in ways {
        let again = replay(&place, E1, way).expect("it was there");
        assert_eq!(again["digest"], first["digest"], "{way:?}");
    }
}

#[test]
fn benign_recordings_show_one_incident_at_most() {
    let place = Place::new();
    let benign = ["httpd", "k8s_small", "nginx", "nodejs", "rename", "setns", "setuid", "tcp"];
    let benign = benign.map(|name| format!("sysflow/{name}.sf"));
    for recording in benign.iter().map(String::as_str).chain(["captain-e3-cadets/example_provenance_data.json.xz"]) {
        let Some(summary) = replay(&place, recording, &[]) else { return };
        assert!(summary["incidents_shown"].as_u64().expect("a count") <= 1, "{recording}: {summary:#}");
    }
}

/// The host in the middle raises no alert by itself; without it the two ends have nothing in common (ADR 0022).
#[test]
fn lateral_movement_over_three_hosts_is_one_incident() {
    let place = Place::new();
    let out = place.path("out");
    tracewell(&["replay", &recording("lateral-1"), "--out", &out]).ok();
    let document = std::fs::read(std::path::Path::new(&out).join("alerts.json")).expect("it was written");
    let document: Value = serde_json::from_slice(&document).expect("it is JSON");
    let incidents = document["incidents"].as_array().expect("a list");
    let hosts: Vec<_> = incidents.iter().map(|incident| &incident["hosts"]).collect();
    assert_eq!(hosts, [&serde_json::json!(["app-1", "db-1", "web-1"])]);
}
