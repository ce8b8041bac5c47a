use super::*;
use crate::container::cgroup::{ContainerId, Runtime};
use proptest::prelude::*;

#[test]
fn pods() {
    for (pod, workload) in [
        // Deployments.
        ("nginx-deployment-66b6c48dd5-7c5ks", "nginx-deployment"),
        ("coredns-74ff55c5b-x9v2p", "coredns"),
        ("api-v2-8445678-zz2kq", "api-v2"),
        ("web-2-7d4b8c9f5-abcde", "web-2-7d4b8c9f5-abcde"),
        ("web-2-7d4b8c9f5-xbcdf", "web-2"),
        // DaemonSets and Jobs.
        ("kube-proxy-6xsx9", "kube-proxy"),
        ("pi-5rwd7", "pi"),
        ("train-0-x7k2p", "train-0"),
        // Letters that are never drawn: a, e, i, o, u, y, 0, 1, 3.
        ("kube-flannel-ds", "kube-flannel-ds"),
        ("db-mysql", "db-mysql"),
        ("web-nginx", "web-nginx"),
        ("kube-proxy-6xsx1", "kube-proxy-6xsx1"),
        // Not the letters of a template's hash.
        ("web-production-x7k2p", "web-production"),
        ("web-kkkkkkkkk-x7k2p", "web-kkkkkkkkk"),
        ("web-4567-x7k2p", "web-4567"),
        // StatefulSets.
        ("kafka-0", "kafka"),
        ("kafka-2-17", "kafka-2"),
        ("zookeeper-007", "zookeeper-007"),
        ("backup-20240506", "backup-20240506"),
        // CronJobs.
        ("backup-28234560-x7k2p", "backup"),
        ("backup-28234560-3-x7k2p", "backup"),
        ("backup-20240506-x7k2p", "backup-20240506"),
        // Decided, though a person may have meant otherwise (see above).
        ("web-1", "web"),
        ("db-mssql", "db"),
        // Nothing to cut, or nothing would be left.
        ("nginx", "nginx"),
        ("", ""),
        ("-0", "-0"),
        ("-x7k2p", "-x7k2p"),
        ("0", "0"),
        ("é-é", "é-é"),
    ] {
        assert_eq!(of_pod(pod), workload, "{pod}");
    }
}

#[test]
fn long_names_lose_their_hash_in_part() {
    let check = |name_len: usize, rest: &str, left: usize| {
        let name = "n".repeat(name_len);
        let pod = format!("{name}{rest}");
        assert_eq!(pod.len(), 63, "{rest}");
        assert_eq!(of_pod(&pod), &pod[..left], "{rest}");
    };
    check(47, "-7d4b8c9f5bx7k2p", 47);
    check(50, "-7d4b8c9x7k2p", 50);
    check(57, "-x7k2p", 57);
    check(58, "x7k2p", 58);
    check(52, "-webapx7k2p", 58);
}

#[test]
fn static_pods_lose_the_node() {
    for (pod, node, workload) in [
        ("kube-apiserver-node-1", "node-1", "kube-apiserver"),
        ("kube-apiserver-node-1", "other", "kube-apiserver-node-1"),
        ("kube-apiserver", "", "kube-apiserver"),
        ("-node-1", "node-1", "-node-1"),
        ("etcdnode-1", "node-1", "etcdnode-1"),
    ] {
        assert_eq!(of_static_pod(pod, node), workload, "{pod} on {node}");
    }
}

#[test]
fn images() {
    for (image, name) in [
        ("nginx", "nginx"),
        ("nginx:1.27", "nginx"),
        ("docker.io/library/nginx:1.27", "docker.io/library/nginx"),
        ("registry.example:5000/team/app", "registry.example:5000/team/app"),
        ("registry.example:5000/team/app:v1@sha256:abcd", "registry.example:5000/team/app"),
        ("quay.io/a/b@sha256:abcd", "quay.io/a/b"),
        ("sha256:3959d7abfbd0221e5043fccbcb8040e9a1a4e6518dad483b7a33a131885e0283", ""),
        ("3959d7abfbd0221e5043fccbcb8040e9a1a4e6518dad483b7a33a131885e0283", ""),
        ("", ""),
    ] {
        assert_eq!(of_image(image), name, "{image}");
    }
}

#[test]
fn units() {
    for (unit, name) in [
        ("nginx.service", "nginx.service"),
        ("foo@3.service", "foo@.service"),
        ("getty@tty1.service", "getty@.service"),
        ("session-3.scope", "session-.scope"),
        ("session-c2.scope", "session-.scope"),
        ("run-u4211.scope", "run-.scope"),
        ("run-p121-i4211.scope", "run-.scope"),
        ("run-r0a1b2c3d4e5f60718293a4b5c6d7e8f9.scope", "run-.scope"),
        ("app-gnome-editor-4242.scope", "app-gnome-editor-.scope"),
        ("systemd-journald.service", "systemd-journald.service"),
        ("php8.2-fpm.service", "php8.2-fpm.service"),
        ("init.scope", "init.scope"),
        ("x", "x"),
    ] {
        assert_eq!(of_unit(&Unit { name: unit.into(), user: None }), name, "{unit}");
        assert_eq!(of_unit(&Unit { name: unit.into(), user: Some(7) }), format!("user/{name}"), "{unit}");
    }
}

#[test]
fn containers() {
    let name = |id: &str, rootless| {
        let id = ContainerId::new(id).unwrap();
        of_container(&InContainer { id, runtime: Runtime::Docker, pod_uid: None, rootless }).into_owned()
    };
    assert_eq!(name("web-1", None), "web-1");
    assert_eq!(name(&"a1".repeat(32), None), "docker-#");
    assert_eq!(name("web-1", Some(1000)), "user/docker");
}

#[test]
fn nothing_is_called_host() {
    assert_eq!([distinct("host"), distinct(""), distinct("hosts")], ["host-#", "-#", "hosts"]);
}

proptest! {
    #[test]
    fn never_panics_and_only_cuts(text in "(\\PC|-|[0-9]{1,9}|[b-z2-9]{5}|@|:|/|\\.){0,30}", node in "\\PC{0,5}") {
        prop_assert!(text.starts_with(of_pod(&text)));
        prop_assert!(text.starts_with(of_static_pod(&text, &node)));
        prop_assert!(text.starts_with(of_image(&text)));
        of_unit(&Unit { name: text.as_str().into(), user: None });
    }

    #[test]
    fn what_kubernetes_generates_is_cut(name in "[a-z]([-a-z0-9]{0,20}[a-z])?", hash in 100_000u32.., random in "[bcdfghjklmnpqrstvwxz2456789]{5}") {
        let hash: String = hash.to_string().bytes().map(|digit| {
            char::from(b"bcdfghjklmnpqrstvwxz2456789"[usize::from(digit) % 27])
        }).collect();
        let pod = format!("{name}-{hash}-{random}");
        prop_assert_eq!(of_pod(&pod), name);
    }
}
