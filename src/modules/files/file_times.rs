//! Access and modification times of the `file` module.

use super::setting::Setting;
use crate::host::{Action, Cmd, Known, Stat, Touches};
use crate::modules::{Args, Fail, Step};
use crate::value::Map;

/// What the two time arguments ask for.
pub struct Times {
    access: Option<Time>,
    modification: Option<Time>,
}

#[derive(Clone, PartialEq)]
enum Time {
    Preserve,
    Now,
    /// The host's local time, as `YYYY-MM-DD HH:MM:SS`.
    At(String),
}

impl Times {
    /// From the arguments.
    ///
    /// # Errors
    /// A time that is not written in its format.
    pub fn of(args: &Args) -> Result<Self, Fail> {
        let read = |name: &str| -> Result<Option<Time>, Fail> {
            let Some(text) = args.opt_str(name) else {
                return Ok(None);
            };
            let format = args.str(&format!("{name}_format")).to_owned();
            Ok(Some(match text {
                "preserve" => Time::Preserve,
                "now" => Time::Now,
                text => {
                    let at = jiff::fmt::strtime::parse(&format, text).and_then(|t| t.to_datetime());
                    let at = at.map_err(|e| Fail::new(format!("Error while obtaining timestamp for time {text} using format {format}: {e}")))?;
                    Time::At(at.strftime("%Y-%m-%d %H:%M:%S").to_string())
                }
            }))
        };
        Ok(Self {
            access: read("access_time")?,
            modification: read("modification_time")?,
        })
    }

    /// What sets the times that differ; notes them in the diff.
    ///
    /// # Errors
    /// Needs an answer: what a time given in words is on the host.
    #[allow(clippy::too_many_arguments)]
    pub fn action(
        &self,
        known: &Known,
        setting: &Setting,
        path: &str,
        stat: Option<&Stat>,
        touch: bool,
        before: &mut Map,
        after: &mut Map,
    ) -> Result<Option<Action>, Step> {
        let standard = if touch { Time::Now } else { Time::Preserve };
        let access = self.access.as_ref().unwrap_or(&standard);
        let modification = self.modification.as_ref().unwrap_or(&standard);
        if stat.is_none()
            && [access, modification]
                .iter()
                .all(|t| **t == Time::Now || **t == Time::Preserve)
        {
            return Ok(None);
        }
        let queries = [access, modification].into_iter().filter_map(|t| match t {
            Time::At(at) => Some(setting.read(epoch(at))),
            _ => None,
        });
        known.all(queries)?;
        let mut script = Vec::new();
        for (time, flag, key, now) in [
            (access, "-a", "atime", stat.map(|s| s.atime)),
            (modification, "-m", "mtime", stat.map(|s| s.mtime)),
        ] {
            match time {
                Time::Preserve => {}
                Time::Now => script.push((flag, None)),
                Time::At(at) => {
                    let (rc, out, err) = known.output(setting.read(epoch(at)))?;
                    let Ok(seconds) = out.trim().parse::<f64>() else {
                        return Err(Fail::new(format!(
                            "the host cannot tell the time `{at}`: {}",
                            err.trim()
                        ))
                        .with("rc", rc)
                        .into());
                    };
                    if now != Some(seconds) {
                        before.insert(key.into(), now.into());
                        after.insert(key.into(), seconds.into());
                        script.push((flag, Some(at.replace(['-', ':', ' '], ""))));
                    }
                }
            }
        }
        if script.is_empty() {
            return Ok(None);
        }
        let text: Vec<String> = script
            .iter()
            .map(|(flag, at)| match at {
                // CCYYMMDDhhmm.SS, as POSIX touch reads it.
                Some(at) => format!(
                    "touch -c {flag} -t {}.{} {}",
                    &at[..12.min(at.len())],
                    &at[12.min(at.len())..],
                    crate::host::quote::path(path)
                ),
                None => format!("touch -c {flag} {}", crate::host::quote::path(path)),
            })
            .collect();
        let mut cmd = Cmd::script(text.join(" && "));
        cmd.touches = Touches::Path(path.to_owned());
        Ok(Some(Action::Run(cmd)))
    }
}

fn epoch(at: &str) -> String {
    format!("date -d {} +%s", crate::host::quote::word(at))
}
