//! Sigma rules over a replay.

use crate::detectors::guest::{Guest, Said};
use crate::recording;
use crate::run::{Place, tracewell};

fn rule(title: &str, field: &str) -> String {
    format!(
        "title: {title}\nlevel: high\nlogsource:\n    category: process_creation\n    product: linux\n\
         detection:\n    selection:\n        {field}\n    condition: selection\n"
    )
}

#[test]
fn rules_raise_alerts_and_what_is_not_run_is_told() {
    let place = Place::new();
    let recording = place.file("web.jsonl", recording::attacked("web"));
    std::fs::create_dir_all(place.path("rules/more")).unwrap();
    place.file("rules/more/payload.yml", rule("a payload runs", "Image: /tmp/payload"));
    place.file("rules/folder.yml", rule("from a folder", "CurrentDirectory: /tmp"));
    let out = place.path("out");
    let ran = tracewell(&["replay", &recording, "--sigma", &place.path("rules"), "--out", &out]);
    let why = "from a folder: it needs CurrentDirectory, which is not recorded";
    assert!(ran.code == 0 && ran.stderr.contains(why), "{}", ran.stderr);
    let alerts = String::from_utf8(place.read("out/alerts.json")).unwrap();
    assert!(alerts.contains("detector sigma (high): a payload runs"), "{alerts}");
    // Detectors of the other kind go on beside them.
    let mut guest = Guest::saying("sayer", vec![Said::high("a thing that nobody else sees", &[0, 1])]);
    guest.paths = vec!["/tmp/payload"];
    std::fs::create_dir(place.path("wasm")).unwrap();
    std::fs::write(place.path("wasm/sayer.wasm"), guest.build()).unwrap();
    let (rules, wasm, out) = (place.path("rules"), place.path("wasm"), place.path("both"));
    tracewell(&["replay", &recording, "--sigma", &rules, "--detectors", &wasm, "--out", &out]).ok();
    let alerts = String::from_utf8(place.read("both/alerts.json")).unwrap();
    for finding in ["a payload runs (detector sigma, high)", "a thing that nobody else sees (detector sayer, high)"] {
        assert!(alerts.contains(finding), "{finding} is not in {alerts}");
    }
    std::fs::remove_dir_all(place.path("rules/more")).unwrap();
    tracewell(&["replay", &recording, "--sigma", &place.path("rules")])
        .failed(2, "holds no Sigma rule that can be run");
}
