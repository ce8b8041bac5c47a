//! A Rust crate with a vendored dependency that is changed and built again and again.

use crate::Lab;
use crate::host::Host;
use crate::program::{Program, user};
use anyhow::Result;

const FOLDER: &str = "/home/alice/crate";

pub fn prepare(host: &Host) -> Result<()> {
    let main = "use words::count;\n\nfn main() {\n    println!(\"{}\", count(include_str!(\"text.txt\")));\n}\n";
    let library = "pub fn count(text: &str) -> usize {\n    text.split_whitespace().count()\n}\n\n#[test]\nfn counts() {\n    \
                   assert_eq!(count(\"a b\"), 2);\n}\n";
    for (path, text) in [
        (
            "Cargo.toml",
            "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nwords = \"1\"\n",
        ),
        (
            ".cargo/config.toml",
            "[source.crates-io]\nreplace-with = \"vendor\"\n\n[source.vendor]\ndirectory = \"vendor\"\n",
        ),
        ("src/main.rs", main),
        ("src/text.txt", "one two three\n"),
        ("vendor/words/Cargo.toml", "[package]\nname = \"words\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"),
        ("vendor/words/.cargo-checksum.json", "{\"files\":{}}"),
        ("vendor/words/src/lib.rs", library),
    ] {
        host.put_as(&format!("{FOLDER}/{path}"), text, 0o644, user::ALICE)?;
    }
    host.prepare(&Program::new(["/usr/bin/chown", "-R", "alice:alice", FOLDER])).map(drop)
}

/// A file changes, and it is built and run.
pub fn once(lab: &mut Lab, host: &Host) -> Result<()> {
    let word = lab.word(5);
    let how = *lab.pick(&[
        "cargo run --offline",
        "cargo build --offline && target/debug/tool",
        "cargo test --offline; cargo run --offline",
    ]);
    let line = format!("echo {word} >> src/text.txt; {how}");
    let program = Program::new(["/bin/bash", "-c", &line]).user(user::ALICE).folder(FOLDER).set("HOME", "/home/alice");
    host.run("session.scope", &program).map(drop)
}
