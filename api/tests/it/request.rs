//! What holds of whatever is asked, for the property tests and the fuzz target `api`.

use serde_json::Value;
use tracewell_api::methods::Method;
use tracewell_api::v1::*;
use tracewell_api::{Message, Name, fields, json};

const PREFIXES: [&str; 2] = ["tracewell-operator-", "twt1-"];

/// A call over HTTP: what path and query name, and the body.
pub fn over_http(method: &Method, named: &[(String, String)], body: &[u8]) -> bool {
    let body = match body.is_empty() {
        true => Ok(Value::Null),
        false => serde_json::from_slice(body),
    };
    let Ok(body) = body else { return false };
    let Ok(bytes) = json::encode(&method.descriptor.input(), body, named) else { return false };
    assert!(over_grpc(method, &bytes), "what was asked over HTTP cannot be asked: {bytes:?}");
    true
}

/// The bytes of a call by gRPC. What is taken can be noted, and asked again in the words of the note.
pub fn over_grpc(method: &Method, bytes: &[u8]) -> bool {
    let descriptor = method.descriptor.input();
    let value = json::decode(&descriptor, bytes);
    let noted = note(descriptor.name(), bytes);
    assert_eq!(noted.is_some(), value.is_ok(), "{value:?}");
    let Ok(value) = value else { return false };
    assert_eq!(noted.as_ref(), Some(&value));
    let again = json::encode(&descriptor, value.clone(), &[]).expect("what was taken can be asked again");
    assert_eq!(json::decode(&descriptor, &again).expect("it was encoded there"), value);
    has_no_token(&value.to_string());
    true
}

/// What the aggregator notes of a request, if it takes it.
fn note(request: &str, bytes: &[u8]) -> Option<Value> {
    fn of<T: Message + Name + Default>(bytes: &[u8]) -> Option<Value> {
        T::decode(bytes).ok().map(|message| json::of(&message))
    }
    macro_rules! of {
        ($($name:ident)*) => {
            match request {
                $(stringify!($name) => of::<$name>(bytes),)*
                _ => panic!("{request} is not looked at"),
            }
        };
    }
    of!(
        ListHostsRequest GetHostRequest RevokeHostRequest CreateTokenRequest ListTokensRequest RevokeTokenRequest
        ListIncidentsRequest GetIncidentRequest ExportIncidentsRequest WatchIncidentsRequest DecideIncidentRequest
        PreviewExceptionRequest CreateExceptionRequest ListExceptionsRequest RevokeExceptionRequest
        ListVersionsRequest CompareVersionsRequest ListGroupsRequest HoldVersionRequest ReleaseVersionRequest
        WhoAmIRequest CreateOperatorRequest ListOperatorsRequest RevokeOperatorRequest MakeBackupRequest ListAuditRequest
    )
}

/// Of any text that is noted.
pub fn has_no_token(text: &str) {
    let masked = fields::masked(text, &PREFIXES);
    for prefix in PREFIXES {
        for after in masked.split(prefix).skip(1) {
            assert!(!after.starts_with(|c: char| c.is_ascii_hexdigit()), "{masked}");
        }
    }
}

/// A text in a field.
pub fn field(text: &str) {
    if let Ok(id) = fields::id("id", text) {
        assert_eq!(format!("{id:016x}"), text.to_ascii_lowercase());
    }
    if let Ok(kept) = fields::text("note", text, 1) {
        assert!((1..=fields::TEXT_BYTES_MAX).contains(&kept.len()) && kept.trim() == kept);
    }
    if fields::labels([(&text.to_owned(), &text.to_owned())]).is_ok() {
        assert!(!text.is_empty() && !text.contains(['=', '\n', '\0']) && 2 * text.len() < fields::LABEL_BYTES_MAX);
    }
    has_no_token(text);
}
