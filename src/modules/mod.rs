//! The modules: typed arguments, what to look at, what to decide.
//!
//! A module does no I/O. Bound to its arguments it is a [`Decide`]: asked with what is known of the host, it answers what it
//! needs to know, or a [`Decision`] whose actions make the host as the task wants it. No actions, no change; in check mode
//! the actions are simply not done. The few that must converse with the host are [`Converse`]. Modules that concern the
//! run and not a host (`debug`, `set_fact` …) have their [`Spec`] here and are carried out by the engine.

mod args;
mod context;
mod decision;
mod facts;
mod files;
mod helm;
mod kubernetes;
mod spec;
mod system;
#[cfg(test)]
mod testing;

pub use args::{Args, convert};
pub use context::{Context, ControlFiles};
pub use decision::{Bound, Converse, Decide, Decision, Diff, Fail, Outcome, Remote, Step, Way};
pub use spec::{Arg, CheckSupport, Kind, Rule, Run, Spec};
pub use system::{Job, JobState};

use std::sync::LazyLock;

/// Every module, sorted by name.
pub fn all() -> &'static [&'static Spec] {
    static SORTED: LazyLock<Vec<&'static Spec>> = LazyLock::new(|| {
        let mut all: Vec<_> = files::ALL
            .iter()
            .chain(system::ALL)
            .chain(facts::ALL)
            .chain(kubernetes::ALL)
            .chain(helm::ALL)
            .copied()
            .collect();
        all.sort_by_key(|spec| spec.name);
        all
    });
    &SORTED
}

/// The module of that name: full (`ansible.builtin.copy`), short (`copy`) or one of its other names.
pub fn find(name: &str) -> Option<&'static Spec> {
    all().iter().copied().find(|spec| spec.answers_to(name))
}
