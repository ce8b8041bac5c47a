use crate::recording;
use crate::run::{Place, tracewell};

#[test]
fn a_recording_survives_conversion_in_every_compression() {
    let place = Place::new();
    let recording = recording::attacked("web");
    let input = place.file("web.json", &recording);
    let plain = place.path("plain.json");
    tracewell(&["convert", &input, "--to", &plain]).ok();
    for name in ["x.json.gz", "x.json.xz", "x.json.zst"] {
        let packed = place.path(name);
        tracewell(&["convert", &input, "--to", &packed]).ok();
        assert!(place.read(name).len() * 3 < recording.len(), "{name} is not compressed");
        let unpacked = place.path("unpacked.json");
        tracewell(&["convert", &packed, "--to", &unpacked]).ok();
        assert!(place.read("unpacked.json") == place.read("plain.json"), "{name}");
    }
}

#[test]
fn a_failed_conversion_leaves_what_was_there() {
    let place = Place::new();
    let input = place.file("cut.json", &recording::benign("web")[..10_000]);
    let target = place.file("target.json", "mine");
    tracewell(&["convert", &input, "--to", &target]).failed(2, "line");
    assert_eq!(place.read("target.json"), b"mine");
    assert_eq!(place.listing(""), ["cut.json", "target.json"]);
    tracewell(&["convert", &input, "--to", &place.path("")]).failed(2, "is a directory");
}

#[test]
fn labels_of_others_become_ground_truth() {
    let place = Place::new();
    let labels = place.file(
        "labels.csv",
        "00000000-0000-0000-0000-00000000000A,{'subject': '/opt/a /opt/a -x'},1\n\
         00000000-0000-0000-0000-00000000000B,{'file': '/tmp/b'},2\n",
    );
    let to = place.path("truth.json");
    tracewell(&["truth", "convert", "node-list", &labels, "--to", &to]).ok();
    let truth = place.json("truth.json");
    assert_eq!(truth["attacks"][0]["nodes"].as_array().map(Vec::len), Some(2), "{truth}");
    let input = place.file("web.json", recording::benign("web"));
    let table = tracewell(&["replay", &input, "--truth", &to]).ok();
    assert!(table.contains("2 labelled nodes never in the recording"), "{table}");
    tracewell(&["truth", "convert", "node-list", &input, "--to", &to]).failed(2, "web.json");
    assert_eq!(place.json("truth.json"), truth);
}
