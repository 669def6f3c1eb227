//! `hoist doc`: the modules, from what they say of themselves.

use super::dialect;
use super::output::print;
use crate::error::Diagnostic;
use crate::modules::{self, Arg, CheckSupport, Kind, Rule, Spec};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Describe a module: what it does, its arguments, an example
#[derive(Args, Clone, Debug)]
pub struct DocCommand {
    /// The module, by its short or full name
    #[arg(required_unless_present_any = ["list", "markdown", "dialect"])]
    module: Option<String>,
    /// List all modules
    #[arg(short, long, conflicts_with = "module")]
    list: bool,
    /// Write a page for each module, and an index, into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["module", "list"])]
    markdown: Option<PathBuf>,
    /// Print the page on all of the dialect, as Markdown
    #[arg(long, conflicts_with_all = ["module", "list", "markdown"])]
    dialect: bool,
}

/// Prints what was asked for, or writes the pages.
///
/// # Errors
/// No such module; a page that cannot be written.
pub fn run(command: &DocCommand) -> Result<ExitCode, Diagnostic> {
    if let Some(folder) = &command.markdown {
        let wrong = |e| Diagnostic::new(format!("cannot write into `{}`: {e}", folder.display()));
        std::fs::create_dir_all(folder).map_err(wrong)?;
        for (name, text) in pages() {
            std::fs::write(folder.join(name), text).map_err(wrong)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let text = match &command.module {
        None if command.dialect => dialect::page(),
        None => list(),
        Some(name) => page(find(name)?, false),
    };
    print(&text).map(|()| ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<&'static Spec, Diagnostic> {
    modules::find(name).ok_or_else(|| {
        let names = modules::all().iter().flat_map(|s| [s.short(), s.name]);
        Diagnostic::new(format!("there is no module `{name}`"))
            .with_help("`hoist doc --list` shows them all")
            .with_nearest(name, names)
    })
}

/// One line a module.
fn list() -> String {
    let all = modules::all();
    let width = all.iter().map(|s| s.name.len()).max().unwrap_or(0);
    all.iter()
        .map(|s| format!("{:width$}  {}\n", s.name, s.about))
        .collect()
}

/// Every page of the folder `docs/modules`, by file name.
pub fn pages() -> Vec<(String, String)> {
    let mut index = "# Modules\n\nWritten by `hoist doc --markdown`; change the module's own description instead.\n\n| module | what it does | check mode |\n| --- | --- | --- |\n".to_owned();
    let mut pages = Vec::new();
    for spec in modules::all() {
        let check = match spec.check {
            _ if spec.instead().is_some() => "–",
            CheckSupport::Full => "full",
            CheckSupport::Skipped => "skipped",
            CheckSupport::Partial => "partial",
        };
        let about = spec.about.replace('|', "\\|");
        index.push_str(&format!(
            "| [{0}]({0}.md) | {about} | {check} |\n",
            spec.name
        ));
        pages.push((format!("{}.md", spec.name), page(spec, true)));
    }
    pages.push(("README.md".to_owned(), index));
    pages
}

/// A module's page: Markdown, or the same words plain.
fn page(spec: &Spec, markdown: bool) -> String {
    let (title, head, code) = if markdown {
        ("# ", "## ", "`")
    } else {
        ("", "", "")
    };
    let mut out = format!("{title}{}\n\n{}.\n", spec.name, capital(spec.about));
    if spec.instead().is_some() {
        return out;
    }
    let others: Vec<&str> = std::iter::once(spec.short())
        .chain(spec.aliases.iter().copied())
        .collect();
    out.push_str(&format!("\nAlso called: {}.\n", joined(&others, code)));
    out.push_str(match spec.check {
        CheckSupport::Full => "\nIn check mode it says exactly what it would do.\n",
        CheckSupport::Skipped => "\nIn check mode it is skipped: nobody knows what it would do.\n",
        CheckSupport::Partial => "\nIn check mode it says what it can know.\n",
    });
    let arguments: Vec<&Arg> = spec.arguments().collect();
    let (taken, refused): (Vec<&Arg>, Vec<&Arg>) =
        arguments.iter().partition(|a| a.refused.is_none());
    if let Some(name) = spec.free_form {
        out.push_str(&format!(
            "\nText written behind its name is its argument {code}{name}{code}.\n"
        ));
    }
    if !taken.is_empty() {
        out.push_str(&format!("\n{head}Arguments\n\n"));
        for arg in taken {
            out.push_str(&argument(arg, code));
        }
    }
    if !spec.rules.is_empty() {
        out.push('\n');
        for rule in spec.rules {
            out.push_str(&format!("- {}\n", capital(&words(rule, code))));
        }
    }
    if !refused.is_empty() {
        out.push_str(&format!("\n{head}Not supported\n\n"));
        for arg in refused {
            out.push_str(&format!(
                "- {code}{}{code}: {}\n",
                arg.name,
                arg.refused.unwrap_or_default()
            ));
        }
    }
    if !spec.returns.is_empty() {
        out.push_str(&format!("\n{head}Results\n\n"));
        for (key, what) in spec.returns {
            out.push_str(&format!("- {code}{key}{code}: {what}\n"));
        }
    }
    if !spec.example.trim().is_empty() {
        let example = spec.example.trim_matches('\n');
        if markdown {
            out.push_str(&format!("\n## Example\n\n```yaml\n{example}\n```\n"));
        } else {
            out.push_str(&format!("\nExample\n\n{}\n", indented(example)));
        }
    }
    out
}

fn argument(arg: &Arg, code: &str) -> String {
    let mut about = vec![kind(arg.kind).to_owned()];
    if arg.required {
        about.push("required".into());
    }
    if let Some(default) = arg.default {
        about.push(format!("default {code}{default}{code}"));
    }
    if !arg.choices.is_empty() {
        about.push(format!("one of {}", joined(arg.choices, code)));
    }
    if !arg.aliases.is_empty() {
        about.push(format!("also {}", joined(arg.aliases, code)));
    }
    if arg.secret {
        about.push("never shown".into());
    }
    format!(
        "- {code}{}{code} ({}): {}\n",
        arg.name,
        about.join(", "),
        arg.doc
    )
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Str => "text",
        Kind::Path => "path",
        Kind::Bool => "boolean",
        Kind::Int => "integer",
        Kind::Float => "number",
        Kind::Mode => "file mode",
        Kind::List => "list of text",
        Kind::ListAny => "list",
        Kind::Dict => "mapping",
        Kind::Bytes => "size",
        Kind::Raw => "any value",
    }
}

fn words(rule: &Rule, code: &str) -> String {
    match rule {
        Rule::Exclusive(names) => format!("at most one of {}.", joined(names, code)),
        Rule::OneOf(names) => format!("at least one of {}.", joined(names, code)),
        Rule::Together(names) => format!("all or none of {}.", joined(names, code)),
        Rule::If(name, value, names, any) => format!(
            "when {code}{name}{code} is {code}{value}{code}, {} {}.",
            if *any { "any of" } else { "all of" },
            joined(names, code)
        ),
        Rule::By(name, names) => format!("{code}{name}{code} needs {}.", joined(names, code)),
    }
}

fn joined(names: &[&str], code: &str) -> String {
    let names: Vec<String> = names.iter().map(|n| format!("{code}{n}{code}")).collect();
    names.join(", ")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|l| format!("  {l}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_a_near_miss() {
        insta::assert_snapshot!(page(find("package_facts").unwrap(), false), @r"
        ansible.builtin.package_facts

        Gathers the installed packages as facts.

        Also called: package_facts.

        In check mode it says exactly what it would do.

        Arguments

        - manager (list of text, default auto): package managers to ask, in order: auto, apt, rpm (also dnf, dnf5, yum, zypper), apk, pacman
        - strategy (text, default first, one of first, all): whether to stop at the first that knows any package

        Results

        - ansible_facts: `packages`: a list per package name, each entry with name, version, arch, source and what else the manager tells; `origin` is what the package itself says, empty for most

        Example

          - name: Which packages are there
            ansible.builtin.package_facts:
        ");
        let wrong = find("package_fact").map(|s| s.name).unwrap_err();
        insta::assert_snapshot!(wrong, @r"
        error: there is no module `package_fact`
          help: did you mean `package_facts`?
        ");
    }

    /// What is described is all there is: every module has an example, a sentence, and documented arguments.
    #[test]
    fn every_module_describes_itself() {
        for spec in modules::all() {
            assert!(
                !spec.about.is_empty() && !spec.about.ends_with('.'),
                "{}",
                spec.name
            );
            assert!(
                spec.instead().is_some() || !spec.example.trim().is_empty(),
                "{}",
                spec.name
            );
            for arg in spec.arguments() {
                assert!(!arg.doc.is_empty(), "{}: {}", spec.name, arg.name);
                if let Some(default) = arg.default.filter(|_| !arg.choices.is_empty()) {
                    assert!(
                        arg.choices.contains(&default),
                        "{}: {}",
                        spec.name,
                        arg.name
                    );
                }
            }
            for name in [spec.name, spec.short()].iter().chain(spec.aliases) {
                let named = modules::all().iter().filter(|s| s.answers_to(name));
                assert_eq!(named.count(), 1, "{name} is the name of two modules");
            }
            let mut names: Vec<&str> = spec
                .arguments()
                .flat_map(|a| std::iter::once(a.name).chain(a.aliases.iter().copied()))
                .collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(
                names.len(),
                all,
                "{}: an argument is there twice",
                spec.name
            );
        }
    }
}
