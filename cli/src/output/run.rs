use serde::Serialize;

/// `run.json`: what varies between two runs of the same input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    pub wall_s: f64,
    pub events_per_s: u64,
    /// The most memory that was resident at once; `None` where the system does not say.
    pub peak_rss_bytes: Option<u64>,
    pub versions: Versions,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    pub tracewell: &'static str,
    pub alerts_schema: &'static str,
    pub summary_schema: &'static str,
    pub wire: u32,
    /// Builds with debug assertions are slower; figures from them are no benchmark.
    pub debug_assertions: bool,
    pub target: String,
}

impl Run {
    pub fn new(wall: std::time::Duration, n_events: u64) -> Self {
        let wall_s = wall.as_secs_f64();
        Self {
            wall_s: (wall_s * 1000.0).round() / 1000.0,
            events_per_s: if wall_s > 0.0 { (n_events as f64 / wall_s) as u64 } else { 0 },
            peak_rss_bytes: crate::memory::peak_bytes(),
            versions: Versions {
                tracewell: env!("CARGO_PKG_VERSION"),
                alerts_schema: super::alerts::SCHEMA,
                summary_schema: super::summary::SCHEMA,
                wire: tracewell_wire::VERSION,
                debug_assertions: cfg!(debug_assertions),
                target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            },
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a struct of numbers and strings is always JSON");
        bytes.push(b'\n');
        bytes
    }
}
