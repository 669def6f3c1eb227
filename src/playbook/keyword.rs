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

/// Every keyword of the page "Playbook Keywords", and of `loop_control`: where it may stand, and what it does.
const KEYWORDS: &[(&str, u8, &str)] = &[
    ("name", BASE | IMPORT, "what it is called in the output"),
    (
        "tags",
        BASE | IMPORT,
        "words for `--tags` and `--skip-tags`; inherited; `always` and `never` mean what they say",
    ),
    ("vars", BASE | IMPORT, "variables, lazily rendered"),
    (
        "when",
        BLOCK | TASKS | ROLE | IMPORT,
        "conditions that must all hold; on a block or role, for every task in it",
    ),
    (
        "any_errors_fatal",
        BASE,
        "a failure on one host ends the play on all",
    ),
    ("become", BASE, "work as another user"),
    (
        "become_exe",
        BASE,
        "the program that becomes the other user",
    ),
    ("become_flags", BASE, "arguments of that program"),
    ("become_method", BASE, "`sudo`, `su` or `doas`"),
    ("become_user", BASE, "which user; root when left out"),
    (
        "check_mode",
        BASE,
        "true: change nothing here; false: work even in check mode",
    ),
    (
        "collections",
        BASE,
        "accepted: modules are found by their short names anyway",
    ),
    ("connection", BASE, "`ssh` (or `smart`) or `local`"),
    ("debugger", BASE, "`never` only"),
    ("diff", BASE, "show what changes, or do not"),
    (
        "environment",
        BASE,
        "environment variables of what is run: a mapping or a list of them",
    ),
    ("ignore_errors", BASE, "go on after a failure"),
    (
        "ignore_unreachable",
        BASE,
        "go on with a host that was out of reach",
    ),
    (
        "module_defaults",
        BASE,
        "arguments for modules by name; groups of modules (`group/…`) are refused",
    ),
    ("no_log", BASE, "hide arguments and results everywhere"),
    ("port", BASE, "SSH port"),
    ("remote_user", BASE, "log in as this user"),
    (
        "run_once",
        BASE,
        "one host does it, the result holds for all",
    ),
    ("throttle", BASE, "at most so many hosts at the same time"),
    (
        "timeout",
        BASE,
        "seconds until a task's command is killed and the task fails",
    ),
    ("delegate_to", BLOCK | TASKS | ROLE, "another host does it"),
    (
        "delegate_facts",
        BLOCK | TASKS | ROLE,
        "facts belong to the delegate",
    ),
    (
        "notify",
        BLOCK | TASKS,
        "handlers to run after a change, by name or topic; they must exist",
    ),
    ("block", BLOCK, "tasks that belong together"),
    ("rescue", BLOCK, "what to do when one of them failed"),
    ("always", BLOCK, "what to do in the end in any case"),
    (
        "hosts",
        PLAY,
        "patterns: `a:b`, `:&c`, `:!d`, globs, `~regex`, ranges `g[0:2]`",
    ),
    ("user", PLAY, "the same as `remote_user`"),
    ("gather_facts", PLAY, "gather facts first"),
    ("gather_subset", PLAY, "which facts"),
    ("gather_timeout", PLAY, "seconds for slow facts"),
    ("fact_path", PLAY, "where the host's own facts are"),
    (
        "vars_files",
        PLAY,
        "files of variables; of a list in the list, the first that exists",
    ),
    (
        "vars_prompt",
        PLAY,
        "variables to ask for: `name`, `prompt`, `default`, `private`, `confirm`, `encrypt`, `salt`, `salt_size`, `unsafe`",
    ),
    (
        "roles",
        PLAY,
        "roles by name or path, with parameters, tags, conditions",
    ),
    ("handlers", PLAY, "tasks that run when notified"),
    ("pre_tasks", PLAY, "tasks before the roles"),
    ("tasks", PLAY, "tasks after the roles"),
    ("post_tasks", PLAY, "tasks at the end"),
    (
        "force_handlers",
        PLAY,
        "run notified handlers of failed hosts too",
    ),
    (
        "max_fail_percentage",
        PLAY,
        "end the play when more than so many percent failed",
    ),
    (
        "serial",
        PLAY,
        "batches: a number, a percentage, or a list of them",
    ),
    (
        "strategy",
        PLAY,
        "`linear`; `free`: each host goes its own way; `graph`: roles run side by side, see below",
    ),
    (
        "order",
        PLAY,
        "`inventory`, `reverse_inventory`, `sorted`, `reverse_sorted` or `shuffle`",
    ),
    ("role", ROLE, "which role"),
    ("import_playbook", IMPORT, "plays of another file"),
    ("action", TASKS, "the module, as text or mapping"),
    ("local_action", TASKS, "the same, on the control machine"),
    ("args", TASKS, "arguments of the module"),
    ("async", TASKS, "seconds that it may take in the background"),
    (
        "poll",
        TASKS,
        "seconds between looks at it; 0 does not wait",
    ),
    (
        "changed_when",
        TASKS,
        "conditions that decide about `changed`",
    ),
    (
        "failed_when",
        TASKS,
        "conditions that decide about `failed`",
    ),
    ("until", TASKS, "try again until these hold"),
    ("retries", TASKS, "how often; 3 when left out"),
    ("delay", TASKS, "seconds between tries; 5 when left out"),
    (
        "loop",
        TASKS,
        "once for each item of a list; `with_LOOKUP` takes any lookup listed below",
    ),
    ("loop_control", TASKS, "see below"),
    ("register", TASKS, "keep the result in a variable"),
    ("listen", HANDLER, "topics that notify it"),
    ("loop_var", LOOP, "the item's name; `item` when left out"),
    ("index_var", LOOP, "a name for the item's number, from 0"),
    ("label", LOOP, "what is shown of an item"),
    ("pause", LOOP, "seconds between items"),
    ("extended", LOOP, "give `ansible_loop`"),
    (
        "extended_allitems",
        LOOP,
        "whether `ansible_loop` has `allitems`",
    ),
    ("break_when", LOOP, "conditions that end the loop"),
];

/// The places in words.
const PLACES: [(u8, &str); 7] = [
    (PLAY, "a play"),
    (BLOCK, "a block"),
    (TASK, "a task"),
    (HANDLER, "a handler"),
    (ROLE, "a role"),
    (IMPORT, "`import_playbook`"),
    (LOOP, "`loop_control`"),
];

/// Every keyword for the documentation: its name, the places where it may stand, and what it does.
pub fn keywords() -> impl Iterator<Item = (&'static str, Vec<&'static str>, &'static str)> {
    KEYWORDS.iter().map(|(name, bits, about)| {
        let places = PLACES.iter().filter(|(bit, _)| bits & bit != 0);
        (*name, places.map(|(_, words)| *words).collect(), *about)
    })
}

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
            .map(|(name, _, _)| *name)
            .filter(move |name| self.has(name))
    }
}

fn find(key: &str) -> Option<u8> {
    KEYWORDS
        .iter()
        .find(|(name, _, _)| *name == key)
        .map(|(_, bits, _)| *bits)
}

/// Whether `key` is a keyword anywhere, `loop_control` aside.
pub(super) fn known(key: &str) -> bool {
    find(key).is_some_and(|bits| bits & !LOOP != 0)
}

/// Reports a key that `owner` does not have: a keyword of something else, or one that nobody has.
pub(super) fn misplaced(owner: Owner, key: &str, span: &Span, sink: &mut Sink) {
    let places = find(key).map(|bits| {
        PLACES
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
