//! `package_facts`: what is installed.

use crate::host::{Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// The module.
pub(in crate::modules) static SPEC: Spec = Spec {
    name: "ansible.builtin.package_facts",
    aliases: &[],
    about: "gathers the installed packages as facts",
    free_form: None,
    args: &[ARGS],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "ansible_facts",
        "`packages`: a list per package name, each entry with name, version, arch, source and what else the manager tells; `origin` is what the package itself says, empty for most",
    )],
    example: "- name: Which packages are there\n  ansible.builtin.package_facts:\n",
    run: Run::Bind(bind),
};

const ARGS: &[Arg] = &[
    Arg::list("manager", "package managers to ask, in order: auto, apt, rpm (also dnf, dnf5, yum, zypper), apk, pacman").default("auto"),
    Arg::str("strategy", "whether to stop at the first that knows any package").default("first").choices(&["first", "all"]),
];

/// Managers in the order of `auto`, with the command that lists packages, one a line, fields parted by tabs.
const MANAGERS: &[(&str, &str)] = &[
    ("apk", "command -v apk >/dev/null && apk info -v"),
    (
        "apt",
        "command -v dpkg-query >/dev/null && { dpkg --print-architecture; dpkg-query -W -f '${db:Status-Status}\\t${Package}\\t${Version}\\t${Architecture}\\t${Section}\\t${Origin}\\n'; }",
    ),
    ("pacman", "command -v pacman >/dev/null && pacman -Qi"),
    (
        "rpm",
        "command -v rpm >/dev/null && rpm -qa --qf '%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{EPOCH}\\t%{ARCH}\\n'",
    ),
];

struct PackageFacts {
    managers: Vec<&'static str>,
    first: bool,
    query: Query,
}

fn bind(args: &Args, context: &Context<'_>) -> Result<Bound, Fail> {
    let mut managers = Vec::new();
    let given = args.list("manager");
    // `auto` stands for all of them after those named.
    let words = given.iter().map(String::as_str).filter(|w| *w != "auto");
    let auto = given.iter().any(|w| w == "auto");
    let all = MANAGERS.iter().map(|(name, _)| *name).filter(|_| auto);
    for word in words.chain(all) {
        let name = match word.to_lowercase().as_str() {
            "dnf" | "dnf5" | "yum" | "zypper" | "rpm" => "rpm",
            "apt" => "apt",
            "apk" => "apk",
            "pacman" => "pacman",
            _ => {
                return Err(Fail::new(format!(
                    "`package_facts` cannot ask `{word}`; it asks apt, rpm (dnf, yum, zypper), apk and pacman"
                )));
            }
        };
        if !managers.contains(&name) {
            managers.push(name);
        }
    }
    let first = args.str("strategy") != "all";
    let mut script = String::from("LC_ALL=C; export LC_ALL\n");
    for (name, list) in managers
        .iter()
        .filter_map(|m| MANAGERS.iter().find(|(n, _)| n == m))
    {
        let stop = if first { " && exit 0" } else { "" };
        script.push_str(&format!(
            "printf '@@hoist:%s\\n' {name}\n{{ {list}; }} 2>/dev/null{stop}\n"
        ));
    }
    Ok(Bound::Decide(Box::new(PackageFacts {
        managers,
        first,
        query: Query::Read {
            script,
            env: context.environment.clone(),
        },
    })))
}

impl Decide for PackageFacts {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (_, out, _) = known.output(self.query.clone())?;
        let mut packages = Map::new();
        for section in out.split("@@hoist:").skip(1) {
            let (manager, text) = section.split_once('\n').unwrap_or((section, ""));
            let mut found = parse(manager, text);
            if !found.is_empty() && self.first {
                packages = found;
                break;
            }
            for (name, more) in found.drain(..) {
                let old = packages
                    .get(&name)
                    .and_then(Value::as_list)
                    .unwrap_or_default();
                let list = old
                    .iter()
                    .chain(more.as_list().unwrap_or_default())
                    .cloned();
                let list = Value::list(list.collect::<Vec<_>>());
                packages.insert(name, list);
            }
        }
        if packages.is_empty() {
            return Err(Fail::new(format!(
                "no package manager on the host lists any package (asked: {})",
                self.managers.join(", ")
            ))
            .into());
        }
        let facts = Value::map([("packages", Value::from(packages))]);
        let mut result = Map::new();
        result.insert("ansible_facts".into(), facts);
        Ok(Decision::same(result))
    }
}

