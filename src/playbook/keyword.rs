//! Which keyword may stand where.

use super::sink::Sink;
use crate::error::{Diagnostic, Span};

/// What a keyword may stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Play,
    Block,
    Task,
    Handler,
    /// An entry of `roles:` or of a role's dependencies; other keys are its parameters.
    Role,
    /// An entry with `import_playbook`.
    Import,
    /// The mapping under `apply`.
    Apply,
    /// `loop_control`.
    LoopControl,
}

const PLAY: u8 = 1;
const BLOCK: u8 = 2;
const TASK: u8 = 4;
const HANDLER: u8 = 8;
const ROLE: u8 = 16;
const IMPORT: u8 = 32;
const LOOP: u8 = 64;
const TASKS: u8 = TASK | HANDLER;
const BASE: u8 = PLAY | BLOCK | TASKS | ROLE;

/// Every keyword of the page "Playbook Keywords", and of `loop_control`.
const KEYWORDS: &[(&str, u8)] = &[
    ("name", BASE | IMPORT),
    ("tags", BASE | IMPORT),
    ("vars", BASE | IMPORT),
    ("when", BLOCK | TASKS | ROLE | IMPORT),
    ("any_errors_fatal", BASE),
    ("become", BASE),
    ("become_exe", BASE),
    ("become_flags", BASE),
    ("become_method", BASE),
    ("become_user", BASE),
    ("check_mode", BASE),
    ("collections", BASE),
    ("connection", BASE),
    ("debugger", BASE),
    ("diff", BASE),
    ("environment", BASE),
    ("ignore_errors", BASE),
    ("ignore_unreachable", BASE),
    ("module_defaults", BASE),
    ("no_log", BASE),
    ("port", BASE),
    ("remote_user", BASE),
    ("run_once", BASE),
    ("throttle", BASE),
    ("timeout", BASE),
    ("delegate_to", BLOCK | TASKS | ROLE),
    ("delegate_facts", BLOCK | TASKS | ROLE),
    ("notify", BLOCK | TASKS),
    ("block", BLOCK),
    ("rescue", BLOCK),
    ("always", BLOCK),
    ("hosts", PLAY),
    ("user", PLAY),
    ("gather_facts", PLAY),
    ("gather_subset", PLAY),
    ("gather_timeout", PLAY),
    ("fact_path", PLAY),
    ("vars_files", PLAY),
    ("vars_prompt", PLAY),
    ("roles", PLAY),
    ("handlers", PLAY),
    ("pre_tasks", PLAY),
    ("tasks", PLAY),
    ("post_tasks", PLAY),
    ("force_handlers", PLAY),
    ("max_fail_percentage", PLAY),
    ("serial", PLAY),
    ("strategy", PLAY),
    ("order", PLAY),
    ("role", ROLE),
    ("import_playbook", IMPORT),
    ("action", TASKS),
    ("local_action", TASKS),
    ("args", TASKS),
    ("async", TASKS),
    ("poll", TASKS),
    ("changed_when", TASKS),
    ("failed_when", TASKS),
    ("until", TASKS),
    ("retries", TASKS),
    ("delay", TASKS),
    ("loop", TASKS),
    ("loop_control", TASKS),
    ("register", TASKS),
    ("listen", HANDLER),
    ("loop_var", LOOP),
    ("index_var", LOOP),
    ("label", LOOP),
    ("pause", LOOP),
    ("extended", LOOP),
    ("extended_allitems", LOOP),
    ("break_when", LOOP),
];

impl Owner {
    fn bit(self) -> u8 {
        match self {
            Self::Play => PLAY,
            Self::Block | Self::Apply => BLOCK,
            Self::Task => TASK,
            Self::Handler => HANDLER,
            Self::Role => ROLE,
            Self::Import => IMPORT,
            Self::LoopControl => LOOP,
        }
    }

    /// In words, with an article.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Play => "a play",
            Self::Block => "a block",
            Self::Task => "a task",
            Self::Handler => "a handler",
            Self::Role => "a role",
            Self::Import => "`import_playbook`",
            Self::Apply => "`apply`",
            Self::LoopControl => "`loop_control`",
        }
    }

    /// Whether `key` is one of its keywords.
    pub(super) fn has(self, key: &str) -> bool {
        find(key).is_some_and(|bits| bits & self.bit() != 0)
            && !(self == Self::Apply && matches!(key, "block" | "rescue" | "always"))
    }

    /// Its keywords.
    pub(super) fn keywords(self) -> impl Iterator<Item = &'static str> {
        KEYWORDS
            .iter()
            .map(|(name, _)| *name)
            .filter(move |name| self.has(name))
    }
}

fn find(key: &str) -> Option<u8> {
    KEYWORDS
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, bits)| *bits)
}

/// Whether `key` is a keyword anywhere, `loop_control` aside.
pub(super) fn known(key: &str) -> bool {
    find(key).is_some_and(|bits| bits & !LOOP != 0)
}

/// Reports a key that `owner` does not have: a keyword of something else, or one that nobody has.
pub(super) fn misplaced(owner: Owner, key: &str, span: &Span, sink: &mut Sink) {
    let places = find(key).map(|bits| {
        [
            (PLAY, "a play"),
            (BLOCK, "a block"),
            (TASK, "a task"),
            (HANDLER, "a handler"),
            (ROLE, "a role"),
            (IMPORT, "`import_playbook`"),
            (LOOP, "`loop_control`"),
        ]
        .into_iter()
        // A handler is a task: name it only for what tasks do not have.
        .filter(|(bit, _)| bits & bit != 0 && !(*bit == HANDLER && bits & TASK != 0))
        .map(|(_, words)| words)
        .collect::<Vec<_>>()
        .join(", ")
    });
    let diagnostic = match places {
        Some(places) => Diagnostic::at(
            span,
            format!("the keyword `{key}` cannot stand on {}", owner.words()),
        )
        .with_note(format!("it belongs on {places}")),
        None => Diagnostic::at(span, format!("{} has no keyword `{key}`", owner.words()))
            .with_nearest(key, owner.keywords()),
    };
    let diagnostic = match (owner, key) {
        (Owner::Play, "when") => diagnostic.with_help(
            "put it on the tasks, on a block around them, on the roles, or use `meta: end_play`",
        ),
        (Owner::Play, "become_pass") | (_, "sudo" | "sudo_user" | "su" | "su_user") => {
            diagnostic.with_help("use `become`, `become_user` and `become_method`")
        }
        (Owner::Task | Owner::Handler, "tasks") => diagnostic.with_help("use `block`"),
        _ => diagnostic,
    };
    sink.error(diagnostic);
}
