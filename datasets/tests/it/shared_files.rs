//! The shared recordings: every record is understood, and there are as many as there should be.

use crate::support::{operations, shared};
use tracewell_datasets::{Counts, Format, ReadOptions, open};

/// Reads a recording in the detected format; `None` where it is not there.
fn read(path: &str, format: Format) -> Option<(Counts, std::collections::BTreeMap<&'static str, u64>)> {
    let mut reader = open(&shared(path)?, None, &ReadOptions::default()).expect("the recording opens");
    assert_eq!(reader.format(), format, "{path}");
    let operations = operations(&mut reader).unwrap_or_else(|error| panic!("{error}"));
    let counts = reader.counts().clone();
    assert_eq!(counts.bad_records, 0, "{path}");
    assert_eq!(counts.unknown.total(), 0, "{path}: {:?}", counts.unknown);
    Some((counts, operations))
}

#[test]
fn cadets_of_engagement_1() {
    let Some((counts, operations)) = read("darpa-tc-e1-cadets/stretch-am.json.xz", Format::Cadets) else { return };
    assert_eq!(counts.source_records, 445_854);
    assert_eq!(counts.unmodelled.total() + counts.events, 445_854 + 2, "two changes of user are inserted");
    assert_eq!(operations["exec"], 3754);
    assert_eq!(operations["fork"], 2711 + 951);
    assert_eq!(operations["accept"], 464);
    assert_eq!(operations["change-credentials"], 234 + 118 + 2);
    assert_eq!(operations["create"] + operations["open"], 21_351 + 11_212 + 51);
}

#[test]
fn captain_of_engagement_3() {
    let path = "captain-e3-cadets/example_provenance_data.json.xz";
    let Some((counts, operations)) = read(path, Format::Captain) else { return };
    assert_eq!(counts.source_records, 10_000);
    assert_eq!(counts.events, 9_606 - 593 - 2, "events without updates and changes of protection");
    assert_eq!((operations["exec"], operations["fork"], operations["exit"]), (233, 236, 238));
}

#[test]
fn edge_slices() {
    for (path, n_records, n_events) in [
        ("darpa-e3-slices/cadets/event_Nginx_Backdoor_06.csv", 1238, 1028),
        ("darpa-e3-slices/cadets/event_Nginx_Backdoor_11.csv", 824, 669),
        ("darpa-e3-slices/theia/event_Firefox_Backdoor_Drakon_In_Memory.csv", 861, 861),
    ] {
        let Some((counts, _)) = read(path, Format::Edges) else { continue };
        assert_eq!((counts.source_records, counts.events), (n_records, n_events), "{path}");
    }
}

#[test]
fn sysflow_containers() {
    for (name, n_records, n_events) in [
        ("httpd", 16, 9),
        ("k8s_small", 6173, 8266),
        ("nginx", 96, 76),
        ("nodejs", 2464, 3794),
        ("rename", 60, 52),
        ("setns", 548, 473),
        ("setuid", 21, 11),
        ("shellshock", 90, 65),
        ("tcp", 23, 16),
    ] {
        let path = format!("sysflow/{name}.sf");
        let Some((counts, _)) = read(&path, Format::Sysflow) else { continue };
        assert_eq!((counts.source_records, counts.events), (n_records, n_events), "{path}");
    }
}
