//! Repeats: the first operation of a process on a thing is sent, the ones after it are added up.

use crate::maps::{CONFIG, SUMS_0, SUMS_1};
use crate::record::{Record, counts};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use tracewell_event_abi::body::{FileId, Socket};
use tracewell_event_abi::collapse::{Key, Open, Sum};
use tracewell_event_abi::head::{Head, Op};

/// Adds the operation to the sum of its like. Gives the record back where it is the first of them.
#[inline(always)]
pub fn collapse_file(record: Record, op: Op, file: &FileId) -> Option<Record> {
    collapse(record, op, key_of(file), file, &Socket::default())
}

/// The same for files that are opened: those opened only to be written have a sum of their own.
#[inline(always)]
pub fn collapse_open(record: Record, way: Open, file: &FileId) -> Option<Record> {
    let key = Key { peer: way as u64, ..key_of(file) };
    collapse(record, Op::Open, key, file, &Socket::default())
}

#[inline(always)]
fn key_of(file: &FileId) -> Key {
    Key { ino: file.ino, dev: file.dev, generation: file.generation, ..Key::default() }
}

/// The same for a socket.
#[inline(always)]
pub fn collapse_socket(record: Record, op: Op, socket: &Socket) -> Option<Record> {
    let peer = u64::from_ne_bytes(fold(&socket.remote)) ^ (socket.remote_port as u64) << 48;
    let key = Key { ino: socket.ino, generation: socket.net_namespace, peer, ..Key::default() };
    collapse(record, op, key, &FileId::default(), socket)
}

/// Not a hash: different peers of one socket must only rarely share a sum, which then keeps the first one's address.
#[inline(always)]
fn fold(address: &[u8; 16]) -> [u8; 8] {
    let mut folded = [0; 8];
    let mut i = 0;
    while i < 8 {
        folded[i] = address[i] ^ address[i + 8].rotate_left(3);
        i += 1;
    }
    folded
}

#[inline(always)]
fn collapse(mut record: Record, op: Op, key: Key, file: &FileId, socket: &Socket) -> Option<Record> {
    let head: &Head = record.head();
    let key = Key { start: head.start, tgid: head.tgid, op: op as u32, ..key };
    let (bytes, time) = (head.bytes, head.time);
    let generation = CONFIG.get(0)?.generation as u64;
    let sums = of(generation);
    if let Some(sum) = sums.get_ptr_mut(&key) {
        repeated(record, sum, bytes, time);
        return None;
    }
    let (cgroup, uid, mount_namespace) = (head.cgroup, head.uid, head.mount_namespace);
    let sum = record.sum();
    (sum.bytes, sum.count, sum.last) = (0, 0, time);
    (sum.cgroup, sum.uid, sum.mount_namespace) = (cgroup, uid, mount_namespace);
    (sum.is_unwanted, sum.reserved) = (0, 0);
    (sum.file, sum.socket) = (*file, *socket);
    if sums.insert(&key, sum, BPF_NOEXIST as u64).is_ok() {
        record.is_first_of(&key, generation);
        return Some(record);
    }
    // Another thread of the process was first, or there is no room.
    if let Some(sum) = sums.get_ptr_mut(&key) {
        repeated(record, sum, bytes, time);
        return None;
    }
    if let Some(counts) = counts(op) {
        counts.map_full += 1;
    }
    Some(record)
}

#[inline(always)]
fn of(generation: u64) -> &'static HashMap<Key, Sum> {
    if generation == 0 { &SUMS_0 } else { &SUMS_1 }
}

/// What the first operation of a sum is done to is not wanted; so its repeats are not.
#[inline(always)]
pub fn unwanted(key: &Key, generation: u64) {
    if let Some(sum) = of(generation).get_ptr_mut(key) {
        // SAFETY: an element of a map outlives the program.
        unsafe { (*sum).is_unwanted = 1 };
    }
}

#[inline(always)]
fn repeated(record: Record, sum: *mut Sum, bytes: u64, time: u64) {
    // SAFETY: an element of a map outlives the program; words are aligned, and added to as one.
    unsafe {
        if (*sum).is_unwanted != 0 {
            record.filtered();
            return;
        }
        add_atomically(&raw mut (*sum).bytes, bytes);
        add_atomically(&raw mut (*sum).count, 1);
        (*sum).last = time;
    }
    record.merged();
}

/// `core` has no additions for a target without compare-and-swap, but BPF has the instruction.
///
/// # Safety
/// `word` must be valid and aligned.
#[inline(always)]
pub unsafe fn add_atomically(word: *mut u64, n: u64) {
    // SAFETY: the caller's.
    unsafe {
        core::arch::asm!("lock *(u64 *)({word} + 0) += {n}", word = in(reg) word, n = in(reg) n, options(nostack))
    };
}
