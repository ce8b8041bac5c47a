//! The streaming provenance graph, host profile, linker, summaries and queries.
