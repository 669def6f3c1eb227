//! `mount_facts`: what is mounted, and what is configured to be.

use super::raw::Raw;
use super::storage::{size_facts, statfs, unescape, uuids};
use crate::host::{Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The module.
pub(in crate::modules) static SPEC: Spec = Spec {
    name: "ansible.builtin.mount_facts",
    aliases: &[],
    about: "gathers mounts from the kernel's table, fstab or other sources as facts",
    free_form: None,
    args: &[ARGS],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "ansible_facts",
        "`mount_points`: by mount point the first found, with device, fstype, options, sizes, uuid and `ansible_context`; `aggregate_mounts`: all of them, when asked for",
    )],
    example: "- name: Network mounts only\n  ansible.builtin.mount_facts:\n    fstypes: [nfs, nfs4]\n    timeout: 10\n    on_timeout: warn\n",
    run: Run::Bind(bind),
};

const ARGS: &[Arg] = &[
    Arg::list("devices", "shell patterns for the device"),
    Arg::list("fstypes", "shell patterns for the type of file system"),
    Arg::list("sources", "files in the format of fstab, `mount` for the program, or static, dynamic, all"),
    Arg::of("mount_binary", Kind::Raw, "program to run for the source `mount`, or where no dynamic source has anything; null for none").default("mount"),
    Arg::of("timeout", Kind::Float, "seconds that a file system may take to tell its size"),
    Arg::str("on_timeout", "what to do when it takes longer").default("error").choices(&["error", "warn", "ignore"]),
    Arg::bool("include_aggregate_mounts", "also return mounts that lie under others at the same point; no warning about them when false"),
];

const DYNAMIC: [&str; 3] = ["/etc/mtab", "/proc/mounts", "/etc/mnttab"];
const STATIC: [&str; 3] = ["/etc/fstab", "/etc/vfstab", "/etc/filesystems"];

struct MountFacts {
    sources: Vec<String>,
    devices: Vec<String>,
    fstypes: Vec<String>,
    timeout: Option<f64>,
    on_timeout: String,
    aggregate: Option<bool>,
    binary: Option<String>,
    query: Query,
    env: BTreeMap<String, String>,
}

/// One line of a source.
struct Mount {
    source: String,
    line: String,
    fields: Map,
}

fn bind(args: &Args, context: &Context<'_>) -> Result<Bound, Fail> {
    let timeout = args.float("timeout");
    if let Some(seconds) = timeout.filter(|s| *s <= 0.0) {
        return Err(Fail::new(format!(
            "`mount_facts`: `timeout` must be more than 0, not {seconds}"
        )));
    }
    let binary = match args.raw("mount_binary") {
        None | Some(Value::Null) => None,
        Some(Value::Str(name)) => Some(name.to_string()),
        Some(other) => {
            return Err(Fail::new(format!(
                "`mount_facts`: `mount_binary` must be text or null, not {other}"
            )));
        }
    };
    let given = args.list("sources");
    let everything = [String::from("all")];
    let mut sources: Vec<String> = Vec::new();
    for source in if given.is_empty() {
        &everything[..]
    } else {
        &given
    } {
        let known: Vec<&str> = match source.as_str() {
            "" => {
                return Err(Fail::new(
                    "`mount_facts`: `sources` has an empty name in it",
                ));
            }
            "all" => DYNAMIC.iter().chain(&STATIC).copied().collect(),
            "dynamic" => DYNAMIC.to_vec(),
            "static" => STATIC.to_vec(),
            other => vec![other],
        };
        for source in known {
            if !sources.iter().any(|s| s == source) {
                sources.push(source.to_owned());
            }
        }
    }
    let query = Query::Read {
        script: script(&sources, binary.as_deref()),
        env: context.environment.clone(),
    };
    Ok(Bound::Decide(Box::new(MountFacts {
        sources,
        devices: args.list("devices"),
        fstypes: args.list("fstypes"),
        timeout,
        on_timeout: args.str("on_timeout").to_owned(),
        aggregate: args.opt_bool("include_aggregate_mounts"),
        binary,
        query,
        env: context.environment.clone(),
    })))
}

