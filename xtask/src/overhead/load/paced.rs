//! Operations at a given rate: each file is made, written twice, renamed and removed, under a name that comes only once, so
//! that four of five are news and one is a repeat.

use super::{Prepared, Work};
use crate::overhead::{Place, pause};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const OPERATIONS_A_FILE: u32 = 5;
/// How often the rate is looked at.
const SLICE: Duration = Duration::from_millis(10);

pub fn prepare(place: &Place, rate: u32, time: Duration) -> Result<Prepared> {
    let folder = place.folder.join("files");
    fs::create_dir_all(&folder).context("creating the folder of the operations")?;
    Ok(Prepared::new(move || {
        let start = Instant::now();
        let mut n = 0u32;
        while start.elapsed() < time {
            let due = start.elapsed().as_secs_f64() * f64::from(rate / OPERATIONS_A_FILE);
            // Where the machine cannot keep up, there are fewer of them.
            while f64::from(n) < due && start.elapsed() < time {
                operations(&folder, n)?;
                n += 1;
            }
            pause(SLICE);
        }
        Ok(Work { units: f64::from(n * OPERATIONS_A_FILE), time: start.elapsed() })
    }))
}

fn operations(folder: &Path, n: u32) -> Result<()> {
    let (new, old) = (folder.join(format!("new-{n}")), folder.join(format!("old-{n}")));
    let mut file = File::create(&new)?;
    file.write_all(b"one")?;
    file.write_all(b"two")?;
    fs::rename(&new, &old)?;
    fs::remove_file(&old).context("removing a file")
}
