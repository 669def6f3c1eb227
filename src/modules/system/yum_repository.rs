//! `yum_repository`: a section of a `.repo` file.

use super::tools::{Plan, Site, map, octal, text_diff, write_as};
use crate::host::{Action, Attrs, Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::Value;
use indexmap::IndexMap;

const ATTRS: &str = "set it with `file` or `command: chcon`";

/// `ansible.builtin.yum_repository`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.yum_repository",
    aliases: &[],
    about: "sets up a repository of dnf or yum",
    free_form: None,
    args: &[&[
        Arg::str("name", "the repository's id").required(),
        Arg::str("state", "whether it is there")
            .choices(&["absent", "present"])
            .default("present"),
        Arg::str("description", "its name for people"),
        Arg::str("file", "the file, without `.repo`; the id when left out"),
        Arg::path("reposdir", "the folder").default("/etc/yum.repos.d"),
        Arg::list("baseurl", "its addresses"),
        Arg::str("metalink", "address of its metalink"),
        Arg::str("mirrorlist", "address of its list of mirrors"),
        Arg::bool("enabled", "whether it is used"),
        Arg::bool("gpgcheck", "check signatures of packages"),
        Arg::list("gpgkey", "addresses of its keys"),
        Arg::bool("repo_gpgcheck", "check the signature of its metadata"),
        Arg::list("exclude", "packages not to take from it").alias(&["excludepkgs"]),
        Arg::list("includepkgs", "the only packages to take from it"),
        Arg::bool("async", "as in yum.conf"),
        Arg::str("bandwidth", "as in dnf.conf"),
        Arg::str("cost", "as in dnf.conf"),
        Arg::bool("countme", "as in dnf.conf"),
        Arg::str("deltarpm_metadata_percentage", "as in yum.conf"),
        Arg::str("deltarpm_percentage", "as in dnf.conf"),
        Arg::bool("enablegroups", "as in dnf.conf"),
        Arg::str("failovermethod", "as in yum.conf").choices(&["roundrobin", "priority"]),
        Arg::str("gpgcakey", "as in yum.conf"),
        Arg::str("http_caching", "as in yum.conf").choices(&["all", "packages", "none"]),
        Arg::str("include", "as in yum.conf"),
        Arg::str("ip_resolve", "as in dnf.conf").choices(&["4", "6", "IPv4", "IPv6", "whatever"]),
        Arg::bool("keepalive", "as in yum.conf"),
        Arg::str("keepcache", "as in yum.conf").choices(&["0", "1"]),
        Arg::str("metadata_expire", "as in dnf.conf"),
        Arg::str("metadata_expire_filter", "as in yum.conf").choices(&[
            "never",
            "read-only:past",
            "read-only:present",
            "read-only:future",
        ]),
        Arg::str("mirrorlist_expire", "as in yum.conf"),
        Arg::bool("module_hotfixes", "as in dnf.conf"),
        Arg::str("password", "password for it").secret(),
        Arg::str("priority", "as in dnf.conf"),
        Arg::bool("protect", "as in yum.conf"),
        Arg::str("proxy", "as in dnf.conf"),
        Arg::str("proxy_password", "password for the proxy").secret(),
        Arg::str("proxy_username", "account at the proxy"),
        Arg::str("retries", "as in dnf.conf"),
        Arg::bool("s3_enabled", "as in yum.conf"),
        Arg::bool("skip_if_unavailable", "as in dnf.conf"),
        Arg::bool("ssl_check_cert_permissions", "as in yum.conf"),
        Arg::str("sslcacert", "as in dnf.conf").alias(&["ca_cert"]),
        Arg::str("sslclientcert", "as in dnf.conf").alias(&["client_cert"]),
        Arg::str("sslclientkey", "as in dnf.conf").alias(&["client_key"]),
        Arg::bool("sslverify", "check its certificate").alias(&["validate_certs"]),
        Arg::str("throttle", "as in dnf.conf"),
        Arg::str("timeout", "as in dnf.conf"),
        Arg::str("ui_repoid_vars", "as in yum.conf"),
        Arg::str("username", "account for it"),
        Arg::mode("mode", "mode of the file"),
        Arg::str("owner", "owner of the file"),
        Arg::str("group", "group of the file"),
        Arg::refused("attributes", ATTRS).alias(&["attr"]),
        Arg::refused("selevel", ATTRS),
        Arg::refused("serole", ATTRS),
        Arg::refused("setype", ATTRS),
        Arg::refused("seuser", ATTRS),
        Arg::refused("unsafe_writes", "the file is always replaced whole"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("repo", "the repository's id"),
        ("state", "whether it is there"),
    ],
    example: "- ansible.builtin.yum_repository:\n    name: epel\n    description: EPEL\n    baseurl: https://dl.fedoraproject.org/pub/epel/$releasever/Everything/$basearch/\n",
    run: Run::Bind(bind),
};

/// Arguments that are no keys of the section.
const OWN: &[&str] = &[
    "name",
    "state",
    "file",
    "reposdir",
    "mode",
    "owner",
    "group",
    "description",
];

struct Repository {
    id: String,
    present: bool,
    file: String,
    section: Section,
    attrs: Attrs,
    site: Site,
}

type Section = IndexMap<String, String>;

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let present = args.str("state") == "present";
    if present {
        if !["baseurl", "metalink", "mirrorlist"]
            .iter()
            .any(|a| args.has(a))
        {
            return Err(Fail::new(
                "Parameter 'baseurl', 'metalink' or 'mirrorlist' is required.",
            ));
        }
        if !args.has("description") {
            return Err(Fail::new("Parameter 'description' is required."));
        }
    }
    let mut pairs: Vec<(String, String)> = SPEC
        .arguments()
        .filter(|a| !OWN.contains(&a.name))
        .filter_map(|a| {
            let text = match args.raw(a.name)? {
                Value::Bool(b) => u8::from(*b).to_string(),
                Value::List(items) => {
                    let glue = if matches!(a.name, "exclude" | "includepkgs") {
                        " "
                    } else {
                        "\n"
                    };
                    items
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(glue)
                }
                other => other.to_string(),
            };
            Some((a.name.to_owned(), text))
        })
        .collect();
    pairs.extend(
        args.opt_str("description")
            .map(|d| ("name".to_owned(), d.to_owned())),
    );
    pairs.sort();
    let id = args.str("name").to_owned();
    let file = args.opt_str("file").unwrap_or(&id);
    Ok(Bound::Decide(Box::new(Repository {
        file: format!("{}/{file}.repo", args.str("reposdir").trim_end_matches('/')),
        id,
        present,
        section: pairs.into_iter().collect(),
        attrs: Attrs {
            owner: args.opt_str("owner").map(str::to_owned),
            group: args.opt_str("group").map(str::to_owned),
            mode: octal(args, "mode")?,
        },
        site: Site::of(ctx),
    })))
}

/// Reads an INI file as Python's `configparser` does.
fn parse(text: &str) -> IndexMap<String, Section> {
    let mut out: IndexMap<String, Section> = IndexMap::new();
    let (mut section, mut key) = (None::<String>, None::<String>);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            out.entry(name.to_owned()).or_default();
            (section, key) = (Some(name.to_owned()), None);
            continue;
        }
        let Some(entries) = section.as_ref().and_then(|s| out.get_mut(s)) else {
            continue;
        };
        if line.starts_with([' ', '\t'])
            && let Some(value) = key.as_ref().and_then(|k| entries.get_mut(k))
        {
            value.push('\n');
            value.push_str(trimmed);
        } else if let Some((k, v)) = trimmed.split_once(['=', ':']) {
            let k = k.trim().to_lowercase();
            entries.insert(k.clone(), v.trim().to_owned());
            key = Some(k);
        }
    }
    out
}

