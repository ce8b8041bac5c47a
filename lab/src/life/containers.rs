//! Containers by runc, below an engine that is asked over a socket. The engine is the lab's own: runc has none.

use crate::Lab;
use crate::host::Host;
use crate::lab::Step;
use crate::life::{host_tasks, remote, status};
use crate::program::Program;
use anyhow::Result;
use std::sync::Arc;

pub const SOCKET: &str = "/run/engine.sock";
/// The root of all containers; their programs are those of the host.
const IMAGE: &str = "/var/lib/engine/image";
/// What the engine keeps of each container, by its name.
pub const STATE: &str = "/var/lib/engine/containers";
const ENGINE: &str = include_str!("../../files/engine.py");
const WORKER: &str = include_str!("../../files/worker.py");

/// A container as the engine is asked for it.
pub struct Container<'a> {
    pub name: &'a str,
    pub command: &'a [&'a str],
    pub user: u32,
    /// `FROM:TO`, with `:ro` where it is only read.
    pub binds: &'a [&'a str],
    pub restarts: u32,
}

/// A host with an engine, whose containers come and go.
pub fn host(lab: &mut Lab, name: &str) -> Result<Arc<Host>> {
    let host = lab.host(name)?;
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    serve(&host)?;
    cleaner(lab, &host)?;
    restart_loop(lab, &host, "worker")?;
    Ok(host)
}

/// Beside them a service in a container, people who look at what it shows of a folder, and an administrator.
pub fn service(lab: &mut Lab, host: &Host, service: &status::Contained<'_>, names: &str) -> Result<()> {
    let (people, admin) = (lab.outsider("people")?, lab.outsider("admin")?);
    status::contain(host, service)?;
    status::look(lab, &people, host, names)?;
    remote::work(lab, &admin, host, "deploy")
}

fn serve(host: &Host) -> Result<()> {
    host.prepare(&Program::shell(&format!(
        "mkdir -p /sys/fs/cgroup {IMAGE} && mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd {IMAGE} && \
         mkdir -p proc dev tmp usr etc run/lab var/log srv mnt && cp /etc/passwd /etc/group /etc/nsswitch.conf etc/ && \
         for name in bin sbin lib lib64; do ln -s usr/$name $name; done"
    )))?;
    host.put("/usr/local/sbin/engine", ENGINE, 0o755)?;
    host.put(&format!("{IMAGE}/srv/worker.py"), WORKER, 0o644)?;
    host.start(
        "engine.service",
        &Program::new(["/usr/bin/python3", "/usr/local/sbin/engine", SOCKET, IMAGE]).log("/var/log/engine.log"),
    )?;
    host.wait_for_file(SOCKET)
}

/// Puts a file into the image of the containers.
pub(super) fn put(host: &Host, path: &str, text: &str) -> Result<()> {
    host.put(&format!("{IMAGE}{path}"), text, 0o644)
}

/// The mark of a step for commands in a container.
pub fn mark(step: &Step, host: &Host) -> Result<String> {
    step.mark_below(host, IMAGE)
}

/// An administrator asks for a container.
pub(super) fn run(host: &Host, container: &Container<'_>) -> Result<()> {
    host.run("session.scope", &Program::shell(&ask(container))).map(drop)
}

/// A command line that asks for a container.
pub fn ask(container: &Container<'_>) -> String {
    let list = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(",");
    let body = format!(
        "{{\"name\":\"{}\",\"command\":[{}],\"user\":{},\"binds\":[{}],\"restarts\":{}}}",
        container.name,
        list(container.command),
        container.user,
        list(container.binds),
        container.restarts
    );
    format!("curl -s --unix-socket {SOCKET} -d {} http://engine/containers", super::remote::quoted(&body))
}

/// A worker that fails and is started again until the scenario ends.
fn restart_loop(lab: &mut Lab, host: &Host, name: &str) -> Result<()> {
    let seed = lab.seed();
    let pace = lab.pace().to_string();
    let command = ["python3", "/srv/worker.py", &seed, &pace];
    run(host, &Container { name, command: &command, user: 33, binds: &["/var/log:/var/log:ro"], restarts: 60 })
}

/// The administrator looks at what runs, and starts something anew.
pub fn look_after(lab: &mut Lab, host: &Host) -> Result<()> {
    let look =
        *lab.pick(&["runc list", "runc ps cleaner | wc -l", "runc state cleaner", "ls /sys/fs/cgroup/system.slice"]);
    let ask = format!("curl -s --unix-socket {SOCKET} http://engine/containers");
    let again = ask_for_cleaner(lab);
    let line = format!("{look}; {ask}; {ask}/cleaner/log | tail -2; {ask}/cleaner -X DELETE; sleep 1; {again}");
    host.run("session.scope", &Program::new(["/bin/bash", "-c", &line])).map(drop)
}

/// What removes old files and sums others, at its pace.
fn cleaner(lab: &Lab, host: &Host) -> Result<()> {
    host.run("session.scope", &Program::shell(&ask_for_cleaner(lab))).map(drop)
}

fn ask_for_cleaner(lab: &Lab) -> String {
    let line = format!(
        "for n in $(seq 300); do find /mnt/tmp -name '*.old' -mmin +60 -delete; cksum /mnt/log/*.log | wc -l; sleep {}; done",
        2 * lab.pace()
    );
    ask(&Container {
        name: "cleaner",
        command: &["sh", "-c", &line],
        user: 0,
        binds: &["/var/tmp:/mnt/tmp", "/var/log:/mnt/log:ro"],
        restarts: 3,
    })
}
