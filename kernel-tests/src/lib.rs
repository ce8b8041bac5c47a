//! What the sensor must see, tried on a real kernel.
//!
//! Processes of its own carry out [`operations`], one file for each kind, with [`raw`] system calls where no library has them;
//! [`watch`] runs the live source meanwhile, and [`tests`] compares the [`lines`] of what was seen with the edges that each
//! operation is. [`filters`] leaves some out, [`environment`] takes more, [`overflow`] makes the kernel lose events, [`throttle`]
//! gives it a budget for them, [`flood`] tries to lose some, [`attack`] carries out a harmless attack and wants one alert,
//! `container` starts a container. The same binary runs on a host, as root, and as
//! the first process of a virtual machine, where [`init`] makes the system that is missing there (`cargo xtask vm`).

pub mod init;
mod raw;
pub mod operations;
pub mod watch;
pub mod lines;
pub mod overflow;
pub mod throttle;
pub mod environment;
pub mod filters;
pub mod flood;
pub mod attack;
#[cfg(feature = "containers")]
pub mod container;
pub mod tests;
