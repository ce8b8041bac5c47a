//! Every number that decides, in one documented file: `parameters/default.toml`.
//!
//! The file's keys are the fields below, its comments give unit, range and source. Text in, checked values out; no I/O.
//! Each output carries [`Parameters::hash`], so that two results can be told to come from the same numbers.

mod sections;

pub use sections::*;

use serde::{Deserialize, Serialize};

/// The text of the shipped parameters.
pub const DEFAULT: &str = include_str!("../default.toml");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    pub graph: GraphParameters,
    pub profile: ProfileParameters,
    pub structure: StructureParameters,
    pub link: LinkParameters,
    pub score: ScoreParameters,
    pub fold: FoldParameters,
}

#[derive(Debug, thiserror::Error)]
#[error("parameters: {0}")]
pub struct ParametersError(String);

impl Parameters {
    /// The shipped parameters with the values of `text` laid over them.
    ///
    /// # Errors
    /// When `text` is not TOML, names an unknown field, or gives a value of the wrong type; says which and where.
    pub fn parse(text: &str) -> Result<Self, ParametersError> {
        let wrong = |error: toml::de::Error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            ParametersError(format!("{at}{}", error.message().trim_end().replace('\n', ", ")))
        };
        let mut table: toml::Table = DEFAULT.parse().expect("a test parses the shipped parameters");
        overlay(&mut table, text.parse::<toml::Table>().map_err(wrong)?);
        let merged = |error: toml::de::Error| ParametersError(error.message().trim_end().replace('\n', ", "));
        let parameters: Self = table.try_into().map_err(merged)?;
        parameters.check()?;
        Ok(parameters)
    }

    /// Refuses what no part can work with; within these ranges every value is safe, if not wise.
    fn check(&self) -> Result<(), ParametersError> {
        let bytes = |bytes: usize| bytes as u64;
        let ranges = [
            ("graph.node_edges_hot_max", self.graph.node_edges_hot_max.into(), 4, 1 << 20),
            ("graph.spilled_filter_bytes", bytes(self.graph.spilled_filter_bytes), 1 << 10, 1 << 30),
            ("graph.retention_days", self.graph.retention_days.into(), 1, 36_500),
            ("profile.evidence_usual_from", self.profile.evidence_usual_from.into(), 1, 255),
            ("profile.half_life_days", self.profile.half_life_days.into(), 1, 365),
            ("profile.bytes_max", bytes(self.profile.bytes_max), 1 << 16, 1 << 32),
            ("profile.label_bytes_max", bytes(self.profile.label_bytes_max), 8, 1 << 12),
            ("profile.contribution_bytes_max", bytes(self.profile.contribution_bytes_max), 1 << 10, 1 << 19),
            ("link.window_ns", self.link.window_ns, 1, 86_400_000_000_000),
            ("link.hopsets_max", self.link.hopsets_max.into(), 1, 1 << 20),
            ("link.members_max", self.link.members_max.into(), 1, 4096),
            ("link.alert_nodes_max", self.link.alert_nodes_max.into(), 1, 4096),
        ];
        match ranges.into_iter().find(|&(_, value, least, most)| value < least || value > most) {
            None => Ok(()),
            Some((name, value, least, most)) => {
                Err(ParametersError(format!("{name} is {value}, expected {least} to {most}")))
            }
        }
    }

    /// BLAKE3 of the values in canonical form; comments and order do not change it.
    pub fn digest(&self) -> [u8; 32] {
        let text = toml::to_string(self).expect("parameters are plain tables");
        *blake3::hash(text.as_bytes()).as_bytes()
    }

    /// [`Self::digest`] as 64 hex digits.
    pub fn hash(&self) -> String {
        blake3::Hash::from_bytes(self.digest()).to_hex().to_string()
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::parse("").expect("a test parses the shipped parameters")
    }
}

fn overlay(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => overlay(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_parameters_parse_and_hash_stably() {
        let shipped = Parameters::default();
        assert_eq!(shipped.hash(), Parameters::parse(DEFAULT).unwrap().hash());
        assert_eq!(shipped.hash().len(), 64);
    }

    #[test]
    fn an_overlay_changes_one_value_and_the_hash() {
        let changed = Parameters::parse("[graph]\nwindow_bytes = 4_000_000").unwrap();
        assert_eq!(changed.graph.window_bytes, 4_000_000);
        assert_ne!(changed.hash(), Parameters::default().hash());
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_its_range() {
        let error = Parameters::parse("[graph]\nnode_edges_hot_max = 1").unwrap_err().to_string();
        assert_eq!(error, "parameters: graph.node_edges_hot_max is 1, expected 4 to 1048576");
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = Parameters::parse("[graph]\nwindow_byte = 1").unwrap_err().to_string();
        assert!(error.contains("window_byte"), "{error}");
    }
}
