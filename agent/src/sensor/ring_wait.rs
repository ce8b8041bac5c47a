//! Waiting for records, at the cost of nothing where there are none.
//!
//! The kernel side wakes the agent with the first record behind those that were taken (the ring's own rule,
//! `bpf_ringbuf_commit` in kernel/bpf/ringbuf.c), and where the ring fills up. So an idle host leaves the agent
//! asleep, and a busy one wakes it twice a look, however many records come.

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How long records gather from the first one on.
const GATHER: Duration = Duration::from_millis(100);

pub struct RingWait {
    epoll: OwnedFd,
}

impl RingWait {
    /// # Errors
    /// Those of `epoll_create1` and `epoll_ctl`.
    pub fn new(ring: impl AsFd) -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Told of wakings, not of what still waits: else records that gather would end the wait.
        let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, ring, epoll::EventData::new_u64(0), events)?;
        Ok(Self { epoll })
    }

    /// Waits at most `most` for a first record, then lets more gather unless the ring fills up. A signal ends either.
    pub fn wait(&self, most: Duration) {
        if self.is_woken(most) {
            self.is_woken(GATHER);
        }
    }

    fn is_woken(&self, within: Duration) -> bool {
        let timeout = Timespec::try_from(within).ok();
        epoll::wait(&self.epoll, [MaybeUninit::<epoll::Event>::uninit()].as_mut_slice(), timeout.as_ref())
            .is_ok_and(|(events, _)| !events.is_empty())
    }
}