fn render(sections: &IndexMap<String, Section>) -> String {
    let mut out = String::new();
    for (name, entries) in sections {
        out.push_str(&format!("[{name}]\n"));
        for (key, value) in entries {
            out.push_str(&format!("{key} = {}\n", value.replace('\n', "\n\t")));
        }
        out.push('\n');
    }
    out
}

impl Decide for Repository {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        known.all([
            Query::Content {
                path: self.file.clone(),
            },
            Query::stat(&self.file),
        ])?;
        let before = known
            .content(&self.file)?
            .map(|b| String::from_utf8_lossy(&b).into_owned());
        let old = parse(before.as_deref().unwrap_or_default());
        let mut new = old.clone();
        new.shift_remove(&self.id);
        if self.present {
            new.insert(self.id.clone(), self.section.clone());
        }
        let state = if self.present { "present" } else { "absent" };
        let mut plan = Plan::new(map([
            ("repo", self.id.as_str().into()),
            ("state", state.into()),
        ]));
        // Equal whatever the order, as maps are.
        if old != new {
            let after = render(&new);
            let text = before.as_deref().unwrap_or_default();
            let secret = ["password", "proxy_password"]
                .iter()
                .any(|k| self.section.contains_key(*k));
            plan.diff.extend(text_diff(
                self.site.diff && !secret,
                &self.file,
                text,
                &after,
            ));
            plan.put(if new.is_empty() {
                Action::Remove {
                    path: self.file.clone(),
                }
            } else {
                let mut attrs = self.attrs.clone();
                if before.is_none() {
                    attrs.mode = attrs.mode.or(Some(0o644));
                }
                write_as(&self.file, after, attrs, false)
            });
        } else if let Some(stat) = known.stat(&self.file, true)?.filter(|_| self.present) {
            let differs = |wanted: &Option<String>, name: &str, id: u32| {
                wanted
                    .as_ref()
                    .is_some_and(|w| w != name && *w != id.to_string())
            };
            let a = &self.attrs;
            if a.mode.is_some_and(|m| m != stat.mode)
                || differs(&a.owner, &stat.owner, stat.uid)
                || differs(&a.group, &stat.group, stat.gid)
            {
                plan.put(Action::SetAttrs {
                    path: self.file.clone(),
                    attrs: a.clone(),
                    follow: true,
                    recurse: false,
                });
            }
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::Answer;
    use serde_json::json;

    fn with(args: serde_json::Value, now: Option<&str>) -> Case {
        let f = "/etc/yum.repos.d/e.repo";
        case(args)
            .content(f, now)
            .knows(Query::stat(f), Answer::Stat(None))
    }

    #[test]
    fn sections() {
        let args = json!({"name": "e", "description": "E", "baseurl": ["http://a", "http://b"], "enabled": true, "exclude": "x,y"});
        let text = "[e]\nbaseurl = http://a\n\thttp://b\nenabled = 1\nexclude = x y\nname = E\n\n";
        let write =
            |t: &str, mode: &str| format!("write /etc/yum.repos.d/e.repo {t:?} mode {mode}");
        assert_eq!(
            with(args.clone(), None).done(&SPEC).0,
            [write(text, "Some(\"644\")")]
        );
        assert!(with(args.clone(), Some(text)).done(&SPEC).0.is_empty());
        assert!(
            with(
                args.clone(),
                Some("[e]\nname=E\nexclude=x y\nbaseurl=http://a\n  http://b\nenabled=1\n")
            )
            .done(&SPEC)
            .0
            .is_empty()
        );
        let other = "[o]\nname = O\n\n";
        assert_eq!(
            with(args, Some(other)).done(&SPEC).0,
            [write(&format!("{other}{text}"), "None")]
        );
        let absent = json!({"name": "e", "state": "absent"});
        assert_eq!(
            with(absent.clone(), Some(text)).done(&SPEC).0,
            ["Remove { path: \"/etc/yum.repos.d/e.repo\" }"]
        );
        assert!(!with(absent, None).done(&SPEC).1.changed);
        assert!(
            case(json!({"name": "e", "description": "E"}))
                .bind(&SPEC)
                .is_err()
        );
    }
}
