//! A disk with a volatile cache, as a server of the NBD protocol (`doc/proto.md` of NetworkBlockDevice/nbd): what a machine wrote and did
//! not flush is lost with the power, or is not, block by block.

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// What such a disk writes whole or not at all.
pub const BLOCK_BYTES: u64 = 4096;
/// Of one request.
const REQUEST_BYTES_MAX: u32 = 32 << 20;
/// Of one option, before requests begin.
const OPTION_BYTES_MAX: u32 = 4096;

const GREETING: [u64; 2] = [0x4e42_444d_4147_4943, 0x4948_4156_454f_5054];
/// Fixed newstyle, and no zeroes after what is exported.
const SERVER_FLAGS: u16 = 0b11;
const OPTION_REPLY: u64 = 0x0003_e889_0455_65a9;
const OPTION_ABORT: u32 = 2;
const OPTION_GO: u32 = 7;
const REPLY_ACK: u32 = 1;
const REPLY_INFO: u32 = 3;
const REPLY_UNSUPPORTED: u32 = 1 << 31 | 1;
const INFO_EXPORT: u16 = 0;
/// There are flags, and flushes. Nothing is written through the cache: who wants that flushes.
const EXPORT_FLAGS: u16 = 0b101;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;

/// A disk that is connected to one machine. It is lost power to once so many writes have come ([`Disk::arm`]).
pub struct Disk {
    pub socket: PathBuf,
    armed: Arc<Mutex<Option<u64>>>,
    /// Says something when there is no power any more.
    pub is_off: Receiver<()>,
    thread: JoinHandle<Result<Cache>>,
}

/// What became of what was in the cache when power was lost, in blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lost {
    pub n_lost: u64,
    pub n_kept: u64,
}

impl Disk {
    /// Waits for a machine at a socket in `folder`; the disk is `image`.
    pub fn start(image: &Path, folder: &Path) -> Result<Self> {
        let socket = folder.join("disk.socket");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).with_context(|| format!("listening at {}", socket.display()))?;
        let file = OpenOptions::new().read(true).write(true).open(image).context("opening the disk's image")?;
        let armed = Arc::new(Mutex::new(None));
        let (tell, is_off) = channel();
        let mut server = Server { cache: Cache { file, blocks: BTreeMap::new() }, armed: Arc::clone(&armed), tell };
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().context("waiting for the machine")?;
            // The machine sees an error of its disk, and no more.
            server.serve(stream).inspect_err(|error| eprintln!("the disk ends: {error:#}")).map(|()| server.cache)
        });
        Ok(Self { socket, armed, is_off, thread })
    }

    /// Has power lost with the write that is so many from now, before it is answered.
    pub fn arm(&self, n_writes: u64) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(n_writes);
    }

    /// Once the machine is gone: what is in the cache is lost, or had been written after all, as `random` will have it.
    pub fn lose(self, random: &mut ChaCha8Rng) -> Result<Lost> {
        let cache = self.end()?;
        let mut lost = Lost::default();
        for (number, block) in &cache.blocks {
            if random.random() {
                cache.file.write_all_at(block, number * BLOCK_BYTES).context("writing to the disk's image")?;
                lost.n_kept += 1;
            } else {
                lost.n_lost += 1;
            }
        }
        Ok(lost)
    }

    /// Once the machine is switched off: nothing is lost.
    pub fn finish(self) -> Result<()> {
        self.end()?.flush()
    }

    fn end(self) -> Result<Cache> {
        self.thread.join().map_err(|_| anyhow::anyhow!("the disk panicked"))?
    }
}

