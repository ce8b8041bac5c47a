//! From a core module to a component.

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

/// Wraps a core module that carries the types of its world, as a guest built with the SDK does.
///
/// # Errors
/// When it carries none, or imports or exports something else than its world says.
pub fn component(module: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.validate(true).module(module).and_then(|encoder| encoder.encode());
    encoded.context("the module does not fit the world that it names")
}
