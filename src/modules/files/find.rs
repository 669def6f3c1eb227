//! `ansible.builtin.find`: paths below directories, by name, age, size, mode and content.

use super::digest::algorithm;
use super::find_entry::{DIRECTORY, Entry, LINK, REGULAR};
use super::mode::Mode;
use super::pattern::Pattern;
use super::setting::{Setting, basename};
use crate::host::{Algorithm, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// See Ansible's page of `find`.
pub static FIND: Spec = Spec {
    name: "ansible.builtin.find",
    aliases: &[],
    about: "lists paths below directories",
    free_form: None,
    args: &[&[
        Arg::list("paths", "the directories")
            .alias(&["name", "path"])
            .required(),
        Arg::list(
            "patterns",
            "globs (regular expressions with `use_regex`) for the name",
        )
        .alias(&["pattern"]),
        Arg::list("excludes", "the same, for names to leave out").alias(&["exclude"]),
        Arg::bool(
            "use_regex",
            "patterns are regular expressions, matched from the name's beginning",
        )
        .default("false"),
        Arg::str(
            "contains",
            "a regular expression for the beginning of some line",
        ),
        Arg::bool(
            "read_whole_file",
            "`contains` is looked for anywhere in the file",
        )
        .default("false"),
        Arg::str("file_type", "what is listed")
            .default("file")
            .choices(&["any", "directory", "file", "link"]),
        Arg::str(
            "age",
            "at least this old (`2d`; units s m h d w), or with `-` at most",
        ),
        Arg::str("age_stamp", "which time counts")
            .default("mtime")
            .choices(&["atime", "ctime", "mtime"]),
        Arg::str(
            "size",
            "at least this long (`10m`; units b k m g t), or with `-` at most",
        ),
        Arg::bool("recurse", "descend").default("false"),
        Arg::int("depth", "how deep; nothing for all the way"),
        Arg::bool("hidden", "names with a dot too").default("false"),
        Arg::bool("follow", "descend through links to directories").default("false"),
        Arg::bool("get_checksum", "a checksum of each file").default("false"),
        Arg::str("checksum_algorithm", "which one")
            .alias(&["checksum", "checksum_algo"])
            .default("sha1")
            .choices(&["md5", "sha1", "sha224", "sha256", "sha384", "sha512"]),
        Arg::of("mode", Kind::Str, "permissions the path must have"),
        Arg::bool("exact_mode", "exactly these, not any of them").default("true"),
        Arg::str(
            "encoding",
            "how the files that `contains` reads are encoded; utf-8",
        ),
        Arg::int("limit", "stop after so many"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("files", "what was found, each as `stat` describes it"),
        ("matched", "how many"),
        ("examined", "how many were looked at"),
        ("skipped_paths", "what could not be looked at, and why"),
        ("msg", "whether all was looked at"),
    ],
    example: "- find:\n    paths: /var/log\n    patterns: '*.log'\n    age: 4w\n    size: 10m\n    recurse: true\n  register: old\n",
    run: Run::Bind(bind),
};

struct Find {
    paths: Vec<String>,
    patterns: Vec<Pattern>,
    excludes: Vec<Pattern>,
    contains: Option<Pattern>,
    whole: bool,
    kind: String,
    age: Option<i64>,
    stamp: String,
    size: Option<i64>,
    depth: Option<i64>,
    hidden: bool,
    follow: bool,
    checksum: Option<Algorithm>,
    mode: Option<(u32, bool)>,
    limit: Option<usize>,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let regex = args.bool("use_regex");
    let compile = |name: &str| -> Result<Vec<Pattern>, Fail> {
        let list = args.list(name);
        list.iter()
            .map(|p| {
                Pattern::new(
                    &if regex {
                        format!(r"\A(?:{p})")
                    } else {
                        glob(p)
                    },
                    false,
                )
            })
            .collect()
    };
    let whole = args.bool("read_whole_file");
    if let Some(encoding) = args.opt_str("encoding")
        && !matches!(
            encoding.to_ascii_lowercase().as_str(),
            "utf-8" | "utf8" | "ascii" | "us-ascii"
        )
    {
        return Err(Fail::new(format!(
            "encoding `{encoding}` is not supported: files are read as utf-8"
        )));
    }
    let contains = args
        .opt_str("contains")
        .map(|p| {
            Pattern::new(
                &if whole {
                    p.to_owned()
                } else {
                    format!(r"\A(?:{p})")
                },
                false,
            )
        })
        .transpose()?;
    let limit = match args.int("limit") {
        Some(n) if n <= 0 => {
            return Err(Fail::new(format!(
                "limit cannot be {n} (use None for unlimited)"
            )));
        }
        n => n.and_then(|n| usize::try_from(n).ok()),
    };
    let mode = match args.opt_str("mode").filter(|m| !m.is_empty()) {
        Some(mode) => Some((
            Mode::parse(&mode.into())?.applied(0, false, 0o022),
            args.bool("exact_mode"),
        )),
        None => None,
    };
    let recurse = args.bool("recurse");
    Ok(Bound::Decide(Box::new(Find {
        paths: args.list("paths"),
        patterns: compile("patterns")?,
        excludes: compile("excludes")?,
        contains,
        whole,
        kind: args.str("file_type").to_owned(),
        age: args
            .opt_str("age")
            .map(|a| {
                measure(
                    "age",
                    a,
                    &[
                        ("s", 1),
                        ("m", 60),
                        ("h", 3600),
                        ("d", 86400),
                        ("w", 604_800),
                    ],
                )
            })
            .transpose()?,
        stamp: args.str("age_stamp").to_owned(),
        size: args
            .opt_str("size")
            .map(|s| {
                measure(
                    "size",
                    s,
                    &[
                        ("b", 1),
                        ("k", 1 << 10),
                        ("m", 1 << 20),
                        ("g", 1 << 30),
                        ("t", 1 << 40),
                    ],
                )
            })
            .transpose()?,
        depth: if recurse {
            args.int("depth").filter(|d| *d != 0)
        } else {
            Some(1)
        },
        hidden: args.bool("hidden"),
        follow: args.bool("follow"),
        checksum: args
            .bool("get_checksum")
            .then(|| algorithm(args.str("checksum_algorithm")))
            .flatten(),
        mode,
        limit,
        setting: Setting::of(ctx),
    })))
}

/// A number with a unit: `-3d`, `10m`.
fn measure(what: &str, text: &str, units: &[(&str, i64)]) -> Result<i64, Fail> {
    let text = text.to_lowercase();
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|n| (n, *factor)))
        .unwrap_or((&text, 1));
    number
        .parse::<i64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(|| Fail::new(format!("failed to process {what}")).with(what, text.clone()))
}

/// A shell pattern as a regular expression, as Python's `fnmatch.translate`.
fn glob(pattern: &str) -> String {
    let mut out = String::from(r"(?s)\A");
    let chars: Vec<char> = pattern.chars().collect();
    let mut i = 0;
    while let Some(c) = chars.get(i) {
        i += 1;
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => {
                let mut end = i;
                if chars.get(end) == Some(&'!') {
                    end += 1;
                }
                if chars.get(end) == Some(&']') {
                    end += 1;
                }
                while chars.get(end).is_some_and(|c| *c != ']') {
                    end += 1;
                }
                if end >= chars.len() {
                    out.push_str(r"\[");
                } else {
                    let class: String = chars[i..end]
                        .iter()
                        .collect::<String>()
                        .replace('\\', r"\\");
                    let class = match class.strip_prefix('!') {
                        Some(rest) => format!("^{rest}"),
                        None if class.starts_with('^') => format!(r"\{class}"),
                        None => class,
                    };
                    out.push_str(&format!("[{class}]"));
                    i = end + 1;
                }
            }
            c => {
                if r".+(){}|^$\[]#&~-".contains(*c) {
                    out.push('\\');
                }
                out.push(*c);
            }
        }
    }
    out + r"\Z"
}

