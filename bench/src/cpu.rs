//! CPU seconds and memory of processes, by the system's clocks.

use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// User and system time together.
pub type CpuTime = Duration;

/// What a stretch of work took.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// By the clock on the wall, in seconds.
    pub wall_s: f64,
    /// CPU seconds of this process.
    pub own_cpu_s: f64,
}

/// Runs `work` and says what it took this process.
pub fn spent<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let watch = Watch::start();
    let value = work();
    (value, watch.stop())
}

/// A stop watch for wall and own CPU time.
pub struct Watch {
    began: Instant,
    cpu: CpuTime,
}

impl Watch {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "a stop watch")]
    pub fn start() -> Self {
        Self { cpu: own(), began: Instant::now() }
    }

    /// Reads it.
    pub fn stop(&self) -> Spent {
        let wall = self.began.elapsed();
        Spent { wall_s: wall.as_secs_f64(), own_cpu_s: own().saturating_sub(self.cpu).as_secs_f64() }
    }
}

/// CPU time of this process so far.
fn own() -> CpuTime {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// CPU time of a running process so far, with threads that have ended.
pub fn of_process(pid: u32) -> Result<CpuTime> {
    let pid = Pid::from_raw(i32::try_from(pid)?);
    let clock = clock_getcpuclockid(pid).context("the process has no CPU clock; has it ended?")?;
    Ok(clock_gettime(clock)?.into())
}

/// What a child took from start to end.
#[derive(Debug, Clone, Copy)]
pub struct ChildSpent {
    /// Wall seconds.
    pub wall_s: f64,
    /// CPU seconds, its start included.
    pub cpu_s: f64,
}

/// Waits for a child that was started by `start`; no other child may end meanwhile.
pub fn of_child(start: impl FnOnce() -> Result<Child>) -> Result<(std::process::Output, ChildSpent)> {
    let before = of_children()?;
    let watch = Watch::start();
    let output = start()?.wait_with_output()?;
    let wall_s = watch.stop().wall_s;
    Ok((output, ChildSpent { wall_s, cpu_s: of_children()?.saturating_sub(before).as_secs_f64() }))
}

fn of_children() -> Result<CpuTime> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: nix::sys::time::TimeVal| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0);
    Ok(Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time())))
}

/// Memory of a process.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident now, in bytes.
    pub resident: u64,
    /// The most that was ever resident, in bytes.
    pub peak: u64,
}

/// Reads the memory of a process.
pub fn memory_of(pid: u32) -> Result<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib =
        |name: &str| -> Option<u64> { text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok() };
    Ok(Memory { resident: kib("VmRSS:").context("no VmRSS")? * 1024, peak: kib("VmHWM:").context("no VmHWM")? * 1024 })
}
