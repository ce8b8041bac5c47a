use super::*;
use proptest::prelude::*;

const A: &str = "3959d7abfbd0221e5043fccbcb8040e9a1a4e6518dad483b7a33a131885e0283";
const B: &str = "c269a18400e27b14085c57f8e36f5b4d5471c140eb27e8b0f632c056547555de";
const UID: &str = "81e09ae0-12ec-4ec5-94b8-51cda7906370";
const SLICE: &str = "81e09ae0_12ec_4ec5_94b8_51cda7906370";

/// `A`, `B`, `UID` and `SLICE` stand for the constants of these names.
fn filled(text: &str) -> String {
    text.replace("SLICE", SLICE).replace("UID", UID).replace('A', A).replace('B', B)
}

fn shown(place: &Place) -> String {
    let mut text = match (&place.container, &place.unit) {
        (None, None) => String::from("host"),
        (None, Some(unit)) => format!("unit {}", unit.name),
        (Some(container), _) => format!("{} {}", container.runtime.as_str(), container.id),
    };
    if let Some(user) = place.unit.as_ref().and_then(|unit| unit.user) {
        text += &format!(" of {user}");
    }
    if let Some(container) = &place.container {
        text += &container.pod_uid.as_ref().map(|uid| format!(" pod {uid}")).unwrap_or_default();
        text += &container.rootless.map(|user| format!(" rootless {user}")).unwrap_or_default();
    }
    if let Some(within) = &place.within {
        text += &format!(" within {} {}", within.runtime.as_str(), within.id);
    }
    text
}

fn check(path: &str, expected: &str) {
    let given = |name: &str| name == "web-1" || name == "sshd.service";
    assert_eq!(shown(&of_path(&filled(path), &given)), filled(expected), "{path}");
}

#[test]
fn kubernetes() {
    for (path, expected) in [
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podSLICE.slice/cri-containerd-A.scope",
            "containerd A pod UID",
        ),
        // The guaranteed class has no slice of its own.
        ("/kubepods.slice/kubepods-podSLICE.slice/cri-containerd-A.scope", "containerd A pod UID"),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podSLICE.slice/crio-A.scope/container",
            "cri-o A pod UID",
        ),
        ("/kubepods.slice/kubepods-podSLICE.slice/docker-A.scope", "docker A pod UID"),
        ("/kubepods/besteffort/podUID/A", "containerd A pod UID"),
        ("/kubepods/podUID/A", "containerd A pod UID"),
        ("/kubepods/burstable/podUID/crio-A", "cri-o A pod UID"),
        // A static pod has the hash of its manifest for a uid.
        (
            "/kubepods/burstable/pod33d556edd3ae8ef21980288cef77ae8b/A",
            "containerd A pod 33d556edd3ae8ef21980288cef77ae8b",
        ),
        // A path for systemd, taken literally by cgroupfs.
        (
            "/system.slice/containerd.service/kubepods-besteffort-podSLICE.slice:cri-containerd:A",
            "containerd A pod UID",
        ),
        ("/kubepods-besteffort-podSLICE.slice:cri-containerd:A", "containerd A pod UID"),
        // Seen from inside a cgroup namespace.
        ("/../../podUID/A", "containerd A pod UID"),
        ("/../cri-containerd-A.scope", "containerd A"),
        // Monitors and the pod's own folder are not in a container.
        ("/kubepods.slice/kubepods-podSLICE.slice/crio-conmon-A.scope", "unit crio-conmon-A.scope"),
        ("/kubepods/besteffort/podUID/crio-conmon-A", "host"),
        ("/kubepods/besteffort/podUID", "host"),
    ] {
        check(path, expected);
    }
}

