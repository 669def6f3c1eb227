//! The last lines: what came of each host.

use super::{Paint, Recap, Tone};

/// One line per host in Ansible's words and columns, then custom stats.
pub(super) fn table(recap: &Recap, paint: Paint) -> String {
    let mut out = String::new();
    for (host, c) in &recap.hosts {
        let tone = if c.failed + c.unreachable > 0 {
            Tone::Bad
        } else if c.changed > 0 {
            Tone::Changed
        } else {
            Tone::Ok
        };
        let counts = [
            ("ok", c.ok, Tone::Ok),
            ("changed", c.changed, Tone::Changed),
            ("unreachable", c.unreachable, Tone::Bad),
            ("failed", c.failed, Tone::Bad),
            ("skipped", c.skipped, Tone::Skipped),
            ("rescued", c.rescued, Tone::Ok),
            ("ignored", c.ignored, Tone::Warning),
        ];
        let counts: Vec<String> = counts
            .iter()
            .map(|(name, n, tone)| {
                let cell = format!("{name}={n:<4}");
                if *n > 0 {
                    paint.tone(*tone, &cell)
                } else {
                    cell
                }
            })
            .collect();
        let line = format!(
            "{} : {}",
            paint.tone(tone, &format!("{host:<26}")),
            counts.join(" ")
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if !recap.stats.is_empty() {
        out.push_str("\nCUSTOM STATS:\n");
        for (who, stats) in &recap.stats {
            out.push_str(&format!("    {who}: {}\n", stats.to_json()));
        }
    }
    out
}

/// `0.3 s`, `12 s`, `3 min 5 s`.
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 => format!("{:.1} s", ms as f64 / 1000.0),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