/// The packages that one manager listed, by name.
fn parse(manager: &str, text: &str) -> Map {
    let mut out = Map::new();
    let mut add = |name: &str, fields: &[(&str, Value)]| {
        let fields = fields
            .iter()
            .cloned()
            .chain([("source", Value::from(manager))]);
        let entry = Value::map([("name", Value::from(name))].into_iter().chain(fields));
        let old = out.get(name).and_then(Value::as_list).unwrap_or_default();
        let list = Value::list(old.iter().cloned().chain([entry]));
        out.insert(name.to_owned(), list);
    };
    let text_of = |s: &str| Value::from(if s == "(none)" { "None" } else { s });
    match manager {
        "apt" => {
            let (native, lines) = text.split_once('\n').unwrap_or((text, ""));
            for line in lines.lines() {
                let [status, name, version, arch, section, origin] =
                    line.split('\t').collect::<Vec<_>>()[..]
                else {
                    continue;
                };
                if matches!(status, "not-installed" | "config-files" | "half-installed") {
                    continue;
                }
                let foreign = arch != native && arch != "all";
                let name = if foreign {
                    format!("{name}:{arch}")
                } else {
                    name.to_owned()
                };
                add(
                    &name,
                    &[
                        ("version", Value::from(version)),
                        ("arch", Value::from(arch)),
                        ("category", Value::from(section)),
                        ("origin", Value::from(origin)),
                    ],
                );
            }
        }
        "rpm" => {
            for line in text.lines() {
                if let [name, version, release, epoch, arch] =
                    line.split('\t').collect::<Vec<_>>()[..]
                {
                    add(
                        name,
                        &[
                            ("version", text_of(version)),
                            ("release", text_of(release)),
                            ("epoch", text_of(epoch)),
                            ("arch", text_of(arch)),
                        ],
                    );
                }
            }
        }
        "apk" => {
            for line in text.lines() {
                let mut parts = line.rsplitn(3, '-');
                if let (Some(release), Some(version), Some(name)) =
                    (parts.next(), parts.next(), parts.next())
                {
                    add(
                        name,
                        &[
                            ("version", Value::from(version)),
                            ("release", Value::from(release)),
                        ],
                    );
                }
            }
        }
        "pacman" => {
            for block in text.split("\n\n") {
                let get = |key: &str| {
                    block.lines().find_map(|l| {
                        let (k, v) = l.split_once(" : ")?;
                        (k.trim() == key).then_some(v.trim())
                    })
                };
                let Some(name) = get("Name") else { continue };
                let provides = get("Provides").filter(|p| *p != "None").map(|p| {
                    Value::list(
                        p.split_whitespace()
                            .map(|w| Value::from(w.split('=').next().unwrap_or(w))),
                    )
                });
                add(
                    name,
                    &[
                        ("version", Value::from(get("Version"))),
                        ("arch", Value::from(get("Architecture"))),
                        ("provides", provides.unwrap_or_default()),
                    ],
                );
            }
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_manager_in_its_own_words() {
        let apt = "amd64\ninstalled\tbash\t5.2\tamd64\tshells\t\ninstalled\tlibc6\t2.36\ti386\tlibs\t\nconfig-files\told\t1\tall\tx\t\nbroken line\n";
        insta::assert_snapshot!(Value::from(parse("apt", apt)), @"{'bash': [{'name': 'bash', 'version': '5.2', 'arch': 'amd64', 'category': 'shells', 'origin': '', 'source': 'apt'}], 'libc6:i386': [{'name': 'libc6:i386', 'version': '2.36', 'arch': 'i386', 'category': 'libs', 'origin': '', 'source': 'apt'}]}");
        let rpm = "kernel\t5.14.0\t1.el9\t(none)\tx86_64\nkernel\t5.14.0\t2.el9\t(none)\tx86_64\n";
        insta::assert_snapshot!(Value::from(parse("rpm", rpm)), @"{'kernel': [{'name': 'kernel', 'version': '5.14.0', 'release': '1.el9', 'epoch': 'None', 'arch': 'x86_64', 'source': 'rpm'}, {'name': 'kernel', 'version': '5.14.0', 'release': '2.el9', 'epoch': 'None', 'arch': 'x86_64', 'source': 'rpm'}]}");
        insta::assert_snapshot!(Value::from(parse("apk", "busybox-extras-1.36.1-r5\nodd\n")), @"{'busybox-extras': [{'name': 'busybox-extras', 'version': '1.36.1', 'release': 'r5', 'source': 'apk'}]}");
        let pacman = "Name            : bash\nVersion         : 5.2-1\nArchitecture    : x86_64\nProvides        : sh=5  x\n\n";
        insta::assert_snapshot!(Value::from(parse("pacman", pacman)), @"{'bash': [{'name': 'bash', 'version': '5.2-1', 'arch': 'x86_64', 'provides': ['sh', 'x'], 'source': 'pacman'}]}");
    }
}
