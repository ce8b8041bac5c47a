//! What can be missing for a host to be watched, one sentence each.

use crate::redact::RedactError;
use aya::programs::ProgramError;
use std::fmt::Display;
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    #[error(
        "this agent was built without the live sensor: run `cargo xtask setup`, then build it with `cargo xtask build`"
    )]
    NotBuilt,
    #[error(
        "watching a host needs root, or CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and what lets it write to /run: {0}"
    )]
    NotPermitted(String),
    #[error(
        "the kernel does not describe its structures: /sys/kernel/btf/vmlinux is missing (CONFIG_DEBUG_INFO_BTF): {0}"
    )]
    NoBtf(String),
    #[error("the kernel is locked down to confidentiality, which forbids all tracing: boot with lockdown=integrity")]
    LockedDown,
    #[error("the kernel lacks {0}, without which nothing can be watched")]
    Kernel(String),
    #[error("the eBPF object is not as expected: {0}")]
    Object(String),
    #[error("{0} failed: {1}")]
    Bpf(String, String),
    #[error(transparent)]
    Secrets(#[from] RedactError),
}

pub(super) fn bpf_error<E: Display>(doing: &str) -> impl Fn(E) -> SensorError {
    move |error| SensorError::Bpf(doing.to_owned(), error.to_string())
}

fn is_denied(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(this) = error {
        if let Some(io) = this.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::PermissionDenied
        {
            return true;
        }
        error = this.source();
    }
    false
}

/// An error with all its causes; the verifier's words are in the last.
pub(super) fn full(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

pub(super) fn load_error(error: aya::EbpfError) -> SensorError {
    if is_denied(&error) {
        return SensorError::NotPermitted(full(&error));
    }
    SensorError::Bpf("loading the eBPF object".into(), full(&error))
}

pub(super) fn attach_error(tracepoint: &str, error: &ProgramError) -> SensorError {
    if is_denied(error) {
        return SensorError::NotPermitted(full(error));
    }
    SensorError::Kernel(format!("the tracepoint {tracepoint} ({})", full(error)))
}
