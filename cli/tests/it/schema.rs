//! As much of JSON Schema as `docs/alerts-format.schema.json` uses; a keyword beyond that fails the test.

use serde_json::Value;

pub fn check(schema_file: &str, document: &Value) {
    let path = format!("../docs/{schema_file}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let schema: Value = serde_json::from_str(&text).unwrap();
    if let Err(problem) = valid(&schema, &schema, document, "$") {
        panic!("{problem}");
    }
}

fn valid(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "$defs" | "required" | "properties" | "items" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                return valid(root, root.pointer(pointer).expect("a reference leads somewhere"), value, at);
            }
            "type" => has_type(value, rule.as_str().unwrap()),
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value.as_u64() >= rule.as_u64(),
            "maximum" => value.as_u64() <= rule.as_u64(),
            "minItems" => value.as_array().map(Vec::len) >= rule.as_u64().map(|n| n as usize),
            "pattern" => matches(value.as_str().unwrap_or_default(), rule.as_str().unwrap()),
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false));
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_some_and(|fields| fields.keys().all(|name| known.contains_key(name)))
            }
            other => panic!("the schema uses {other}, which this test does not know"),
        };
        if !holds {
            return Err(format!("{at}: {keyword} {rule} does not hold for {value}"));
        }
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{at}: field {name} is missing"));
        }
    }
    for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.get(name) {
            valid(root, schema, value, &format!("{at}.{name}"))?;
        }
    }
    if let (Some(schema), Some(items)) = (schema.get("items"), value.as_array()) {
        for (idx, item) in items.iter().enumerate() {
            valid(root, schema, item, &format!("{at}[{idx}]"))?;
        }
    }
    Ok(())
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("the schema uses the type {other}, which this test does not know"),
    }
}

/// Hex digits of a length, or a time.
fn matches(text: &str, pattern: &str) -> bool {
    if let Some(length) = pattern.strip_prefix("^[0-9a-f]{").and_then(|rest| rest.strip_suffix("}$")) {
        return text.len().to_string() == length && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    }
    assert_eq!(pattern, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$");
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "9999-99-99T99:99:99.999999999Z"
}

#[test]
fn a_document_that_is_wrong_is_refused() {
    let schema: Value = serde_json::from_str(
        r#"{"type": "object", "required": ["a"], "additionalProperties": false,
            "properties": {"a": {"type": "integer", "minimum": 1}}}"#,
    )
    .unwrap();
    for (document, holds) in [
        (r#"{"a": 1}"#, true),
        ("{}", false),
        (r#"{"a": 0}"#, false),
        (r#"{"a": 1, "b": 1}"#, false),
        (r#"{"a": "1"}"#, false),
        ("[]", false),
    ] {
        let document = serde_json::from_str(document).unwrap();
        assert_eq!(valid(&schema, &schema, &document, "$").is_ok(), holds, "{document}");
    }
}
