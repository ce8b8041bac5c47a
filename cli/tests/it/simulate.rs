use crate::run::{Place, tracewell};
use crate::schema;

#[test]
fn a_simulated_fleet_replays_the_same_from_a_file_and_straight() {
    let place = Place::new();
    let (events, truth) = (place.path("fleet.json.zst"), place.path("truth.json"));
    let options = ["--seed", "5", "--hosts", "6", "--duration", "30m", "--rate", "5"];
    tracewell(&[&["simulate", "--to", &events, "--truth", &truth][..], &options].concat()).ok();
    let (filed, straight) = (place.path("filed"), place.path("straight"));
    tracewell(&["replay", &events, "--truth", &truth, "--role", "simulated", "--out", &filed]).ok();
    tracewell(&["replay", "--simulate", "seed=5,hosts=6,duration=30m,rate=5", "--out", &straight]).ok();
    for name in ["alerts.json", "summary.json"] {
        assert!(place.read(&format!("filed/{name}")) == place.read(&format!("straight/{name}")), "{name}");
    }
    let summary = place.json("straight/summary.json");
    assert_eq!((&summary["hosts"], &summary["role"]), (&6.into(), &"simulated".into()));
    assert!(summary["attacks_total"].as_u64() > Some(0));
    schema::check("alerts-format.schema.json", &place.json("straight/alerts.json"));
}

#[test]
fn attacks_can_be_left_out() {
    let summary = tracewell(&["replay", "--simulate", "hosts=2,duration=5m,rate=5,attacks=none", "--json"]).ok();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["attacks_total"], 0);
    assert!(summary["events"].as_u64() > Some(500), "{summary}");
}
