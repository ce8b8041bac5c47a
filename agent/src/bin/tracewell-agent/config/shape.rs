//! Whether a file has the shape of the fields: what it names exists and is of the right kind.
//!
//! serde would say so too, but neither where a value stands nor what a misspelt name was meant to be.

use super::ConfigError;
use super::fields::Fields;
use std::fmt::Write;
use toml::{Table, Value};

/// Reads what `text` says, the rest by default.
///
/// # Errors
/// When it is not TOML, names what is unknown, or gives a value of another kind; says which and where.
pub fn read(text: &str) -> Result<Fields, ConfigError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
        let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        ConfigError(format!("{at}{}", one_line(error.message())))
    })?;
    check("", &table, &table_of(&Fields::default()))?;
    table.try_into().map_err(|error: toml::de::Error| ConfigError(one_line(error.message())))
}

/// The fields as a table, each with its value.
pub fn table_of(fields: &Fields) -> Table {
    Table::try_from(fields).expect("the fields are plain tables")
}

/// Fields in which two tables of one shape differ, with dots between a table and what is in it.
pub fn differences(one: &Table, other: &Table) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in one {
        match (value, &other[name]) {
            (Value::Table(one), Value::Table(other)) => {
                found.extend(differences(one, other).into_iter().map(|field| format!("{name}.{field}")));
            }
            (one, other) if one != other => found.push(name.clone()),
            _ => {}
        }
    }
    found
}

fn check(within: &str, table: &Table, known: &Table) -> Result<(), ConfigError> {
    for (name, value) in table {
        let field = format!("{within}{name}");
        let Some(expected) = known.get(name) else { return Err(unknown(within, &field, name, known)) };
        match (value, expected) {
            (Value::Table(value), Value::Table(expected)) => check(&format!("{field}."), value, expected)?,
            (Value::Array(values), Value::Array(_)) => {
                for value in values {
                    kind(&field, value, &element(&field))?;
                }
            }
            _ => kind(&field, value, expected)?,
        }
    }
    Ok(())
}

/// What a list is of.
fn element(field: &str) -> Value {
    match field {
        "sensor.ignored_processes" => Value::Integer(0),
        _ => Value::String(String::new()),
    }
}

/// Numbers are never negative here.
fn kind(field: &str, value: &Value, expected: &Value) -> Result<(), ConfigError> {
    let is_right = match value {
        Value::Integer(n) => expected.is_integer() && *n >= 0,
        _ => value.same_type(expected),
    };
    if is_right {
        return Ok(());
    }
    let expected = match expected {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number of at least 0",
        Value::Boolean(_) => "true or false",
        Value::Array(_) if element(field).is_integer() => "a list of whole numbers",
        Value::Array(_) => "a list of texts in quotes",
        _ => "a table",
    };
    let value = one_line(&value.to_string());
    Err(ConfigError(format!("{field} is {value}, expected {expected}")))
}

fn unknown(within: &str, field: &str, name: &str, known: &Table) -> ConfigError {
    let mut message = format!("there is no field {field}");
    let nearest = known.keys().map(|known| (strsim::osa_distance(name, known), known)).min();
    // Half of it may be mistyped; what is further away was meant to be something else.
    match nearest {
        Some((distance, nearest)) if distance * 2 <= name.chars().count().max(2) => {
            let _ = write!(message, ", the nearest is {within}{nearest}");
        }
        _ => {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            let place = if within.is_empty() { "the file" } else { within.trim_end_matches('.') };
            let _ = write!(message, "; {place} has {}", names.join(", "));
        }
    }
    ConfigError(message)
}

fn one_line(text: &str) -> String {
    text.trim_end().replace('\n', ", ")
}
