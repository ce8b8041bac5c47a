//! What the sensor must see, tried on a real kernel.
//!
//! A process of its own carries out [`operations`], one file for each kind; [`watch`] runs the sensor meanwhile, and
//! [`tests`] compares. The same binary runs on a host, as root, and as the first process of a virtual machine, where
//! [`init`] makes the system that is missing there (`cargo xtask vm`).

pub mod init;
pub mod operations;
pub mod watch;
pub mod tests;