impl Find {
    /// Everything below the paths, a line each; the first line is the time, others say which path begins or is no directory.
    fn listing(&self, paths: &[String]) -> Query {
        let tab = "\t";
        let mut script = format!(
            "export LC_ALL=C; date +%s; if stat -c %.9X / >/dev/null 2>&1; then t='%.9X{tab}%.9Y{tab}%.9Z'; else t='%X{tab}%Y{tab}%Z'; fi\n\
             f=\"%f{tab}%u{tab}%g{tab}%s{tab}%i{tab}%d{tab}%h{tab}$t{tab}%U{tab}%G{tab}%n\"\n"
        );
        let depth = self
            .depth
            .map(|d| format!(" -maxdepth {}", if d == 1 { 1 } else { d + 1 }))
            .unwrap_or_default();
        let follow = if self.follow { "-L " } else { "" };
        for path in paths {
            let bare = match path.trim_end_matches('/') {
                "" => "/",
                bare => bare,
            };
            let at = quote::path(bare);
            // A directory that is a link is entered, as `os.walk` does.
            let inside = if bare == "/" {
                "/".to_owned()
            } else {
                format!("{at}/")
            };
            script += &format!(
                "if [ -d {at} ]; then find {follow}{inside} -mindepth 1{depth} -exec stat -c \"$f\" {{}} + 2>&1; else printf 'none{tab}%s\\n' {at}; fi\n"
            );
        }
        self.setting.read(script)
    }

