//! The real server as a process of its own, and its command line.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cpu;

/// The programs that are measured.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Those of a folder; they must be there.
    pub fn in_folder(folder: PathBuf) -> Result<Self> {
        let programs = Self { folder };
        for program in [programs.server(), programs.device()] {
            ensure!(program.is_file(), "{} is not built; `cargo xtask bench` builds it", program.display());
        }
        Ok(programs)
    }

    /// `polevik-server`.
    pub fn server(&self) -> PathBuf {
        self.folder.join("polevik-server")
    }

    /// `polevik-device`.
    pub fn device(&self) -> PathBuf {
        self.folder.join("polevik-device")
    }

    /// Runs a command of the server on a data folder and gives its standard output. An import that refused single rows has done its work.
    pub fn office(&self, data: &Path, words: &[&str]) -> Result<String> {
        const PARTLY: i32 = 3;
        let output = Command::new(self.server()).args(words).arg("--data").arg(data).output()?;
        ensure!(
            output.status.success() || output.status.code() == Some(PARTLY),
            "polevik-server {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// A serving process; it ends when this is dropped.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Serves a data folder on a free port of this machine.
    pub fn start(programs: &Programs, data: &Path) -> Result<Self> {
        Self::start_at(programs, data, "127.0.0.1:0")
    }

    /// Serves a data folder at an address that devices know already.
    pub fn start_at(programs: &Programs, data: &Path, socket: &str) -> Result<Self> {
        let mut child = Command::new(programs.server())
            .args(["serve", "--listen", socket, "--data"])
            .arg(data)
            // No device of a real day asks as often as these; they are counted like all others.
            .envs([("POLEVIK_DEVICE_REQUESTS_PER_MINUTE", "1000000000"), ("POLEVIK_DEVICE_DOCUMENTS_PER_DAY", "1000000000")])
            .env("POLEVIK_DEVICE_MEGABYTES_PER_DAY", "1000000")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("polevik-server does not start")?;
        let mut lines = BufReader::new(child.stdout.take().context("no standard output")?).lines();
        let address = lines.by_ref().map_while(std::io::Result::ok).find_map(|line| {
            let word = line.split_whitespace().find(|word| word.starts_with("http://"))?;
            Some(word.trim_end_matches(['/', '.', ',']).to_owned())
        });
        let server = Self { child, address: address.context("polevik-server ended without an address")? };
        // What it says later is read, or it would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `127.0.0.1:PORT`.
    pub fn socket(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// CPU time so far.
    pub fn cpu(&self) -> Result<Duration> {
        cpu::of_process(self.child.id())
    }

    /// CPU seconds since an earlier reading.
    pub fn cpu_since(&self, before: Duration) -> Result<f64> {
        Ok(self.cpu()?.saturating_sub(before).as_secs_f64())
    }

    /// Its memory.
    pub fn memory(&self) -> Result<cpu::Memory> {
        cpu::memory_of(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
