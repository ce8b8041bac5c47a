use crate::arbitrary::message;
use proptest::prelude::*;
use tracewell_wire::{WireError, decode, decode_with_hash, encode};

proptest! {
    #[test]
    fn every_valid_message_comes_back(message in message()) {
        let frame = encode(&message).unwrap();
        prop_assert_eq!(decode(&frame).unwrap(), message);
    }

    #[test]
    fn equal_messages_are_equal_frames(message in message()) {
        prop_assert_eq!(encode(&message).unwrap(), encode(&message.clone()).unwrap());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = decode(&bytes);
    }

    /// A changed byte is noticed: by the hash, by a check, or because it was the identity in the envelope. Only bits that
    /// protobuf itself ignores may change (a 32-bit number's above the 32nd), and never any that the hash covers.
    #[test]
    fn a_changed_frame_never_reads_as_the_same_message(message in message(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut frame = encode(&message).unwrap();
        let at = at.index(frame.len());
        prop_assume!(frame[at] != to);
        frame[at] = to;
        if let Ok((changed, hash)) = decode_with_hash(&frame) && changed == message {
            let original = encode(&message).unwrap();
            prop_assert_eq!(hash, decode_with_hash(&original).unwrap().1);
            prop_assert!(original.ends_with(&frame[at + 1..]) && frame[at] & 0x0f == original[at] & 0x0f, "byte {at}");
        }
    }

    /// What the hash covers is decoded only if it is right, so corruption behind a right hash is tried as well.
    #[test]
    fn any_payload_behind_a_right_hash_is_read_or_refused(payload in proptest::collection::vec(any::<u8>(), 0..256)) {
        let frame = envelope(&payload);
        prop_assert!(reaches_the_payload(&frame));
    }

    /// The same with payloads that are almost right, which reach deeper.
    #[test]
    fn a_changed_payload_behind_a_right_hash_is_read_or_refused(
        message in message(), at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<bool>(),
    ) {
        let frame = encode(&message).unwrap();
        let mut payload = crate::golden::payload_of(&frame).to_vec();
        prop_assume!(!payload.is_empty());
        let at = at.index(payload.len());
        if cut { payload.truncate(at) } else { payload[at] = to }
        prop_assert!(reaches_the_payload(&envelope(&payload)));
    }
}

fn reaches_the_payload(frame: &[u8]) -> bool {
    !matches!(decode(frame), Err(WireError::ContentHash { .. } | WireError::Version { .. }))
}

/// An alert-class envelope of host 0 with the right hash, written by hand.
pub fn envelope(payload: &[u8]) -> Vec<u8> {
    let hash = blake3::hash(payload);
    let mut frame = vec![0x08, 1, 0x20, 2, 0x31];
    frame.extend(&hash.as_bytes()[..8]);
    frame.push(0x3a);
    let mut len = payload.len();
    while len >= 0x80 {
        frame.push(len as u8 | 0x80);
        len >>= 7;
    }
    frame.push(len as u8);
    frame.extend(payload);
    frame
}