    fn chosen(&self, entry: &Entry, now: f64) -> bool {
        let name = basename(&entry.path);
        if name.starts_with('.') && !self.hidden {
            return false;
        }
        let kind = match self.kind.as_str() {
            "any" => true,
            "directory" => entry.is(DIRECTORY),
            "link" => entry.is(LINK),
            _ => entry.is(REGULAR),
        };
        let named = self.patterns.is_empty() || self.patterns.iter().any(|p| p.is_in(name));
        let left_out = self.excludes.iter().any(|p| p.is_in(name));
        let time = match self.stamp.as_str() {
            "atime" => entry.times[0],
            "ctime" => entry.times[2],
            _ => entry.times[1],
        };
        let old = self.age.is_none_or(|age| {
            if age >= 0 {
                now - time >= age as f64
            } else {
                now - time <= -age as f64
            }
        });
        let sized = !entry.is(REGULAR)
            || self.size.is_none_or(|size| {
                if size >= 0 {
                    entry.size >= size
                } else {
                    entry.size <= -size
                }
            });
        let bits = entry.bits & 0o7777;
        let moded = self.mode.is_none_or(|(mode, exact)| {
            if exact {
                bits == mode
            } else {
                bits & mode != 0
            }
        });
        kind && named && !left_out && old && sized && moded
    }

    fn holds(&self, text: &[u8], pattern: &Pattern) -> bool {
        let Ok(text) = std::str::from_utf8(text) else {
            return false;
        };
        if self.whole {
            pattern.is_in(text)
        } else {
            text.split_inclusive('\n').any(|l| pattern.is_in(l))
        }
    }
}

