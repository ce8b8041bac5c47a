//! The sources of zstd, which the workspace is built with anyhow: packed in preparation, unpacked and compiled in the load.

use super::{Prepared, timed};
use crate::overhead::Place;
use crate::workspace::run;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

pub fn prepare(place: &Place) -> Result<Prepared> {
    let archive = place.folder.join("zstd.tar.gz");
    run(Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(sources()?).args(["zstd/lib"]))?;
    let folder = place.folder.join("build");
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let script = format!(
        "tar -xzf {archive} && find zstd -name '*.c' | xargs -P {processors} -I FILE \
         gcc -O1 -DZSTD_DISABLE_ASM -Izstd/lib -Izstd/lib/common -Izstd/lib/legacy -c FILE -o FILE.o && \
         find zstd -name '*.o' | xargs ar rcs libzstd.a",
        archive = archive.display()
    );
    Ok(Prepared::new(move || {
        fs::create_dir_all(&folder).context("creating the folder to compile in")?;
        let mut command = Command::new("sh");
        command.args(["-ec", &script]).current_dir(&folder).stdin(Stdio::null()).stderr(Stdio::inherit());
        timed(1.0, || run(&mut command))
    }))
}

/// The folder of the crate `zstd-sys`, with the sources of zstd in it.
fn sources() -> Result<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.context("neither CARGO_HOME nor HOME")?.join("registry/src");
    let registries = fs::read_dir(&registries).with_context(|| format!("reading {}", registries.display()))?;
    let crates = registries.flatten().filter_map(|registry| fs::read_dir(registry.path()).ok()).flatten().flatten();
    let of_zstd = |entry: fs::DirEntry| {
        let is = entry.file_name().to_string_lossy().starts_with("zstd-sys-");
        is.then(|| entry.path()).filter(|folder| folder.join("zstd/lib").is_dir())
    };
    crates.filter_map(of_zstd).max().context("cargo has not fetched zstd-sys")
}
