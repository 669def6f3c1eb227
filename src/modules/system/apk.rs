//! Alpine's packages, as far as `package` needs them.

use super::tools::{Plan, Site, map, texts};
use crate::host::{Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};

/// The arguments that `package` hands on; not a module of its own.
pub(super) static SPEC: Spec = Spec {
    name: "community.general.apk",
    aliases: &[],
    about: "installs and removes packages with apk",
    free_form: None,
    args: &[&[
        Arg::list("name", "packages").required(),
        Arg::str("state", "what they are to be")
            .choices(&["present", "installed", "absent", "removed", "latest"])
            .default("present"),
        Arg::bool("update_cache", "read the package index again first"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("packages", "the packages that change")],
    example: "- ansible.builtin.package:\n    name: rsync\n    state: present\n",
    run: Run::Bind(bind),
};

struct Apk {
    names: Vec<String>,
    state: &'static str,
    update: bool,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(Apk {
        names: args.list("name"),
        state: match args.str("state") {
            "absent" | "removed" => "absent",
            "latest" => "latest",
            _ => "present",
        },
        update: args.bool("update_cache"),
        site: Site::of(ctx),
    })))
}

impl Decide for Apk {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let installed = |n: &String| self.site.read(format!("apk info -e {}", quote::word(n)));
        known.all(self.names.iter().map(installed))?;
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for name in &self.names {
            match known.output(installed(name))?.0 {
                0 => there.push(name.clone()),
                _ => missing.push(name.clone()),
            }
        }
        let mut plan = Plan::new(map([]));
        let (verb, names): (&[&str], Vec<String>) = match self.state {
            "absent" => (&["del"], there),
            "latest" => {
                let query = self
                    .site
                    .read(format!("apk version -l '<' {}", quote::words(&there)));
                let old = if there.is_empty() || self.update {
                    !there.is_empty()
                } else {
                    known.output(query)?.1.lines().any(|l| l.contains(" < "))
                };
                if old {
                    missing.extend(there);
                }
                (&["add", "--upgrade"], missing)
            }
            _ => (&["add"], missing),
        };
        if self.update && (self.state != "absent") && !names.is_empty() {
            let cmd = self.site.argv(["apk", "update"]);
            plan.quiet(crate::host::Action::Run(cmd), |r| {
                super::tools::failed(
                    format!(
                        "could not update the package index: {}",
                        super::tools::last_words(r)
                    ),
                    r,
                )
            });
        }
        if !names.is_empty() {
            plan.result.insert("packages".into(), texts(&names));
            let argv = ["apk"]
                .iter()
                .chain(verb)
                .map(|s| (*s).to_owned())
                .chain(names);
            plan.run_or(self.site.argv(argv), format!("apk {} failed", verb[0]));
        }
        Ok(plan.decision())
    }
}
