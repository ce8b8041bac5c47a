//! A burst of looking around: who am I, where am I, who else is here.
//!
//! Severity: medium below a network service or from what its own lineage wrote, low from anywhere else, where it may be a person.
//! Known false alarms: inventory scripts, which are low.

use tracewell_detector_sdk::prelude::*;

detector! {
    name: "Recon burst",
    techniques: ["T1082", "T1033", "T1016", "T1049", "T1057"],
    triggers: [on(Operations::EXEC).paths([
        "**/{whoami,id,uname,hostname,who,w,last,lastlog,users,groups,getent,lsb_release,arch}",
        "**/{ifconfig,ip,route,arp,netstat,ss,iptables,nft,lsof,ps,pstree,top,df,lsblk,mount,findmnt,lscpu,dmidecode,lsmod}",
    ]), on(Operations::EXEC).command_lines(["*cat */etc/{passwd,group,os-release,issue}*", "*cat */proc/{version,cpuinfo,mounts,net/*}*"])],
    reach: reach(2).nodes(96).operations(Operations::FORK | Operations::EXEC),
    detect,
}

const MIN: usize = 4;
/// Below a service, which needs none of them.
const MIN_SERVED: usize = 2;
const WITHIN_NS: u64 = 120 * 1_000_000_000;
const TOOLS: &[&str] = &[
    "whoami",
    "id",
    "uname",
    "hostname",
    "who",
    "w",
    "last",
    "lastlog",
    "users",
    "groups",
    "lsb_release",
    "arch",
    "ifconfig",
    "ip",
    "route",
    "arp",
    "netstat",
    "ss",
    "iptables",
    "nft",
    "lsof",
    "ps",
    "pstree",
    "top",
    "df",
    "lsblk",
    "mount",
    "findmnt",
    "lscpu",
    "dmidecode",
    "lsmod",
];

/// What a process asks about the machine by, if it does.
fn tool<'a>(process: Process<'a>) -> Option<&'a str> {
    let asks_for = |words: &[&str]| {
        process.arguments().skip(1).any(|argument| words.iter().any(|word| argument.starts_with(word)))
    };
    match process.name() {
        // Names of hosts are what programs of all kinds ask it for.
        "getent" if !asks_for(&["passwd", "group", "shadow"]) => None,
        "cat" if !asks_for(&["/etc/", "/proc/"]) => None,
        name if name == "getent" || name == "cat" || is_any(name, TOOLS) => Some(name),
        _ => None,
    }
}

fn detect(seen: &Neighbourhood) -> Vec<Finding> {
    let Some((process, parent)) = seen.doer().and_then(|process| Some((process, process.parent?))) else {
        return vec![];
    };
    let since = seen.event.time.saturating_sub(WITHIN_NS);
    let mut tools = Vec::new();
    for child in seen.objects(parent, &[Operation::Fork]) {
        let is_late = seen.node(child).is_some_and(|node| node.last >= since);
        let tool = seen.process(child).and_then(tool).filter(|tool| is_late && !tools.contains(tool));
        tools.extend(tool);
    }
    let is_served = process.is_served();
    if tools.len() < if is_served { MIN_SERVED } else { MIN } {
        return vec![];
    }
    let is_bad = is_served || seen.process(parent).is_some_and(|parent| parent.facts.contains(Facts::RAN_OWN_WRITE));
    let severity = if is_bad { Severity::Medium } else { Severity::Low };
    let reason = format!("within two minutes it started {}", tools.join(", "));
    vec![finding(severity, "looks around on the machine", reason, [parent, seen.subject()])]
}
