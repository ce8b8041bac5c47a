//! Machine code that was made before, so that neither a start nor a reload has to compile: a folder with a file for each component
//! and engine.
//!
//! wasmtime believes precompiled code as it believes its own compiler: whoever writes such a file runs code with the rights of this
//! process. So nothing is believed but what this process, or an earlier one of the same user, wrote here:
//! - The folder is opened once, must be a folder of this user that nobody else may enter (0700), and all that follows goes through
//!   that descriptor: neither a link nor a folder that is put in its place is followed.
//! - Each file is authenticated: BLAKE3 keyed with 32 random bytes that lie in the folder and are for this user alone (0600), over
//!   the engine, the component and the code. A file of another machine, a torn, swapped or changed one is refused, said, and made
//!   anew. Who can forge one can read the key, is thus root or this very user, and has no need to.
//! - The engine is a digest of wasmtime's version and settings; another engine has files of other names. That code needs no more than this
//!   processor has is looked at by wasmtime itself: what another one made is made anew.
//!
//! What is believed is mapped from its file (mmap(2), private and never written to), and copied only where a file there may not run
//! (a mount with `noexec`): its pages are those of the system's cache of files, shared by all processes that map them, and can be given
//! back and read again. So a file is never written in place, but put in the place of another.
//!
//! The component's own bytes pass admission and their signature's check in any case: the cache spares the compiler alone.

use crate::admission::flat;
use crate::engine::Runtime;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use wasmtime::component::Component;

/// Bytes of a file: machine code takes some four times the room of its component.
const FILE_BYTES_MAX: u64 = 512 << 20;
const KEY: &str = "key";
const MAC_BYTES: usize = 32;

/// A folder of machine code.
pub struct Cache {
    folder: OwnedFd,
    key: [u8; MAC_BYTES],
}

/// What a component's file is found by.
struct Name {
    component: blake3::Hash,
    engine: blake3::Hash,
}

impl Cache {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When it, or the key in it, is not this user's alone, or cannot be read or made.
    pub fn open(path: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = rustix::fs::open(path, flags, Mode::empty())?;
        own(&fstat(&folder)?, 0o077)?;
        let mut known = Vec::new();
        if let Some(file) = open(&folder, KEY)? {
            file.take(MAC_BYTES as u64 + 1).read_to_end(&mut known)?;
        }
        // A crash may have left it empty; then nothing that lies there is believed.
        let key = match <[u8; MAC_BYTES]>::try_from(known) {
            Ok(key) => key,
            Err(_) => {
                let mut key = [0; MAC_BYTES];
                File::open("/dev/urandom")?.read_exact(&mut key)?;
                write(&folder, KEY, &key)?;
                key
            }
        };
        Ok(Self { folder, key })
    }

    /// The component with machine code of before, or with code that is made now and kept, and the file that it is mapped from; without one
    /// if it could not be kept.
    ///
    /// # Errors
    /// When the component cannot be compiled. What goes wrong with the folder is said in the log alone.
    pub(crate) fn component(
        &self,
        runtime: &Runtime,
        bytes: &[u8],
    ) -> Result<(Component, Option<File>), wasmtime::Error> {
        let name = Name { component: blake3::hash(bytes), engine: runtime.digest() };
        if let Some((component, file)) = self.kept(runtime, &name) {
            return Ok((component, Some(file)));
        }
        let mut code = Runtime::compile(bytes)?;
        code.extend(self.mac(&name, &code[..]).expect("memory can be read"));
        match write(&self.folder, &name.text(), &code) {
            Ok(()) => {
                if let Some((component, file)) = self.kept(runtime, &name) {
                    return Ok((component, Some(file)));
                }
            }
            Err(error) => tracing::warn!(file = name.text(), %error, "machine code is not kept"),
        }
        Ok((copied(runtime, &code)?, None))
    }

    /// Removes what is of none of these components, by the hashes of their bytes, or of another engine.
    pub(crate) fn keep(&self, runtime: &Runtime, components: impl Iterator<Item = blake3::Hash>) {
        let engine = runtime.digest();
        let kept: BTreeSet<_> = components.map(|component| Name { component, engine }.text()).collect();
        let Ok(entries) = Dir::read_from(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy();
            if !name.starts_with('.') && name != KEY && !kept.contains(&*name) {
                let _ = unlinkat(&self.folder, &*name, AtFlags::empty());
            }
        }
    }

