use super::SensorError;
use super::error::bpf_error;
use super::object::take;
use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray};
use tracewell_event_abi::count;
use tracewell_event_abi::head::{OPS, Op};
use zerocopy::FromBytes;

/// What became of the operations of one kind, in the kernel and here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpCounts {
    pub kernel: count::Counts,
    /// Records that the agent took from the ring.
    pub received: u64,
    /// Operations in the sums that the agent fetched.
    pub fetched: u64,
}

impl OpCounts {
    /// Operations that nobody will hear of.
    pub fn lost(&self) -> u64 {
        let kernel = &self.kernel;
        kernel.throttled + kernel.ring_full + kernel.oversize + kernel.unreadable
    }

    /// Whether nothing is missing that is not accounted for. Holds when nothing is under way.
    pub fn adds_up(&self) -> bool {
        let kernel = &self.kernel;
        kernel.seen == kernel.submitted + kernel.merged + kernel.filtered + self.lost()
            && kernel.submitted == self.received
            && kernel.merged == self.fetched
    }
}

/// [`OpCounts`] by op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(pub [OpCounts; OPS]);

impl Counts {
    pub fn of(&self, op: Op) -> &OpCounts {
        &self.0[op as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (Op, &OpCounts)> {
        Op::ALL.iter().copied().zip(&self.0)
    }

    pub fn sum(&self, value: impl Fn(&OpCounts) -> u64) -> u64 {
        self.0.iter().map(value).sum()
    }
}

pub(super) struct Counters(PerCpuArray<MapData, [u8; size_of::<count::Counts>()]>);

impl Counters {
    pub fn new(bpf: &mut Ebpf) -> Result<Self, SensorError> {
        Ok(Self(PerCpuArray::try_from(take(bpf, "COUNTS")?).map_err(bpf_error("the map COUNTS"))?))
    }

    /// Sums over all CPUs. O(ops × CPUs).
    pub fn read(&self, received: &[u64; OPS], fetched: &[u64; OPS]) -> Result<Counts, SensorError> {
        let mut counts = Counts([OpCounts::default(); OPS]);
        for (op, of_op) in counts.0.iter_mut().enumerate() {
            let values = self.0.get(&(op as u32), 0).map_err(bpf_error("reading counts"))?;
            for bytes in values.iter() {
                let cpu = count::Counts::read_from_bytes(bytes).expect("it is as long as itself");
                let sum = &mut of_op.kernel;
                for (sum, n) in [
                    (&mut sum.seen, cpu.seen),
                    (&mut sum.submitted, cpu.submitted),
                    (&mut sum.merged, cpu.merged),
                    (&mut sum.throttled, cpu.throttled),
                    (&mut sum.filtered, cpu.filtered),
                    (&mut sum.ring_full, cpu.ring_full),
                    (&mut sum.oversize, cpu.oversize),
                    (&mut sum.unreadable, cpu.unreadable),
                    (&mut sum.map_full, cpu.map_full),
                    (&mut sum.fallback, cpu.fallback),
                ] {
                    *sum += n;
                }
            }
            (of_op.received, of_op.fetched) = (received[op], fetched[op]);
        }
        Ok(counts)
    }
}
