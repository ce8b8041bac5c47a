//! Ordinary life, by kind. Each starts real programs, and is bounded by the scenario that it is part of.

pub mod apt;
pub mod backup;
pub mod cache;
pub mod compile;
pub mod containers;
pub mod crates;
pub mod database;
pub mod documents;
pub mod host_tasks;
pub mod mail;
pub mod names;
pub mod packages;
pub mod remote;
pub mod shop;
pub mod status;
pub mod web;