/// Prints the sources, where each leads, and what the program prints.
fn script(sources: &[String], binary: Option<&str>) -> String {
    let files: Vec<&String> = sources.iter().filter(|s| *s != "mount").collect();
    let paths = quote::words(files.iter().map(|f| quote_free(f)));
    let mut out = format!(
        "LC_ALL=C; export LC_ALL\nPATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin; export PATH\nprintf '@@hoist:links\\n'\n\
         ls -ld /dev/disk/by-uuid/* /dev/mapper/* 2>/dev/null\nprintf '@@hoist:real\\n'\n\
         for f in {paths}; do printf '%s %s\\n' \"$(readlink -f \"$f\" 2>/dev/null)\" \"$f\"; done\nprintf '@@hoist:files\\n'\n\
         grep -sH '' /dev/null {paths}\n"
    );
    if let Some(binary) = binary {
        out.push_str(&format!(
            "printf '@@hoist:mount\\n'\n{} 2>/dev/null\n",
            quote::word(binary)
        ));
    }
    out
}

/// A path that no program takes for an option.
fn quote_free(path: &str) -> String {
    if path.starts_with('-') {
        format!("./{path}")
    } else {
        path.to_owned()
    }
}

impl Decide for MountFacts {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (_, out, _) = known.output(self.query.clone())?;
        let raw = Raw::parse(out);
        let uuids = uuids(&raw);
        let devices: BTreeMap<&str, &str> = uuids.iter().map(|(d, u)| (*u, d.as_str())).collect();
        let mut mounts = Vec::new();
        for mount in self.mounts(&raw) {
            let field = |key: &str| {
                mount
                    .fields
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let given = field("device").strip_prefix("UUID=").map(str::to_owned);
            let device = given
                .as_deref()
                .and_then(|u| devices.get(u).copied())
                .unwrap_or(field("device"));
            if any(&self.devices, device) && any(&self.fstypes, field("fstype")) {
                let uuid = given.or_else(|| uuids.get(device).map(|u| (*u).to_owned()));
                mounts.push((mount, uuid));
            }
        }
        let mut warnings = Vec::new();
        let sizes = self.sizes(&mounts, known, &mut warnings)?;
        let (mut points, mut all) = (Map::new(), Vec::new());
        let mut repeated: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (mount, uuid) in mounts {
            let mut fields = mount.fields;
            let point = fields
                .get("mount")
                .map_or_else(String::new, Value::to_string);
            for (key, n) in sizes.get(&point).map(|s| size_facts(s)).unwrap_or_default() {
                fields.insert(key.to_owned(), Value::Int(n));
            }
            let context = [
                ("source", Value::from(mount.source.as_str())),
                ("source_data", Value::from(mount.line)),
            ];
            fields.insert("ansible_context".into(), Value::map(context));
            fields.insert("uuid".into(), Value::from(uuid));
            if !seen.insert((mount.source.clone(), point.clone())) {
                repeated
                    .entry(mount.source)
                    .or_default()
                    .insert(point.clone());
            }
            let fields = Value::from(fields);
            points.entry(point).or_insert_with(|| fields.clone());
            all.push(fields);
        }
        if !repeated.is_empty() && self.aggregate.is_none() {
            let shown: Vec<String> = repeated
                .iter()
                .map(|(source, points)| {
                    format!(
                        "{source}: {}",
                        points.iter().cloned().collect::<Vec<_>>().join(", ")
                    )
                })
                .collect();
            warnings.push(format!(
                "`mount_facts` left out mounts that lie under others at the same point ({}); set `include_aggregate_mounts`",
                shown.join("; ")
            ));
        }
        if self.aggregate != Some(true) {
            all.clear();
        }
        let facts = [
            ("mount_points", Value::from(points)),
            ("aggregate_mounts", Value::from(all)),
        ];
        let mut result = Map::new();
        result.insert("ansible_facts".into(), Value::map(facts));
        Ok(Decision {
            warnings,
            ..Decision::same(result)
        })
    }
}

impl MountFacts {
    /// Every line of every source, in order; a file met a second time under another name is left out.
    fn mounts(&self, raw: &Raw<'_>) -> Vec<Mount> {
        let real: BTreeMap<&str, String> = raw
            .section("real")
            .lines()
            .filter_map(|l| l.split_once(' '))
            .map(|(real, name)| (name, same_process(real)))
            .collect();
        let mut seen = BTreeSet::new();
        let mut out = Vec::new();
        let mut fallback = false;
        let mut dynamic = false;
        for source in &self.sources {
            let found = if source == "mount" {
                printed(raw.section("mount"))
            } else {
                let file = quote_free(source);
                let place = real
                    .get(file.as_str())
                    .filter(|r| !r.is_empty())
                    .unwrap_or(&file);
                if !seen.insert(place.clone()) {
                    continue;
                }
                table(source, raw.file(&file).unwrap_or_default())
            };
            fallback |= DYNAMIC.contains(&source.as_str());
            dynamic |=
                !found.is_empty() && (source == "mount" || DYNAMIC.contains(&source.as_str()));
            out.extend(found);
        }
        if fallback && !dynamic && self.binary.is_some() {
            out.extend(printed(raw.section("mount")));
        }
        out
    }

