//! The page `docs/dialect.md`: what of Ansible's dialect there is, from the tables that the program itself uses.

use crate::check::{BECOME, CONNECTIONS, ORDERS, STRATEGIES, missing_modules};
use crate::modules::{self, Spec};
use crate::playbook::{Meta, keywords, settings};
use crate::template::{self, lookups};
use indexmap::IndexMap;

/// What no table can tell: inventories, variables, vaults.
const FILES: &str = include_str!("dialect/files.md");
/// The strategy of ours.
const SIDE_BY_SIDE: &str = include_str!("dialect/roles_side_by_side.md");
/// On-purpose differences.
const DIFFERENCES: &str = include_str!("dialect/differences.md");

const HEAD: &str = "\
# The dialect

hoist reads Ansible's YAML; the reference is ansible-core 2.19. What is listed here is taken and honoured. What is not listed
is an error before the run starts, with its place and, where there is one, what to use instead. Where hoist differs from
Ansible on purpose stands [at the end](#where-we-differ-from-ansible-and-why).

Written by `hoist doc --dialect`; change the tables in the code, or the texts in `src/cli/dialect/`, instead.

";

/// The places of keywords that have a column of their own.
const COLUMNS: [&str; 5] = ["a play", "a block", "a task", "a handler", "a role"];

/// The whole page.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    out.push_str(&keyword_table());
    out.push_str(&words());
    out.push_str(SIDE_BY_SIDE);
    out.push_str(&templates());
    out.push_str(FILES);
    out.push_str(&setting_list());
    out.push_str(&module_tables());
    out.push_str(DIFFERENCES);
    out
}

fn keyword_table() -> String {
    let mut out = "## Keywords\n\n| keyword | play | block | task | handler | role | what it does |\n| --- | --- | --- | --- | --- | --- | --- |\n".to_owned();
    let mut control = String::new();
    for (name, places, about) in keywords() {
        if places == ["`loop_control`"] {
            control.push_str(&format!("| `{name}` | {about} |\n"));
            continue;
        }
        let mut marks: Vec<&str> = Vec::new();
        for column in COLUMNS {
            marks.push(if places.contains(&column) { "✓" } else { "" });
        }
        out.push_str(&format!("| `{name}` | {} | {about} |\n", marks.join(" | ")));
    }
    let with_import: Vec<&str> = keywords()
        .filter(|(_, places, _)| places.contains(&"`import_playbook`"))
        .map(|(name, ..)| name)
        .collect();
    out.push_str(&format!(
        "\nAn entry with `import_playbook` takes {}. What stands under `apply` of an include takes what a block does.\n",
        ticked(&with_import)
    ));
    out.push_str("\n### `loop_control`\n\n| key | what it does |\n| --- | --- |\n");
    out.push_str(&control);
    out.push('\n');
    out
}

fn words() -> String {
    let metas: Vec<&str> = Meta::ALL.iter().map(|(word, _)| *word).collect();
    format!(
        "### Words\n\n- `meta`: {}\n- `strategy`: {}\n- `order`: {}\n- `connection`: {}\n- `become_method`: {}\n\n",
        ticked(&metas),
        ticked(STRATEGIES),
        ticked(ORDERS),
        ticked(CONNECTIONS),
        ticked(BECOME),
    )
}

fn templates() -> String {
    let mut out = "## Templates\n\nJinja with Ansible's defaults and native types; results are those of ansible-core. Statements: `if`, `for` (with `break` and
`continue`), `set`, `macro`, `call`, `filter`, `include`, `import`, `extends` with `block`, `super()` and `self`,
`raw`, `with`, `do`; `autoescape` does nothing.\n".to_owned();
    for (title, names) in [
        ("Filters", template::filter_names()),
        ("Tests", template::test_names()),
        ("Lookups", lookups::names()),
        ("Functions", template::function_names()),
    ] {
        out.push_str(&format!(
            "\n### {title} ({})\n\n{}\n",
            names.len(),
            ticked(&names)
        ));
    }
    out.push_str("\n### Methods\n\n");
    for (holder, names) in template::method_names() {
        out.push_str(&format!("- of {holder}: {}\n", ticked(&names)));
    }
    out.push_str("\n### Not there\n\n");
    for (name, instead) in template::missing_names() {
        out.push_str(&format!("- `{name}`: {instead}\n"));
    }
    out.push('\n');
    out
}

fn setting_list() -> String {
    let mut sections: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for (section, name) in settings() {
        sections.entry(section).or_default().push(name);
    }
    let mut out = "## Settings\n\n`ansible.cfg` is found where Ansible finds it, and the environment variables of these settings count too. A value that hoist
cannot honour is an error that says what to do instead; other settings have no effect, and hoist warns of those that would.\n\n".to_owned();
    for (section, names) in sections {
        out.push_str(&format!("- `[{section}]`: {}\n", ticked(&names)));
    }
    out.push('\n');
    out
}

fn module_tables() -> String {
    let mut out = "## Modules\n\nEach module has [a page](modules/README.md) with its arguments, results and an example.\n\n| module | refused arguments |\n| --- | --- |\n".to_owned();
    let (refused, taken): (Vec<&Spec>, Vec<&Spec>) =
        modules::all().iter().partition(|s| s.instead().is_some());
    for spec in &taken {
        let names: Vec<&str> = spec
            .arguments()
            .filter(|a| a.refused.is_some())
            .map(|a| a.name)
            .collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            ticked(&names)
        };
        out.push_str(&format!(
            "| [`{0}`](modules/{0}.md) | {names} |\n",
            spec.name
        ));
    }
    out.push_str("\n### Not there\n\nWhat to use instead is part of the error message.\n\n| module or collection | instead |\n| --- | --- |\n");
    for spec in &refused {
        let instead = spec.instead().unwrap_or_default();
        out.push_str(&format!("| `{}` | {instead} |\n", spec.name));
    }
    for (name, instead) in missing_modules() {
        let name = if name.ends_with('.') {
            format!("{name}*")
        } else {
            name.to_owned()
        };
        out.push_str(&format!("| `{name}` | {instead} |\n"));
    }
    out.push('\n');
    out
}

fn ticked(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    names.join(", ")
}
