use super::web::listening;
use super::{Prepared, timed};
use crate::overhead::Place;
use crate::workspace::run;
use anyhow::{Context, Result};

const PORT: u16 = 18_081;
const REQUESTS: u32 = 300_000;

/// Each request of half of them sets, of the other half gets.
pub fn prepare(place: &Place) -> Result<Prepared> {
    let mut server = place.programs.command("redis-server");
    server.args(["--port", &PORT.to_string(), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
    let server = listening(server.current_dir(&place.folder).spawn().context("starting redis")?, PORT)?;
    let mut client = place.programs.command("redis-benchmark");
    client.args(["-p", &PORT.to_string(), "-c", "50", "-n", &(REQUESTS / 2).to_string(), "-t", "set,get", "-q"]);
    Ok(Prepared::new(move || timed(f64::from(REQUESTS), || run(&mut client))).with(server))
}
