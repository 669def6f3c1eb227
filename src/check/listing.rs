//! What `--list-tasks`, `--list-tags` and `--list-hosts` print, in Ansible's shape.

use super::tags::selected;
use super::walk::{self, Around};
use crate::playbook::{ActionKind, Play, Playbook, Task};
use std::path::Path;

/// What to list, and of which tasks.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// `--list-tasks`.
    pub tasks: bool,
    /// `--list-tags`.
    pub tags: bool,
    /// `--list-hosts`.
    pub hosts: bool,
    /// `--tags`.
    pub only: Vec<String>,
    /// `--skip-tags`.
    pub skip: Vec<String>,
}

impl Listing {
    /// The text for a playbook. `hosts` gives the hosts of a play, in the inventory's order.
    ///
    /// Follows the output of `ansible-playbook`, save that tags and hosts have an order.
    pub fn text(
        &self,
        path: &Path,
        playbook: &Playbook,
        hosts: &dyn Fn(&Play) -> Vec<String>,
    ) -> String {
        let mut out = format!("\nplaybook: {}\n", path.display());
        for (number, play) in playbook.plays.iter().enumerate() {
            self.play(number + 1, play, hosts, &mut out);
        }
        out
    }

    fn play(
        &self,
        number: usize,
        play: &Play,
        hosts: &dyn Fn(&Play) -> Vec<String>,
        out: &mut String,
    ) {
        let patterns = patterns(play);
        let mut tags: Vec<String> = play.common.tags.iter().map(|t| t.to_string()).collect();
        tags.sort();
        tags.dedup();
        out.push_str(&format!(
            "\n  play #{number} ({}): {}\tTAGS: [{}]\n",
            patterns.join(","),
            play.title(),
            tags.join(",")
        ));
        if self.hosts {
            let hosts = hosts(play);
            let quoted: Vec<String> = patterns.iter().map(|p| format!("'{p}'")).collect();
            out.push_str(&format!("    pattern: [{}]\n", quoted.join(", ")));
            out.push_str(&format!("    hosts ({}):\n", hosts.len()));
            for host in hosts {
                out.push_str(&format!("      {host}\n"));
            }
        }
        if !self.tasks && !self.tags {
            return;
        }
        if self.tasks {
            out.push_str("    tasks:\n");
        }
        // A list of tags without a selection has those of tasks that never run too.
        let every = ["never".to_owned(), "all".to_owned()];
        let only = if self.tags && self.only.is_empty() {
            &every[..]
        } else {
            &self.only
        };
        walk::tasks(play, &mut |task, around| {
            let (own, _) = around.tags(task);
            if around.handler || around.aside || !selected(&own, only, &self.skip) {
                return;
            }
            if self.tasks {
                out.push_str(&format!(
                    "      {}\tTAGS: [{}]\n",
                    task_title(task, around),
                    own.join(", ")
                ));
            }
            tags.extend(own);
        });
        if self.tags {
            tags.sort();
            tags.dedup();
            out.push_str(&format!("      TASK TAGS: [{}]\n", tags.join(", ")));
        }
    }
}

fn patterns(play: &Play) -> Vec<String> {
    match play.hosts.as_list() {
        Some(list) => list.iter().map(ToString::to_string).collect(),
        None => vec![play.hosts.to_string()],
    }
}

/// A task as lists and messages call it: `role : name`, or its module.
fn task_title(task: &Task, around: &Around<'_>) -> String {
    let name = task.common.name.as_ref().map(|name| name.to_string());
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return match &task.action.kind {
            ActionKind::IncludeRole(role) => {
                format!("{} : {}", task.action.name.value, role.name.value)
            }
            _ => task.action.name.to_string(),
        };
    };
    match around.role() {
        Some(using) if !matches!(task.action.kind, ActionKind::IncludeRole(_)) => {
            format!("{} : {name}", using.role.name)
        }
        _ => name,
    }
}
