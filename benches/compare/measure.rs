//! Running a program and taking its time.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What one run of a program took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Wall time of the whole process.
    pub seconds: f64,
    /// Most memory it ever held, in KiB; its children not counted.
    pub peak_kib: u64,
}

/// Runs a program to its end; what it says goes to `log`.
///
/// # Errors
/// It cannot be started or does not end well.
pub fn run(command: &mut Command, input: Option<&Path>, log: &Path) -> Result<Sample, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let problem = |e: std::io::Error| format!("{name}: {e}");
    let out = File::create(log).map_err(problem)?;
    command
        .stdin(match input {
            Some(path) => Stdio::from(File::open(path).map_err(problem)?),
            None => Stdio::null(),
        })
        .stderr(out.try_clone().map_err(problem)?)
        .stdout(out);
    let start = Instant::now();
    let mut child = command.spawn().map_err(problem)?;
    let (over, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let status = format!("/proc/{}/status", child.id());
    let (ended, seconds) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if let Some(kib) = high_water(&status) {
                    peak.fetch_max(kib, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let ended = child.wait();
        let seconds = start.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        (ended, seconds)
    });
    match ended.map_err(problem)? {
        ended if ended.success() => Ok(Sample {
            seconds,
            peak_kib: peak.into_inner(),
        }),
        ended => Err(format!("{name} ended with {ended}; see {}", log.display())),
    }
}

fn high_water(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The one in the middle by time.
///
/// # Errors
/// There is none.
pub fn median(mut samples: Vec<Sample>) -> Result<Sample, String> {
    samples.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    samples
        .get(samples.len() / 2)
        .copied()
        .ok_or_else(|| "nothing was measured".to_owned())
}
