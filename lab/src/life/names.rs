//! Names are asked for at a resolver.

use crate::Lab;
use crate::host::Host;
use crate::program::Program;
use anyhow::Result;

const RESOLVER: &str = include_str!("../../files/resolver.py");

/// Answers for some hosts; of others it says that there is no such name.
pub fn serve(resolver: &Host) -> Result<()> {
    resolver.put("/opt/resolver.py", RESOLVER, 0o644)?;
    let known = "mirror.lab.example,mail.lab.example,time.lab.example";
    resolver.start("resolver.service", &Program::new(["/usr/bin/python3", "/opt/resolver.py", known]))?;
    resolver.wait_for_udp(53)
}

/// A host asks for names until the scenario ends, at most 1,000 times.
pub fn ask(lab: &mut Lab, host: &Host, resolver: &Host) -> Result<()> {
    let line = format!(
        "RANDOM={}; names=(mirror mail time nowhere); for n in $(seq 1000); do \
         busybox nslookup ${{names[RANDOM % 4]}}.lab.example {} > /dev/null; sleep $((RANDOM % 3)).$((RANDOM % 10)); done",
        lab.seed(),
        resolver.address
    );
    host.start("names.service", &Program::new(["/bin/bash", "-c", &line]))
}
