//! Owner, group, mode and flags of a path: what a task asks for, what is there, what differs.

use super::label::{LABEL_ARGS, Label, Relabel};
use super::mode::{Mode, octal};
use super::setting::Setting;
use crate::host::{Action, Attrs, Cmd, FileType, Known, Query, Stat, Touches, quote};
use crate::modules::{Arg, Args, Diff, Fail, Step};
use crate::value::{Map, Value};

/// The arguments every module that writes files has. Follows `ansible.builtin.file` and the documentation fragment `files`.
pub static FILE_ARGS: &[Arg] = &[
    Arg::str("owner", "user that shall own the file, by name or number"),
    Arg::str("group", "group that shall own the file, by name or number"),
    Arg::mode(
        "mode",
        "permissions: octal in quotes ('0644') or symbolic (u=rw,g=r)",
    ),
    Arg::str("attributes", "flags for chattr(1), such as +i").alias(&["attr"]),
    Arg::bool(
        "unsafe_writes",
        "write into the file where it cannot be replaced, as on a bind mount",
    )
    .default("false"),
    LABEL_ARGS[0],
    LABEL_ARGS[1],
    LABEL_ARGS[2],
    LABEL_ARGS[3],
];

/// What a task asks of a path's owner, group, mode, flags and label.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Name or number.
    pub owner: Option<String>,
    /// Name or number.
    pub group: Option<String>,
    /// Permissions.
    pub mode: Option<Mode>,
    /// For chattr.
    pub flags: Option<String>,
    /// For chcon.
    pub label: Label,
    /// `unsafe_writes`.
    pub in_place: bool,
}

