use super::testing::{Answer, Server, container};
use super::*;
use std::fs;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

const A: &str = "3959d7abfbd0221e5043fccbcb8040e9a1a4e6518dad483b7a33a131885e0283";
const B: &str = "c269a18400e27b14085c57f8e36f5b4d5471c140eb27e8b0f632c056547555de";
const UID: &str = "81e09ae0-12ec-4ec5-94b8-51cda7906370";

/// A host of our own, with nothing on it yet.
struct Host {
    root: tempfile::TempDir,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), now: Instant::now() }
    }

    fn options(&self) -> Options {
        let below = |name: &str| self.root.path().join(name);
        Options {
            pods: below("pods"),
            links: below("containers"),
            runc: below("runc"),
            sockets: vec![below("no.sock")],
            node: Some("node-1".into()),
            ..Options::default()
        }
    }

    fn pod(&self, folder: &str) {
        fs::create_dir_all(self.root.path().join("pods").join(folder)).unwrap();
    }

    fn link(&self, name: &str) {
        fs::create_dir_all(self.root.path().join("containers")).unwrap();
        fs::write(self.root.path().join("containers").join(name), "").unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_dir_all(self.root.path().join(name)).unwrap();
    }
}

/// `workload: runtime namespace/pod/container image`, `-` for what is not known.
fn shown(belonging: Option<&Belonging>) -> String {
    let Some(belonging) = belonging else { return String::from("host") };
    let Some(container) = belonging.container() else { return format!("{}: unit", belonging.workload) };
    let or = |name: &Option<Str>| name.as_deref().unwrap_or("-").to_owned();
    let [namespace, pod, name] = [&container.namespace, &container.pod, &container.container].map(or);
    format!("{}: {} {namespace}/{pod}/{name} {}", belonging.workload, container.runtime.as_str(), or(&container.image))
}

fn check(names: &Names, path: &str, expected: &str) {
    assert_eq!(shown(names.of(path).as_deref()), expected, "{path}");
}

#[test]
fn names_that_arrive_late_are_news_once() {
    let (host, path) = (Host::new(), format!("/kubepods/pod{UID}/{A}"));
    let names = Names::new(host.options());
    check(&names, &path, "containerd-#: containerd -/-/- -");
    check(&names, "/system.slice/nginx.service", "nginx.service: unit");
    assert_eq!(names.refresh(host.now), []);

    host.pod(&format!("shop_web-7d4b8c9f5-x7k2p_{UID}/web"));
    let news = names.refresh(host.now);
    assert_eq!(news.len(), 1);
    assert_eq!(*news[0].cgroup_path, path);
    assert_eq!(shown(Some(&news[0].belonging)), "web: containerd shop/web-7d4b8c9f5-x7k2p/- -");
    check(&names, &path, "web: containerd shop/web-7d4b8c9f5-x7k2p/- -");

    host.link(&format!("web-7d4b8c9f5-x7k2p_shop_web-{A}.log"));
    assert_eq!(names.refresh(host.now).len(), 1);
    check(&names, &path, "web: containerd shop/web-7d4b8c9f5-x7k2p/web -");
    assert_eq!(names.refresh(host.now), []);
}

#[test]
fn a_runtime_is_asked_every_so_often() {
    let server = Server::start(Answer::Containers(vec![container(A, "nginx:1.27", &[("tier", "front")])]));
    let host = Host::new();
    let options = Options { sockets: vec![server.socket(), "/nonexistent".into()], ..host.options() };
    let names = Names::new(options);
    let path = format!("/system.slice/cri-containerd-{A}.scope");
    check(&names, &path, "containerd-#: containerd -/-/- -");
    assert_eq!(names.refresh(host.now).len(), 1);
    check(&names, &path, "web: containerd shop/web-7d4b8c9f5-x7k2p/web nginx:1.27");
    let belonging = names.of(&path).unwrap();
    assert_eq!(belonging.container().unwrap().labels, BTreeMap::from([("tier".into(), "front".into())]));
    let states: Vec<_> = names.sources().into_iter().map(|source| source.state).collect();
    let read = SourceState::Read { n_entries: 1 };
    assert_eq!(states, [SourceState::Absent, SourceState::Absent, read.clone(), SourceState::Absent]);

    // It is not asked again before its time, and what it said holds when it cannot be.
    drop(server);
    assert_eq!(names.refresh(host.now + Duration::from_secs(9)), []);
    assert_eq!(names.sources()[2].state, read);
    assert_eq!(names.refresh(host.now + Duration::from_secs(10)), []);
    assert_eq!(names.sources()[2].state, SourceState::Absent);
    check(&names, &path, "web: containerd shop/web-7d4b8c9f5-x7k2p/web nginx:1.27");
}