    /// Sizes by mount point; asks the host for them.
    fn sizes(
        &self,
        mounts: &[(Mount, Option<String>)],
        known: &Known,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, Vec<i64>>, Step> {
        let points: BTreeSet<String> = mounts
            .iter()
            .filter_map(|(m, _)| Some(quote_free(m.fields.get("mount")?.as_str()?)))
            .collect();
        if points.is_empty() {
            return Ok(BTreeMap::new());
        }
        let limit = self
            .timeout
            .map_or(String::new(), |s| format!("timeout -s KILL {s} "));
        let format = "'%S %s %b %a %c %d %n'";
        let script = match self.timeout {
            None => format!(
                "stat -f -c {format} {} 2>/dev/null\n",
                quote::words(&points)
            ),
            // One by one, so that it is known which one does not answer.
            Some(_) => format!(
                "for m in {}; do {limit}stat -f -c {format} \"$m\" 2>/dev/null; case $? in 124|137) printf '@@slow %s\\n' \"$m\";; esac; done\n",
                quote::words(&points)
            ),
        };
        let (_, out, _) = known.output(Query::Read {
            script,
            env: self.env.clone(),
        })?;
        for line in out.lines() {
            if let Some(point) = line.strip_prefix("@@slow ") {
                let message = format!("`mount_facts`: {point} did not tell its size in time");
                match self.on_timeout.as_str() {
                    "warn" => warnings.push(message),
                    "ignore" => {}
                    _ => return Err(Fail::new(message).into()),
                }
            }
        }
        Ok(out
            .lines()
            .filter_map(statfs)
            .map(|(p, n)| (p.to_owned(), n))
            .collect())
    }
}

/// `/proc/123/mounts` is the same for every process that asks.
fn same_process(path: &str) -> String {
    match path.strip_prefix("/proc/").and_then(|r| r.split_once('/')) {
        Some((pid, rest)) if pid.bytes().all(|b| b.is_ascii_digit()) => {
            format!("/proc/self/{rest}")
        }
        _ => path.to_owned(),
    }
}

/// Whether one of the patterns matches; all do when there are none.
fn any(patterns: &[String], text: &str) -> bool {
    let matches = |p: &String| {
        let mut pattern = p.clone();
        // `**` means no more than `*` here
        while pattern.contains("**") {
            pattern = pattern.replace("**", "*");
        }
        glob::Pattern::new(&pattern).map_or(p == text, |g| g.matches(text))
    };
    patterns.is_empty() || patterns.iter().any(matches)
}

/// Lines of fstab(5). A file with a line that is none is no such file, and has nothing.
fn table(source: &str, text: &str) -> Vec<Mount> {
    let mut out = Vec::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        let words: Vec<String> = line.split_whitespace().map(unescape).collect();
        let [device, mount, fstype, options, rest @ ..] = words.as_slice() else {
            return Vec::new();
        };
        let mut fields = base(device, mount, fstype, options);
        for (key, number) in ["dump", "passno"].iter().zip(rest) {
            let Ok(number) = number.parse::<i64>() else {
                return Vec::new();
            };
            fields.insert((*key).to_owned(), Value::Int(number));
        }
        out.push(Mount {
            source: source.to_owned(),
            line: line.to_owned(),
            fields,
        });
    }
    out
}

/// What `mount` prints: `DEVICE on POINT type TYPE (OPTIONS)`.
fn printed(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let (device, rest) = line.split_once(" on ")?;
            let (mount, rest) = rest.split_once(" type ")?;
            let (fstype, options) = rest.split_once(" (")?;
            Some(Mount {
                source: "mount".to_owned(),
                line: line.to_owned(),
                fields: base(device, mount, fstype, options.strip_suffix(')')?),
            })
        })
        .collect()
}

