//! Requests that nobody of ours would send.

mod request;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost_reflect::{Cardinality, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};
use tracewell_api::methods;

fn of<S: Strategy<Value = Value> + 'static>(strategy: S) -> BoxedStrategy<Value> {
    strategy.boxed()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[0-9a-fA-F]{16}", "(tracewell-operator-|twt1-)[0-9a-f-]{0,9}", "[ =\\n]{0,3}"]
}

/// What a field of a kind may be given as, fit or not.
fn value(kind: &Kind) -> BoxedStrategy<Value> {
    let strange = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        vec(text(), 0..3).prop_map(Value::from),
        Just(json!({"a": {"b": []}})),
    ];
    let number = prop_oneof![any::<u64>(), 0..100u64, Just(u64::from(u32::MAX))];
    let fit = match kind {
        Kind::Uint32 | Kind::Uint64 => of(number.prop_map(Value::from)),
        Kind::Bool => of(any::<bool>().prop_map(Value::from)),
        Kind::Enum(kind) => {
            let names: Vec<_> = kind.values().map(|value| value.name().to_owned()).collect();
            of(prop_oneof![proptest::sample::select(names).prop_map(Value::from), any::<i32>().prop_map(Value::from)])
        }
        _ => of(text().prop_map(Value::from)),
    };
    of(prop_oneof![9 => fit, 1 => strange])
}

/// Bodies that have fields of the request, and now and then others.
fn body(descriptor: &MessageDescriptor) -> BoxedStrategy<Value> {
    let fields = descriptor.fields().map(|field| {
        let value = match field.cardinality() {
            _ if field.is_map() => {
                let pairs = vec((text(), text()), 0..4);
                of(pairs.prop_map(|pairs| {
                    Value::Object(pairs.into_iter().map(|(key, value)| (key, value.into())).collect::<Map<_, _>>())
                }))
            }
            Cardinality::Repeated => of(vec(value(&field.kind()), 0..4).prop_map(Value::from)),
            _ => value(&field.kind()),
        };
        (Just(field.name().to_owned()), option::of(value))
    });
    let unknown = (text(), option::weighted(0.05, Just(Value::Null)));
    (fields.collect::<Vec<_>>(), unknown)
        .prop_map(|(fields, unknown)| {
            let given = fields.into_iter().chain([unknown]).filter_map(|(name, value)| Some((name, value?)));
            Value::Object(given.collect())
        })
        .boxed()
}

/// Each method with half as many cases as a property usually has.
#[test]
fn any_request_is_taken_and_noted_or_refused() {
    let config = ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() };
    for method in methods::all() {
        let input = method.descriptor.input();
        let names: Vec<_> = input.fields().map(|field| field.name().to_owned()).chain(["other".into()]).collect();
        let named = vec((proptest::sample::select(names), text()), 0..3);
        let mut runner = proptest::test_runner::TestRunner::new(config.clone());
        let n_taken = std::cell::Cell::new(0);
        let asked = (body(&input), named, option::weighted(0.3, vec(any::<u8>(), 0..40)));
        let done = runner.run(&asked, |(body, named, bytes)| {
            // Hardly a request fits what path and query name beside.
            let named = if body.as_object().is_some_and(Map::is_empty) { named } else { Vec::new() };
            n_taken.set(n_taken.get() + u32::from(request::over_http(method, &named, body.to_string().as_bytes())));
            if let Some(bytes) = bytes {
                request::over_grpc(method, &bytes);
            }
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{}: {error}", method.name));
        assert!(n_taken.get() > 0, "{}: nothing is taken", method.name);
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused(text in text()) {
        request::field(&text);
    }
}

/// Fuzzing found it: versions of prost differ in whether they take it, prost-reflect does.
#[test]
fn an_entry_of_a_map_that_is_a_group_is_taken_and_noted_or_refused() {
    let bytes = include_bytes!("../../../fuzz/seeds/api/map-as-group");
    let method = &methods::all()[usize::from(bytes[0]) % methods::all().len()];
    request::over_grpc(method, &bytes[1..]);
}
