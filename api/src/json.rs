//! Messages as JSON: names as in `proto/`, numbers as numbers, enums by name, nothing left out but optional fields that are not set.

use crate::POOL;
use prost::{Message, Name};
use prost_reflect::{DeserializeOptions, DynamicMessage, Kind, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value};

const OPTIONS: SerializeOptions =
    SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);

/// What a message is not.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    #[error("expected a JSON object of {message}: {why}")]
    Json { message: String, why: String },
    #[error("field {0:?} is given twice, in the path or query and in the body")]
    Twice(String),
    #[error("there is no field {field:?} in {message}")]
    NoField { field: String, message: String },
    #[error("field {field:?} is {value:?}, expected {expected}")]
    Field { field: String, value: String, expected: &'static str },
    #[error("not a message of {message}: {why}")]
    Bytes { message: String, why: String },
}

/// A message as JSON.
///
/// # Panics
/// Never for messages of this crate.
pub fn of<T: Message + Name>(message: &T) -> Value {
    let descriptor = POOL.get_message_by_name(&T::full_name()).expect("messages of this crate are in its descriptors");
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic.transcode_from(message).expect("a message is one of its own type");
    to_value(&dynamic)
}

/// The bytes of a message as JSON.
///
/// # Errors
/// When they are no message of that type.
pub fn decode(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<Value, JsonError> {
    let message = DynamicMessage::decode(descriptor.clone(), bytes);
    let wrong =
        |why: prost::DecodeError| JsonError::Bytes { message: descriptor.full_name().into(), why: why.to_string() };
    Ok(to_value(&message.map_err(wrong)?))
}

/// Reads a message of its JSON.
///
/// # Errors
/// When it is not of that form, or has fields that the message has not.
pub fn read<T: Message + Name + Default>(value: &Value) -> Result<T, JsonError> {
    let descriptor = POOL.get_message_by_name(&T::full_name()).expect("messages of this crate are in its descriptors");
    let message = from_value(&descriptor, value)?;
    Ok(message.transcode_to().expect("a message is one of its own type"))
}

/// The bytes of a request: an object as the body has it, or none, with the fields of path and query.
///
/// # Errors
/// When there are fields that the request has not, twice, or of another kind.
pub fn encode(descriptor: &MessageDescriptor, body: Value, named: &[(String, String)]) -> Result<Vec<u8>, JsonError> {
    let message = || descriptor.full_name().to_owned();
    let mut object = match body {
        Value::Object(object) => object,
        Value::Null => Map::new(),
        _ => return Err(JsonError::Json { message: message(), why: "it is something else".into() }),
    };
    for (name, text) in named {
        let field = descriptor.get_field_by_name(name);
        let field = field.ok_or_else(|| JsonError::NoField { field: name.clone(), message: message() })?;
        let value = scalar(name, text, &field.kind())?;
        match object
            .entry(name.as_str())
            .or_insert_with(|| if field.is_list() { Value::Array(Vec::new()) } else { Value::Null })
        {
            Value::Array(values) if field.is_list() => values.push(value),
            place @ Value::Null => *place = value,
            _ => return Err(JsonError::Twice(name.clone())),
        }
    }
    Ok(from_value(descriptor, &Value::Object(object))?.encode_to_vec())
}

fn to_value(message: &DynamicMessage) -> Value {
    message.serialize_with_options(serde_json::value::Serializer, &OPTIONS).expect("a message has a JSON form")
}

fn from_value(descriptor: &MessageDescriptor, value: &Value) -> Result<DynamicMessage, JsonError> {
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let wrong =
        |why: serde_json::Error| JsonError::Json { message: descriptor.full_name().into(), why: why.to_string() };
    DynamicMessage::deserialize_with_options(descriptor.clone(), value, &options).map_err(wrong)
}

/// A text of a path or a query as the value that a field takes.
fn scalar(field: &str, text: &str, kind: &Kind) -> Result<Value, JsonError> {
    let wrong = |expected| JsonError::Field { field: field.into(), value: text.into(), expected };
    match kind {
        Kind::String | Kind::Enum(_) => Ok(text.into()),
        Kind::Bool => text.parse::<bool>().map(Into::into).map_err(|_| wrong("true or false")),
        Kind::Uint32 | Kind::Uint64 => text.parse::<u64>().map(Into::into).map_err(|_| wrong("a number")),
        _ => Err(wrong("nothing: it can only be given in a body")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{CreateTokenRequest, Host, ListIncidentsRequest, Status};
    use serde_json::json;

    fn descriptor<T: Name>() -> MessageDescriptor {
        POOL.get_message_by_name(&T::full_name()).unwrap()
    }

    #[test]
    fn numbers_are_numbers_and_what_is_not_set_is_left_out() {
        let host = Host { id: "a".into(), alerts: 1 << 40, version: Some("1".into()), ..Host::default() };
        let value = of(&host);
        assert_eq!(value["alerts"], json!(1_u64 << 40));
        assert_eq!((&value["version"], &value["connected"]), (&json!("1"), &json!(false)));
        assert!(value.get("latest").is_none());
        assert_eq!(read::<Host>(&value).unwrap(), host);
    }

    #[test]
    fn path_query_and_body_make_one_request() {
        let named = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
        let list = descriptor::<ListIncidentsRequest>();
        let query = named(&[("status", "STATUS_OPEN"), ("status", "STATUS_NEW"), ("limit", "5")]);
        let bytes = encode(&list, Value::Null, &query).unwrap();
        let request = ListIncidentsRequest::decode(bytes.as_slice()).unwrap();
        assert_eq!(request.status, [Status::Open as i32, Status::New as i32]);
        assert_eq!(request.limit, 5);

        let token = descriptor::<CreateTokenRequest>();
        let error = |body, pairs: &[(&str, &str)]| encode(&token, body, &named(pairs)).unwrap_err().to_string();
        assert!(error(json!([]), &[]).starts_with("expected a JSON object of tracewell.api.v1.CreateTokenRequest"));
        assert!(error(json!({"hour": 1}), &[]).contains("unrecognized field name 'hour'"));
        assert_eq!(
            error(json!({"hours": 1}), &[("hours", "2")]),
            "field \"hours\" is given twice, in the path or query and in the body"
        );
        assert_eq!(error(json!({}), &[("uses", "two")]), "field \"uses\" is \"two\", expected a number");
        assert_eq!(
            error(json!({}), &[("use", "2")]),
            "there is no field \"use\" in tracewell.api.v1.CreateTokenRequest"
        );
        assert!(error(json!({}), &[("labels", "a")]).contains("only be given in a body"));
    }
}
