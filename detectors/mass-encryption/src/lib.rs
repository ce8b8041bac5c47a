//! File after file is encrypted.
//!
//! Severity: high from the fifth file on: backups encrypt one archive, not each file. Known false alarms: scripts that hand out files
//! encrypted for each recipient.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Mass encryption",
    techniques: ["T1486"],
    triggers: [
        on(Operations::EXEC).paths(["**/openssl"]).command_lines(["*openssl enc *", "*openssl* -aes*", "*openssl smime *", "*openssl cms *"]),
        on(Operations::EXEC).paths(["**/{gpg,gpg2}"]).command_lines(["* -c *", "* -e *", "*--symmetric*", "*--encrypt*", "* -er *"]),
        on(Operations::EXEC).paths(["**/{age,rage,ccrypt,ccencrypt,mcrypt,aescrypt}"]),
        on(Operations::EXEC).paths(["**/{zip,7z,7za,7zz,rar}"]).command_lines(["* -p*", "* -P *", "* -hp*", "* -e *", "*--password*"]),
    ],
    reach: reach(2).nodes(96).operations(Operations::FORK | Operations::EXEC),
    detect,
}

const MIN: usize = 5;
const WITHIN_NS: u64 = 120 * 1_000_000_000;

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, parent)) = seen.doer().and_then(|process| Some((process, process.parent?))) else {
        return vec![];
    };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let is_alike = |&child: &NodeIndex| {
        seen.node(child).is_some_and(|node| node.last >= since)
            && seen.process(child).is_some_and(|child| child.executable() == process.executable())
    };
    let n_alike = seen.objects(parent, &[Operation::Fork]).into_iter().filter(is_alike).count();
    if n_alike < MIN {
        return vec![];
    }
    let reason = format!("{} ran {n_alike} times within two minutes: {}", process.name(), short(process.command()));
    vec![finding(Severity::High, "encrypts file after file", reason, [parent, seen.subject()])]
}
