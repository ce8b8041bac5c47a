//! `tracewell detector keygen|sign|verify|package`: who vouches for a detector.

use crate::args::{BuildArgs, KeygenArgs, PackageArgs, SignArgs, VerifyArgs};
use crate::failure::{Failure, print};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tracewell_detector_host::limits::{COMPONENT_BYTES_MAX, COMPONENT_BYTES_MAX_IN_REPLAY};
use tracewell_detector_host::signature::{self, Policy, PrivateKey, PublicKey, Trust};

/// Bytes of a key's file.
const KEY_BYTES_MAX: u64 = 4096;

/// A new key: the private one in a file for its owner alone, the public one beside it and on stdout.
pub fn keygen(args: &KeygenArgs) -> Result<(), Failure> {
    let mut seed = [0; 32];
    let random = fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut seed));
    random.map_err(Failure::internal)?;
    let key = PrivateKey::from_seed(&seed);
    // One that is there is never lost.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.file);
    file.and_then(|mut file| file.write_all(key.pem().as_bytes()))
        .map_err(|error| cannot("write", &args.file, &error))?;
    let public = format!("{}\n", key.public());
    write(&beside(&args.file, ".pub"), public.as_bytes())?;
    print(&public)
}

pub fn sign(args: &SignArgs) -> Result<(), Failure> {
    let key = private(&args.key)?;
    for path in &args.files {
        super::load(path, COMPONENT_BYTES_MAX_IN_REPLAY)?;
        write(path, &signature::sign(&read(path, COMPONENT_BYTES_MAX_IN_REPLAY)?, &key))?;
    }
    print(
        &args.files.iter().map(|path| format!("signed  {}  by {}\n", path.display(), key.public())).collect::<String>(),
    )
}

pub fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let keys = args.keys.iter().map(|key| public(key)).collect::<Result<Vec<_>, _>>()?;
    let policy = Policy { trust: Trust::Require, keys };
    let mut said = String::new();
    for path in &args.files {
        let file = read(path, COMPONENT_BYTES_MAX_IN_REPLAY)?;
        let signer = match policy.keys.is_empty() {
            true => signature::signer(&file).map_err(|error| wrong(path, &error))?,
            false => policy.check(&file).map_err(|error| wrong(path, &error))?.1,
        };
        let signer = signer.ok_or_else(|| wrong(path, &"it is not signed"))?;
        said += &format!("ok  {}  by {signer}\n", path.display());
    }
    print(&said)
}

/// Builds a detector and leaves it, signed if a key is given, under its id and version.
pub fn package(args: &PackageArgs) -> Result<(), Failure> {
    let key = args.key.as_deref().map(private).transpose()?;
    let mut said = String::new();
    for built in super::build(&BuildArgs { package: args.package.clone(), out: None })? {
        let status = super::load(&built, COMPONENT_BYTES_MAX)?.status().swap_remove(0);
        let mut bytes = read(&built, COMPONENT_BYTES_MAX)?;
        if let Some(key) = &key {
            bytes = signature::sign(&bytes, key);
        }
        fs::create_dir_all(&args.out).map_err(|error| cannot("make", &args.out, &error))?;
        let path = args.out.join(format!("{}-{}.wasm", status.metadata.id, status.metadata.version));
        write(&path, &bytes)?;
        said += &format!("{}  {}\n", path.display(), blake3::hash(&bytes).to_hex());
    }
    print(&said)
}

fn private(path: &Path) -> Result<PrivateKey, Failure> {
    let pem = String::from_utf8(read(path, KEY_BYTES_MAX)?).map_err(|_| wrong(path, &"no text"))?;
    PrivateKey::parse(&pem).map_err(|error| wrong(path, &error))
}

/// A key itself, or the file that holds it.
fn public(key: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = key.parse() {
        return Ok(key);
    }
    let path = Path::new(key);
    let text = read(path, KEY_BYTES_MAX)?;
    String::from_utf8_lossy(&text).parse().map_err(|error: String| wrong(path, &error))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    read.map_err(|error| cannot("read", path, &error))?;
    match bytes.len() as u64 > bytes_max {
        true => Err(wrong(path, &format!("it has more than {bytes_max} bytes"))),
        false => Ok(bytes),
    }
}

/// Whole or not at all: an agent may watch the folder.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let new = beside(path, ".new");
    let written = fs::write(&new, bytes).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| cannot("write", path, &error))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("cannot {what} {}: {error}", path.display()))
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Input(format!("{}: {why}", path.display()))
}
