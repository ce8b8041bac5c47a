use anyhow::{Result, bail};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{env, process};
use tracewell_agent::sensor::tier::Asked;
#[cfg(feature = "containers")]
use tracewell_kernel_tests::container;
use tracewell_kernel_tests::{attack, environment, filters, flood, init, operations, overflow, tests};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    if process::id() == 1 {
        let _ = init::prepare().and_then(|()| run(&arguments)).inspect_err(|error| eprintln!("{error:#}"));
        init::power_off();
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well.
fn run(arguments: &[String]) -> Result<bool> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => tests::run("", &BOTH),
        [operations::ONLY, name] => tests::run(name, &BOTH),
        [operations::TIER, tier] => tests::run("", &[tier_of(tier)?]),
        [operations::TIER, tier, operations::ONLY, name] => tests::run(name, &[tier_of(tier)?]),
        [operations::ACT] => operations::act().map(|()| true),
        [operations::ONE, index, folder] => operations::one(index, Path::new(folder)).map(|()| true),
        [operations::IDLE, ..] => Ok(true),
        [operations::WAIT] => wait().map(|()| true),
        [overflow::FLOOD] => overflow::flood().map(|()| true),
        [environment::DO] => environment::act().map(|()| true),
        [filters::DO, what, place] => filters::act(what, Path::new(place)).map(|()| true),
        [flood::FILES] => flood::files().map(|()| true),
        [flood::FORKS] => flood::forks().map(|()| true),
        [flood::CONNECTIONS] => flood::connections().map(|()| true),
        [attack::SERVE] => attack::serve().map(|()| true),
        [attack::LOAD, port] => attack::load(port.parse()?).map(|()| true),
        #[cfg(feature = "containers")]
        [container::CONTAIN, folder] => container::contain(Path::new(folder)).map(|()| true),
        _ => bail!("usage: kernel-tests [tier base|better] [only NAME]"),
    }
}

const BOTH: [Asked; 2] = [Asked::Base, Asked::Auto];

fn tier_of(name: &str) -> Result<Asked> {
    match name {
        "base" => Ok(Asked::Base),
        "better" => Ok(Asked::Auto),
        _ => bail!("there is no tier {name:?}; there are base and better"),
    }
}

/// Says that it runs, and waits for the end of its stdin.
fn wait() -> Result<()> {
    io::stdout().write_all(b".")?;
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