#[test]
fn a_source_that_contradicts_the_path_is_not_believed() {
    let server = Server::start(Answer::Containers(vec![container(A, "nginx", &[])]));
    let host = Host::new();
    let names = Names::new(Options { sockets: vec![server.socket()], ..host.options() });
    host.link(&format!("web-7d4b8c9f5-x7k2p_shop_web-{B}.log"));
    host.pod(&format!("shop_api-0_{}", UID.replace('8', "9")));
    names.refresh(host.now);
    check(&names, &format!("/kubepods/pod{}/{A}", UID.replace('8', "9")), "api: containerd shop/api-0/- -");
    check(&names, &format!("/kubepods/pod{}/{B}", UID.replace('8', "9")), "api: containerd shop/api-0/- -");
}

#[test]
fn only_the_outermost_container_lends_its_names() {
    let host = Host::new();
    host.pod(&format!("shop_web-7d4b8c9f5-x7k2p_{UID}/web"));
    let inner = format!("/docker/{B}/kubepods/pod{UID}/{A}");
    let names = Names::new(host.options());
    names.refresh(host.now);
    check(&names, &inner, "docker-#: containerd -/-/- -");
    check(&names, &format!("/kubepods/pod{UID}/{A}/docker/{B}"), "web: docker shop/web-7d4b8c9f5-x7k2p/- -");
    check(
        &names,
        &format!("/user.slice/user-7.slice/user@7.service/kubepods/pod{UID}/{A}"),
        "user/containerd: containerd -/-/- -",
    );
    // Unless that container is this host's node.
    let names = Names::new(Options { root: format!("/docker/{B}"), ..host.options() });
    names.refresh(host.now);
    check(&names, &inner, "web: containerd shop/web-7d4b8c9f5-x7k2p/- -");
    check(&names, &format!("/docker/{B}"), "host");
    check(&names, &format!("/docker/{A}"), "docker-#: docker -/-/- -");
}

#[test]
fn static_pods_and_runc_containers() {
    let host = Host::new();
    host.pod("kube-system_etcd-node-1_33d556edd3ae8ef21980288cef77ae8b/etcd");
    let names = Names::new(host.options());
    check(&names, "/web-1", "host");
    fs::create_dir_all(host.root.path().join("runc/web-1")).unwrap();
    assert_eq!(names.refresh(host.now).len(), 1);
    check(&names, "/web-1", "web-1: runc -/-/- -");
    check(&names, "/web-1/system.slice/cron.service", "web-1: runc -/-/- -");
    let path = format!("/kubepods/burstable/pod33d556edd3ae8ef21980288cef77ae8b/{A}");
    check(&names, &path, "etcd: containerd kube-system/etcd-node-1/- -");
    // What was known of a container stays known while it is asked for.
    host.remove("pods");
    names.refresh(host.now);
    check(&names, &path, "etcd: containerd kube-system/etcd-node-1/- -");
}

#[test]
fn gone_containers_and_floods_are_forgotten() {
    let host = Host::new();
    let (gone, there) = (format!("/docker/{A}"), format!("/kubepods/pod{UID}/{B}"));
    host.pod(&format!("shop_web-0_{UID}"));
    let names = Names::new(Options { remembered_max: NonZeroUsize::new(3).unwrap(), ..host.options() });
    for path in [gone.as_str(), &there, "/system.slice/nginx.service"] {
        names.of(path);
    }
    for _ in 0..2 {
        names.refresh(host.now);
        assert_eq!(names.n_remembered(), 3);
    }
    names.refresh(host.now);
    assert_eq!(names.n_remembered(), 2);
    for number in 0..100 {
        names.of(&format!("/system.slice/run-u{number}.scope"));
        names.of(&"/long".repeat(300));
    }
    assert_eq!(names.n_remembered(), 3);
}
