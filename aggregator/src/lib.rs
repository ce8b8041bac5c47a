//! The aggregator's pipeline from summary to incident.
