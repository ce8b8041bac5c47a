//! Readers and ground truth, from the outside.

mod cadets;
mod captain;
mod edges;
mod event_file;
mod event_format;
mod hostile;
mod input;
mod records;
mod shared_files;
mod support;
mod sysflow;
mod truth;
