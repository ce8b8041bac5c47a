use crate::recording;
use crate::run::{Place, tracewell};
use serde_json::Value;

#[test]
fn an_incident_is_shown_as_tree_picture_and_document() {
    let place = Place::new();
    let input = place.file("web.json", recording::attacked("web"));
    let out = place.path("out");
    tracewell(&["replay", &input, "--out", &out]).ok();
    let incident = place.json("out/alerts.json")["incidents"][0].clone();
    let id = incident["id"].as_str().unwrap();

    let tree = tracewell(&["alerts", "show", "#1", "--from", &out]).ok();
    assert!(tree.starts_with(&format!("#1  {}\n    incident {id}, ", incident["title"].as_str().unwrap())), "{tree}");
    assert!(tree.contains("payload"), "{tree}");
    for node in incident["nodes"].as_array().unwrap() {
        assert!(!node["reasons"].as_array().unwrap().is_empty(), "{node}");
    }
    assert_eq!(tracewell(&["alerts", "show", id, "--from", &out]).ok(), tree);
    assert_eq!(tracewell(&["alerts", "show", &id[..6], "--from", &out]).ok(), tree);

    let dot = tracewell(&["alerts", "show", id, "--from", &out, "--dot"]).ok();
    assert!(dot.starts_with("digraph incident {\n") && dot.ends_with("}\n") && dot.contains(" -> "), "{dot}");

    let json: Value = serde_json::from_str(&tracewell(&["alerts", "show", id, "--from", &out, "--json"]).ok()).unwrap();
    assert_eq!(json, incident);

    for missing in ["#0", "#99", "zz", ""] {
        tracewell(&["alerts", "show", missing, "--from", &out]).failed(2, "no incident");
    }
}