impl Decide for Find {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        known.all(self.paths.iter().filter_map(|p| self.setting.expansion(p)))?;
        let paths: Vec<String> = self
            .paths
            .iter()
            .map(|p| self.setting.expand(known, p))
            .collect::<Result<_, Step>>()?;
        let (_, out, _) = known.output(self.listing(&paths))?;
        let mut lines = out.lines();
        let now: f64 = lines
            .next()
            .and_then(|l| l.trim().parse().ok())
            .unwrap_or_default();
        let (mut found, mut skipped, mut warnings, mut examined) =
            (Vec::new(), Map::new(), Vec::new(), 0);
        for line in lines {
            if let Some(path) = line.strip_prefix("none\t") {
                let why = format!("'{path}' is not a directory");
                warnings.push(format!(
                    "Skipped '{path}' path due to this access issue: {why}"
                ));
                skipped.insert(path.to_owned(), why.into());
            } else if let Some(mut entry) = Entry::parse(line) {
                examined += 1;
                entry.path = entry.path.replace("//", "/");
                let below = |base: &String| {
                    let base = base.trim_end_matches('/');
                    entry
                        .path
                        .strip_prefix(base)
                        .filter(|r| r.starts_with('/'))
                        .map(|r| r.matches('/').count() as i64)
                };
                let deep = paths.iter().filter_map(below).min().unwrap_or(1);
                if self.depth.is_none_or(|d| deep <= d) && self.chosen(&entry, now) {
                    found.push(entry);
                }
            } else if let Some((path, why)) = line
                .strip_prefix("find: ")
                .and_then(|l| l.rsplit_once(": "))
            {
                skipped.insert(path.trim_matches(['\'', '`', '"']).to_owned(), why.into());
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.dedup_by(|a, b| a.path == b.path);
        if let Some(pattern) = self.contains.as_ref().filter(|_| self.kind == "file") {
            known.all(found.iter().map(|e| Query::Content {
                path: e.path.clone(),
            }))?;
            let mut kept = Vec::new();
            for entry in found {
                if known
                    .content(&entry.path)?
                    .is_some_and(|text| self.holds(&text, pattern))
                {
                    kept.push(entry);
                }
            }
            found = kept;
        }
        let mut msg = "All paths examined";
        if let Some(limit) = self.limit
            && found.len() >= limit
        {
            found.truncate(limit);
            msg = "Limit of matches reached";
        }
        if !warnings.is_empty() {
            msg = "Not all paths examined, check warnings for details";
        }
        let regular = |e: &&Entry| e.is(REGULAR);
        if let Some(algorithm) = self.checksum {
            known.all(found.iter().filter(regular).map(|e| Query::Digest {
                path: e.path.clone(),
                algorithm,
            }))?;
        }
        let mut files = Vec::new();
        for entry in &found {
            let mut file = entry.describe();
            if let Some(algorithm) = self.checksum.filter(|_| entry.is(REGULAR)) {
                file.insert(
                    "checksum".into(),
                    known
                        .digest(&entry.path, algorithm)?
                        .map(str::to_owned)
                        .into(),
                );
            }
            files.push(Value::from(file));
        }
        let mut result = Map::new();
        result.insert("matched".into(), files.len().into());
        result.insert("files".into(), files.into());
        result.insert("msg".into(), msg.into());
        result.insert("examined".into(), i64::from(examined).into());
        result.insert("skipped_paths".into(), skipped.into());
        Ok(Decision {
            warnings,
            ..Decision::same(result)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    fn names(args: Json, dir: &str) -> String {
        let mut args: Json = args;
        args["paths"] = dir.into();
        let decision = Host::real().decide(&FIND, &args, false).unwrap();
        let list = decision.result["files"].as_list().unwrap().to_vec();
        list.iter()
            .map(|f| {
                f.get("path")
                    .unwrap()
                    .to_string()
                    .replacen(&format!("{dir}/"), "", 1)
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_real_tree() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_string_lossy().into_owned();
        for (name, text) in [
            ("a.log", "one\ntwo\n"),
            ("b.txt", "x"),
            (".h", "h"),
            ("sub/c.log", "deep\n"),
            ("sub/x/d.log", "deeper"),
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("a.log", dir.path().join("l")).unwrap();
        for (args, wanted) in [
            (json!({}), "a.log b.txt"),
            (json!({"hidden": true}), ".h a.log b.txt"),
            (
                json!({"patterns": "*.log", "recurse": true}),
                "a.log sub/c.log sub/x/d.log",
            ),
            (
                json!({"patterns": "*.log", "recurse": true, "depth": 2}),
                "a.log sub/c.log",
            ),
            (
                json!({"patterns": ["*.log", "b*"], "excludes": "a*"}),
                "b.txt",
            ),
            (
                json!({"patterns": "[ac].*", "use_regex": true, "recurse": true}),
                "a.log sub/c.log",
            ),
            (
                json!({"patterns": "log$", "use_regex": true, "recurse": true}),
                "",
            ),
            (json!({"contains": "tw"}), "a.log"),
            (json!({"contains": "wo"}), ""),
            (
                json!({"contains": "e\nt", "read_whole_file": true}),
                "a.log",
            ),
            (
                json!({"file_type": "directory", "recurse": true}),
                "sub sub/x",
            ),
            (json!({"file_type": "link"}), "l"),
            (json!({"file_type": "any"}), "a.log b.txt l sub"),
            (json!({"size": "2"}), "a.log"),
            (json!({"size": "-2b"}), "b.txt"),
            (json!({"age": "1h"}), ""),
            (json!({"age": "-1h"}), "a.log b.txt"),
            (json!({"limit": 1}), "a.log"),
        ] {
            assert_eq!(names(args.clone(), &at), wanted, "{args}");
        }
        let decision = Host::real()
            .decide(
                &FIND,
                &json!({"path": [at, "/none"], "get_checksum": true}),
                false,
            )
            .unwrap();
        assert_eq!(
            decision.result["files"].as_list().unwrap()[1]
                .get("checksum")
                .unwrap()
                .to_string(),
            "11f6ad8ec52a2984abaafd7c3b516503785c2072"
        );
        assert_eq!(
            (
                decision.result["examined"].clone(),
                decision.result["matched"].clone()
            ),
            (5.into(), 2.into())
        );
        insta::assert_snapshot!(decision.result["skipped_paths"].to_string() + &decision.result["msg"].to_string(), @r#"{'/none': "'/none' is not a directory"}Not all paths examined, check warnings for details"#);
    }

    #[test]
    fn globs() {
        for (pattern, name, wanted) in [
            ("*.l?g", "a.log", true),
            ("[!a]*", "b", true),
            ("[!a]*", "a", false),
            ("a[", "a[", true),
            ("a+", "aa", false),
            ("[^a]", "^", true),
        ] {
            assert_eq!(
                Pattern::new(&glob(pattern), false).unwrap().is_in(name),
                wanted,
                "{pattern} {name}"
            );
        }
        insta::assert_snapshot!(measure("age", "2x", &[("d", 1)]).unwrap_err().msg, @"failed to process age");
    }
}
