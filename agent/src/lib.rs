//! The agent's pipeline from event to summary.
