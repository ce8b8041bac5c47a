//! The API over HTTP as an OpenAPI 3.1 document, made of the descriptors and their comments: `docs/openapi.json`.

use crate::methods::{self, Method};
use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for method in methods::all() {
        let operations = paths.entry(&method.path).or_insert_with(|| json!({}));
        operations[if method.is_get { "get" } else { "post" }] = operation(method, &mut schemas);
    }
    schemas.insert("Failure".into(), failure());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tracewell",
            "version": "1",
            "description": "What operators can ask an aggregator. The same methods are there as gRPC services; docs/api.md says more.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

fn operation(method: &Method, schemas: &mut Map<String, Value>) -> Value {
    let (input, output) = (method.descriptor.input(), method.descriptor.output());
    let in_path = |field: &FieldDescriptor| method.path.contains(&format!("{{{}}}", field.name()));
    let parameter = |field: FieldDescriptor, schemas: &mut Map<String, Value>| {
        json!({
            "name": field.name(),
            "in": if in_path(&field) { "path" } else { "query" },
            "required": in_path(&field),
            "description": comment(&field.parent_file(), field.path()),
            "schema": schema(&field, schemas),
        })
    };
    let is_parameter = |field: &FieldDescriptor| method.is_get || in_path(field);
    let parameters: Vec<_> = input.fields().filter(is_parameter).map(|field| parameter(field, schemas)).collect();
    let body: Map<_, _> = input
        .fields()
        .filter(|field| !is_parameter(field))
        .map(|field| (field.name().to_owned(), described(&field, schemas)))
        .collect();
    let (kind, words) = match method.descriptor.is_server_streaming() {
        false => ("application/json", "Done."),
        true => ("application/x-ndjson", "One object a line, until there are no more or the caller ends it."),
    };
    let mut operation = json!({
        "operationId": method.descriptor.name(),
        "tags": [method.descriptor.parent_service().name()],
        "description": format!(
            "{} At least role {}.",
            comment(&method.descriptor.parent_file(), method.descriptor.path()),
            method.role.as_str_name().trim_start_matches("ROLE_").to_lowercase(),
        ),
        "parameters": parameters,
        "responses": {
            "200": { "description": words, "content": { kind: { "schema": reference(&output, schemas) } } },
            "default": {
                "description": "It was not done.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } },
            },
        },
    });
    if !method.is_get {
        let schema = json!({ "type": "object", "properties": body, "additionalProperties": false });
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": schema } } });
    }
    operation
}

fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": { "type": "string", "description": "gRPC's name of the fault, as `not_found`." },
            "message": { "type": "string", "description": "What was expected, and where." },
        },
    })
}

/// Puts the message among the schemas, with those it is made of.
fn reference(message: &MessageDescriptor, schemas: &mut Map<String, Value>) -> Value {
    let name = message.name();
    if !schemas.contains_key(name) {
        // First, so that a message that holds itself ends.
        schemas.insert(name.into(), Value::Null);
        let fields = message.fields().map(|field| (field.name().to_owned(), described(&field, schemas)));
        let properties: Map<_, _> = fields.collect();
        let is_always = |field: &FieldDescriptor| !field.supports_presence();
        let required: Vec<_> = message.fields().filter(is_always).map(|field| field.name().to_owned()).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "required": required });
        describe(&mut schema, &comment(&message.parent_file(), message.path()));
        schemas.insert(name.into(), schema);
    }
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn described(field: &FieldDescriptor, schemas: &mut Map<String, Value>) -> Value {
    let mut schema = schema(field, schemas);
    describe(&mut schema, &comment(&field.parent_file(), field.path()));
    schema
}

fn describe(schema: &mut Value, words: &str) {
    if !words.is_empty() {
        schema["description"] = words.into();
    }
}

fn schema(field: &FieldDescriptor, schemas: &mut Map<String, Value>) -> Value {
    if field.is_map() {
        return json!({ "type": "object", "additionalProperties": { "type": "string" } });
    }
    let one = match field.kind() {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Uint32 | Kind::Uint64 => json!({ "type": "integer", "minimum": 0 }),
        Kind::Enum(of) => values(&of),
        Kind::Message(message) => reference(&message, schemas),
        _ => json!({ "type": "string" }),
    };
    match field.cardinality() {
        Cardinality::Repeated => json!({ "type": "array", "items": one }),
        _ => one,
    }
}

fn values(of: &EnumDescriptor) -> Value {
    json!({ "type": "string", "enum": of.values().map(|value| value.name().to_owned()).collect::<Vec<_>>() })
}

/// What stands above it in the file, as one line.
fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let file = file.file_descriptor_proto();
    let places = file.source_code_info.iter().flat_map(|info| &info.location);
    let found = places.filter(|place| place.path == path).find_map(|place| place.leading_comments.as_deref());
    found.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE=1` writes it.
    #[test]
    fn the_document_in_docs_is_the_one_of_these_services() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let document = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &document).unwrap();
        }
        let is_same = std::fs::read_to_string(path).unwrap() == document;
        assert!(is_same, "docs/openapi.json is another one: UPDATE=1 cargo test -p tracewell-api");
    }

    #[test]
    fn it_says_what_each_thing_is() {
        let document = document();
        let revoke = &document["paths"]["/v1/hosts/{host}/revoke"]["post"];
        assert_eq!(revoke["parameters"][0]["in"], "path");
        assert!(revoke["description"].as_str().unwrap().ends_with("At least role operator."));
        let host = &document["components"]["schemas"]["Host"];
        assert_eq!(host["properties"]["alerts"]["type"], "integer");
        assert!(host["properties"]["id"]["description"].as_str().unwrap().starts_with("16 hexadecimal digits"));
        let required: Vec<_> = host["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(required.contains(&"id") && !required.contains(&"version"));
    }
}