fn base(device: &str, mount: &str, fstype: &str, options: &str) -> Map {
    [
        ("device", device),
        ("mount", mount),
        ("fstype", fstype),
        ("options", options),
    ]
    .map(|(k, v)| (k.to_owned(), Value::from(v)))
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Answer, Pause};

    const OUT: &str = "@@hoist:links\nl 1 /dev/disk/by-uuid/1234 -> ../../vda\n@@hoist:real\n/proc/55/mounts /etc/mtab\n/proc/66/mounts /proc/mounts\n/etc/fstab /etc/fstab\n/etc/filesystems /etc/filesystems\n\
        @@hoist:files\n/etc/mtab:/dev/vda / ext4 rw 0 0\n/etc/mtab:tmpfs /run tmpfs rw,size=5 0 0\n/etc/mtab:srv:/x /run nfs4 rw 0 0\n\
        /proc/mounts:/dev/vda / ext4 rw 0 0\n/etc/fstab:# a comment\n/etc/fstab:UUID=1234 / ext4 errors=remount-ro 0 1\n/etc/fstab:/dev/sr0 /media/cd\\0401 iso9660 ro\n\
        /etc/filesystems:ext4\n@@hoist:mount\n";

    fn decide(args: &[(&str, Value)], sizes: &str) -> Result<Decision, Fail> {
        let given: Map = args
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        let bound = Args::bind(&SPEC, &given)?;
        let Bound::Decide(module) = bind(&bound, &crate::modules::facts::testing::context())?
        else {
            unreachable!()
        };
        let mut known = Known::default();
        for stdout in [OUT, sizes] {
            match module.decide(&known) {
                Err(Pause::Need(queries)) => {
                    for query in queries {
                        let stdout = stdout.to_owned();
                        known.learn(
                            query,
                            Answer::Output {
                                rc: 0,
                                stdout,
                                stderr: String::new(),
                            },
                        );
                    }
                }
                Err(Pause::Fail(fail)) => return Err(fail),
                Ok(decision) => return Ok(decision),
            }
        }
        module.decide(&known).map_err(|pause| match pause {
            Pause::Fail(fail) => fail,
            Pause::Need(_) => Fail::new("asks for ever"),
        })
    }

    #[test]
    fn first_of_a_point_wins_and_repeats_are_told() {
        let decision = decide(&[], "4096 4096 100 40 50 20 /\n").unwrap();
        insta::assert_snapshot!(decision.warnings.join("\n"), @"`mount_facts` left out mounts that lie under others at the same point (/etc/mtab: /run); set `include_aggregate_mounts`");
        insta::assert_snapshot!(serde_json::to_string(&decision.result).unwrap(), @r#"{"ansible_facts":{"mount_points":{"/":{"device":"/dev/vda","mount":"/","fstype":"ext4","options":"rw","dump":0,"passno":0,"size_total":409600,"size_available":163840,"block_size":4096,"block_total":100,"block_available":40,"block_used":60,"inode_total":50,"inode_available":20,"inode_used":30,"ansible_context":{"source":"/etc/mtab","source_data":"/dev/vda / ext4 rw 0 0"},"uuid":"1234"},"/run":{"device":"tmpfs","mount":"/run","fstype":"tmpfs","options":"rw,size=5","dump":0,"passno":0,"ansible_context":{"source":"/etc/mtab","source_data":"tmpfs /run tmpfs rw,size=5 0 0"},"uuid":null},"/media/cd 1":{"device":"/dev/sr0","mount":"/media/cd 1","fstype":"iso9660","options":"ro","ansible_context":{"source":"/etc/fstab","source_data":"/dev/sr0 /media/cd\\0401 iso9660 ro"},"uuid":null}},"aggregate_mounts":[]}}"#);
    }

    #[test]
    fn patterns_sources_and_slow_mounts() {
        let count = |args: &[(&str, Value)]| {
            let result = decide(args, "").unwrap().result;
            result["ansible_facts"]
                .get("aggregate_mounts")
                .and_then(Value::as_list)
                .map(<[_]>::len)
        };
        let all = ("include_aggregate_mounts", Value::Bool(true));
        let one = |k, v: &str| (k, Value::list([Value::from(v)]));
        assert_eq!(count(std::slice::from_ref(&all)), Some(5));
        assert_eq!(count(&[all.clone(), one("devices", "[!/]*")]), Some(2));
        assert_eq!(count(&[all.clone(), one("devices", "/dev/vd**")]), Some(2));
        assert_eq!(count(&[all.clone(), one("fstypes", "ext4")]), Some(2));
        assert_eq!(count(&[all, one("sources", "static")]), Some(2));
        let slow = |what: &str| {
            decide(
                &[
                    ("timeout", Value::Int(1)),
                    ("on_timeout", Value::from(what)),
                ],
                "@@slow /run\n",
            )
        };
        insta::assert_snapshot!(slow("error").err().unwrap().msg, @"`mount_facts`: /run did not tell its size in time");
        assert_eq!(slow("warn").unwrap().warnings.len(), 2);
        assert_eq!(slow("ignore").unwrap().warnings.len(), 1);
    }
}
