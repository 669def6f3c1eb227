//! `community.general.ini_file`: one option of an INI file.

use super::attrs::FILE_ARGS;
use super::edit::{Editor, lines};
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// See the page of `community.general.ini_file`.
pub static INI_FILE: Spec = Spec {
    name: "community.general.ini_file",
    aliases: &[],
    about: "sets or removes an option in a section of an INI file",
    free_form: None,
    args: &[
        &[
            Arg::path("path", "the file").alias(&["dest"]).required(),
            Arg::str(
                "section",
                "the section; none for what stands before the first",
            ),
            Arg::str("option", "the option; none for the whole section"),
            Arg::str("value", "its value"),
            Arg::list("values", "its values, when it stands more than once"),
            Arg::str("state", "whether it shall be there")
                .default("present")
                .choices(&["absent", "present"]),
            Arg::bool("exclusive", "remove other lines of the option").default("true"),
            Arg::bool("no_extra_spaces", "no blanks around `=`").default("false"),
            Arg::bool("ignore_spaces", "a line that differs in blanks only stays").default("false"),
            Arg::bool("create", "make the file when it is missing").default("true"),
            Arg::bool("allow_no_value", "an option may stand without `=`").default("false"),
            Arg::bool(
                "modify_inactive_option",
                "a line that is commented out may be taken for the option",
            )
            .default("true"),
            Arg::bool("backup", "keep a dated copy of the old file").default("false"),
            Arg::bool(
                "follow",
                "write through a symbolic link, instead of replacing it",
            )
            .default("false"),
            Arg::of(
                "section_has_values",
                Kind::ListAny,
                "of several sections of that name the first that has these: mappings with `option` and `value` or `values`",
            ),
        ],
        FILE_ARGS,
    ],
    rules: &[Rule::Exclusive(&["value", "values"])],
    check: CheckSupport::Full,
    returns: &[
        ("path", "the file"),
        ("msg", "what was done"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- community.general.ini_file:\n    path: /etc/app.ini\n    section: server\n    option: port\n    value: '8080'\n",
    run: Run::Bind(bind),
};

struct IniFile {
    section: Option<String>,
    /// Options, each with the values it may have, that tell the section from others of its name.
    conditions: Vec<(String, Vec<String>)>,
    option: Option<String>,
    values: Vec<String>,
    absent: bool,
    exclusive: bool,
    tight: bool,
    ignore_spaces: bool,
    create: bool,
    bare: bool,
    inactive: bool,
    follow: bool,
    editor: Editor,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| {
        args.opt_str(name)
            .map(str::to_owned)
            .filter(|s| !s.is_empty())
    };
    let absent = args.str("state") == "absent";
    let mut values = match args.opt_str("value") {
        Some(value) => vec![value.to_owned()],
        None => args.list("values"),
    };
    if !absent && !args.bool("allow_no_value") && values.is_empty() {
        return Err(Fail::new(
            "Parameter 'value(s)' must be defined if state=present and allow_no_value=False.",
        ));
    }
    let mut seen = std::collections::BTreeSet::new();
    values.retain(|v| seen.insert(v.clone()));
    Ok(Bound::Decide(Box::new(IniFile {
        conditions: conditions(args)?,
        section: own("section"),
        option: own("option"),
        values,
        absent,
        exclusive: args.bool("exclusive"),
        tight: args.bool("no_extra_spaces"),
        ignore_spaces: args.bool("ignore_spaces"),
        create: args.bool("create"),
        bare: args.bool("allow_no_value"),
        inactive: args.bool("modify_inactive_option"),
        follow: args.bool("follow"),
        editor: Editor::of(args, "path", Setting::of(ctx))?,
    })))
}

/// What `section_has_values` says.
fn conditions(args: &Args) -> Result<Vec<(String, Vec<String>)>, Fail> {
    let mut out = Vec::new();
    let given = args.raw("section_has_values").and_then(Value::as_list);
    for condition in given.unwrap_or_default() {
        let wrong = || {
            Fail::new(
                "`section_has_values` must be a list of mappings with `option` and `value` or `values`",
            )
        };
        let map = condition.as_map().ok_or_else(wrong)?;
        let (mut option, mut values) = (None, Vec::new());
        for (key, value) in map {
            match (key.as_str(), value) {
                (_, Value::Null) => {}
                ("option", value) => option = Some(value.to_string()),
                ("values", Value::List(all)) => values.extend(all.iter().map(Value::to_string)),
                ("value" | "values", value) => values.push(value.to_string()),
                _ => return Err(wrong()),
            }
        }
        out.push((option.ok_or_else(wrong)?, values));
    }
    Ok(out)
}

impl Decide for IniFile {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let mut loaded = self.editor.load(known)?;
        if !self.follow {
            loaded.real.clone_from(&loaded.path);
        }
        if loaded.stat.is_none() && !self.create {
            return Err(
                Fail::new(format!("Destination {} does not exist!", loaded.path))
                    .with("rc", 257)
                    .into(),
            );
        }
        let (text, bytewise) = loaded.text();
        if bytewise {
            return Err(Fail::new(format!("`{}` is not UTF-8", loaded.path)).into());
        }
        let (new, msg, mut changed) = self.edit(text.trim_start_matches('\u{feff}'));
        changed |= loaded.stat.is_none() && !self.absent;
        let edited =
            self.editor
                .decide(known, &loaded, changed.then(|| new.clone().into_bytes()))?;
        let mut result = Map::new();
        result.insert("path".into(), loaded.path.clone().into());
        result.insert("msg".into(), msg.into());
        let size = if edited.written {
            new.len() as u64
        } else {
            loaded.stat.as_ref().map_or(0, |s| s.size)
        };
        if edited.written || loaded.stat.is_some() {
            edited.resolved.describe(&mut result, "file", size);
        } else {
            result.insert("state".into(), "absent".into());
        }
        let diff = self.editor.diffs(&loaded, &edited, &text, &new);
        Ok(edited.finish(result, "backup_file", false, diff))
    }
}

/// The value of a line that sets `option`; active lines only unless `inactive`.
fn value_of<'l>(option: &str, line: &'l str, inactive: bool) -> Option<(bool, &'l str)> {
    let blank = [' ', '\t'];
    let line = line.trim_end_matches('\n');
    let mut rest = line.trim_start_matches(blank);
    let mut off = false;
    if inactive && let Some(behind) = rest.strip_prefix(['#', ';']) {
        (rest, off) = (behind.trim_start_matches(blank), true);
    }
    let rest = rest.strip_prefix(option)?.trim_start_matches(blank);
    match rest.strip_prefix('=') {
        Some(value) => Some((off, value.trim_start_matches(blank))),
        None => rest.is_empty().then_some((off, "")),
    }
}

