//! What is left after each filter, as a user is told.

use crate::fleet::recording as of_lab;
use crate::recording;
use crate::run::{Place, tracewell};
use serde_json::Value;

/// How many each step left, with all that the figures say of each other and of the rest of the summary.
fn left(summary: &Value) -> Vec<u64> {
    let funnel = &summary["funnel"];
    let count = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("no count: {value}"));
    let steps = funnel["steps"].as_array().expect("a list");
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().expect("a name")).collect();
    let documented = include_str!("../../../docs/evaluation.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<_> = documented.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(names, documented, "the table of docs/evaluation.md");
    let left: Vec<_> = steps.iter().map(|step| count(&step["left"])).collect();
    for at in 1..left.len() {
        let more = if names[at] == "groups" { count(&funnel["followed"]) } else { 0 };
        assert!(left[at] <= left[at - 1] + more, "{} rose: {left:?}", names[at]);
    }
    let host_days = summary["host_days"].as_f64().expect("a number");
    for (at, step) in steps.iter().enumerate() {
        let near = |value: &Value, expected: f64| value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-6);
        match host_days >= 30.0 {
            true => assert!(near(&step["per_host_day"], left[at] as f64 / host_days), "{step}"),
            false => assert_eq!(step["per_host_day"], Value::Null),
        }
        match at {
            1.. if left[at - 1] > 0 => {
                assert!(near(&step["reduction"], 1.0 - left[at] as f64 / left[at - 1] as f64), "{step}");
            }
            _ => assert_eq!(step["reduction"], Value::Null),
        }
    }
    let of = |name: &str| left[names.iter().position(|known| *known == name).expect("a step")];
    assert_eq!(of("alerts"), count(&summary["alarms_raw"]));
    assert_eq!(of("incidents"), count(&summary["alarms_after_fold"]));
    assert_eq!(of("shown") + count(&funnel["notices"]), count(&summary["incidents_shown"]));
    left
}

fn replay(args: &[&str]) -> Value {
    let summary = tracewell(&[&["replay", "--json"], args].concat()).ok();
    serde_json::from_str(&summary).expect("--json prints a document")
}

#[test]
fn a_known_intrusion_leaves_known_counts() {
    let place = Place::new();
    let input = place.file("web.json", recording::attacked("web"));
    assert_eq!(left(&replay(&[&input])), [2346, 10, 10, 10, 1, 1, 1, 1, 1, 1]);
    let quiet = place.file("quiet.json", recording::benign("web"));
    assert_eq!(left(&replay(&[&quiet])), [480 * 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // What is trained on goes through no filter.
    let after = (recording::ATTACK.1 + 3600 * 1_000_000_000).to_string();
    assert_eq!(left(&replay(&[&input, "--train-until", &after])), [0; 10]);
    let table = tracewell(&["replay", &input]).ok();
    assert!(table.contains("left after each step"), "{table}");
}

/// Votes count after three days, and are told with the heartbeats after them.
#[test]
fn the_fleets_model_acts_where_several_hosts_are_replayed() {
    let of_days =
        |days: u32| left(&replay(&["--simulate", &format!("hosts=6,duration={days}d,rate=0.2,attacks=none")]));
    let (long, short) = (of_days(5), of_days(2));
    assert!(long[1] > long[2], "the fleet vouched for something: {long:?}");
    assert_eq!(short[1], short[2], "nobody votes yet: {short:?}");
}

#[test]
fn an_alert_that_leads_to_other_hosts_is_told_beside_the_steps() {
    let summary = replay(&[&of_lab("lateral-1")]);
    assert_eq!(left(&summary)[6..], [1, 1, 1, 1], "{summary:#}");
    assert!(summary["funnel"]["followed"].as_u64() > Some(0), "{summary:#}");
}
