//! What the eBPF programs (`agent-ebpf`) and the sensor of the agent say to each other.
//!
//! Everything is `repr(C)`, in the byte order of the host, and means the same on both sides: [`head`] starts every
//! record of the ring, [`body`] is what follows for its kind, [`segment`] the texts of variable length at its end;
//! [`collapse`] is what the kernel sums instead of sending it; [`count`] is the arithmetic of losses; [`config`] is what
//! the agent tells the kernel side, [`offsets`] where the fields of the running kernel are, [`hooks`] the bound of what is kept
//! inside calls.

#![no_std]

pub mod head;
pub mod body;
pub mod segment;
pub mod collapse;
pub mod count;
pub mod config;
pub mod offsets;
pub mod hooks;
