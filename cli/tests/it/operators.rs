//! What operators ask a running aggregator: by the program, over TLS with a token, and by HTTP.

use crate::fleet::{Fleet, PATIENCE, RECORDINGS, Setup, same};
use crate::run::{Ran, tracewell};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// The host that an attack is seen on, and its recording.
const ATTACKED: (&str, &str) = RECORDINGS[1];

/// A fleet of one host, which has sent a recording with an attack.
fn fleet() -> Option<Fleet> {
    fleet_of(Setup::default())
}

fn fleet_of(setup: Setup) -> Option<Fleet> {
    let fleet = Fleet::with(setup)?;
    let (host, recording) = ATTACKED;
    assert!(fleet.enrol(host, &fleet.token(1)).status.success());
    let (is_well, said) = fleet.replay(host, recording).end();
    assert!(is_well, "{said:#?}");
    Some(fleet)
}

impl Fleet {
    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ask(&[args, &["--json"]].concat()).ok()).expect("it is JSON")
    }

    /// Asks over TLS, as the operator whose token lies in a file.
    fn ask_as(&self, name: &str, args: &[&str]) -> Ran {
        let (server, token) = (format!("https://{}", self.api), self.place.path(name));
        let authority = self.place.path("state/authority/authority.crt");
        tracewell(&[args, &["--server", &server, "--token-file", &token, "--authority", &authority]].concat())
    }

    fn operator(&self, name: &str, role: &str) {
        self.place.file(name, self.ask(&["fleet", "operator", name, "--role", role]).ok());
    }

    /// The same; gives the body's values, one a line or one in all.
    fn http(&self, method: &str, path: &str, body: &str) -> (u16, Vec<Value>) {
        let (status, body) = self.text(method, path, body);
        (status, serde_json::Deserializer::from_str(&body).into_iter().map(|value| value.expect("JSON")).collect())
    }

    /// One request over HTTP/1.1 at the local socket; gives the status and the body.
    fn text(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(self.place.path("socket")).expect("it listens");
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.0\r\nhost: local\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        // Who is refused early may be reset after the answer.
        let answer: Vec<u8> = BufReader::new(stream).bytes().map_while(Result::ok).collect();
        let answer = String::from_utf8(answer).expect("it is UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }
}

#[test]
fn analysts_decide_and_what_they_decide_outlasts_the_aggregator() {
    let Some(mut fleet) = fleet() else { return };
    let list = fleet.json(&["alerts", "list"]);
    let first = &list["incidents"][0];
    let id = first["id"].as_str().expect("there is an incident").to_owned();
    assert_eq!((&first["rank"], &first["decision"]["status"]), (&json!(1), &json!("STATUS_NEW")));
    let n_shown = list["total"].as_u64().unwrap();
    assert_eq!(fleet.json(&["alerts", "list", "--status", "closed"])["total"], 0);

    let decide = ["alerts", "decide", &id, "--status", "open", "--assignee", "kim", "--note", "looks real"];
    assert!(fleet.ask(&decide).ok().starts_with("open, undecided, assigned to kim\n"));
    let tree = fleet.ask(&["alerts", "show", &id[..6]]).ok();
    assert!(tree.contains("open, undecided, assigned to kim") && tree.contains(": looks real"), "{tree}");
    assert_eq!(fleet.ask(&["alerts", "show", "#1"]).ok(), tree);

    // An exception says what it would hide, hides it, and is taken back.
    let preview = fleet.json(&["alerts", "except", &id, "--preview"]);
    let n_hidden = preview["incidents"].as_array().unwrap().len() as u64;
    assert!(n_hidden >= 1 && preview["incidents"][0]["id"] == json!(id), "{preview:#}");
    let made = fleet.json(&["alerts", "except", &id, "--days", "7", "--reason", "our own drill"]);
    let exception = made["exception"]["id"].as_str().expect("it has an id").to_owned();
    assert_eq!(made["exception"]["severity"], first["severity"]);
    fleet.kill_aggregator();
    fleet.run_aggregator();
    let after = fleet.json(&["alerts", "list"]);
    assert_eq!(after["total"].as_u64(), Some(n_shown - n_hidden));
    assert_eq!(after["counters"]["excepted"].as_u64(), Some(n_hidden));
    let held = fleet.ask(&["alerts", "show", &id]).ok();
    assert!(held.contains("assigned to kim"), "what is held can be looked at, and what was decided is there: {held}");
    assert!(fleet.ask(&["alerts", "exceptions"]).ok().contains("our own drill"));

    // What turns out to be an attack is hidden by nothing.
    fleet.ask(&["alerts", "decide", &id, "--verdict", "confirmed"]).ok();
    assert_eq!(fleet.json(&["alerts", "list"])["total"].as_u64(), Some(n_shown));
    let refused = fleet.ask(&["alerts", "except", &id, "--reason", "again"]);
    refused.failed(2, "it was found to be an attack");
    fleet.ask(&["alerts", "revoke-exception", &exception]).ok();
    fleet.ask(&["alerts", "revoke-exception", &exception]).failed(2, "there is no exception");
    same(&fleet.incidents(), &fleet.expected(&[ATTACKED.1]));

    let audit = fleet.json(&["fleet", "audit"]);
    let entries = audit["entries"].as_array().unwrap();
    let methods: Vec<_> = entries.iter().filter_map(|entry| entry["method"].as_str()?.rsplit('/').next()).collect();
    let expected = ["RevokeException", "RevokeException", "CreateException", "DecideIncident", "CreateException"];
    assert_eq!(methods[..5], expected, "latest first");
    assert!(entries[0]["failure"].as_str().unwrap().contains("there is no exception"));
    assert!(entries[1]["failure"] == "" && entries[1]["request"].as_str().unwrap().contains(&exception));
}

#[test]
fn operators_come_with_tokens_and_may_what_their_role_may() {
    let Some(fleet) = fleet() else { return };
    for role in ["viewer", "analyst", "admin"] {
        fleet.operator(role, role);
    }
    assert_eq!(fleet.ask_as("analyst", &["fleet", "whoami"]).ok(), "analyst, analyst\n");
    let list = fleet.ask_as("viewer", &["alerts", "list", "--json"]).ok();
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list["incidents"][0]["id"].as_str().unwrap();
    let decide = ["alerts", "decide", id, "--verdict", "expected"];
    fleet.ask_as("viewer", &decide).failed(2, "viewer has ROLE_VIEWER, expected ROLE_ANALYST");
    assert!(fleet.ask_as("analyst", &decide).ok().contains("expected"));
    fleet.ask_as("analyst", &["fleet", "token"]).failed(2, "expected ROLE_OPERATOR");
    assert!(fleet.ask_as("admin", &["fleet", "token"]).ok().len() > 40);

    fleet.place.file("forged", "tracewell-operator-00");
    fleet.ask_as("forged", &["alerts", "list"]).failed(2, "the token is not known, or holds no longer");
    fleet.place.file("empty", "");
    fleet.ask_as("empty", &["alerts", "list"]).failed(2, "the token is not known");
    fleet.ask_as("admin", &["fleet", "revoke-operator", "analyst"]).ok();
    fleet.ask_as("analyst", &["alerts", "list"]).failed(2, "the token is not known, or holds no longer");

    // Somebody else's authority vouches for nobody here.
    let Some(other) = Fleet::start() else { return };
    let (server, authority) = (format!("https://{}", fleet.api), other.place.path("state/authority/authority.crt"));
    let args = ["alerts", "list", "--server", &server, "--authority", &authority];
    tracewell(&args).failed(2, "invalid peer certificate");
}

#[test]
fn the_fleet_s_view_is_rolled_back_and_released() {
    let Some(mut fleet) = fleet() else { return };
    assert_eq!(
        fleet.json(&["fleet", "model", "versions"]),
        json!({ "versions": [] }),
        "one recording is no three days"
    );
    let roll_back = |version| ["fleet", "model", "rollback", version, "--reason", "a poisoned update"];
    fleet.ask(&roll_back("3")).failed(2, "version 3 of the fleet's view is not kept, expected 0");
    fleet
        .ask(&["fleet", "model", "rollback", "0", "--reason", " "])
        .failed(2, "reason has 0 bytes, expected 1 to 4000");
    let (status, answer) = fleet.http("POST", "/v1/model/hold", r#"{"reason": "a poisoned update"}"#);
    let words = json!("version is left out, expected the number of a version");
    assert_eq!((status, &answer[0]["message"]), (400, &words), "and not 0");
    fleet.operator("analyst", "analyst");
    fleet.ask_as("analyst", &roll_back("0")).failed(2, "expected ROLE_OPERATOR");
    fleet.ask(&roll_back("0")).ok();
    fleet.kill_aggregator();
    fleet.run_aggregator();
    let hold = &fleet.json(&["fleet", "model", "versions"])["hold"];
    assert_eq!((&hold["version"], &hold["reason"]), (&json!(0), &json!("a poisoned update")));
    let held = fleet.ask_as("analyst", &["fleet", "model", "versions"]).ok();
    assert!(held.starts_with("held at 0 since 2") && held.contains(": a poisoned update"), "{held}");
    assert_eq!(fleet.json(&["fleet", "model", "diff", "0", "0"]), json!({ "differences": [], "total": 0 }));
    fleet.ask(&["fleet", "model", "diff", "0", "1"]).failed(2, "version 1 of the fleet's view is not kept");
    fleet.ask(&["fleet", "model", "release"]).ok();
    fleet.ask(&["fleet", "model", "release"]).failed(2, "the fleet's view is not held at any version");
    let audit = fleet.ask(&["fleet", "audit", "--limit", "9"]).ok();
    assert!(audit.contains("Model/HoldVersion") && audit.contains("Model/ReleaseVersion"), "{audit}");
}

#[test]
fn hosts_form_groups_by_a_label_of_their_token() {
    let grouped = Setup { configuration: "group_by = \"role\"", ..Setup::default() };
    let Some(fleet) = fleet_of(grouped) else { return };
    let group = json!({ "name": "role=test", "hosts": 1, "beyond": false });
    assert_eq!(fleet.json(&["fleet", "model", "groups"]), json!({ "group_by": "role", "groups": [group] }));
    let line = "     1 hosts  no view of its own in the version that hosts are given  role=test\n";
    assert_eq!(fleet.ask(&["fleet", "model", "groups"]).ok(), line);
    let id = fleet.hosts()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.hosts()[0]["group"], "role=test");
    assert!(fleet.ask(&["fleet", "host", &id]).ok().contains("\ngroup          role=test\n"));
    fleet
        .ask(&["fleet", "model", "diff", "0", "0", "--group", "role=test"])
        .failed(2, "group is \"role=test\", expected none: these versions have no groups");
    assert_eq!(fleet.ask(&["fleet", "revoke", &id]).ok(), format!("{id} is let in no more\n"));
    assert_eq!(fleet.ask(&["fleet", "model", "groups"]).ok(), "", "who is revoked is in none");
}

#[test]
fn the_same_calls_are_there_over_http() {
    let Some(fleet) = fleet() else { return };
    let (status, answer) = fleet.http("GET", "/v1/incidents?limit=1&severity=low", "");
    assert_eq!(status, 200);
    assert_eq!(answer[0], fleet.json(&["alerts", "list", "--limit", "1"]));
    let id = answer[0]["incidents"][0]["id"].as_str().unwrap().to_owned();
    let (_, whole) = fleet.http("GET", &format!("/v1/incidents/{id}"), "");
    let expected: Value = serde_json::from_str(&fleet.expected(&[ATTACKED.1])).unwrap();
    assert_eq!(whole[0]["incident"], expected["incidents"][0], "as it stands in alerts.json");
    let (status, all) = fleet.http("GET", "/v1/export", "");
    assert_eq!(status, 200);
    let all: Vec<_> = all.into_iter().map(|line| line["incident"].clone()).collect();
    assert_eq!(Value::from(all), expected["incidents"]);

    let (status, decided) =
        fleet.http("POST", &format!("/v1/incidents/{id}/decide"), r#"{"status": "STATUS_CLOSED", "note": "done"}"#);
    assert_eq!((status, &decided[0]["decision"]["status"]), (200, &json!("STATUS_CLOSED")));
    for (method, path, body, status, code, words) in [
        ("GET", "/v1/incidents/nothing", "", 404, "not_found", "no incident \"nothing\""),
        ("GET", "/v1/incidents?limit=1001", "", 400, "invalid_argument", "limit is 1001, expected 1 to 1000"),
        ("GET", "/v1/incidents?limits=1", "", 400, "invalid_argument", "there is no field \"limits\""),
        ("POST", "/v1/tokens", "{", 400, "invalid_argument", "the body is no JSON"),
        ("POST", "/v1/tokens", r#"{"hours": 1}"#, 400, "invalid_argument", "uses is 0, expected 1 to 100000"),
        ("POST", "/v1/tokens", &"x".repeat(100_000), 400, "invalid_argument", "at most 65536 bytes"),
        ("POST", "/v1/hosts/1/revoke", "", 400, "invalid_argument", "expected 16 hexadecimal digits"),
        ("GET", "/v1/nothing", "", 404, "not_found", "there is no such path"),
        ("DELETE", "/v1/hosts", "", 501, "unimplemented", "another HTTP method"),
    ] {
        let (got, answer) = fleet.http(method, path, body);
        assert_eq!((got, &answer[0]["code"]), (status, &json!(code)), "{method} {path}: {answer:?}");
        assert!(answer[0]["message"].as_str().unwrap().contains(words), "{answer:?}");
    }
    let (status, metrics) = fleet.text("GET", "/metrics", "");
    assert_eq!(status, 200);
    for line in ["tracewell_aggregator_hosts{state=\"revoked\"} 0", "tracewell_aggregator_enrolments_total 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert_eq!(fleet.text("GET", "/healthz", ""), (200, "serving\n".into()));
    let (_, document) = fleet.http("GET", "/v1/openapi.json", "");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    assert_eq!(document[0], serde_json::from_slice::<Value>(&std::fs::read(shipped).unwrap()).unwrap());
}

#[test]
fn who_watches_sees_what_is_there_and_what_is_decided() {
    let Some(fleet) = fleet() else { return };
    let socket = format!("unix:{}", fleet.place.path("socket"));
    let mut watch = Command::new(env!("CARGO_BIN_EXE_tracewell"));
    watch.args(["alerts", "watch", "--json", "--server", &socket]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut watching = watch.spawn().expect("it starts");
    let stdout = BufReader::new(watching.stdout.take().expect("it is piped"));
    let (tell, told) = channel();
    thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let next = || -> Value { serde_json::from_str(&told.recv_timeout(PATIENCE).expect("it goes on")).expect("JSON") };
    let seen = next();
    let id = seen["incident"]["id"].as_str().unwrap().to_owned();
    fleet.ask(&["alerts", "decide", &id, "--status", "open"]).ok();
    let decided = std::iter::repeat_with(next).take(100).find(|line| line["incident"]["id"] == json!(id));
    assert_eq!(decided.expect("it is told")["incident"]["decision"]["status"], "STATUS_OPEN");
    watching.kill().unwrap();
    watching.wait().unwrap();
}

/// Whose token counts no more sees nothing from then on, also over a connection that was open.
#[test]
fn a_watcher_that_is_revoked_is_ended() {
    let Some(fleet) = fleet() else { return };
    fleet.operator("viewer", "viewer");
    let (server, token) = (format!("https://{}", fleet.api), fleet.place.path("viewer"));
    let authority = fleet.place.path("state/authority/authority.crt");
    let mut watch = Command::new(env!("CARGO_BIN_EXE_tracewell"));
    watch.args(["alerts", "watch", "--json", "--server", &server, "--token-file", &token, "--authority", &authority]);
    let mut watching =
        watch.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(watching.stdout.take().expect("it is piped")).lines();
    assert!(lines.next().is_some(), "it sees what is there");
    fleet.ask(&["fleet", "revoke-operator", "viewer"]).ok();
    let id = fleet.json(&["alerts", "list"])["incidents"][0]["id"].as_str().expect("it has an id").to_owned();
    fleet.ask(&["alerts", "decide", &id, "--status", "open"]).ok();
    let deadline = Instant::now() + PATIENCE;
    while watching.try_wait().expect("it can be asked").is_none() {
        assert!(Instant::now() < deadline, "it watches on");
        thread::park_timeout(Duration::from_millis(10));
    }
    let ended = watching.wait_with_output().expect("it has ended");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && said.contains("token"), "{said}");
}

/// More of them than there are places, of either kind: whoever comes after waits for a while and is then served.
#[test]
fn who_says_nothing_or_half_of_it_shuts_nobody_out() {
    const MORE_THAN_PLACES: usize = 140;
    let Some(fleet) = fleet() else { return };
    fleet.operator("viewer", "viewer");
    let silent = (0..MORE_THAN_PLACES).map(|_| TcpStream::connect(&fleet.api).expect("it listens"));
    let silent: Vec<_> = silent.collect();
    assert!(fleet.ask_as("viewer", &["fleet", "hosts"]).ok().contains(ATTACKED.0));

    let mut stalled = Vec::new();
    for _ in 0..MORE_THAN_PLACES {
        let mut stream = UnixStream::connect(fleet.place.path("socket")).expect("it listens");
        write!(stream, "POST /v1/tokens HTTP/1.1\r\nhost: local\r\ncontent-length: 20\r\n\r\n{{").unwrap();
        stalled.push(stream);
    }
    assert!(fleet.ask(&["fleet", "hosts"]).ok().contains(ATTACKED.0));
    assert!(fleet.ask_as("viewer", &["fleet", "hosts"]).ok().contains(ATTACKED.0));
    let mut answer = String::new();
    let _ = BufReader::new(&stalled[0]).read_line(&mut answer);
    assert!(answer.contains(" 504 "), "{answer}");
    drop(silent);
}