/// A path's attributes as they will be, and what has to be set for it.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What differs from what is there; for a new path, everything that was asked for.
    pub set: Attrs,
    /// Flags that chattr has to set.
    pub flags: Option<String>,
    /// The label that chcon has to set.
    pub label: Option<Relabel>,
    /// Differing attributes as they were, in Ansible's keys.
    pub before: Map,
    /// And as they will be.
    pub after: Map,
    /// Owner's number and name, as it will be.
    pub owner: (u32, String),
    /// Group's number and name.
    pub group: (u32, String),
    /// Permissions.
    pub mode: u32,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Wanted {
    /// From a module's arguments.
    ///
    /// # Errors
    /// A mode that is none.
    pub fn of(args: &Args) -> Result<Self, Fail> {
        Ok(Self {
            owner: args.opt_str("owner").map(str::to_owned),
            group: args.opt_str("group").map(str::to_owned),
            mode: args.raw("mode").map(Mode::parse).transpose()?,
            flags: args.opt_str("attributes").map(str::to_owned),
            label: Label::of(args),
            in_place: args.bool("unsafe_writes"),
        })
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.owner.is_none() && self.group.is_none() && self.mode.is_none() && self.is_plain()
    }

    /// Whether nothing is asked for that needs chattr or chcon.
    pub fn is_plain(&self) -> bool {
        self.flags.is_none() && self.label.is_empty()
    }

    /// What [`Wanted::at`] will ask of each path by a command: whoever has many asks for all at once.
    pub fn queries(&self, path: &str) -> impl Iterator<Item = Query> {
        let flags = self.flags.is_some().then(|| flags_query(path));
        flags.into_iter().chain(self.label.query(path))
    }

    /// Compares with what is at `path`, or with what would be there when something new of this kind is made.
    ///
    /// # Errors
    /// Answers that are needed; an owner or group that does not exist.
    pub fn at(
        &self,
        known: &Known,
        setting: &Setting,
        path: &str,
        stat: Option<&Stat>,
        kind: FileType,
    ) -> Result<Resolved, Step> {
        match stat {
            Some(stat) => self.existing(known, setting, path, stat),
            None => self.fresh(known, setting, path, kind),
        }
    }

    fn existing(
        &self,
        known: &Known,
        setting: &Setting,
        path: &str,
        stat: &Stat,
    ) -> Result<Resolved, Step> {
        self.ask_names(known, Some(stat))?;
        let owner = named(
            known,
            Who::User,
            self.owner.as_deref(),
            Some((stat.uid, &stat.owner)),
        )
        .map_err(|name| unknown(Who::User, &name, path))?
        .unwrap_or((stat.uid, stat.owner.clone()));
        let group = named(
            known,
            Who::Group,
            self.group.as_deref(),
            Some((stat.gid, &stat.group)),
        )
        .map_err(|name| unknown(Who::Group, &name, path))?
        .unwrap_or((stat.gid, stat.group.clone()));
        let mode = match &self.mode {
            // A link's own permissions cannot be set on Linux.
            Some(_) | None if stat.kind == FileType::Link => stat.mode,
            Some(mode) => {
                let umask = if mode.needs_umask() {
                    setting.umask(known)?
                } else {
                    0
                };
                mode.applied(stat.mode, stat.kind == FileType::Directory, umask)
            }
            None => stat.mode,
        };
        let mut out = Resolved {
            set: Attrs::default(),
            flags: None,
            label: self.label.differs(known, path)?,
            before: Map::new(),
            after: Map::new(),
            owner,
            group,
            mode,
            warnings: Vec::new(),
        };
        if let Some(label) = out.label.clone() {
            out.note("secontext", label.before, label.after);
        }
        if let Some(flags) = &self.flags {
            let has = flags_of(known, path)?;
            let (sign, bare) = match flags.strip_prefix(['+', '-']) {
                Some(bare) => (&flags[..1], bare),
                None => ("=", flags.as_str()),
            };
            let differs = match sign {
                "+" => !bare.chars().all(|c| has.contains(c)),
                "-" => bare.chars().any(|c| has.contains(c)),
                _ => has != bare,
            };
            if differs && !bare.is_empty() {
                out.flags = Some(format!("{sign}{bare}"));
                out.note("attributes", has, format!("{sign}{bare}"));
            }
        }
        if out.owner.0 != stat.uid {
            out.set.owner.clone_from(&self.owner);
            out.note("owner", stat.uid, out.owner.0);
        }
        if out.group.0 != stat.gid {
            out.set.group.clone_from(&self.group);
            out.note("group", stat.gid, out.group.0);
        }
        if mode != stat.mode {
            out.set.mode = Some(mode);
            out.note("mode", octal(stat.mode), octal(mode));
        }
        Ok(out)
    }

    fn fresh(
        &self,
        known: &Known,
        setting: &Setting,
        path: &str,
        kind: FileType,
    ) -> Result<Resolved, Step> {
        let directory = kind == FileType::Directory;
        let exact = matches!(self.mode, Some(Mode::Bits(_)));
        let mut warnings = Vec::new();
        self.ask_names(known, None)?;
        let mut find = |who: Who, name: Option<&str>| match named(known, who, name, None) {
            Ok(found) => Ok(found),
            // The task that makes the account may have run before this one, in check mode only.
            Err(name) if setting.check => {
                let what = who.noun();
                warnings.push(format!(
                    "failed to look up {what} {name}: a real run must have made it before this task"
                ));
                Ok(Some((0, name)))
            }
            Err(name) => Err(unknown(who, &name, path)),
        };
        let owner = find(Who::User, self.owner.as_deref())?;
        let group = find(Who::Group, self.group.as_deref())?;
        let me = if owner.is_none() || group.is_none() || !exact {
            setting.account(known)?
        } else {
            super::setting::Account::root()
        };
        let base = if directory { 0o777 } else { 0o666 } & !me.umask;
        let mode = self
            .mode
            .as_ref()
            .map_or(base, |m| m.applied(base, directory, me.umask));
        Ok(Resolved {
            set: Attrs {
                owner: self.owner.clone(),
                group: self.group.clone(),
                mode: self.mode.as_ref().map(|_| mode),
            },
            flags: self.flags.clone(),
            label: self.label.differs(known, path)?,
            before: Map::new(),
            after: Map::new(),
            owner: owner.unwrap_or(me.user),
            group: group.unwrap_or(me.group),
            mode,
            warnings,
        })
    }

    /// Asks for both names at once, where what is there does not answer.
    fn ask_names(&self, known: &Known, stat: Option<&Stat>) -> Result<(), Step> {
        let ask = |who: Who, name: &Option<String>, has: Option<&str>| {
            let name = name.as_deref()?;
            let plain = name == "root" || name.parse::<u32>().is_ok() || has == Some(name);
            (!plain).then(|| who.query(name))
        };
        let user = ask(Who::User, &self.owner, stat.map(|s| s.owner.as_str()));
        let group = ask(Who::Group, &self.group, stat.map(|s| s.group.as_str()));
        known.all(user.into_iter().chain(group))
    }
}

impl Resolved {
    fn note(&mut self, key: &str, before: impl Into<Value>, after: impl Into<Value>) {
        self.before.insert(key.to_owned(), before.into());
        self.after.insert(key.to_owned(), after.into());
    }

    /// Whether anything has to be set.
    pub fn differs(&self) -> bool {
        !self.set.is_empty() || self.flags.is_some() || self.label.is_some()
    }

