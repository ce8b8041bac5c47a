//! Counts repeated fields before they are decoded.
//!
//! An empty sub-message is two bytes in a frame and some hundred bytes in memory, so that a frame within its limit could
//! still ask for a hundred times its size. Walking over the fields first costs no memory.

use crate::WireError;

/// How often a field of a message may occur.
pub(crate) struct FieldLimit {
    pub tag: u64,
    pub max: usize,
    pub what: &'static str,
}

/// Walks over the top-level fields of an encoded message and counts those that are limited.
///
/// # Errors
/// When a limit is passed or the bytes are not protobuf.
pub(crate) fn check_counts(bytes: &[u8], limits: &[FieldLimit]) -> Result<(), WireError> {
    let mut counts = vec![0usize; limits.len()];
    walk(bytes, |tag, _| {
        for (limit, count) in limits.iter().zip(&mut counts) {
            if limit.tag == tag {
                *count += 1;
                crate::error::at_most(limit.what, *count, limit.max)?;
            }
        }
        Ok(())
    })
}

/// The contents of the only length-delimited field of this tag.
///
/// # Errors
/// When there are several: protobuf would merge them, and each would be within the limits.
pub(crate) fn find(bytes: &[u8], wanted: u64) -> Result<Option<&[u8]>, WireError> {
    let mut found = None;
    walk(bytes, |tag, content| match tag == wanted && found.replace(content).is_some() {
        true => Err(WireError::Malformed(format!("field {wanted} of the payload came twice"))),
        false => Ok(()),
    })?;
    Ok(found)
}

fn walk<'a>(
    mut rest: &'a [u8],
    mut visit: impl FnMut(u64, &'a [u8]) -> Result<(), WireError>,
) -> Result<(), WireError> {
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let content = match key & 7 {
            0 => {
                varint(&mut rest)?;
                &rest[..0]
            }
            1 => take(&mut rest, 8)?,
            2 => {
                let len = varint(&mut rest)?;
                take(&mut rest, len)?
            }
            5 => take(&mut rest, 4)?,
            other => {
                return Err(WireError::Malformed(format!("wire type {other} at {} bytes before the end", rest.len())));
            }
        };
        visit(key >> 3, content)?;
    }
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8], WireError> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let (head, tail) = rest
        .split_at_checked(len)
        .ok_or_else(|| WireError::Malformed(format!("a field of {len} bytes, only {} are left", rest.len())))?;
    *rest = tail;
    Ok(head)
}

fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0u64;
    for (i, &byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *rest = &rest[i + 1..];
            return Ok(value);
        }
    }
    Err(WireError::Malformed(format!("a number without end at {} bytes before the end", rest.len())))
}
