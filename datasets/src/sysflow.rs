//! SysFlow: flows and events of processes and containers, in an Avro object container.
//!
//! Entities (containers, processes, files) come before the flows that refer to them. A flow sums up what a process did
//! with one file or connection over a while, so it becomes up to three events. The schema is in each file's header and
//! differs between versions; fields are looked up by name.

mod fields;
mod flow;
mod identity;
mod process;

use crate::input::Input;
use crate::reader::{Counts, ReadOptions, Source};
use crate::{Format, Position, ReadError};
use apache_avro::types::Value;
use apache_avro::{Reader, Schema};
use fields::Fields;
use flow::Translator;
use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use tracewell_model::Record;

pub(crate) const NAME: &str = "sysflow";

/// Bound of one Avro block and of anything in it.
const ALLOCATION_BYTES_MAX: usize = 64 << 20;

pub(crate) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(b"Obj\x01") && memchr::memmem::find(head, b"\"SysFlow\"").is_some()
}

pub(crate) fn open(input: Input, options: &ReadOptions) -> Result<Box<dyn Source>, ReadError> {
    apache_avro::util::max_allocation_bytes(ALLOCATION_BYTES_MAX);
    let (name, stem) = (input.name.clone(), input.stem.clone());
    let unreadable = |problem| ReadError::Unreadable { name: name.clone(), format: Format::Sysflow, problem };
    let stream: Stream = BufReader::new(input.into_stream());
    let avro = Reader::new(stream).map_err(|error| unreadable(error.to_string()))?;
    let types = entity_types(avro.writer_schema()).map_err(unreadable)?;
    let translator = Translator::new(options.host.clone(), stem);
    Ok(Box::new(Sysflow { name, avro, types, n_records: 0, translator }))
}

type Stream = BufReader<Box<dyn Read + Send>>;

struct Sysflow {
    name: String,
    avro: Reader<'static, Stream>,
    /// Names of the record types, in the order of the schema's union.
    types: Vec<String>,
    n_records: u64,
    translator: Translator,
}

impl Source for Sysflow {
    fn read(&mut self, out: &mut VecDeque<Record>, counts: &mut Counts) -> Result<bool, ReadError> {
        let Some(value) = self.avro.next() else { return Ok(false) };
        let value = value.map_err(|error| ReadError::Stream {
            name: self.name.clone(),
            position: Position::Record(self.n_records),
            source: io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        })?;
        self.n_records += 1;
        counts.source_records += 1;
        let bad = |problem| ReadError::BadRecord {
            name: self.name.clone(),
            position: Position::Record(self.n_records),
            problem,
        };
        let (kind, fields) = entity(&value, &self.types).ok_or_else(|| bad("expected a SysFlow entity".to_owned()))?;
        self.translator.translate(kind, &fields, out, counts).map_err(|problem| bad(format!("{kind}: {problem}")))?;
        Ok(true)
    }
}

/// The name and fields of what is in the one field of the top-level record.
fn entity<'a>(value: &'a Value, types: &'a [String]) -> Option<(&'a str, Fields<'a>)> {
    let Value::Record(top) = value else { return None };
    let [(_, Value::Union(n, entity))] = top.as_slice() else { return None };
    let Value::Record(fields) = &**entity else { return None };
    Some((types.get(*n as usize)?, Fields(fields)))
}

/// Checks that a schema has SysFlow's shape: a record around one union of records, none of which contains itself.
///
/// A datum of a recursive or explosively nested schema takes no bytes and unbounded memory to decode.
fn entity_types(schema: &Schema) -> Result<Vec<String>, String> {
    let expected = || "its schema is not SysFlow's, expected a record SysFlow around a union of records".to_owned();
    let Schema::Record(top) = schema else { return Err(expected()) };
    let [field] = top.fields.as_slice() else { return Err(expected()) };
    let Schema::Union(union) = &field.schema else { return Err(expected()) };
    if top.name.name() != "SysFlow" {
        return Err(expected());
    }
    let mut sizes = SchemaSizes::default();
    sizes.of(schema, 0)?;
    let name = |variant: &Schema| match variant {
        Schema::Record(record) => Ok(record.name.name().to_owned()),
        _ => Err(expected()),
    };
    union.variants().iter().map(name).collect()
}

/// How many values a datum has at least, by the named schemas that were seen.
#[derive(Default)]
struct SchemaSizes(std::collections::BTreeMap<String, usize>);

impl SchemaSizes {
    const VALUES_MAX: usize = 10_000;
    const DEPTH_MAX: usize = 32;

    fn of(&mut self, schema: &Schema, depth: usize) -> Result<usize, String> {
        if depth > Self::DEPTH_MAX {
            return Err(format!("its schema nests deeper than {}", Self::DEPTH_MAX));
        }
        let mut size = 1usize;
        match schema {
            Schema::Record(record) => {
                for field in &record.fields {
                    size = size.saturating_add(self.of(&field.schema, depth + 1)?);
                }
                self.0.insert(record.name.to_string(), size);
            }
            Schema::Union(union) => {
                for variant in union.variants() {
                    size = size.max(self.of(variant, depth + 1)?);
                }
            }
            Schema::Array(array) => size += self.of(&array.items, depth + 1)?,
            Schema::Map(map) => size += self.of(&map.types, depth + 1)?,
            Schema::Enum(named) => {
                self.0.insert(named.name.to_string(), 1);
            }
            Schema::Fixed(named) => {
                self.0.insert(named.name.to_string(), 1);
            }
            // A record's name is entered when the record is complete: inside itself it is not known.
            Schema::Ref { name } => {
                let known = self.0.get(&name.to_string());
                size = *known.ok_or_else(|| format!("its schema uses {name} before or within its definition"))?;
            }
            _ => {}
        }
        if size > Self::VALUES_MAX {
            return Err(format!("a record of its schema has more than {} values", Self::VALUES_MAX));
        }
        Ok(size)
    }
}
