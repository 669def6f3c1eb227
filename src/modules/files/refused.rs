//! Modules that people know and that hoist does not have: each says so at load time, and what to do instead.

use crate::modules::{Arg, Bound, CheckSupport, Fail, Run, Spec};

macro_rules! refused {
    ($name:ident, $full:literal, $arg:literal, $alias:expr, $why:literal) => {
        /// Refused, with the reason.
        pub static $name: Spec = Spec {
            name: $full,
            aliases: &[],
            about: concat!("not supported: ", $why),
            free_form: None,
            args: &[&[Arg::refused($arg, $why).alias($alias)]],
            rules: &[],
            check: CheckSupport::Skipped,
            returns: &[],
            example: "",
            run: Run::Bind(|_, _| -> Result<Bound, Fail> {
                Err(Fail::new(concat!("`", $full, "` is not supported: ", $why)))
            }),
        };
    };
}

refused!(
    XML,
    "community.general.xml",
    "path",
    &["dest", "file", "xmlstring", "xpath"],
    "XML is not edited here; render the file with `template`, or run `xmlstarlet` with `command`"
);
