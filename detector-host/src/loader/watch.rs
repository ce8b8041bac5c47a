//! Tells when a folder changes (inotify(7)).

use super::Order;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

/// Bytes of the thread's stack.
const STACK_BYTES: usize = 64 << 10;

/// What may change which detectors there are, the folder itself going away included.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

pub struct Watch {
    queue: Arc<OwnedFd>,
    folder: Option<i32>,
}

impl Watch {
    /// A thread that sends [`Order::Look`] for each change, until nobody receives it.
    ///
    /// # Errors
    /// When the kernel gives no queue or no thread.
    pub fn start(orders: Sender<Order>) -> io::Result<Self> {
        let queue = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let read = Arc::clone(&queue);
        let tell = move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(&*read, &mut buffer);
            while reader.next().is_ok() && orders.send(Order::Look).is_ok() {}
        };
        thread::Builder::new().name("detector-watch".into()).stack_size(STACK_BYTES).spawn(tell)?;
        Ok(Self { queue, folder: None })
    }

    /// Watches the folder that now has this path, in place of the one before.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn set(&mut self, folder: Option<&Path>) -> io::Result<()> {
        let now = folder.map(|folder| inotify::add_watch(&*self.queue, folder, CHANGES)).transpose();
        let before = std::mem::replace(&mut self.folder, now.unwrap_or_default());
        if let Some(before) = before.filter(|before| self.folder != Some(*before)) {
            // It is gone by itself if the folder is.
            let _ = inotify::remove_watch(&*self.queue, before);
        }
        Ok(now.map(drop)?)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Wakes the thread, which then finds that nobody receives.
        let _ = self.set(None);
    }
}
