//! System calls that set a file's times: utime(path, times), utimes(path, times), futimesat(dirfd, path, times) and
//! utimensat(dirfd, path, times, flags); without a path the last two mean the descriptor itself.
//!
//! Told is only who gives a modification time. To set it to the present, as `touch` does, or to leave it as it is, is what everybody
//! does all day.

use super::names::{Named, add, begin_if};
use crate::call::Call;
use crate::file::OpenFile;
use crate::kernel::read_user;
use crate::tail::Tail;
use tracewell_event_abi::body::{self, Body};
use tracewell_event_abi::head::Op;
use tracewell_event_abi::segment::Kind;

/// In the place of nanoseconds (include/linux/stat.h): to the present, and as it is.
const UTIME_NOW: i64 = 0x3fff_ffff;
const UTIME_OMIT: i64 = 0x3fff_fffe;
/// `utimensat_time64` of 32-bit programs, among the handlers: its times are as wide as those of 64-bit programs.
const WIDE_IN_COMPAT: u32 = 512 + 412;
const SECOND: i64 = 1_000_000_000;
/// Seconds from 1970 that fit a number of nanoseconds.
const SECONDS_MAX: i64 = i64::MAX / SECOND - 1;

super::handler!(utime, call => set(call, Named::here(call.arg(0)), pair(call, call.arg(1))));
super::handler!(utimes, call => set(call, Named::here(call.arg(0)), second_of_two(call, call.arg(1), 1000)));
super::handler!(
    futimesat, call =>
    set(call, Named::at(call.arg(0), call.arg(1)), second_of_two(call, call.arg(2), 1000))
);
super::handler!(
    utimensat, call =>
    set(call, Named::at(call.arg(0), call.arg(1)), second_of_two(call, call.arg(2), 1))
);

#[inline(always)]
fn set(call: Call, named: Named, modified: Option<i64>) -> Option<()> {
    let mut record = begin_if(call, Op::SetTimes, modified.is_some())?;
    let modified = modified?;
    if named.name == 0 {
        let Some(file) = OpenFile::of_fd(named.dirfd as u32 as u64) else {
            record.unreadable();
            return None;
        };
        let id = file.id();
        file.submit_as(record, Body::Times, &body::Times { file: id, modified });
        return Some(());
    }
    record.body(Body::Names, &body::Names { value: modified as u64 });
    add(&mut record, named, Kind::Base, Kind::Name);
    record.submit();
    Some(())
}

/// The modification time of a `struct utimbuf` (include/uapi/linux/utime.h): two numbers of seconds. Nothing at 0 is the present.
#[inline(always)]
fn pair(call: Call, times: u64) -> Option<i64> {
    if times == 0 {
        return None;
    }
    let seconds = match call.is_compat() {
        false => read_user::<[i64; 2]>(times)[1],
        true => read_user::<[i32; 2]>(times)[1] as i64,
    };
    given(seconds, 0)
}

/// The second of two `timeval` or `timespec`: seconds, and a fraction of `unit` ns each.
#[inline(always)]
fn second_of_two(call: Call, times: u64, unit: i64) -> Option<i64> {
    if times == 0 {
        return None;
    }
    let (seconds, fraction) = match call.is_compat() && call.handler() != Some(WIDE_IN_COMPAT) {
        false => {
            let [_, _, seconds, fraction] = read_user::<[i64; 4]>(times);
            (seconds, fraction)
        }
        true => {
            let [_, _, seconds, fraction] = read_user::<[i32; 4]>(times);
            (seconds as i64, fraction as i64)
        }
    };
    // Only `timespec` has words for the present and for nothing.
    if unit == 1 { given(seconds, fraction) } else { Some(nanoseconds(seconds, (fraction & 0xf_ffff) * unit)) }
}

/// A time in ns since 1970, unless it is the present or nothing.
#[inline(always)]
pub fn given(seconds: i64, fraction: i64) -> Option<i64> {
    if fraction == UTIME_NOW || fraction == UTIME_OMIT { None } else { Some(nanoseconds(seconds, fraction)) }
}

#[inline(always)]
fn nanoseconds(seconds: i64, fraction: i64) -> i64 {
    let seconds = match seconds {
        SECONDS_MAX.. => SECONDS_MAX,
        seconds if seconds < -SECONDS_MAX => -SECONDS_MAX,
        seconds => seconds,
    };
    // The kernel took it, so it is less than a second; but the process may have changed it since.
    seconds * SECOND + (fraction & 0x3fff_ffff)
}
