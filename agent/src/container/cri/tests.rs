use super::*;
use crate::container::testing::{Answer, Server, container};

const ID: &str = "3959d7abfbd0221e5043fccbcb8040e9a1a4e6518dad483b7a33a131885e0283";

fn check(answer: Answer) -> Result<HashMap<ContainerId, Described>, String> {
    let server = Server::start(answer);
    list_within(&server.socket(), Duration::from_secs(20)).map_err(|error| error.to_string())
}

#[test]
fn what_a_runtime_lists_is_known() {
    let listed = check(Answer::Containers(vec![container(ID, "nginx:1.27", &[("tier", "front")])])).unwrap();
    let expected = Described {
        namespace: Some("shop".into()),
        pod: Some("web-7d4b8c9f5-x7k2p".into()),
        pod_uid: Some("81e09ae0-12ec-4ec5-94b8-51cda7906370".into()),
        container: Some("web".into()),
        image: Some("nginx:1.27".into()),
        labels: BTreeMap::from([("tier".into(), "front".into())]),
    };
    assert_eq!(listed, HashMap::from([(ContainerId::new(ID).unwrap(), expected)]));
}

#[test]
fn an_image_that_is_only_a_digest_has_no_name() {
    let image = |image: &str| {
        let listed = check(Answer::Containers(vec![container(ID, image, &[])])).unwrap();
        listed.into_values().next().unwrap().image
    };
    assert_eq!(image(&format!("sha256:{ID}")), None);
    assert_eq!(image(ID), None);
    assert_eq!(image(""), None);
    assert_eq!(image("registry.example:5000/a@sha256:ab").as_deref(), Some("registry.example:5000/a@sha256:ab"));
}

#[test]
fn hostile_names_and_labels_are_dropped_or_bounded() {
    let long = "v".repeat(VALUE_LEN_MAX + 1);
    let keys: Vec<String> = (0..100).map(|key| format!("key-{key:03}")).collect();
    let mut labels: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "value")).collect();
    labels.extend([("long", long.as_str()), ("io.kubernetes.pod.name", "../../etc")]);
    let listed =
        check(Answer::Containers(vec![container(ID, "nginx", &labels), container("a b", "nginx", &[])])).unwrap();
    assert_eq!(listed.len(), 1);
    let described = listed.into_values().next().unwrap();
    assert_eq!(described.pod, None);
    assert_eq!(described.labels.len(), LABELS_MAX);
    assert_eq!(described.labels.keys().next_back().map(|key| &**key), Some("key-031"));
}

#[test]
fn what_cannot_be_asked_says_why() {
    let too_long = check(Answer::Containers(vec![container(ID, &"n".repeat(ANSWER_LEN_MAX), &[])])).unwrap_err();
    assert!(too_long.contains("too large") && too_long.contains("4194304"), "{too_long}");
    let other = check(Answer::Unimplemented).unwrap_err();
    assert_eq!(other, "cannot be asked: Operation is not implemented or not supported: unknown service runtime.v1");

    let server = Server::start(Answer::Never);
    assert_eq!(list_within(&server.socket(), Duration::from_millis(20)), Err(CriError::Late));
    assert_eq!(list(Path::new("/nonexistent/socket")), Err(CriError::Absent));

    let root = tempfile::tempdir().unwrap();
    let (abandoned, plain) = (root.path().join("abandoned"), root.path().join("plain"));
    drop(std::os::unix::net::UnixListener::bind(&abandoned).unwrap());
    std::fs::write(&plain, "").unwrap();
    for path in [abandoned, plain] {
        let error = list(&path).unwrap_err().to_string();
        assert!(error.starts_with("cannot be asked: Connection refused"), "{error}");
    }
}

#[test]
fn a_runtime_can_be_asked_from_asynchronous_code() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { assert_eq!(list(Path::new("/nonexistent/socket")), Err(CriError::Absent)) });
}
