use anyhow::{Result, bail};
use std::process::ExitCode;
use std::{env, process};
use tracewell_kernel_tests::{init, operations, tests};

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
        [] => tests::run(),
        [operations::ACT] => operations::act().map(|()| true),
        [operations::IDLE] => Ok(true),
        _ => bail!("usage: kernel-tests"),
    }
}
