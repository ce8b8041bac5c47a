use tracewell_wire::limits::FRAME_BYTES_MAX;
use tracewell_wire::{Transport, TransportError, WireError, memory_pair};

#[test]
fn frames_arrive_in_order_and_are_counted() {
    let (mut agent, mut aggregator) = memory_pair();
    agent.send(vec![1, 2, 3]).unwrap();
    agent.send(vec![4]).unwrap();
    aggregator.send(vec![5]).unwrap();
    assert_eq!(aggregator.receive(), Some(vec![1, 2, 3]));
    assert_eq!(aggregator.receive(), Some(vec![4]));
    assert_eq!(aggregator.receive(), None);
    assert_eq!(agent.receive(), Some(vec![5]));
    assert_eq!((agent.bytes_sent(), agent.frames_sent(), aggregator.bytes_sent()), (4, 2, 1));
}

#[test]
fn what_cannot_arrive_is_refused_and_not_counted() {
    let (mut agent, aggregator) = memory_pair();
    let error = agent.send(vec![0; FRAME_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, TransportError::Frame(WireError::TooLarge { .. })), "{error}");
    drop(aggregator);
    assert_eq!(agent.send(vec![1]), Err(TransportError::Closed));
    assert_eq!(agent.bytes_sent(), 0);
}

#[test]
fn a_full_queue_pushes_back() {
    let (mut agent, mut aggregator) = memory_pair();
    let refused = (0..).find_map(|_| agent.send(vec![0]).err()).unwrap();
    assert!(matches!(refused, TransportError::Full { queued } if queued as u64 == agent.frames_sent()));
    aggregator.receive().unwrap();
    agent.send(vec![0]).unwrap();
}
