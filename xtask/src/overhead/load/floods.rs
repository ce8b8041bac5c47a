//! One kind of operation as fast as it goes: what an attacker can do to be lost in it.

use super::{Prepared, timed};
use crate::overhead::Place;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

const EXECS: u32 = 4_000;
const FILES: u32 = 2_000;
const OPENS: u32 = 400_000;
const CONNECTIONS: u32 = 100_000;
/// Listeners, each on a loopback address of its own: one alone has not as many ports as connections that have just ended.
const LISTENERS: u8 = 8;

/// A small program is started again and again.
pub fn execs() -> Prepared {
    Prepared::new(|| {
        timed(f64::from(EXECS), || {
            for _ in 0..EXECS {
                Command::new("/bin/true").stdin(Stdio::null()).status()?;
            }
            Ok(())
        })
    })
}

/// Files are opened and closed, each after all the others, so that no two operations in a row are alike.
pub fn opens(place: &Place) -> Result<Prepared> {
    let folder = place.folder.join("opened");
    fs::create_dir_all(&folder).context("creating the folder of the files")?;
    let paths: Vec<_> = (0..FILES).map(|n| folder.join(n.to_string())).collect();
    for path in &paths {
        File::create(path).with_context(|| format!("creating {}", path.display()))?;
    }
    Ok(Prepared::new(move || {
        timed(f64::from(OPENS), || {
            for path in paths.iter().cycle().take(OPENS as usize) {
                File::open(path)?;
            }
            Ok(())
        })
    }))
}

/// Connections are made, accepted and closed, over loopback.
pub fn connections() -> Result<Prepared> {
    let mut addresses = Vec::new();
    for n in 1..=LISTENERS {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, n), 0)).context("listening on loopback")?;
        addresses.push(listener.local_addr()?);
        // Ends with the program that measures.
        thread::spawn(move || listener.incoming().for_each(drop));
    }
    Ok(Prepared::new(move || timed(f64::from(CONNECTIONS), || connect(&addresses))))
}

fn connect(addresses: &[SocketAddr]) -> Result<()> {
    for address in addresses.iter().cycle().take(CONNECTIONS as usize) {
        TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
    }
    Ok(())
}
