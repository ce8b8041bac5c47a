//! What a running agent says of itself, for a person.

use super::{
    CheckpointStatus, DetectorStatus, DetectorsStatus, SourceStatus, Status, TierStatus, UplinkStatus, YaraStatus,
};
use nix::unistd::{Uid, User};
use std::fmt::Write;

impl Status {
    /// For a person.
    pub fn text(&self) -> String {
        let (minutes, hours) = (self.uptime_seconds / 60, self.uptime_seconds / 3600);
        let uptime = match hours {
            0 => format!("{minutes} min {} s", self.uptime_seconds % 60),
            _ => format!("{hours} h {} min", minutes % 60),
        };
        let mut text = format!("tracewell-agent {} has watched {} for {uptime}\n", self.version, self.host);
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<14} {value}");
        };
        let configuration = &self.configuration;
        line("configuration", configuration.file.as_deref().unwrap_or("built in"));
        line("hash", &configuration.hash);
        if let Some(error) = &configuration.error {
            line("not reloaded", error);
        }
        if !configuration.needs_restart.is_empty() {
            line("needs restart", &configuration.needs_restart.join(", "));
        }
        line("groups", &self.groups.join(", "));
        let ignored = &self.ignored;
        let users: Vec<_> = ignored.users.iter().map(|uid| user(*uid)).collect();
        for (what, names) in [
            ("operations", &ignored.operations),
            ("cgroups", &ignored.cgroups),
            ("users", &users),
            ("folders", &ignored.folders),
            ("not there yet", &ignored.absent),
        ] {
            if !names.is_empty() {
                line("left out", &format!("{what}: {}", names.join(", ")));
            }
        }
        line("tier", &self.tier.text());
        for program in &self.not_attached {
            line(
                "not attached",
                &format!("{}: {}", program.program, program.reason.lines().next().unwrap_or_default()),
            );
        }
        for source in &self.container_sources {
            line("containers", &source.text());
        }
        let pipeline = &self.pipeline;
        line("events", &format!("{}, {} lost", pipeline.events, pipeline.lost_events));
        line("edges", &pipeline.edges.to_string());
        for (what, said) in self.detectors.lines() {
            line(what, &said);
        }
        for (what, said) in self.yara.iter().flat_map(YaraStatus::lines) {
            line(what, &said);
        }
        let failed = match self.failed_alerts {
            0 => String::new(),
            n => format!(", {n} not written"),
        };
        line("alerts", &format!("{}{failed}", self.alerts));
        line("profile", &format!("{:.1} % ready", pipeline.readiness_permille as f64 / 10.0));
        line(
            "checkpoint",
            &self.checkpoint.as_ref().map_or_else(|| "none: the history is temporary".into(), checkpoint),
        );
        line("uplink", &self.uplink.as_ref().map_or_else(|| "none".into(), UplinkStatus::text));
        line("processes", &self.processes.to_string());
        line("memory", &format!("{:.1} MB resident", self.resident_bytes as f64 / 1e6));
        let pressure = &self.pressure;
        let (percent, tenth) = (pressure.cpu_permille / 10, pressure.cpu_permille % 10);
        let counted = if pressure.cpu_counts_kernel { "with" } else { "without" };
        line("CPU", &format!("{percent}.{tenth} % of a core over 10 s, {counted} programs in the kernel"));
        line("disk", &format!("{:.1} MB written", pressure.written_bytes as f64 / 1e6));
        let step = format!("step {} of {}", pressure.step, pressure.steps);
        match &pressure.cause {
            Some(cause) => {
                let per_second = pressure.budget * 4;
                line("pressure", &format!("{step} for {cause}: a cgroup may send {per_second} records a second"));
            }
            None => line("pressure", &step),
        }
        if let Some(why) = &pressure.recording_ended {
            line("recording", &format!("has ended: {why}"));
        }
        line("waiting", &format!("{} in the ring, {} for their order", self.ring_records, self.waiting_items));
        for throttled in &self.throttled {
            let path = throttled.path.as_deref().unwrap_or("?");
            let workload = throttled.workload.as_deref().unwrap_or("the host");
            line("throttled", &format!("{path} ({workload}), {} operations lost", throttled.operations));
        }
        let runs: Option<u64> = self.skipped_runs.iter().map(|skipped| skipped.runs).sum();
        line("skipped", &runs.map_or("unknown to this kernel".into(), |runs| format!("{runs} runs of programs")));
        line("adds up", if self.adds_up { "yes" } else { "no, or operations are under way" });
        text.push('\n');
        let _ = writeln!(
            text,
            "{:<16} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>8} {:>10} {:>10}",
            "OPERATION",
            "SEEN",
            "SUBMITTED",
            "MERGED",
            "THROTTLED",
            "FILTERED",
            "RING FULL",
            "OVERSIZE",
            "UNREADABLE",
            "RECEIVED"
        );
        for op in self.operations.iter().filter(|op| op.seen > 0) {
            let mark = if op.adds_up { "" } else { " *" };
            let _ = writeln!(
                text,
                "{:<16} {:>10} {:>10} {:>10} {:>9} {:>9} {:>9} {:>8} {:>10} {:>10}{mark}",
                op.operation,
                op.seen,
                op.submitted,
                op.merged,
                op.throttled,
                op.filtered,
                op.ring_full,
                op.oversize,
                op.unreadable,
                op.received
            );
        }
        if self.operations.iter().any(|op| !op.adds_up) {
            text.push_str("* under way\n");
        }
        text
    }
}

