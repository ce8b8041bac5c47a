//! `tracewell-agent doctor`: what this machine allows.

use crate::args::{DoctorArgs, Form};
use crate::failure::{Failure, print};
use crate::status::TierStatus;
use serde_json::json;
use std::fs;
use tracewell_agent::sensor::attach::{HANDLERS, TRACEPOINTS};
use tracewell_agent::sensor::tier::Tier;
use tracewell_agent::sensor::{Options, Sensor, SensorError, is_built, offsets};

struct Finding {
    what: &'static str,
    is_good: bool,
    found: String,
    /// What it costs and what to do.
    remedy: String,
}

pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let mut findings = vec![kernel(), built(), btf(), lockdown()];
    let started = Sensor::start(&Options::default());
    findings.push(match &started {
        Ok(sensor) => {
            let missing: Vec<_> = sensor.missing().iter().map(|(name, _)| *name).collect();
            let n = HANDLERS.len() + TRACEPOINTS.len() - missing.len();
            let costs = |name: &str| {
                let ops = HANDLERS.iter().filter(|handler| handler.program == name).flat_map(|handler| handler.ops);
                let traced = TRACEPOINTS.iter().filter(|tracepoint| tracepoint.program == name);
                ops.chain(traced.flat_map(|tracepoint| tracepoint.ops))
                    .map(|op| op.name())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let costs: Vec<_> =
                missing.iter().map(|name| format!("{name} is missing, so {} may be unseen", costs(name))).collect();
            Finding {
                what: "programs",
                is_good: missing.is_empty(),
                found: format!("{n} attached"),
                remedy: costs.join("; "),
            }
        }
        Err(error) => Finding {
            what: "programs",
            is_good: false,
            found: "none attached".into(),
            remedy: first_line(&error.to_string()),
        },
    });
    findings.extend(started.as_ref().ok().map(|sensor| tier(sensor.tier())));
    let text = match args.output {
        Form::Text => findings.iter().map(line).collect::<String>(),
        Form::Json => {
            let findings = findings.iter().map(|finding| {
                json!({"what": finding.what, "good": finding.is_good, "found": finding.found, "remedy": finding.remedy})
            });
            format!("{}\n", json!({"findings": findings.collect::<Vec<_>>()}))
        }
    };
    print(&text)?;
    started.map(drop).map_err(Failure::from)
}

fn tier(tier: &Tier) -> Finding {
    let status = TierStatus::of(tier);
    let remedy = if status.unhooked.is_empty() && tier.refused().is_empty() {
        String::new()
    } else {
        "a hostile process can make such a name another one than was used, so these events are flagged as repaired, and what \
         they were done to is looked for afterwards; the better tier needs a kernel that loads fentry programs \
         (CONFIG_FUNCTION_TRACER, CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS, CONFIG_SECURITY_PATH): where it says that they are \
         not permitted, its build or its lockdown forbids them, and Debian's kernels are known to allow them"
            .into()
    };
    Finding { what: "tier", is_good: remedy.is_empty(), found: status.text(), remedy }
}

fn line(finding: &Finding) -> String {
    let mark = if finding.is_good { "ok " } else { "!! " };
    let remedy = if finding.remedy.is_empty() { String::new() } else { format!("\n     {}", finding.remedy) };
    format!("{mark} {:<10} {}{remedy}\n", finding.what, finding.found)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim().to_owned();
    let mut numbers = release.split(['.', '-']).map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let is_good = version >= (5, 10);
    let remedy = if is_good { String::new() } else { "Linux 5.10 or later is needed".into() };
    Finding { what: "kernel", is_good, found: release, remedy }
}

fn built() -> Finding {
    let is_good = is_built();
    let remedy = if is_good { String::new() } else { SensorError::NotBuilt.to_string() };
    Finding { what: "sensor", is_good, found: if is_good { "built in" } else { "not built in" }.into(), remedy }
}

fn btf() -> Finding {
    match offsets() {
        Ok(offsets) => {
            // Several are alternatives of kernel versions; what a program needs and lacks shows among the programs.
            let n = offsets.absent().count();
            Finding {
                what: "BTF",
                is_good: true,
                found: format!("read; {n} fields of other kernels not there"),
                remedy: String::new(),
            }
        }
        Err(error) => Finding { what: "BTF", is_good: false, found: "missing".into(), remedy: error.to_string() },
    }
}

fn lockdown() -> Finding {
    let level = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let level = level.split(['[', ']']).nth(1).unwrap_or("not to be seen").to_owned();
    let is_good = level != "confidentiality";
    let remedy = if is_good { String::new() } else { SensorError::LockedDown.to_string() };
    Finding { what: "lockdown", is_good, found: level, remedy }
}
