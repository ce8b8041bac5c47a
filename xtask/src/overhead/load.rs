//! What runs while it is watched. Servers listen on loopback only; every load is bounded and ends by itself.

mod build;
mod floods;
mod paced;
mod redis;
mod web;

use super::{Place, pause};
use anyhow::Result;
use std::process::Child;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Load {
    /// A C library is unpacked and compiled, on all processors
    Build,
    /// nginx answers wrk, which holds 16 connections open
    Web,
    /// redis answers redis-benchmark, which holds 50 connections open
    Redis,
    /// A small program is started again and again
    Execs,
    /// 2,000 files are opened and closed in turn
    Opens,
    /// 100,000 short connections over loopback
    Connections,
    /// 1,000 operations a second
    #[value(name = "1000-a-second")]
    Thousand,
    /// 50,000 operations a second
    #[value(name = "50000-a-second")]
    FiftyThousand,
    Idle,
}

/// What a load came to.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Builds, requests, programs, connections or operations.
    pub units: f64,
    pub time: Duration,
}

impl Work {
    pub fn seconds_a_unit(&self) -> f64 {
        self.time.as_secs_f64() / self.units.max(1.0)
    }
}

/// A load that is ready to run once.
pub struct Prepared {
    run: Box<dyn FnMut() -> Result<Work>>,
    /// Servers of it; they end with it.
    servers: Vec<Child>,
}

impl Prepared {
    fn new(run: impl FnMut() -> Result<Work> + 'static) -> Self {
        Self { run: Box::new(run), servers: Vec::new() }
    }

    fn with(mut self, server: Child) -> Self {
        self.servers.push(server);
        self
    }

    pub fn run(&mut self) -> Result<Work> {
        (self.run)()
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // It may have ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Load {
    pub const ALL: &[Self] = &[
        Self::Build,
        Self::Web,
        Self::Redis,
        Self::Execs,
        Self::Opens,
        Self::Connections,
        Self::Thousand,
        Self::FiftyThousand,
        Self::Idle,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "unpack and compile",
            Self::Web => "nginx under wrk",
            Self::Redis => "redis",
            Self::Execs => "exec storm",
            Self::Opens => "open and close storm",
            Self::Connections => "100,000 connections",
            Self::Thousand => "1,000 events/s",
            Self::FiftyThousand => "50,000 events/s",
            Self::Idle => "idle",
        }
    }

    /// Whether it goes as fast as it can, so that what watches it slows it down.
    pub fn is_timed(self) -> bool {
        !matches!(self, Self::Thousand | Self::FiftyThousand | Self::Idle)
    }

    pub fn prepare(self, place: &Place) -> Result<Prepared> {
        match self {
            Self::Build => build::prepare(place),
            Self::Web => web::prepare(place),
            Self::Redis => redis::prepare(place),
            Self::Execs => Ok(floods::execs()),
            Self::Opens => floods::opens(place),
            Self::Connections => floods::connections(),
            Self::Thousand => paced::prepare(place, 1_000, Duration::from_secs(20)),
            Self::FiftyThousand => paced::prepare(place, 50_000, Duration::from_secs(10)),
            Self::Idle => Ok(Prepared::new(idle)),
        }
    }
}

fn idle() -> Result<Work> {
    let time = Duration::from_secs(20);
    pause(time);
    Ok(Work { units: 1.0, time })
}

fn timed(units: f64, work: impl FnOnce() -> Result<()>) -> Result<Work> {
    let start = Instant::now();
    work()?;
    Ok(Work { units, time: start.elapsed() })
}
