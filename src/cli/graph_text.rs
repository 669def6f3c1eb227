//! The order of roles in words, and for programs that draw.

use super::graph_play::GraphPlay;
use crate::check::Step;

/// For people: what can run at the same time stands together.
pub(super) fn text(plays: &[GraphPlay]) -> String {
    let mut out = String::new();
    for play in plays {
        let overview = &play.overview;
        if play.number > 1 {
            out.push('\n');
        }
        let how = match (overview.is_graph, overview.steps.len()) {
            (_, 0) => "nothing to do",
            (true, _) => "roles side by side",
            (false, _) => "one after the other",
        };
        out.push_str(&format!(
            "play {}: {}: {how}\n",
            play.number,
            play.heading()
        ));
        let width = overview.steps.iter().map(|s| s.name.chars().count()).max();
        let width = width.unwrap_or_default();
        let mut order: Vec<usize> = (0..overview.steps.len()).collect();
        order.sort_by_key(|n| overview.steps[*n].level);
        let mut level = None;
        for number in order {
            let step = &overview.steps[number];
            let mark = match level.replace(step.level) == Some(step.level) {
                true => String::new(),
                false => (step.level + 1).to_string(),
            };
            let mut about = vec![tasks(step.tasks)];
            if overview.is_graph && !step.after.is_empty() {
                let names = step.after.iter().map(|n| overview.steps[*n].name.as_str());
                about.push(format!("after {}", names.collect::<Vec<_>>().join(", ")));
            }
            if !step.given.is_empty() {
                about.push(format!("takes as given: {}", step.given.join(", ")));
            }
            out.push_str(&format!(
                "  {mark:>2}  {:width$}  {}\n",
                step.name,
                about.join("; ")
            ));
        }
        let way = overview.longest();
        if overview.is_graph && way.len() > 1 && overview.steps.iter().any(|s| s.tasks > 0) {
            let on_it: usize = way.iter().map(|n| overview.steps[*n].tasks).sum();
            let all: usize = overview.steps.iter().map(|s| s.tasks).sum();
            let names: Vec<&str> = way
                .iter()
                .map(|n| overview.steps[*n].name.as_str())
                .collect();
            out.push_str(&format!(
                "  longest chain: {} ({on_it} of {})\n",
                names.join(" -> "),
                tasks(all)
            ));
        }
    }
    out
}

fn tasks(count: usize) -> String {
    match count {
        0 => "no task".to_owned(),
        1 => "1 task".to_owned(),
        n => format!("{n} tasks"),
    }
}

/// A flowchart in the language of Mermaid.
pub(super) fn mermaid(plays: &[GraphPlay]) -> String {
    let quoted = |text: &str| text.replace('"', "#quot;");
    let mut out = "flowchart LR\n".to_owned();
    for play in plays {
        let p = play.number;
        out.push_str(&format!(
            "  subgraph p{p}[\"{}\"]\n",
            quoted(&play.heading())
        ));
        out.push_str("    direction LR\n");
        for (number, step) in play.overview.steps.iter().enumerate() {
            let (open, close) = shape(step);
            out.push_str(&format!(
                "    p{p}s{number}{open}\"{}\"{close}\n",
                quoted(&step.name)
            ));
        }
        for (number, step) in play.overview.steps.iter().enumerate() {
            for before in &step.after {
                out.push_str(&format!("    p{p}s{before} --> p{p}s{number}\n"));
            }
        }
        out.push_str("  end\n");
    }
    for play in plays.iter().skip(1) {
        out.push_str(&format!("  p{} --> p{}\n", play.number - 1, play.number));
    }
    out
}

fn shape(step: &Step) -> (&'static str, &'static str) {
    match step.is_role {
        true => ("[", "]"),
        false => ("([", "])"),
    }
}

/// A graph in the language of Graphviz.
pub(super) fn dot(plays: &[GraphPlay]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out =
        "digraph hoist {\n  rankdir=LR\n  compound=true\n  node [shape=box, style=rounded]\n"
            .to_owned();
    for play in plays {
        let p = play.number;
        out.push_str(&format!(
            "  subgraph cluster_{p} {{\n    label={}\n",
            quoted(&play.heading())
        ));
        for (number, step) in play.overview.steps.iter().enumerate() {
            let plain = if step.is_role { "" } else { ", shape=oval" };
            out.push_str(&format!(
                "    p{p}s{number} [label={}{plain}]\n",
                quoted(&step.name)
            ));
        }
        out.push_str("  }\n");
        for (number, step) in play.overview.steps.iter().enumerate() {
            for before in &step.after {
                out.push_str(&format!("  p{p}s{before} -> p{p}s{number}\n"));
            }
        }
    }
    let drawn: Vec<&GraphPlay> = plays
        .iter()
        .filter(|p| !p.overview.steps.is_empty())
        .collect();
    for pair in drawn.windows(2) {
        let (one, two) = (pair[0].number, pair[1].number);
        let last = pair[0].overview.steps.len() - 1;
        out.push_str(&format!(
            "  p{one}s{last} -> p{two}s0 [ltail=cluster_{one}, lhead=cluster_{two}]\n"
        ));
    }
    out.push_str("}\n");
    out
}