/// The image, and over it what was written and not flushed: at most the whole disk.
struct Cache {
    file: File,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Cache {
    /// Any bytes: QEMU itself looks for a table of partitions in the first 512.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        self.file.read_exact_at(bytes, offset).context("reading the disk's image")?;
        let end = offset + bytes.len() as u64;
        for (number, block) in self.blocks.range(offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES)) {
            let begin = number * BLOCK_BYTES;
            let (from, to) = (begin.max(offset), (begin + BLOCK_BYTES).min(end));
            let part = &block[(from - begin) as usize..(to - begin) as usize];
            bytes[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let pieces = bytes.chunks(BLOCK_BYTES as usize).map(<[u8]>::to_vec);
        self.blocks.extend((offset / BLOCK_BYTES..).zip(pieces));
    }

    fn flush(&mut self) -> Result<()> {
        for (number, block) in std::mem::take(&mut self.blocks) {
            self.file.write_all_at(&block, number * BLOCK_BYTES).context("writing to the disk's image")?;
        }
        Ok(())
    }
}

struct Server {
    cache: Cache,
    /// Writes until power is lost.
    armed: Arc<Mutex<Option<u64>>>,
    tell: Sender<()>,
}

impl Server {
    /// Until the machine is gone or power is.
    fn serve(&mut self, mut stream: UnixStream) -> Result<()> {
        if !self.negotiate(&mut stream)? {
            return Ok(());
        }
        // A machine that is ended does not say so.
        while let Ok(magic) = number::<4>(&mut stream) {
            ensure!(u32::from_be_bytes(magic) == REQUEST, "the machine sends what is no request to a disk");
            let _flags = number::<2>(&mut stream)?;
            let kind = u16::from_be_bytes(number(&mut stream)?);
            let handle = number::<8>(&mut stream)?;
            let offset = u64::from_be_bytes(number(&mut stream)?);
            let n_bytes = u32::from_be_bytes(number(&mut stream)?);
            ensure!(
                n_bytes <= REQUEST_BYTES_MAX,
                "a request for {n_bytes} bytes, expected at most {REQUEST_BYTES_MAX}"
            );
            let mut bytes = Vec::new();
            match kind {
                0 => {
                    bytes.resize(n_bytes as usize, 0);
                    self.cache.read(offset, &mut bytes)?;
                }
                1 => {
                    let is_whole = offset.is_multiple_of(BLOCK_BYTES) && u64::from(n_bytes).is_multiple_of(BLOCK_BYTES);
                    ensure!(is_whole, "a write of {n_bytes} bytes at {offset}, expected whole blocks");
                    let mut written = vec![0; n_bytes as usize];
                    stream.read_exact(&mut written)?;
                    self.cache.write(offset, &written);
                    if self.is_last() {
                        let _ = self.tell.send(());
                        // No answer and no error: the machine must not learn of it before it is gone.
                        let _ = io::copy(&mut stream, &mut io::sink());
                        return Ok(());
                    }
                }
                2 => return Ok(()),
                3 => self.cache.flush()?,
                _ => bail!("a request of kind {kind}, which was not offered"),
            }
            let mut reply = Vec::with_capacity(16 + bytes.len());
            reply.extend(REPLY.to_be_bytes());
            reply.extend(0u32.to_be_bytes());
            reply.extend(handle);
            reply.extend(bytes);
            if stream.write_all(&reply).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn is_last(&self) -> bool {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = &mut *armed {
            *left = left.saturating_sub(1);
        }
        *armed == Some(0)
    }

    /// `false` if the machine wants nothing after all.
    fn negotiate(&self, stream: &mut UnixStream) -> Result<bool> {
        for word in GREETING {
            stream.write_all(&word.to_be_bytes())?;
        }
        stream.write_all(&SERVER_FLAGS.to_be_bytes())?;
        let _flags = number::<4>(stream)?;
        loop {
            ensure!(
                u64::from_be_bytes(number(stream)?) == GREETING[1],
                "the machine sends what is no option of a disk"
            );
            let option = u32::from_be_bytes(number(stream)?);
            let n_bytes = u32::from_be_bytes(number(stream)?);
            ensure!(n_bytes <= OPTION_BYTES_MAX, "an option of {n_bytes} bytes, expected at most {OPTION_BYTES_MAX}");
            stream.read_exact(&mut vec![0; n_bytes as usize])?;
            let mut reply = |kind: u32, bytes: &[u8]| {
                let length = u32::try_from(bytes.len()).context("a reply is short")?;
                let head = [OPTION_REPLY.to_be_bytes().as_slice(), &option.to_be_bytes(), &kind.to_be_bytes()].concat();
                stream
                    .write_all(&[&head, length.to_be_bytes().as_slice(), bytes].concat())
                    .context("answering an option")
            };
            match option {
                OPTION_GO => {
                    let size = self.cache.file.metadata()?.len();
                    let export =
                        [&INFO_EXPORT.to_be_bytes()[..], &size.to_be_bytes(), &EXPORT_FLAGS.to_be_bytes()].concat();
                    reply(REPLY_INFO, &export)?;
                    reply(REPLY_ACK, &[])?;
                    return Ok(true);
                }
                OPTION_ABORT => {
                    let _ = reply(REPLY_ACK, &[]);
                    return Ok(false);
                }
                _ => reply(REPLY_UNSUPPORTED, &[])?,
            }
        }
    }
}

fn number<const N: usize>(stream: &mut UnixStream) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn what_is_flushed_is_kept_and_the_rest_is_kept_or_lost_by_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        std::fs::write(&image, vec![0; 64 * BLOCK_BYTES as usize]).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&image).unwrap();
        let mut cache = Cache { file, blocks: BTreeMap::new() };
        let ones = vec![1; 16 * BLOCK_BYTES as usize];
        cache.write(0, &ones);
        cache.flush().unwrap();
        cache.write(16 * BLOCK_BYTES, &ones);
        let mut read = vec![0; 2 * BLOCK_BYTES as usize];
        for offset in [15 * BLOCK_BYTES, 15 * BLOCK_BYTES + 512] {
            cache.read(offset, &mut read).unwrap();
            assert!(read.iter().all(|byte| *byte == 1), "what is in the cache is read");
        }
        let (_, is_off) = channel();
        let thread = thread::spawn(move || Ok(cache));
        let disk = Disk { socket: PathBuf::new(), armed: Arc::default(), is_off, thread };
        let lost = disk.lose(&mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let kept = std::fs::read(&image).unwrap().iter().map(|byte| u64::from(*byte)).sum::<u64>();
        assert!(lost.n_lost > 0 && lost.n_kept > 0 && lost.n_lost + lost.n_kept == 16, "{lost:?}");
        assert_eq!(kept, (16 + lost.n_kept) * BLOCK_BYTES);
    }
}
