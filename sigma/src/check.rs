//! Whether a rule can ever say something here, and all that it needs is known. A rule that cannot must not look as if it watched.

use crate::event::Category;
use rsigma_parser::{Detection, Level, Modifier, SigmaRule, SigmaValue};
use std::collections::BTreeSet;

/// Bytes of a condition: the engine recurses for each of its words.
const CONDITION_BYTES_MAX: usize = 2048;

/// What kind of events a rule is for.
///
/// # Errors
/// Says why it cannot be run.
pub fn check(rule: &SigmaRule) -> Result<Category, String> {
    let source = &rule.logsource;
    if rule.title.trim().is_empty() {
        return Err("it has no title".to_owned());
    }
    if rule.level == Some(Level::Informational) {
        return Err("it is informational, which no finding is".to_owned());
    }
    if let Some(product) = source.product.as_deref().filter(|product| *product != "linux") {
        return Err(format!("it is for {product}, not for linux"));
    }
    if let Some(service) = &source.service {
        return Err(format!("it reads the log of the service {service}, and logs are not read"));
    }
    let category = source.category.as_deref().unwrap_or("");
    let category = Category::ALL.into_iter().find(|known| known.name() == category).ok_or_else(|| {
        let known = Category::ALL.map(Category::name).join(", ");
        format!("its log source is {category:?}, expected one of {known}")
    })?;
    if rule.detection.timeframe.is_some() {
        return Err("it counts within a time frame".to_owned());
    }
    if rule.detection.condition_strings.iter().any(|condition| condition.len() > CONDITION_BYTES_MAX) {
        return Err(format!("its condition has more than {CONDITION_BYTES_MAX} bytes"));
    }
    let mut asked = Asked::default();
    rule.detection.named.values().for_each(|detection| asked.of(detection));
    if let Some(what) = asked.refused {
        return Err(what.to_owned());
    }
    let missing = asked.fields.iter().filter(|field| category.field(field).is_none());
    let missing: Vec<_> = missing.copied().collect();
    match missing.is_empty() {
        true => Ok(category),
        false => Err(format!("it needs {}, which is not recorded", missing.join(", "))),
    }
}

/// What the detections of a rule ask for.
#[derive(Default)]
struct Asked<'a> {
    fields: BTreeSet<&'a str>,
    refused: Option<&'static str>,
}

impl<'a> Asked<'a> {
    fn of(&mut self, detection: &'a Detection) {
        match detection {
            Detection::AllOf(items) => {
                for item in items {
                    match &item.field.name {
                        Some(name) => self.fields.extend([name.as_str()]),
                        None => self.refuse("it searches keywords in a log line, and there is none"),
                    }
                    if item.field.has_modifier(Modifier::Expand) {
                        self.refuse("it asks for placeholders to be filled in");
                    }
                    if item.field.has_modifier(Modifier::FieldRef) {
                        self.fields.extend(item.values.iter().filter_map(text));
                    }
                }
            }
            Detection::AnyOf(parts) | Detection::And(parts) => parts.iter().for_each(|part| self.of(part)),
            Detection::Keywords(_) => self.refuse("it searches keywords in a log line, and there is none"),
            Detection::ArrayMatch { .. } | Detection::Conditional { .. } => {
                self.refuse("it looks into lists, and no field is one");
            }
        }
    }

    fn refuse(&mut self, why: &'static str) {
        self.refused.get_or_insert(why);
    }
}

fn text(value: &SigmaValue) -> Option<&str> {
    if let SigmaValue::String(text) = value { Some(&text.original) } else { None }
}
