use crate::workspace::{Workspace, run as run_command};
use anyhow::{Context, Result, bail};
use std::fs;

const SECONDS_A_TARGET: u32 = 60;

/// Coverage without a sanitizer, on stable; why: docs/fuzzing.md.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Runs each target of `fuzz/targets` for a minute from its seeds, and fails with the names of those that found something.
pub fn fuzz(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root.join("fuzz");
    let host = host_triple(workspace)?;
    let target = workspace.target.join("fuzz");
    let mut build = workspace.cargo();
    build.current_dir(&folder).env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", COVERAGE);
    run_command(build.args(["build", "--locked", "--release", "--target", &host]))?;

    let mut found = Vec::new();
    for name in names(&folder.join("targets"))? {
        let corpus = target.join("corpus").join(&name);
        fs::create_dir_all(&corpus).with_context(|| format!("creating folder {}", corpus.display()))?;
        let mut program = std::process::Command::new(target.join(&host).join("release").join(&name));
        // What it finds is written where it runs.
        program.current_dir(&target).arg(&corpus).arg(folder.join("seeds").join(&name));
        program.args([format!("-max_total_time={SECONDS_A_TARGET}"), "-rss_limit_mb=1024".into()]);
        program.args(["-print_final_stats=1", "-verbosity=0"]);
        if let Err(error) = run_command(&mut program) {
            eprintln!("{error:#}");
            found.push(name);
        }
    }
    if !found.is_empty() {
        bail!("fuzzing found something in {}; the input lies in {}", found.join(", "), target.display());
    }
    Ok(())
}

fn names(targets: &std::path::Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(targets).with_context(|| format!("reading folder {}", targets.display()))?;
    let stems = entries.flatten().filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<_> = stems.collect();
    names.sort();
    Ok(names)
}

fn host_triple(workspace: &Workspace) -> Result<String> {
    let output = workspace.cargo().args(["--version", "--verbose"]).output().context("starting cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("cargo does not say for which host it is")?.to_owned())
}
