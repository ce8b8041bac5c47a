//! This process's memory, where the system tells (Linux, `proc_pid_status(5)`).

/// Resident now.
pub fn resident_bytes() -> Option<u64> {
    field("VmRSS:")
}

/// The most that was resident at once.
pub fn peak_bytes() -> Option<u64> {
    field("VmHWM:")
}

fn field(name: &str) -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?, name)
}

fn parse(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_a_field_in_kilobytes_is_believed() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(parse(status, "VmRSS:"), Some(1_048_576));
        assert_eq!(parse(status, "VmHWM:"), Some(2_097_152));
        assert_eq!(parse(status, "VmSwap:"), None);
        assert_eq!(parse("VmRSS:\t12 pages\n", "VmRSS:"), None);
    }
}
