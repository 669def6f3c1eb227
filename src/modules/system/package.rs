//! `package`: whatever manages packages on the host.

use super::tools::Site;
use super::{apk, apt, dnf};
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// `ansible.builtin.package`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.package",
    aliases: &[],
    about: "installs and removes packages with the host's own package manager",
    free_form: None,
    args: &[&[
        Arg::of(
            "name",
            Kind::ListAny,
            "packages, by the names the host's package manager has",
        )
        .alias(&["pkg"])
        .required(),
        Arg::str("state", "what they are to be")
            .choices(&["present", "installed", "absent", "removed", "latest"])
            .required(),
        Arg::str("use", "the package manager; found out when left out")
            .choices(&["auto", "apt", "dnf", "dnf5", "yum", "apk"])
            .default("auto"),
        Arg::bool("update_cache", "read the package lists again first").alias(&["update-cache"]),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("", "as the host's package manager has them")],
    example: "- ansible.builtin.package:\n    name: rsync\n    state: present\n",
    run: Run::Bind(bind),
};

struct Package {
    /// In order of preference.
    managers: Vec<(&'static str, Box<dyn Decide>)>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let fact = ctx.facts.get("pkg_mgr").and_then(Value::as_str);
    let choice = match args.str("use") {
        "auto" => fact.unwrap_or("auto"),
        given => given,
    };
    let specs: Vec<(&'static str, &'static Spec)> = match choice {
        "apt" => vec![("apt", &apt::SPEC)],
        "dnf" | "dnf5" | "yum" => vec![("dnf", &dnf::SPEC)],
        "apk" => vec![("apk", &apk::SPEC)],
        "auto" => vec![
            ("apt", &apt::SPEC),
            ("dnf", &dnf::SPEC),
            ("apk", &apk::SPEC),
        ],
        other => {
            return Err(Fail::new(format!(
                "the package manager `{other}` is not supported"
            )));
        }
    };
    let mut given = Map::new();
    for key in ["name", "state", "update_cache"] {
        if let Some(value) = args.raw(key) {
            given.insert(key.into(), value.clone());
        }
    }
    let mut managers = Vec::new();
    for (name, spec) in specs {
        let Run::Bind(bind) = spec.run else { continue };
        match bind(&Args::bind(spec, &given)?, ctx)? {
            Bound::Decide(module) => managers.push((name, module)),
            Bound::Converse(_) => {
                return Err(Fail::new(format!(
                    "`{name}` cannot be used through `package`"
                )));
            }
        }
    }
    Ok(Bound::Decide(Box::new(Package {
        managers,
        site: Site::of(ctx),
    })))
}

impl Decide for Package {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        if let [(_, only)] = &self.managers[..] {
            return only.decide(known);
        }
        let query = self.site.read(
            "for m in apt-get dnf5 dnf yum apk zypper pacman; do if command -v $m >/dev/null 2>&1; then echo $m; exit; fi; done",
        );
        let found = match known.output(query)?.1.trim() {
            "apt-get" => "apt",
            "dnf5" | "yum" => "dnf",
            other => other,
        };
        if found.is_empty() {
            return Err(Fail::new("no package manager was found on the host").into());
        }
        match self.managers.iter().find(|(name, _)| *name == found) {
            Some((_, module)) => module.decide(known),
            None => {
                Err(Fail::new(format!("the package manager `{found}` is not supported")).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use crate::host::Query;
    use serde_json::json;

    const FIND: &str = "for m in apt-get dnf5 dnf yum apk zypper pacman; do if command -v $m >/dev/null 2>&1; then echo $m; exit; fi; done";

    #[test]
    fn the_host_tells_which() {
        let args = json!({"name": "x", "state": "present"});
        assert!(
            matches!(&case(args.clone()).needs(&SPEC)[..], [Query::Read { script, .. }] if script == FIND)
        );
        let c = case(args.clone())
            .reads(FIND, 0, "apk\n")
            .reads("apk info -e x", 0, "x\n");
        assert!(c.done(&SPEC).0.is_empty());
        let c = case(args.clone()).reads(FIND, 0, "zypper\n");
        assert_eq!(
            c.tried_with(&SPEC, vec![]).1.unwrap_err().msg,
            "the package manager `zypper` is not supported"
        );
        // The fact saves the question.
        let c = case(args)
            .fact("pkg_mgr", "apk")
            .reads("apk info -e x", 1, "");
        assert_eq!(c.done(&SPEC).0, ["apk add x"]);
    }
}
