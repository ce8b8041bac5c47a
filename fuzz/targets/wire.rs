#![no_main]

use tracewell_wire::session::Token;
use tracewell_wire::session::enrolment::{Enrolment, decode_enrolled, decode_renewal};
use tracewell_wire::session::framing::{Framer, delimited};
use tracewell_wire::session::greeting::{check_welcome, welcome};
use tracewell_wire::{decode, encode, head, readdress};

// Bytes of a peer, as a stream of frames and as each message of a session. What is understood can be said again.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut framer = Framer::new(1 << 10);
    framer.push(bytes);
    let mut n_bytes = 0;
    while let Ok(Some(frame)) = framer.frame() {
        assert!((1..=1 << 10).contains(&frame.len()));
        n_bytes += delimited(&frame).len();
    }
    assert!(n_bytes <= bytes.len());
    let _ = (welcome(bytes), check_welcome(bytes), decode_enrolled(bytes), decode_renewal(bytes));
    if let Ok(token) = String::from_utf8_lossy(bytes).parse::<Token>() {
        assert!(token.to_string().parse::<Token>().is_ok_and(|again| again == token));
    }
    if let Ok(enrolment) = Enrolment::decode(bytes) {
        assert!(Enrolment::decode(&enrolment.encode()).is_ok_and(|again| again == enrolment));
    }
    let Ok(message) = decode(bytes) else { return };
    let found = head(bytes).expect("a message has a head");
    assert_eq!((found.host, found.key.epoch, found.key.sequence), (message.host, message.epoch, message.sequence));
    let moved = readdress(bytes, found.key).expect("it stays where it is");
    assert_eq!(decode(&moved).ok().as_ref(), Some(&message));
    let _ = encode(&message);
});
