use tracewell_event_abi::body::Body;
use tracewell_event_abi::head::{Head, Op};
use tracewell_event_abi::segment::{Kind, Segment};
use zerocopy::FromBytes;

/// A record of the ring, taken apart. Any bytes may be given.
pub struct Parsed<'a> {
    pub head: Head,
    pub op: Op,
    pub body: Body,
    bytes: &'a [u8],
    segments: &'a [u8],
}

impl<'a> Parsed<'a> {
    pub fn of(record: &'a [u8]) -> Option<Self> {
        let (head, rest) = Head::read_from_prefix(record).ok()?;
        let bytes = rest.get(..head.len as usize)?;
        let (op, body) = (Op::from_u8(head.op)?, Body::from_u8(head.body)?);
        let (bytes, segments) = bytes.split_at_checked(size_of_body(body))?;
        Some(Self { head, op, body, bytes, segments })
    }

    /// The body as what [`Self::body`] says it is.
    pub fn body<T: FromBytes>(&self) -> Option<T> {
        T::read_from_bytes(self.bytes).ok()
    }

    /// The first text of this kind.
    pub fn segment(&self, kind: Kind) -> Option<&'a [u8]> {
        let mut rest = self.segments;
        while let Ok((segment, after)) = Segment::read_from_prefix(rest) {
            let text = after.get(..segment.len as usize)?;
            if segment.kind == kind as u16 {
                return Some(text);
            }
            rest = after.get((segment.len as usize).next_multiple_of(8)..)?;
        }
        None
    }
}

fn size_of_body(body: Body) -> usize {
    use tracewell_event_abi::body as abi;
    match body {
        Body::None => 0,
        Body::Fork => size_of::<abi::Fork>(),
        Body::Exec => size_of::<abi::Exec>(),
        Body::Exit => size_of::<abi::Exit>(),
        Body::File => size_of::<abi::File>(),
        Body::Socket => size_of::<abi::Socket>(),
        Body::Target => size_of::<abi::Target>(),
        Body::Names => size_of::<abi::Names>(),
        Body::Files => size_of::<abi::Files>(),
        Body::Mode => size_of::<abi::Mode>(),
        Body::Times => size_of::<abi::Times>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    fn record(segments: &[(Kind, &[u8])]) -> Vec<u8> {
        let mut tail = Vec::new();
        for (kind, text) in segments {
            let segment = Segment { kind: *kind as u16, reserved: 0, len: text.len() as u32 };
            tail.extend(segment.as_bytes());
            tail.extend(*text);
            tail.resize(tail.len().next_multiple_of(8), 0);
        }
        let head = Head { op: Op::BpfLoad as u8, len: tail.len() as u32, ..Head::default() };
        [head.as_bytes(), &tail].concat()
    }

    #[test]
    fn segments_are_found_by_their_kind() {
        let record = record(&[(Kind::Path, b"abc\0"), (Kind::Name, b"12345678"), (Kind::Label, b"")]);
        let parsed = Parsed::of(&record).unwrap();
        assert_eq!(parsed.segment(Kind::Name), Some(&b"12345678"[..]));
        assert_eq!(parsed.segment(Kind::Label), Some(&b""[..]));
        assert_eq!(parsed.segment(Kind::Base), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(parsed) = Parsed::of(&bytes) {
                for kind in Kind::ALL {
                    parsed.segment(*kind);
                }
            }
        }
    }
}
