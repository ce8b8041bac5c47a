//! What makes this machine a host of a fleet: a folder with its key, its certificate and that of the authority, all DER.

use crate::failure::Failure;
use rustix::fs::{CWD, Mode, RenameFlags, chmod, renameat_with};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tracewell_model::HostId;
use tracewell_wire::quic::identity::Identity;
use tracewell_wire::quic::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Bytes of one of the files; a certificate has some 600.
const FILE_BYTES_MAX: u64 = 16 << 10;
const KEY: &str = "host.key";
const CERTIFICATE: &str = "host.crt";
const AUTHORITY: &str = "authority.crt";

/// # Errors
/// When it is not there or of no use.
pub fn load(folder: &Path) -> Result<(HostId, Identity), Failure> {
    let read = |name: &str| {
        let path = folder.join(name);
        let why = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                let why = "this host is not enrolled (`tracewell-agent enrol`)";
                Failure::Input(format!("{why}: there is no {}", path.display()))
            }
            _ => Failure::Input(format!("cannot read {}: {error}", path.display())),
        };
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(why)?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(why)?;
        Ok::<_, Failure>(bytes)
    };
    let identity = Identity {
        certificates: vec![read(CERTIFICATE)?.into()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(read(KEY)?)),
        authority: read(AUTHORITY)?.into(),
    };
    match identity.host() {
        Some(host) => Ok((host, identity)),
        None => Err(Failure::Input(format!("{} is no certificate of a host", folder.join(CERTIFICATE).display()))),
    }
}

/// Writes all of it or nothing, for its owner alone. What was there is kept beside it.
///
/// # Errors
/// When the folder cannot be written.
pub fn save(folder: &Path, identity: &Identity) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Input(format!("cannot write {}: {error}", folder.display()));
    let part = beside(folder, "new");
    if let Err(error) = fs::remove_dir_all(&part)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&part).map_err(failed)?;
    chmod(&part, Mode::RWXU).map_err(|error| failed(error.into()))?;
    let files =
        [(KEY, identity.key.secret_der()), (CERTIFICATE, &identity.certificates[0]), (AUTHORITY, &identity.authority)];
    for (name, bytes) in files {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part.join(name));
        file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all())).map_err(failed)?;
    }
    File::open(&part).and_then(|folder| folder.sync_all()).map_err(failed)?;
    if folder.exists() {
        // At once, so that there is one identity or the other whenever this is cut off.
        renameat_with(CWD, &part, CWD, folder, RenameFlags::EXCHANGE).map_err(|error| failed(error.into()))?;
        let kept = beside(folder, "before");
        if kept.exists() {
            fs::remove_dir_all(&kept).map_err(failed)?;
        }
        fs::rename(&part, kept).map_err(failed)?;
    } else {
        fs::rename(&part, folder).map_err(failed)?;
    }
    File::open(folder.parent().unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all()).map_err(failed)
}

fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn identity(n: u8) -> Identity {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(vec![n; 40]));
        Identity { certificates: vec![vec![n; 50].into()], key, authority: vec![n; 60].into() }
    }

    /// However short the moment, there is an identity in it: who looks all the while sees no other.
    #[test]
    fn there_is_an_identity_at_every_moment() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("identity");
        save(&folder, &identity(0)).unwrap();
        let (key, is_done) = (folder.join(KEY), std::sync::atomic::AtomicBool::new(false));
        std::thread::scope(|scope| {
            let looks = scope.spawn(|| {
                let mut n_missing = 0;
                while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    n_missing += u32::from(!key.exists());
                }
                n_missing
            });
            (1..=100).for_each(|n| save(&folder, &identity(n)).unwrap());
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(looks.join().unwrap(), 0);
        });
        assert_eq!(fs::read(key).unwrap(), [100; 40]);
        assert_eq!(fs::read(beside(&folder, "before").join(KEY)).unwrap(), [99; 40]);
    }

    #[test]
    fn an_identity_is_for_its_owner_alone_and_the_last_one_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/identity");
        for n in [1, 2] {
            save(&folder, &identity(n)).unwrap();
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for (name, len) in [(KEY, 40), (CERTIFICATE, 50), (AUTHORITY, 60)] {
            assert_eq!((fs::read(folder.join(name)).unwrap(), mode(&folder.join(name))), (vec![2; len], 0o600));
        }
        assert_eq!(fs::read(beside(&folder, "before").join(KEY)).unwrap(), [1; 40]);
        let error = load(&folder).err().unwrap().to_string();
        assert!(error.ends_with("host.crt is no certificate of a host"), "{error}");
        let error = load(&place.path().join("none")).err().unwrap().to_string();
        assert!(error.starts_with("this host is not enrolled"), "{error}");
    }
}
