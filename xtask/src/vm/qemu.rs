use crate::apt::{Apt, Installed, Sources};
use crate::workspace::runs;
use anyhow::{Context, Result, bail};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";
/// An emulated machine boots and runs its tests on both tiers in a tenth of it.
const PATIENCE: Duration = Duration::from_secs(600);

/// The one that is installed, or one of our own in a folder.
pub struct Qemu {
    folder: Option<PathBuf>,
}

/// Finds QEMU, or fetches it with what it needs.
pub fn find(folder: &Path) -> Result<Qemu> {
    if runs(PROGRAM, &["--version"]) {
        return Ok(Qemu { folder: None });
    }
    let own = folder.join("qemu");
    let qemu = Qemu { folder: Some(own.clone()) };
    if !own.is_dir() {
        let apt = Apt::new(folder.join("apt/system"), &Sources::System, Installed::System)?;
        let packages = apt.with_dependencies(&[PACKAGE])?;
        eprintln!("fetching {PACKAGE} in {} packages", packages.len());
        apt.unpack(&packages, &own)?;
    }
    let output = qemu.command().arg("--version").output().with_context(|| format!("starting {PROGRAM}"))?;
    if !output.status.success() {
        bail!("{} does not start: {}", own.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(qemu)
}

impl Qemu {
    /// Boots a kernel, and returns what it said until the machine went off. `arguments` are those of its first process.
    pub fn run(&self, image: &Path, initramfs: &Path, arguments: &[String]) -> Result<String> {
        listen(self.start(image, initramfs, arguments, None)?)
    }

    /// Boots a kernel in a machine that speaks to its piped stdout. `disk` is the socket of a disk, as an NBD server.
    pub fn start(&self, image: &Path, initramfs: &Path, arguments: &[String], disk: Option<&Path>) -> Result<Child> {
        let mut command = self.command();
        let options = "console=ttyS0 quiet panic=-1 lsm=lockdown,capability,landlock,bpf";
        // On a busy host the emulated timer ticks too seldom for the kernel's trial of it.
        let append = format!("{options} no_timer_check -- {}", arguments.join(" "));
        // Emulated everywhere, also where there is KVM: nested, it may be there and not work. Boots are seconds all the same.
        // 16-byte compare-and-swap, emulated, makes one boot in eight fail.
        command.args(["-accel", "tcg", "-cpu", "max,-cx16", "-m", "1024", "-smp", "1"]);
        command.arg("-kernel").arg(image).arg("-initrd").arg(initramfs).args(["-append", append.trim()]);
        command.args(["-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio", "-monitor", "none"]);
        if let Some(socket) = disk {
            // The machine is told that the disk has a cache, and so flushes it where it must.
            command.arg("-drive").arg(format!(
                "file=nbd+unix:///?socket={},format=raw,if=none,id=disk,cache=writeback",
                socket.display()
            ));
            command.args(["-device", "virtio-blk-pci,drive=disk,logical_block_size=4096,physical_block_size=4096"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.spawn().with_context(|| format!("starting {PROGRAM}"))
    }

    fn command(&self) -> Command {
        let Some(folder) = &self.folder else { return Command::new(PROGRAM) };
        let libraries = folder.join("usr/lib/x86_64-linux-gnu");
        let mut command = Command::new(folder.join("usr/bin").join(PROGRAM));
        command.env(
            "LD_LIBRARY_PATH",
            format!("{}:{}", libraries.display(), folder.join("lib/x86_64-linux-gnu").display()),
        );
        command.env("QEMU_MODULE_DIR", libraries.join("qemu"));
        for firmware in ["qemu", "seabios"] {
            command.arg("-L").arg(folder.join("usr/share").join(firmware));
        }
        command
    }
}

/// Takes what a machine says until it ends, or ends it when that takes too long.
fn listen(mut child: Child) -> Result<String> {
    let mut output = child.stdout.take().context("the machine's output is piped")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..n].to_vec()).is_err() {
                break;
            }
        }
    });
    let (end, mut said) = (Instant::now() + PATIENCE, Vec::new());
    loop {
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(bytes) => said.extend(bytes),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                child.kill().context("ending the machine")?;
                said.extend(format!("\nended after {} s\n", PATIENCE.as_secs()).into_bytes());
                break;
            }
        }
    }
    child.wait().context("waiting for the machine")?;
    let said = String::from_utf8_lossy(&said);
    // The firmware speaks to a terminal; the kernel and the tests do not.
    Ok(said.lines().filter(|line| !line.contains('\x1b')).map(|line| format!("{line}\n")).collect())
}
