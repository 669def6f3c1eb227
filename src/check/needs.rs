//! What roles need of each other.

use super::findings::Findings;
use super::walk::{self, Around};
use crate::error::Diagnostic;
use crate::playbook::{Loader, Need, Play, Playbook, RoleGraph, RoleNode};
use glob::Pattern;

/// Whether a play's roles run side by side for sure.
pub(super) fn is_graph(play: &Play) -> bool {
    strategy(play).is_some_and(|s| s == "graph")
}

/// The last part of the strategy's name; `None` where it is a template.
fn strategy(play: &Play) -> Option<&str> {
    match &play.strategy {
        None => Some("linear"),
        Some(located) => located.as_str()?.rsplit('.').next(),
    }
}

/// Circles, needs that nobody has heard of, and orders that do not fit them.
pub(super) fn check(play: &Play, loader: &Loader, findings: &mut Findings) {
    let graph = RoleGraph::of(play);
    for node in &graph.nodes {
        for need in &node.given {
            if let Some(problem) = unknown(need, node, &graph, play, loader) {
                findings.error(problem);
            }
        }
    }
    if let Err(circle) = graph.order() {
        findings.error(circle);
        return;
    }
    match strategy(play) {
        Some("graph") => silent(play, &graph, findings),
        Some(_) => late(&graph, findings),
        None => {}
    }
}

/// A need that nothing in the play provides is met by what is there already, if there is such a thing at all.
fn unknown(
    need: &Need,
    node: &RoleNode,
    graph: &RoleGraph,
    play: &Play,
    loader: &Loader,
) -> Option<Diagnostic> {
    let word = need.word.as_str();
    let role = node.turns.first()?.block.role()?;
    if loader.has_role(word, &play.dir, &role.role) {
        return None;
    }
    let others = loader.roles_near(&play.dir);
    let provided: Vec<&str> = others
        .iter()
        .flat_map(|(name, provides)| std::iter::once(name).chain(provides))
        .map(String::as_str)
        .collect();
    if provided.contains(&word) {
        return None;
    }
    let here = graph.nodes.iter().flat_map(|n| n.turns.first());
    let here = here.filter_map(|t| t.block.role());
    let here: Vec<&str> = here.flat_map(|r| r.role.all_provides()).collect();
    let names = here.iter().chain(&provided).copied();
    Some(
        Diagnostic::at(
            &need.span,
            format!(
                "role `{}` needs `{word}`, which no role provides",
                node.name
            ),
        )
        .with_note(
            "a need is the name of a role, or a word of the `provides` in a role's meta/main.yml",
        )
        .with_nearest(word, names),
    )
}

/// Roles of which nobody said what they need begin at once: that is worth a word.
fn silent(play: &Play, graph: &RoleGraph, findings: &mut Findings) {
    let names: Vec<String> = graph
        .nodes
        .iter()
        .filter(|node| node.silent)
        .map(|node| format!("`{}`", node.name))
        .collect();
    if names.is_empty() || graph.nodes.len() < 2 {
        return;
    }
    let span = play.strategy.as_ref().map_or(&play.span, |s| &s.span);
    let says = match names.len() {
        1 => "says nothing of what it needs, so it waits for nothing",
        _ => "say nothing of what they need, so they wait for nothing",
    };
    findings.warn(
        Diagnostic::at(span, format!("{} {says}", names.join(", "))).with_help(
            "write `needs: [ROLE, …]` in the role's meta/main.yml; `needs: []` where that is right",
        ),
    );
}

/// A role that comes before what it needs, in a play whose roles run as they are listed.
fn late(graph: &RoleGraph, findings: &mut Findings) {
    for (number, node) in graph.nodes.iter().enumerate() {
        for edge in node.needs.iter().filter(|e| e.node > number) {
            let other = &graph.nodes[edge.node];
            findings.warn(
                Diagnostic::at(
                    &node.span,
                    format!(
                        "role `{}` runs before `{}`, which it needs",
                        node.name, other.name
                    ),
                )
                .with_note(format!(
                    "it says so in {}:{}",
                    edge.span.path().display(),
                    edge.span.line
                ))
                .with_help("change their order, or write `strategy: graph` in the play"),
            );
        }
    }
}

/// Why a run cannot begin at a task (`--start-at-task`): it stands in a role that runs beside others, and "everything before
/// it" has no meaning there. `None` where it can, or where no such task is known.
pub fn start_among_roles(playbook: &Playbook, wanted: &str) -> Option<Diagnostic> {
    let pattern = Pattern::new(wanted).ok();
    let fits = |text: &str| text == wanted || pattern.as_ref().is_some_and(|p| p.matches(text));
    for play in &playbook.plays {
        let mut found = None;
        let mut around = Around {
            play,
            blocks: Vec::new(),
            handler: false,
            aside: false,
        };
        // what comes first begins the run
        let mut look = |list, beside: bool| {
            walk::entries(list, &mut around, &mut |task, around| {
                let name = task.common.name.as_ref().map_or(&task.action.name, |n| n);
                let own = name.to_string();
                let role = around.role().map_or("", |using| using.role.name.as_str());
                if found.is_none() && (fits(&own) || fits(&format!("{role} : {own}"))) {
                    found = Some((beside, task.span.clone()));
                }
            });
        };
        look(&play.pre_tasks, false);
        look(&play.roles, is_graph(play));
        look(&play.tasks, false);
        look(&play.post_tasks, false);
        match found {
            Some((true, span)) => {
                return Some(
                    Diagnostic::at(
                        &span,
                        format!("`--start-at-task` cannot begin at `{wanted}`, for it is part of a role that runs beside others"),
                    )
                    .with_note("with `strategy: graph` there is no saying which tasks would come before it")
                    .with_help("`--tags` runs a role by itself; what is done already costs little"),
                );
            }
            Some(_) => return None,
            None => {}
        }
    }
    None
}
