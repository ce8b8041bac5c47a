//! The value of a row of edges: all that touch one node, began in one minute and were written in one batch, each as
//!
//! other end 16, operation and direction 1 (its lowest bit), nanoseconds in the minute, seq, row
//!
//! with varints for numbers. Those that began last come first, and of two entries of one edge the later.

use crate::key::{Minute, corrupt, operation};
use tracewell_graph_core::history::{Direction, EdgeRow, HistoryError, RowReader, RowWriter};
use tracewell_model::NodeKey;

/// Appends an edge as seen from the end whose edges in `direction` it is one of.
pub(crate) fn write(edge: &EdgeRow, direction: Direction, minute: Minute, out: &mut Vec<u8>) {
    out.extend_from_slice(&edge.other_end(direction).0.to_be_bytes());
    out.push((edge.op as u8) << 1 | u8::from(direction == Direction::Out));
    let mut row = RowWriter::new(out);
    row.u64(edge.first.since(minute.start()));
    row.u64(edge.seq);
    edge.encode_value(out);
}

/// The edges of a row of `node`, as they were written.
pub(crate) fn read(
    node: NodeKey,
    minute: Minute,
    row: &[u8],
) -> impl Iterator<Item = Result<(Direction, EdgeRow), HistoryError>> {
    let mut rest = row;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let read = read_one(node, minute, &mut rest);
        if read.is_err() {
            rest = &[];
        }
        Some(read)
    })
}

fn read_one(node: NodeKey, minute: Minute, rest: &mut &[u8]) -> Result<(Direction, EdgeRow), HistoryError> {
    let Some((other, [code, row @ ..])) = rest.split_first_chunk() else {
        return Err(corrupt("edges", format!("a row ends within an edge, {} bytes before its end", rest.len())));
    };
    let other = NodeKey(u128::from_be_bytes(*other));
    let (direction, from, to) = match code & 1 {
        0 => (Direction::In, other, node),
        _ => (Direction::Out, node, other),
    };
    let mut row = RowReader::new("an edge", row);
    let (first, seq) = (minute.start().after(row.u64()?), row.u64()?);
    let edge = EdgeRow::read_value((from, to, operation(code >> 1)?), (first, seq), &mut row)?;
    *rest = row.rest();
    Ok((direction, edge))
}
