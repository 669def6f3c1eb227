//! What a module says of itself: for load-time checks, for the documentation, and how it is run.

use super::{Args, Bound, Context, Fail};

/// A module's description. One `static` in each module's file, listed in `modules::all`.
pub struct Spec {
    /// Full name, `ansible.builtin.copy`. The short name is its last part.
    pub name: &'static str,
    /// Other names it answers to, full or short (`community.general.ufw` moved, `systemd` for `systemd_service` …).
    pub aliases: &'static [&'static str],
    /// One line: what it does.
    pub about: &'static str,
    /// The argument that a free-form string goes to (`command: echo hi`), if it takes one.
    pub free_form: Option<&'static str>,
    /// Its arguments, in groups so that common ones are shared.
    pub args: &'static [&'static [Arg]],
    /// What must hold between arguments.
    pub rules: &'static [Rule],
    /// What it does in check mode.
    pub check: CheckSupport,
    /// Keys of its result besides the common ones, and what they hold.
    pub returns: &'static [(&'static str, &'static str)],
    /// One or two tasks, in YAML.
    pub example: &'static str,
    /// What carries it out.
    pub run: Run,
}

/// What carries a module out.
#[derive(Clone, Copy)]
pub enum Run {
    /// The module itself, bound to rendered arguments.
    Bind(fn(&Args, &Context<'_>) -> Result<Bound, Fail>),
    /// The engine: it concerns the run, not a host.
    Engine,
}

/// How a module behaves in check mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckSupport {
    /// Predicts exactly.
    Full,
    /// Cannot know: skipped in check mode, unless `creates`/`removes` answer (command, shell, script).
    Skipped,
    /// Says what it does; see its documentation.
    Partial,
}

/// One argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Its type.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// The default, as it would be written in YAML; `None` for no default.
    pub default: Option<&'static str>,
    /// The only values it may have; empty for any.
    pub choices: &'static [&'static str],
    /// What it means.
    pub doc: &'static str,
    /// Why it is refused, for an argument Ansible has and we do not; what to do instead.
    pub refused: Option<&'static str>,
    /// Never shown (`password` …).
    pub secret: bool,
}

/// The type of an argument; the rules of conversion are Ansible's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text; numbers and booleans become text.
    Str,
    /// A path: text, `~` and `$VAR` of the *host's account* expanded there by whoever uses it.
    Path,
    /// A boolean or one of Ansible's boolean words.
    Bool,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// A file mode: an octal number or string (`'0644'`), or symbolic (`u=rw,g=r`).
    Mode,
    /// A list of text; a single text is split at commas.
    List,
    /// A list of any values.
    ListAny,
    /// A mapping (also `k=v` text and JSON text).
    Dict,
    /// Text or bytes size like `10M`.
    Bytes,
    /// Anything, as it is.
    Raw,
}

/// A condition between arguments.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// At most one of these.
    Exclusive(&'static [&'static str]),
    /// At least one of these.
    OneOf(&'static [&'static str]),
    /// All of these or none.
    Together(&'static [&'static str]),
    /// When the first has this value, all (or, with `true`, any) of those.
    If(&'static str, &'static str, &'static [&'static str], bool),
    /// When the first is given, all of those.
    By(&'static str, &'static [&'static str]),
}

impl Arg {
    const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            kind,
            required: false,
            default: None,
            choices: &[],
            doc,
            refused: None,
            secret: false,
        }
    }

    /// Text.
    pub const fn str(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Str, doc)
    }

    /// A path on the host.
    pub const fn path(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Path, doc)
    }

    /// A boolean.
    pub const fn bool(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Bool, doc)
    }

    /// An integer.
    pub const fn int(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Int, doc)
    }

    /// A list of text.
    pub const fn list(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::List, doc)
    }

    /// A mapping.
    pub const fn dict(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Dict, doc)
    }

    /// A file mode.
    pub const fn mode(name: &'static str, doc: &'static str) -> Self {
        Self::new(name, Kind::Mode, doc)
    }

    /// Another type.
    pub const fn of(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(name, kind, doc)
    }

    /// One that Ansible documents and we refuse, at load time, with the reason.
    pub const fn refused(name: &'static str, why: &'static str) -> Self {
        Self {
            refused: Some(why),
            ..Self::new(name, Kind::Raw, "not supported")
        }
    }

    /// With other names.
    pub const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// That must be given.
    pub const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// With a default, as written in YAML.
    pub const fn default(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// With a closed list of values.
    pub const fn choices(self, choices: &'static [&'static str]) -> Self {
        Self { choices, ..self }
    }

    /// That is never shown.
    pub const fn secret(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }
}

impl Spec {
    /// The last part of the name.
    pub fn short(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// What to use instead, for a module that is known only to say so.
    pub fn instead(&self) -> Option<&'static str> {
        self.about.strip_prefix("not supported: ")
    }

    /// Whether `name` means this module.
    pub fn answers_to(&self, name: &str) -> bool {
        let name = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        name == self.name || name == self.short() || self.aliases.contains(&name)
    }

    /// All arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &'static Arg> {
        self.args.iter().flat_map(|group| group.iter())
    }

    /// The argument of that name or alias.
    pub fn argument(&self, name: &str) -> Option<&'static Arg> {
        self.arguments()
            .find(|a| a.name == name || a.aliases.contains(&name))
    }
}