    /// Code that is believed; `None` if there is none.
    fn kept(&self, runtime: &Runtime, name: &Name) -> Option<(Component, File)> {
        match self.code(name) {
            Ok(None) => {}
            Ok(Some(file)) => match mapped(runtime, &file) {
                Ok(component) => return Some((component, file)),
                Err(error) => tracing::warn!(file = name.text(), error = flat(&error), "machine code is made anew"),
            },
            Err(error) => tracing::warn!(file = name.text(), %error, "machine code is refused and made anew"),
        }
        None
    }

    /// The file of code that is believed, if there is one.
    fn code(&self, name: &Name) -> io::Result<Option<File>> {
        let Some(file) = open(&self.folder, &name.text())? else { return Ok(None) };
        let len = file.metadata()?.len();
        if len > FILE_BYTES_MAX {
            return Err(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        let len = len.checked_sub(MAC_BYTES as u64).ok_or_else(|| io::Error::other("it is cut off"))?;
        let is = self.mac(name, (&file).take(len))?;
        let mut said = [0; MAC_BYTES];
        (&file).read_exact(&mut said)?;
        // In constant time, as a comparison of hashes is.
        if blake3::Hash::from_bytes(said) != blake3::Hash::from_bytes(is) {
            return Err(io::Error::other("it was not written here, or was changed since"));
        }
        Ok(Some(file))
    }

    /// What stands behind the code in its file.
    fn mac(&self, name: &Name, mut code: impl Read) -> io::Result<[u8; MAC_BYTES]> {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(name.engine.as_bytes()).update(name.component.as_bytes());
        let mut part = [0; 16 << 10];
        loop {
            match code.read(&mut part)? {
                0 => return Ok(*mac.finalize().as_bytes()),
                len => mac.update(&part[..len]),
            };
        }
    }
}

impl Name {
    fn text(&self) -> String {
        format!("{}-{}", self.component.to_hex(), &self.engine.to_hex()[..16])
    }
}

/// The component with machine code that is made now and kept nowhere.
///
/// # Errors
/// When it cannot be compiled.
pub(crate) fn made(runtime: &Runtime, bytes: &[u8]) -> Result<Component, wasmtime::Error> {
    copied(runtime, &Runtime::compile(bytes)?)
}

/// The component of a file that was believed.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; the authentication above does")]
pub(crate) fn mapped(runtime: &Runtime, file: &File) -> Result<Component, wasmtime::Error> {
    // This very file, whatever has its name by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the code was authenticated as written by this process's own compiler, now or before, and is never written in place.
    let mapped = unsafe { Component::deserialize_file(runtime.engine(), path) };
    mapped.or_else(|_| {
        let (mut file, mut code) = (file, Vec::new());
        file.rewind()?;
        file.read_to_end(&mut code)?;
        copied(runtime, &code)
    })
}

/// The component of code that was made just now, or that is believed.
#[expect(unsafe_code, reason = "wasmtime cannot check machine code; the authentication above does")]
fn copied(runtime: &Runtime, code: &[u8]) -> Result<Component, wasmtime::Error> {
    // SAFETY: the code comes from this process's own compiler: made just now, or authenticated as written by it before. What stands
    // behind it is looked at by nobody.
    unsafe { Component::deserialize(runtime.engine(), code) }
}

/// Whether something is of this user, and none of these permissions are given.
fn own(stat: &Stat, permissions: u32) -> io::Result<()> {
    if stat.st_uid != geteuid().as_raw() || stat.st_mode & permissions != 0 {
        return Err(io::Error::other("it is not for this user alone"));
    }
    Ok(())
}

/// `None` if there is no such file.
fn open(folder: &OwnedFd, name: &str) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no plain file"));
    }
    own(&stat, 0o077)?;
    Ok(Some(file.into()))
}

/// Whole or not at all. A crash may leave an empty or a torn file, which is then refused.
fn write(folder: &OwnedFd, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = format!("{name}.new");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(folder, &*new, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    Ok(renameat(folder, &*new, folder, name)?)
}
