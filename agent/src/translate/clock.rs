use std::fs;
use tracewell_model::{EventNs, ProcessRef};

/// How `CLOCK_BOOTTIME` lies to the calendar, taken once: later changes of the wall clock change no event's time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// ns since 1970 when the machine was started.
    boot: u64,
    /// Tells boots of one host apart.
    boot_id: u32,
}

/// ns in a clock tick of /proc (`USER_HZ` is 100 on every architecture that is built for; kernel/time/time.c
/// `nsec_to_clock_t`).
const TICK_NS: u64 = 10_000_000;
/// Bits of a start that hold ticks: enough for 348 years.
const TICK_BITS: u32 = 40;

impl Clock {
    /// `wall` and `boot` are readings of both clocks at one moment, in ns.
    pub fn new(wall: u64, boot: u64, boot_id: u32) -> Self {
        Self { boot: wall.saturating_sub(boot), boot_id: boot_id & 0xff_ffff }
    }

    /// Reads both clocks and /proc/sys/kernel/random/boot_id.
    pub fn of_this_machine() -> Self {
        let clock = |id| {
            let now = rustix::time::clock_gettime(id);
            now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
        };
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot_id = u32::from_str_radix(boot_id.get(..6).unwrap_or_default(), 16).unwrap_or(0);
        Self::new(clock(rustix::time::ClockId::Realtime), clock(rustix::time::ClockId::Boottime), boot_id)
    }

    /// The calendar time of a moment since the start of the machine.
    pub fn time(&self, boot_ns: u64) -> EventNs {
        EventNs(self.boot.saturating_add(boot_ns))
    }

    /// The process that started at this moment: its ticks, as /proc shows them, below the boot's mark.
    pub fn process(&self, tgid: u32, start_ns: u64) -> ProcessRef {
        self.process_of_ticks(tgid, start_ns / TICK_NS)
    }

    pub fn process_of_ticks(&self, tgid: u32, ticks: u64) -> ProcessRef {
        let start = u64::from(self.boot_id) << TICK_BITS | ticks & ((1 << TICK_BITS) - 1);
        ProcessRef { pid: tgid, start, uuid: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_what_proc_shows_and_differs_by_boot() {
        let clock = Clock::new(1_000_000_000_000, 400_000_000_000, 0xabcdef);
        assert_eq!(clock.time(400_000_000_000), EventNs(1_000_000_000_000));
        let process = clock.process(7, 12_345_678_901);
        assert_eq!(process.start & ((1 << TICK_BITS) - 1), 1234);
        assert_eq!(process, clock.process_of_ticks(7, 1234));
        assert_ne!(process, Clock::new(0, 0, 1).process(7, 12_345_678_901));
    }
}
