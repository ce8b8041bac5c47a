//! Puts the eBPF programs where the sensor includes them from.
//!
//! `cargo xtask` builds them first and names the object in `TRACEWELL_EBPF_OBJECT`. Without it the agent builds all the
//! same, without the live sensor.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=TRACEWELL_EBPF_OBJECT");
    let target = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("programs.o");
    let object = match env::var_os("TRACEWELL_EBPF_OBJECT") {
        Some(object) => {
            println!("cargo:rerun-if-changed={}", Path::new(&object).display());
            fs::read(&object).unwrap_or_else(|error| panic!("cannot read {}: {error}", Path::new(&object).display()))
        }
        None => Vec::new(),
    };
    fs::write(target, object).expect("cargo's own folder can be written");
}
