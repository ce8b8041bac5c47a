//! What no library has of bpf(2): fetching and removing entries of a map in batches, and how often a program was skipped.

#![expect(unsafe_code, reason = "bpf(2) takes raw addresses")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `BPF_MAP_LOOKUP_AND_DELETE_BATCH` of include/uapi/linux/bpf.h, since Linux 5.6.
const BPF_MAP_LOOKUP_AND_DELETE_BATCH: libc::c_int = 25;

/// `BPF_OBJ_GET_INFO_BY_FD`.
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;

/// The part of `union bpf_attr` that batches use.
#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Where a walk through a map is; begins at the start.
#[derive(Default)]
pub struct Cursor(Option<u64>);

/// Moves up to as many entries out of a hash map as `keys` and `values` have room for.
///
/// Gives how many there were, and whether the walk has reached the end of the map. `K` and `V` must be the map's own
/// types: that their sizes are those of the map's entries is checked.
///
/// # Errors
/// Those of bpf(2): a kernel before 5.6, or no permission.
pub fn take_batch<K: zerocopy::FromBytes, V: zerocopy::FromBytes>(
    map: BorrowedFd<'_>,
    cursor: &mut Cursor,
    keys: &mut [K],
    values: &mut [V],
) -> io::Result<(usize, bool)> {
    let room = keys.len().min(values.len());
    let (at, mut next) = (cursor.0.unwrap_or(0), 0u64);
    let mut attr = BatchAttr {
        in_batch: if cursor.0.is_some() { (&raw const at) as u64 } else { 0 },
        out_batch: (&raw mut next) as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: u32::try_from(room).unwrap_or(u32::MAX),
        map_fd: map.as_raw_fd().cast_unsigned(),
        ..BatchAttr::default()
    };
    // SAFETY: the kernel writes at most `count` keys and values, and their types allow any bytes; `at` and `next` outlive
    // the call and are larger than what the kernel keeps there (a bucket's number of 32 bits).
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_LOOKUP_AND_DELETE_BATCH, &raw mut attr, size_of::<BatchAttr>()) };
    if result == 0 {
        cursor.0 = Some(next);
        return Ok((attr.count as usize, false));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOENT) => Ok((attr.count as usize, true)),
        error => Err(error),
    }
}

/// Runs of a program that the kernel skipped, since it was running on that CPU already; `None` where the kernel does not
/// tell (before 5.12).
///
/// # Errors
/// Those of bpf(2).
pub fn skipped_runs(program: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    /// `struct bpf_prog_info` up to and with `recursion_misses`.
    const WORDS: usize = 27;
    #[repr(C)]
    struct InfoAttr {
        fd: u32,
        info_len: u32,
        info: u64,
    }
    let mut info = [0u64; WORDS];
    let info_len = size_of_val(&info) as u32;
    let mut attr = InfoAttr { fd: program.as_raw_fd().cast_unsigned(), info_len, info: info.as_mut_ptr() as u64 };
    // SAFETY: the kernel writes at most `info_len` bytes to `info`, and how many to `attr`; the lengths that it reads from
    // `info` are 0, so that it writes nowhere else.
    let result = unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &raw mut attr, size_of::<InfoAttr>()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((attr.info_len >= info_len).then(|| info[WORDS - 1]))
}
