//! What kinds of machines there are and what each does all day. One file per role.

mod build;
mod container;
mod database;
mod desktop;
mod mail;
mod web;

use super::fleet::{Fleet, Service};
use super::machine::Machine;
use super::programs::{Program, SystemFile};
use std::fmt::Debug;
use std::net::{Ipv4Addr, SocketAddr};
use tracewell_model::EventNs;

/// The kind of a host; hosts take them in this order in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Web,
    Database,
    Desktop,
    Mail,
    Build,
    Container,
}

impl Role {
    pub const ALL: [Self; 6] = [Self::Web, Self::Database, Self::Desktop, Self::Mail, Self::Build, Self::Container];

    /// The first part of a host's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Database => "database",
            Self::Desktop => "desktop",
            Self::Mail => "mail",
            Self::Build => "build",
            Self::Container => "container",
        }
    }

    /// Load by hour of the day (UTC), in thousandths of the mean; each row sums to 24,000.
    fn rhythm(self) -> &'static [u64; 24] {
        match self {
            // People, by day and into the evening.
            Self::Web | Self::Database | Self::Container => &[
                450, 350, 300, 300, 350, 500, 700, 900, 1100, 1300, 1400, 1450, 1400, 1400, 1400, 1400, 1350, 1300,
                1250, 1250, 1200, 1100, 850, 1000,
            ],
            // Office hours.
            Self::Desktop | Self::Mail => &[
                200, 200, 200, 200, 200, 300, 600, 1200, 2000, 2200, 2200, 2100, 1600, 1900, 2100, 2000, 1700, 1100,
                600, 400, 300, 250, 250, 200,
            ],
            // Office hours and nightly builds.
            Self::Build => &[
                900, 1700, 1700, 1200, 500, 400, 500, 800, 1200, 1400, 1400, 1300, 1000, 1300, 1400, 1400, 1300, 1100,
                800, 600, 500, 500, 500, 600,
            ],
        }
    }

    /// Load at a moment; the weekend has two fifths of a working day's.
    pub(crate) fn load_permille(self, now: EventNs) -> u64 {
        let hour = now.0 / (3600 * EventNs::SECOND) % 24;
        // 1970-01-01 was a Thursday.
        let weekend = (now.day() + 3) % 7 >= 5;
        let load = self.rhythm()[hour as usize];
        if weekend { load * 2 / 5 } else { load }
    }

    pub(crate) fn boot(self, machine: &mut Machine) -> Box<dyn Work> {
        match self {
            Self::Web => Box::new(web::Web::boot(machine)),
            Self::Database => Box::new(database::Database::boot(machine)),
            Self::Desktop => Box::new(desktop::Desktop::boot(machine)),
            Self::Mail => Box::new(mail::Mail::boot(machine)),
            Self::Build => Box::new(build::Build::boot(machine)),
            Self::Container => Box::new(container::Container::boot(machine)),
        }
    }
}

/// What a role does.
pub(crate) trait Work: Debug + Send {
    /// One piece of the role's own daily work.
    fn act(&mut self, machine: &mut Machine, fleet: &Fleet);

    /// Answers a call from the fleet to one of the role's services.
    fn serve(&mut self, machine: &mut Machine, service: Service, from: SocketAddr);

    /// The role's service, for updates: its program and its logs.
    fn service(&self) -> (Program, &'static [SystemFile]);

    /// Stops and starts the service, as a package update does.
    fn restart(&mut self, machine: &mut Machine);
}

/// An address of the outside world that daily life uses: one of 512 of the range set aside for benchmarks (RFC 2544).
pub(crate) fn stranger(machine: &mut Machine) -> SocketAddr {
    let n = machine.rng.skewed(512) as u16;
    let port = 20_000 + machine.rng.below(40_000) as u16;
    SocketAddr::from((Ipv4Addr::new(198, 18, (n >> 8) as u8, n as u8), port))
}
