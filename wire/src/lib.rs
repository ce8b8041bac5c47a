//! Protobuf messages between agent and aggregator, and their conversion.
