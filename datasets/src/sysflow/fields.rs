use super::process::Oid;
use apache_avro::types::Value;

/// The fields of one entity, by name.
pub(super) struct Fields<'a>(pub &'a [(String, Value)]);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Result<&'a Value, String> {
        let found = self.0.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value).ok_or_else(|| format!("no field {name:?}"))
    }

    /// Every kind of integer. Timestamps are declared in milliseconds and hold nanoseconds.
    pub fn integer(&self, name: &str) -> Result<i64, String> {
        integer(self.get(name)?).ok_or_else(|| format!("{name:?} is no integer"))
    }

    pub fn time(&self, name: &str) -> Result<u64, String> {
        let time = self.integer(name)?;
        u64::try_from(time).map_err(|_| format!("{name:?} is {time}, expected nanoseconds since 1970"))
    }

    /// An amount, 0 where the version of the schema has none.
    pub fn amount(&self, name: &str) -> u64 {
        self.integer(name).ok().and_then(|amount| u64::try_from(amount).ok()).unwrap_or(0)
    }

    pub fn text(&self, name: &str) -> Result<&'a str, String> {
        match self.get(name)? {
            Value::String(text) => Ok(text),
            _ => Err(format!("{name:?} is no string")),
        }
    }

    pub fn optional_text(&self, name: &str) -> Option<&'a str> {
        match self.get(name).ok()? {
            Value::Union(_, value) => match &**value {
                Value::String(text) => Some(text),
                _ => None,
            },
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The name of an enum's value.
    pub fn symbol(&self, name: &str) -> Result<&'a str, String> {
        match self.get(name)? {
            Value::Enum(_, symbol) => Ok(symbol),
            _ => Err(format!("{name:?} is no enum")),
        }
    }

    pub fn oid(&self, name: &str) -> Result<Oid, String> {
        self.optional_oid(name)?.ok_or_else(|| format!("{name:?} is null"))
    }

    pub fn optional_oid(&self, name: &str) -> Result<Option<Oid>, String> {
        match optional(self.get(name)?) {
            None => Ok(None),
            Some(Value::Record(fields)) => {
                let fields = Fields(fields);
                Ok(Some(Oid { created: fields.integer("createTS")?, pid: fields.integer("hpid")? }))
            }
            Some(_) => Err(format!("{name:?} is no process id")),
        }
    }

    pub fn file_id(&self, name: &str) -> Result<[u8; 20], String> {
        self.optional_file_id(name)?.ok_or_else(|| format!("{name:?} is null"))
    }

    pub fn optional_file_id(&self, name: &str) -> Result<Option<[u8; 20]>, String> {
        match optional(self.get(name)?) {
            None => Ok(None),
            Some(Value::Fixed(_, bytes)) => {
                let id = bytes.as_slice().try_into();
                id.map(Some).map_err(|_| format!("{name:?} has {} bytes, expected 20", bytes.len()))
            }
            Some(_) => Err(format!("{name:?} is no file id")),
        }
    }
}

/// The value inside a union with null, `None` for null.
fn optional(value: &Value) -> Option<&Value> {
    match value {
        Value::Union(_, inner) => optional(inner),
        Value::Null => None,
        other => Some(other),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(value) => Some(i64::from(*value)),
        Value::Long(value)
        | Value::TimestampMillis(value)
        | Value::TimestampMicros(value)
        | Value::TimestampNanos(value) => Some(*value),
        Value::Union(_, inner) => integer(inner),
        _ => None,
    }
}
