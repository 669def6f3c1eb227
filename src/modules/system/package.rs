//! `package`: whatever manages packages on the host.

use super::tools::Site;
use super::{apk, apt, dnf};
use crate::host::{Answer, Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Decide, Decision, Fail, Kind, Outcome,
    Remote, Run, Spec, Step,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

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
            .default("present"),
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
    managers: Vec<(&'static str, Bound)>,
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
        managers.push((name, bind(&Args::bind(spec, &given)?, ctx)?));
    }
    if managers.len() == 1
        && let Some((_, only)) = managers.pop()
    {
        return Ok(only);
    }
    let package = Package {
        managers,
        site: Site::of(ctx),
    };
    let converses = package
        .managers
        .iter()
        .any(|(_, m)| matches!(m, Bound::Converse(_)));
    Ok(if converses {
        Bound::Converse(Box::new(package))
    } else {
        Bound::Decide(Box::new(package))
    })
}

impl Package {
    fn question(&self) -> Query {
        self.site.read(
            "for m in apt-get dnf5 dnf yum apk zypper pacman; do if command -v $m >/dev/null 2>&1; then echo $m; exit; fi; done",
        )
    }

    /// The module for what the host said it has.
    fn chosen(&self, said: &str) -> Result<&Bound, Fail> {
        let found = match said.trim() {
            "apt-get" => "apt",
            "dnf5" | "yum" => "dnf",
            other => other,
        };
        if found.is_empty() {
            return Err(Fail::new("no package manager was found on the host"));
        }
        let chosen = self.managers.iter().find(|(name, _)| *name == found);
        chosen
            .map(|(_, bound)| bound)
            .ok_or_else(|| Fail::new(format!("the package manager `{found}` is not supported")))
    }
}

impl Decide for Package {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        match self.chosen(known.output(self.question())?.1)? {
            Bound::Decide(module) => module.decide(known),
            Bound::Converse(_) => Err(Fail::new("this package manager has to be talked to").into()),
        }
    }
}

impl Converse for Package {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let said = match host.ask(vec![self.question()]).await?.pop() {
                Some(Answer::Output { stdout, .. }) => stdout,
                _ => String::new(),
            };
            match self.chosen(&said)? {
                Bound::Decide(module) => host.carry_out(&**module).await,
                Bound::Converse(module) => module.converse(host).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
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
