//! What analysts decided: previewed, hidden until it ends, and never past a rise.

use crate::host::{HOUR, Host, aggregator, intrusion};
use std::collections::BTreeSet;
use tracewell_aggregator::{Aggregator, Confirmed, Exception, ExceptionError, ExceptionId, Matcher};
use tracewell_alert_scorer::{Severity, Signature};
use tracewell_model::EventNs;

fn two_incidents() -> Aggregator {
    let (mut aggregator, mut host) = (aggregator(), Host::new("web-1"));
    for (id, exe) in [(1, "/bin/a"), (2, "/bin/a"), (3, "/bin/b")] {
        host.alert(&mut aggregator, intrusion(id, id * HOUR, exe));
    }
    aggregator
}

fn exception(matcher: Matcher) -> Exception {
    let (owner, why, expires) = ("kim".into(), "the deployment does this".into(), EventNs(100 * HOUR));
    Exception { owner, why, expires, severity_max: Severity::Critical, matcher }
}

/// How many of the two are still shown once the exception holds.
fn shown_with(exception: Exception) -> usize {
    let mut aggregator = two_incidents();
    let before = aggregator.incidents().unwrap();
    let preview = exception.preview(&before.shown);
    aggregator.except(ExceptionId(1), exception).unwrap();
    let after = aggregator.incidents().unwrap();
    assert_eq!(before.shown.len() - after.shown.len(), preview.incidents.len(), "the preview told the truth");
    assert_eq!(after.counters.excepted, preview.incidents.len() as u64);
    assert_eq!(before.shown.len() + before.held.len(), after.shown.len() + after.held.len(), "nothing is dropped");
    assert!(preview.incidents.iter().all(|id| after.held.iter().any(|incident| incident.id == *id && !incident.shown)));
    let n_shown = after.shown.len();
    aggregator.unexcept(ExceptionId(1));
    assert_eq!(aggregator.incidents().unwrap(), before, "what it held is shown again");
    n_shown
}

#[test]
fn an_exception_hides_what_it_names() {
    let signature = two_incidents().incidents().unwrap().shown[0].signature;
    assert_eq!(shown_with(exception(Matcher::Signature(signature))), 1);
    assert_eq!(shown_with(exception(Matcher::Signature(Signature(1)))), 2);
    assert_eq!(shown_with(exception(Matcher::Label("/bin/a".into()))), 1);
    assert_eq!(
        shown_with(exception(Matcher::Label("/tmp/payload".into()))),
        2,
        "a touched file is not what stands out"
    );
}

#[test]
fn an_exception_ends_and_a_rise_passes_it() {
    let label = || Matcher::Label("/bin/a".into());
    assert_eq!(shown_with(Exception { expires: EventNs(2 * HOUR), ..exception(label()) }), 2);
    assert_eq!(shown_with(Exception { severity_max: Severity::Low, ..exception(label()) }), 2);
}

#[test]
fn a_preview_names_what_would_go() {
    let incidents = two_incidents().incidents().unwrap();
    let preview = exception(Matcher::Label("/bin/a".into())).preview(&incidents.shown);
    assert_eq!((preview.incidents.len(), preview.n_members), (1, 2));
    assert!(preview.highest > Some(Severity::Low));
}

#[test]
fn somebody_must_answer_for_it() {
    let mut aggregator = two_incidents();
    let nobody = Exception { owner: " ".into(), ..exception(Matcher::Label("/bin/a".into())) };
    assert_eq!(aggregator.except(ExceptionId(1), nobody), Err(ExceptionError::Empty { what: "owner" }));
    assert_eq!(aggregator.incidents().unwrap().shown.len(), 2);
}

#[test]
fn a_story_found_to_be_an_attack_is_hidden_by_nothing() {
    let mut aggregator = two_incidents();
    let signature = aggregator.incidents().unwrap().shown[0].signature;
    aggregator.except(ExceptionId(1), exception(Matcher::Signature(signature))).unwrap();
    assert_eq!(aggregator.incidents().unwrap().shown.len(), 1);
    aggregator.confirm(Confirmed { signatures: [signature].into(), ..Confirmed::default() });
    assert_eq!(aggregator.incidents().unwrap().shown.len(), 2);
}

#[test]
fn an_incident_names_the_label_that_stands_out_in_it() {
    let incidents = two_incidents().incidents().unwrap();
    let labels: BTreeSet<_> =
        incidents.shown.iter().map(|incident| format!("{:?}", Matcher::label_of(incident))).collect();
    assert_eq!(labels, ["/bin/a", "/bin/b"].map(|exe| format!("Some(Label({exe:?}))")).into());
}