#[test]
fn without_kubernetes() {
    for (path, expected) in [
        ("/system.slice/docker-A.scope", "docker A"),
        ("/docker/A", "docker A"),
        ("/mine/A", "container A"),
        ("/system.slice/nerdctl-A.scope", "containerd A"),
        ("/machine.slice/libpod-A.scope/container", "podman A"),
        ("/machine.slice/machine-libpod_pod_B.slice/libpod-A.scope", "podman A"),
        ("/libpod_parent/libpod-A", "podman A"),
        ("/machine.slice/libpod-conmon-A.scope", "unit libpod-conmon-A.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope/container", "podman A rootless 1000"),
        ("/system.slice/runc-web.scope", "runc web"),
        ("/runc/web", "runc web"),
        ("/web-1", "runc web-1"),
        ("/web-2", "host"),
        // No container may take a unit's name and with it the unit's processes.
        ("/system.slice/sshd.service", "unit sshd.service"),
        ("/lxc.payload.db_1", "lxc db_1"),
        ("/lxc/101/ns/init.scope", "lxc 101"),
        ("/lxc.monitor.db_1", "host"),
        (r"/machine.slice/machine-lxc\x2d812\x2ddb.scope", "lxc lxc-812-db"),
        ("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "nspawn web"),
        (r"/machine.slice/systemd-nspawn@my\x2dweb.service/init.scope", "nspawn my-web"),
        ("/machine.slice/systemd-nspawn@web.service/supervisor", "unit systemd-nspawn@web.service"),
        (r"/machine.slice/machine-my\x2dweb.scope/payload", "nspawn my-web"),
        (r"/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator", r"unit machine-qemu\x2d1\x2dvm.scope"),
    ] {
        check(path, expected);
    }
}

#[test]
fn the_innermost_container_wins() {
    for (path, expected) in [
        ("/docker/A/docker/B", "docker B within docker A"),
        ("/docker/A/kubelet/kubepods/besteffort/podUID/B", "containerd B pod UID within docker A"),
        (
            "/system.slice/docker-A.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podSLICE.slice/cri-containerd-B.scope",
            "containerd B pod UID within docker A",
        ),
        ("/lxc.payload.ci/docker/A/docker/B", "docker B within lxc ci"),
        ("/docker/A/system.slice/containerd.service", "docker A"),
        ("/kubepods/podUID/A/init.scope", "containerd A pod UID"),
    ] {
        check(path, expected);
    }
}

#[test]
fn names_are_looked_up_for_what_the_host_itself_runs() {
    let check = |path: &str, expected: Option<&str>| {
        let place = of_path(&filled(path), &|_| false);
        assert_eq!(place.accountable().map(|container| container.id.as_str()), expected, "{path}");
    };
    check("/kubepods/podUID/A", Some(A));
    // A container that may make cgroups claims to be another one.
    check("/docker/A/kubepods/podUID/B", Some(A));
    // So does a user.
    check("/user.slice/user-1000.slice/user@1000.service/kubepods/podUID/B", None);
}

#[test]
fn units() {
    for (path, expected) in [
        ("/", "host"),
        ("", "host"),
        ("/init.scope", "unit init.scope"),
        ("/system.slice/nginx.service", "unit nginx.service"),
        ("/system.slice/system-getty.slice/getty@tty1.service", "unit getty@tty1.service"),
        ("/system.slice/docker.service/sub/folder", "unit docker.service"),
        ("/system.slice/_cgroup.watch.service", "unit cgroup.watch.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "unit session-3.scope of 1000"),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", "unit init.scope of 1000"),
        // A service that may make cgroups claims to be another one.
        ("/system.slice/shop.service/sshd.service", "unit shop.service"),
        ("/user.slice/user-7.slice/user@7.service/a.service/b.service", "unit a.service of 7"),
        ("/user.slice/user-0.slice/user@0.service/app.slice/backup.service", "unit backup.service of 0"),
        ("/user.slice/user-99999999999.slice/session-3.scope", "unit session-3.scope"),
        // Not ids: too short, too long, upper case, something behind them.
        ("/docker/3959d7abfbd0", "host"),
        ("/docker/Aa", "host"),
        ("/system.slice/docker-A.service", "unit docker-A.service"),
    ] {
        check(path, expected);
    }
    assert_eq!(of_path(&format!("/docker/{}", A.to_uppercase()), &|_| false), Place::default());
}

#[test]
fn lines_of_proc() {
    let check = |text: &str, expected: &str| {
        assert_eq!(shown(&of_proc(&filled(text), &|_| false)), filled(expected), "{text}");
    };
    check("0::/system.slice/nginx.service\n", "unit nginx.service");
    check(
        "12:pids:/docker/A\n4:memory:/docker/A\n1:name=systemd:/docker/A\n0::/system.slice/containerd.service\n",
        "docker A",
    );
    check(
        "5:memory:/user.slice\n1:name=systemd:/user.slice/user-7.slice/session-1.scope\n0::/\n",
        "unit session-1.scope of 7",
    );
    check("0::/docker/A (deleted)\n", "docker A");
    check("1:name=systemd:/kubepods-podSLICE.slice:cri-containerd:A\n", "containerd A pod UID");
    check("\n::\n0:\nnonsense\n", "host");
}

#[test]
fn a_path_longer_than_the_kernels_says_nothing() {
    assert_eq!(of_path(&filled(&format!("/{}/docker/A", "x/".repeat(2048))), &|_| true), Place::default());
}

proptest! {
    #[test]
    fn never_panics(text in "(/|kubepods-|-pod|pod|\\.slice|\\.scope|:|docker|cri-containerd|machine-|\\\\x2|\\\\x|systemd-nspawn@|user-|\\PC|[0-9a-f]{32,64}|\n|0::){0,40}") {
        of_path(&text, &|_| true);
        of_proc(&text, &|_| true);
    }
}
