//! The engine: the walk over plays, tasks and hosts; handlers, blocks, results; the order of effects.
//!
//! `run` goes over playbooks, `plays` over plays and batches; `walk` over lists of tasks; `ordinary` over the hosts of one task;
//! `host_task` over the items and attempts of one host; `attempt` renders one of them, and `exec` carries it out.
//! Under `strategy: graph`, `side_by_side` takes the roles of a play as `schedule` says, each a `strand` of its own.
//! It says what happens as events and shows nothing.

mod ahead;
mod argument_specs;
mod artifact;
mod attempt;
mod background;
mod cancel;
mod clusters;
mod control;
mod converse;
mod emitter;
mod exec;
mod files;
mod gather;
mod handlers;
mod host_task;
mod hosts;
mod include;
mod include_vars;
mod loop_vars;
mod magic;
mod meta;
mod naming;
mod options;
mod ordinary;
mod place;
mod play_run;
mod plays;
mod recap;
mod result;
mod run;
mod schedule;
mod sessions;
mod settings;
mod side_by_side;
mod strand;
mod walk;
mod world;

pub use cancel::Cancel;
pub use options::RunOptions;
pub use run::{Ask, ReadInventory, Setup, run};