impl IniFile {
    fn line(&self, option: &str, value: &str) -> String {
        if self.tight {
            format!("{option}={value}\n")
        } else {
            format!("{option} = {value}\n")
        }
    }

    /// Whether a section with these lines fulfils the conditions.
    fn is_meant<'l>(&self, section: impl Iterator<Item = &'l String> + Clone) -> bool {
        self.conditions.iter().all(|(option, values)| {
            section.clone().any(|line| {
                value_of(option, line, true)
                    .is_some_and(|(_, v)| values.is_empty() || values.iter().any(|w| w == v))
            })
        })
    }

    fn edit(&self, text: &str) -> (String, &'static str, bool) {
        let mut all = lines(text);
        let mut changed = false;
        if all.is_empty() {
            all.push("\n".into());
        }
        if let Some(last) = all.last_mut().filter(|l| !l.ends_with('\n')) {
            last.push('\n');
            changed = true;
        }
        // The section's lines, its head included; before the first head there is none.
        let head = |l: &String| l.starts_with('[');
        let mut start = 0;
        // The first section of that name, as Ansible has it.
        let found = match &self.section {
            None => Some(0),
            Some(name) => (0..all.len()).find(|at| {
                let own = all[*at]
                    .strip_prefix('[')
                    .and_then(|l| l.trim_start().strip_prefix(name.trim()))
                    .is_some_and(|l| l.trim_start().starts_with(']'));
                let below = all[at + 1..].iter().take_while(|l| !head(l));
                own && self.is_meant(below)
            }),
        };
        let Some(at) = found else {
            if self.absent {
                return (all.concat(), "OK", changed);
            }
            all.push(format!(
                "[{}]\n",
                self.section.as_deref().unwrap_or_default()
            ));
            let mut more = Vec::new();
            for (option, values) in &self.conditions {
                if Some(option) != self.option.as_ref() {
                    all.extend(values.iter().map(|v| self.line(option, v)));
                    if values.is_empty() && self.bare {
                        all.push(format!("{option}\n"));
                    }
                } else if !self.exclusive {
                    more.extend(values.iter().filter(|v| !self.values.contains(v)));
                }
            }
            let msg = match &self.option {
                Some(option) if !self.values.is_empty() || !more.is_empty() => {
                    all.extend(more.iter().map(|v| self.line(option, v)));
                    all.extend(self.values.iter().map(|v| self.line(option, v)));
                    "section and option added"
                }
                Some(option) if self.bare => {
                    all.push(format!("{option}\n"));
                    "section and option added"
                }
                _ => "only section added",
            };
            return (all.concat(), msg, true);
        };
        if self.section.is_some() {
            start = at + 1;
        }
        let end = all[start..]
            .iter()
            .position(head)
            .map_or(all.len(), |n| start + n);
        if self.absent && self.option.is_none() {
            all.drain(at..end);
            return (all.concat(), "section removed", true);
        }
        let Some(option) = &self.option else {
            return (all.concat(), "OK", changed);
        };
        let mut part: Vec<String> = all[start..end].to_vec();
        let before = part.clone();
        let msg = if self.absent {
            self.remove(option, &mut part)
        } else {
            self.set(option, &mut part)
        };
        changed |= part != before;
        all.splice(start..end, part);
        (all.concat(), msg, changed)
    }

    fn remove(&self, option: &str, part: &mut Vec<String>) -> &'static str {
        let count = part.len();
        part.retain(|l| match value_of(option, l, false) {
            Some((_, value)) => !self.exclusive && !self.values.iter().any(|v| v == value),
            None => true,
        });
        if part.len() == count {
            "OK"
        } else {
            "option changed"
        }
    }

    fn set(&self, option: &str, part: &mut Vec<String>) -> &'static str {
        let mut msg = "OK";
        let mut left = self.values.clone();
        let mut done = vec![false; part.len()];
        let mut stands_bare = false;
        let mut put = |line: &mut String, new: String, done: &mut bool| {
            *done = true;
            let same = match (value_of(option, line, true), value_of(option, &new, true)) {
                (Some((false, old)), Some((_, new))) if self.ignore_spaces => old == new,
                _ => *line == new,
            };
            if !same {
                *line = new;
                msg = "option changed";
            }
        };
        for (line, done) in part.iter_mut().zip(&mut done) {
            let Some((_, value)) = value_of(option, line, self.inactive) else {
                continue;
            };
            let value = value.to_owned();
            if left.contains(&value) {
                left.retain(|v| *v != value);
                let new = if value.is_empty() && self.bare {
                    stands_bare = true;
                    format!("{option}\n")
                } else {
                    self.line(option, &value)
                };
                put(line, new, done);
            } else if self.values.is_empty() && self.bare {
                put(line, format!("{option}\n"), done);
                stands_bare = true;
                break;
            }
        }
        if self.exclusive && !self.bare {
            for (line, done) in part.iter_mut().zip(&mut done) {
                if !*done && !left.is_empty() && value_of(option, line, self.inactive).is_some() {
                    let value = left.remove(0);
                    put(line, self.line(option, &value), done);
                }
            }
            let mut at = 0;
            let count = part.len();
            part.retain(|l| {
                let keep = done.get(at).copied().unwrap_or(false)
                    || value_of(option, l, self.inactive).is_none();
                at += 1;
                keep
            });
            if part.len() != count {
                msg = "option changed";
            }
        }
        let mut new: Vec<String> = left.iter().map(|v| self.line(option, v)).collect();
        if self.values.is_empty() && self.bare && !stands_bare {
            new.push(format!("{option}\n"));
        }
        if !new.is_empty() {
            let quiet = |l: &String| l.trim().is_empty() || l.trim_start().starts_with(['#', ';']);
            let at = part.iter().rposition(|l| !quiet(l)).map_or(0, |n| n + 1);
            part.splice(at..at, new);
            msg = "option added";
        }
        msg
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    #[test]
    fn options_go_where_ansible_puts_them() {
        for (before, args, after, msg) in [
            (
                "[a]\nx = 1\n\n[b]\n",
                json!({"section": "a", "option": "x", "value": "2"}),
                "[a]\nx = 2\n\n[b]\n",
                "option changed",
            ),
            (
                "[a]\nx = 1\n\n[b]\n",
                json!({"section": "a", "option": "y", "value": "2"}),
                "[a]\nx = 1\ny = 2\n\n[b]\n",
                "option added",
            ),
            (
                "[a]\nx = 1\n",
                json!({"section": "b", "option": "y", "value": "2", "no_extra_spaces": true}),
                "[a]\nx = 1\n[b]\ny=2\n",
                "section and option added",
            ),
            (
                "[a]\n#x = 1\n",
                json!({"section": "a", "option": "x", "value": "2"}),
                "[a]\nx = 2\n",
                "option changed",
            ),
            (
                "[a]\n#x = 1\n",
                json!({"section": "a", "option": "x", "value": "2", "modify_inactive_option": false}),
                "[a]\nx = 2\n#x = 1\n",
                "option added",
            ),
            (
                "[a]\nx=1\nx=2\n",
                json!({"section": "a", "option": "x", "value": "2"}),
                "[a]\nx = 2\n",
                "option changed",
            ),
            (
                "[a]\nx=1\n",
                json!({"section": "a", "option": "x", "value": "1", "ignore_spaces": true}),
                "[a]\nx=1\n",
                "OK",
            ),
            (
                "[a]\nx = 1\n",
                json!({"section": "a", "option": "x", "values": ["2", "3"]}),
                "[a]\nx = 2\nx = 3\n",
                "option added",
            ),
            (
                "[a]\nx = 1\n",
                json!({"section": "a", "option": "x", "values": ["2"], "exclusive": false}),
                "[a]\nx = 1\nx = 2\n",
                "option added",
            ),
            (
                "[a]\nx = 1\n",
                json!({"section": "a", "option": "x", "state": "absent"}),
                "[a]\n",
                "option changed",
            ),
            (
                "[a]\nx = 1\n[b]\n",
                json!({"section": "a", "state": "absent"}),
                "[b]\n",
                "section removed",
            ),
            (
                "x = 1\n",
                json!({"option": "x", "value": "2"}),
                "x = 2\n",
                "option changed",
            ),
            (
                "[a]\n",
                json!({"section": "a", "option": "flag", "allow_no_value": true}),
                "[a]\nflag\n",
                "option added",
            ),
            (
                "[peer]\nkey = 1\nport = 1\n[peer]\nkey = 2\n",
                json!({"section": "peer", "option": "port", "value": "9", "section_has_values": [{"option": "key", "value": 2}]}),
                "[peer]\nkey = 1\nport = 1\n[peer]\nkey = 2\nport = 9\n",
                "option added",
            ),
            (
                "[peer]\nkey = 1\n",
                json!({"section": "peer", "option": "port", "value": "9", "section_has_values": [{"option": "key", "values": ["3"]}]}),
                "[peer]\nkey = 1\n[peer]\nkey = 3\nport = 9\n",
                "section and option added",
            ),
            (
                "[peer]\nkey = 1\n[peer]\nkey = 2\n",
                json!({"section": "peer", "state": "absent", "section_has_values": [{"option": "key", "value": "2"}]}),
                "[peer]\nkey = 1\n",
                "section removed",
            ),
            (
                "[a]\nx = 1",
                json!({"section": "a", "option": "x", "value": "1"}),
                "[a]\nx = 1\n",
                "OK",
            ),
        ] {
            let mut args: Json = args;
            args["path"] = "/etc/f".into();
            let mut host = Host::new().file("/etc/f", 0o644, before);
            let ran = host.settle(&INI_FILE, args.clone());
            assert_eq!(
                (
                    host.text("/etc/f").as_str(),
                    ran.get("msg").to_string().as_str()
                ),
                (after, msg),
                "{before:?} {args}"
            );
        }
        let mut host = Host::new();
        host.settle(&INI_FILE, json!({"path": "/etc/new/f", "section": "a", "option": "x", "value": 1, "mode": "0600"}));
        assert_eq!(
            (
                host.text("/etc/new/f").as_str(),
                host.nodes["/etc/new/f"].mode
            ),
            ("\n[a]\nx = 1\n", 0o600)
        );
    }
}