    /// What sets the differing attributes of something that stands at `path`.
    pub fn actions(&self, path: &str) -> Vec<Action> {
        let set = (!self.set.is_empty()).then(|| Action::SetAttrs {
            path: path.to_owned(),
            attrs: self.set.clone(),
            follow: false,
            recurse: false,
        });
        set.into_iter().chain(self.later(path)).collect()
    }

    /// What sets flags and label, when the file is in its place.
    pub fn later(&self, path: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        actions.extend(self.label.as_ref().map(|l| l.action(path)));
        if let Some(flags) = &self.flags {
            let flags = if flags.starts_with(['+', '-', '=']) {
                flags.clone()
            } else {
                format!("={flags}")
            };
            let mut cmd = Cmd::argv(["chattr", &flags, path]);
            cmd.touches = Touches::Path(path.to_owned());
            actions.push(Action::Run(cmd));
        }
        actions
    }

    /// Adds the keys Ansible gives every result about a path: `uid`, `gid`, `owner`, `group`, `mode`, `state`, `size`.
    pub fn describe(&self, result: &mut Map, state: &str, size: u64) {
        result.insert("uid".into(), self.owner.0.into());
        result.insert("gid".into(), self.group.0.into());
        result.insert("owner".into(), self.owner.1.clone().into());
        result.insert("group".into(), self.group.1.clone().into());
        result.insert("mode".into(), octal(self.mode).into());
        result.insert("state".into(), state.into());
        result.insert("size".into(), size.into());
    }

    /// The differing attributes as a diff, with whatever else differs.
    pub fn diff(&self, path: &str, mut before: Map, mut after: Map) -> Diff {
        before.extend(self.before.clone());
        after.extend(self.after.clone());
        table_diff(path, before, after)
    }
}

/// A diff of two mappings, shown as Ansible shows them: sorted JSON.
pub fn table_diff(path: &str, before: Map, after: Map) -> Diff {
    let text = |mut map: Map| {
        map.insert("path".into(), path.into());
        map.sort_keys();
        let json = Value::from(map).to_json();
        let mut out = Vec::new();
        let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        let mut writer = serde_json::Serializer::with_formatter(&mut out, format);
        // Writing to memory cannot fail.
        let _ = serde::Serialize::serialize(&json, &mut writer);
        String::from_utf8(out).unwrap_or_default() + "\n"
    };
    Diff {
        before_header: String::new(),
        after_header: String::new(),
        before: text(before),
        after: text(after),
    }
}

#[derive(Clone, Copy)]
enum Who {
    User,
    Group,
}

impl Who {
    fn noun(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }

    fn query(self, name: &str) -> Query {
        match self {
            Self::User => Query::User {
                name: name.to_owned(),
            },
            Self::Group => Query::Group {
                name: name.to_owned(),
            },
        }
    }
}

/// The number behind a name (already asked for), and the name to show; the unknown name as the error.
fn named(
    known: &Known,
    who: Who,
    name: Option<&str>,
    has: Option<(u32, &str)>,
) -> Result<Option<(u32, String)>, String> {
    let Some(name) = name else { return Ok(None) };
    if let Some((id, current)) = has
        && (current == name || name.parse() == Ok(id))
    {
        return Ok(Some((id, current.to_owned())));
    }
    if name == "root" || name == "0" {
        return Ok(Some((0, "root".into())));
    }
    if let Ok(id) = name.parse() {
        return Ok(Some((id, name.to_owned())));
    }
    let key = match who {
        Who::User => "uid",
        Who::Group => "gid",
    };
    let fields = known.fields::<()>(who.query(name)).ok().flatten();
    let id = fields
        .and_then(|f| f.get(key))
        .and_then(|id| id.parse().ok());
    id.map(|id| Some((id, name.to_owned())))
        .ok_or_else(|| name.to_owned())
}

fn unknown(who: Who, name: &str, path: &str) -> Step {
    let verb = match who {
        Who::User => "chown",
        Who::Group => "chgrp",
    };
    Step::Fail(
        Fail::new(format!(
            "{verb} failed: failed to look up {} {name}",
            who.noun()
        ))
        .with("path", path),
    )
}

fn flags_query(path: &str) -> Query {
    Query::read(format!("lsattr -d {} 2>/dev/null", quote::path(path)))
}

/// The letters lsattr(1) shows for a path; none where there is no lsattr or the filesystem has no flags.
fn flags_of(known: &Known, path: &str) -> Result<String, Step> {
    let (_, out, _) = known.output(flags_query(path))?;
    let field = out.split_whitespace().next().unwrap_or_default();
    Ok(field.chars().filter(|c| *c != '-').collect())
}