/// By name, as this machine knows it now, or by number.
fn user(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

impl TierStatus {
    /// One line.
    pub fn text(&self) -> String {
        let Self { name, unhooked, reason } = self;
        let told = match unhooked.is_empty() {
            true => String::new(),
            false => format!(": {} by name are told from the memory of processes", unhooked.join(", ")),
        };
        let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        format!("{name}{told}{reason}")
    }
}

impl SourceStatus {
    fn text(&self) -> String {
        let state = match (&self.error, self.entries) {
            (Some(error), _) => format!("cannot be read: {}", error.lines().next().unwrap_or_default()),
            (None, Some(1)) => "1 entry".into(),
            (None, Some(n)) => format!("{n} entries"),
            (None, None) => "is not there".into(),
        };
        format!("{}: {state}", self.path)
    }
}

impl DetectorsStatus {
    /// A line for each.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, String)> {
        let loaded = self.loaded.iter().map(|detector| ("detector", detector.text()));
        let refused =
            self.refused.iter().map(|refused| ("no detector", format!("{}: {}", refused.file, refused.reason)));
        let error = self.error.iter().map(|error| ("no folder", error.clone()));
        let exposed = self.exposed.iter().map(|exposed| ("folder", exposed.clone()));
        let sigma = Some(("sigma", format!("{} rules", self.sigma_rules))).filter(|_| self.sigma_rules > 0);
        loaded.chain(sigma).chain(refused).chain(error).chain(exposed)
    }
}

impl DetectorStatus {
    fn text(&self) -> String {
        let Self { id, version, hash, calls, findings, failures, .. } = self;
        let parked = if self.parked { "parked: " } else { "" };
        let failed =
            self.last_failure.as_ref().map(|why| format!(", {failures} failed: {parked}{why}")).unwrap_or_default();
        let each = self.microseconds / calls.max(&1);
        let signed = self.signer.as_ref().map(|signer| format!(", signed by {signer}")).unwrap_or_default();
        let hash = &hash[..hash.len().min(12)];
        format!("{id} {version} ({hash}{signed}): {calls} calls of {each} µs, {findings} findings{failed}")
    }
}

impl YaraStatus {
    /// A line for each.
    pub fn lines(&self) -> impl Iterator<Item = (&'static str, String)> {
        let not_run = self.not_run.iter().map(|refused| ("not run", format!("{}: {}", refused.file, refused.reason)));
        let error = self.error.iter().map(|error| ("YARA", format!("the rules stay as they were: {error}")));
        let files =
            self.files.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {}", what.replace('_', " ")));
        let files = files.collect::<Vec<_>>().join(", ");
        let files = if files.is_empty() { "none".to_owned() } else { files };
        let Self { rules, matched, waiting, pending, .. } = self;
        let busy = match self.busy_milliseconds {
            0..1_000 => String::new(),
            busy => format!(", at one for {} s", busy / 1_000),
        };
        let text = format!(
            "{rules} rules, {matched} files matched; files: {files}; {waiting} wait{busy}, {pending} are not complete"
        );
        std::iter::once(("YARA", text)).chain(not_run).chain(error)
    }
}

impl UplinkStatus {
    fn text(&self) -> String {
        let state = match (&self.server, &self.error) {
            (Some(server), _) => format!("connected to {server}"),
            (None, Some(error)) => format!("not connected: {error}"),
            (None, None) => "not connected yet".into(),
        };
        let dropped =
            if self.dropped_frames > 0 { format!(", {} dropped", self.dropped_frames) } else { String::new() };
        let refused =
            if self.refused_frames > 0 { format!(", {} refused", self.refused_frames) } else { String::new() };
        let (waiting, kilobytes) = (self.waiting_frames, self.waiting_bytes as f64 / 1e3);
        format!(
            "{state}; {} frames acknowledged, {waiting} wait ({kilobytes:.1} kB){dropped}{refused}",
            self.acknowledged_frames
        )
    }
}

fn checkpoint(checkpoint: &CheckpointStatus) -> String {
    let CheckpointStatus { written, failed, age_seconds, bytes, microseconds } = checkpoint;
    let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
    match age_seconds {
        None => format!("none yet{failed}"),
        Some(age) => {
            let (megabytes, milliseconds) = (*bytes as f64 / 1e6, *microseconds as f64 / 1e3);
            format!("{age} s ago, {megabytes:.1} MB in {milliseconds:.1} ms; {written} written{failed}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracewell_agent::container::{Source, SourceState};

    #[test]
    fn a_source_of_names_is_shown_with_its_state() {
        for (state, text) in [
            (SourceState::Absent, "/run/runc: is not there"),
            (SourceState::Read { n_entries: 1 }, "/run/runc: 1 entry"),
            (SourceState::Read { n_entries: 0 }, "/run/runc: 0 entries"),
            (SourceState::Failed { reason: "denied\nby x".into() }, "/run/runc: cannot be read: denied"),
        ] {
            assert_eq!(SourceStatus::of(Source { path: "/run/runc".into(), state }).text(), text);
        }
    }

    #[test]
    fn a_user_is_shown_by_name_or_else_by_number() {
        assert_eq!(user(0), "root");
        // 2^32 - 1 means "none" to the kernel, so nobody has it.
        assert_eq!(user(u32::MAX), u32::MAX.to_string());
    }
}
