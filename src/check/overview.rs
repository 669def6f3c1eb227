//! What a playbook runs, and in which order: for people to look at before they run it.

use super::needs;
use super::tags::selected;
use super::walk::{self, Around};
use crate::error::Diagnostic;
use crate::playbook::{Block, Entry, Play, Playbook, RoleGraph, RoleTurn};
use std::sync::Arc;

/// A play and its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Its name.
    pub title: String,
    /// Its patterns of hosts.
    pub patterns: Vec<String>,
    /// Roles side by side.
    pub is_graph: bool,
    /// What runs, by number. A step stands behind what it waits for, but for roles that are listed before what they need.
    pub steps: Vec<Step>,
}

/// A role, or a list of tasks of the play itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The role, or `pre_tasks`, `tasks`, `post_tasks`.
    pub name: String,
    /// Whether it is a role.
    pub is_role: bool,
    /// How many of its tasks the tags select. (What is included at run time is not counted.)
    pub tasks: usize,
    /// The steps it waits for; without those that are waited for anyway.
    pub after: Vec<usize>,
    /// The longest way to it: 0 for what comes first.
    pub level: usize,
    /// Needs that are taken to be met.
    pub given: Vec<String>,
}

impl Overview {
    /// The plays of a playbook, as `--tags` and `--skip-tags` leave them.
    ///
    /// # Errors
    /// Roles that wait for each other.
    pub fn of(
        playbook: &Playbook,
        only: &[String],
        skip: &[String],
    ) -> Result<Vec<Self>, Diagnostic> {
        let plays = playbook.plays.iter();
        plays.map(|play| Self::of_play(play, only, skip)).collect()
    }

    fn of_play(play: &Arc<Play>, only: &[String], skip: &[String]) -> Result<Self, Diagnostic> {
        let is_graph = needs::is_graph(play);
        let graph = RoleGraph::of(play);
        let count = |list: &[Entry], around: Vec<&Block>| count(play, list, around, only, skip);
        let mut steps: Vec<Step> = Vec::new();
        let own = |name: &str, list: &[Entry], steps: &mut Vec<Step>| {
            let tasks = count(list, Vec::new());
            if !list.is_empty() {
                let after = ends(steps);
                steps.push(Step {
                    name: name.to_owned(),
                    is_role: false,
                    tasks,
                    level: level(steps, &after),
                    after,
                    given: Vec::new(),
                });
            }
        };
        own("pre_tasks", &play.pre_tasks, &mut steps);
        let first = steps.len();
        let order = graph.order()?;
        let befores = graph.befores(&order);
        for (number, node) in graph.nodes.iter().enumerate() {
            let tasks = |turn: &RoleTurn| {
                let around = turn.around.iter().chain([&turn.block]);
                count(&turn.block.body, around.map(|b| &**b).collect())
            };
            let after: Vec<usize> = match (is_graph, steps.len().checked_sub(1)) {
                (true, _) => {
                    let own = graph.direct(&befores, number);
                    own.iter().map(|n| n + first).collect()
                }
                (false, last) => last.into_iter().collect(),
            };
            steps.push(Step {
                name: node.name.clone(),
                is_role: true,
                tasks: node.turns.iter().map(tasks).sum(),
                level: 0,
                after: match (after.is_empty(), first) {
                    (true, 1) => vec![0],
                    _ => after,
                },
                given: node.given.iter().map(|n| n.word.clone()).collect(),
            });
        }
        for number in &order {
            steps[first + number].level = level(&steps, &steps[first + number].after);
        }
        own("tasks", &play.tasks, &mut steps);
        own("post_tasks", &play.post_tasks, &mut steps);
        let patterns = match play.hosts.as_list() {
            Some(list) => list.iter().map(ToString::to_string).collect(),
            None => vec![play.hosts.to_string()],
        };
        Ok(Self {
            title: play.title(),
            patterns,
            is_graph,
            steps,
        })
    }

    /// The way through the steps with the most tasks: what the play cannot be faster than, if tasks take equally long.
    pub fn longest(&self) -> Vec<usize> {
        let mut by_level: Vec<usize> = (0..self.steps.len()).collect();
        by_level.sort_by_key(|n| self.steps[*n].level);
        let mut best: Vec<(usize, Option<usize>)> = vec![(0, None); self.steps.len()];
        for number in by_level {
            let step = &self.steps[number];
            let before = step.after.iter().max_by_key(|n| best[**n].0).copied();
            best[number] = (before.map_or(0, |n| best[n].0) + step.tasks, before);
        }
        let mut at = (0..best.len()).rev().max_by_key(|n| best[*n].0);
        let mut way = Vec::new();
        while let Some(number) = at {
            way.insert(0, number);
            at = best[number].1;
        }
        way
    }
}

fn level(steps: &[Step], after: &[usize]) -> usize {
    after.iter().map(|n| steps[*n].level + 1).max().unwrap_or(0)
}

/// The steps that nothing waits for yet.
fn ends(steps: &[Step]) -> Vec<usize> {
    let waited_for = |n: &usize| steps.iter().any(|s| s.after.contains(n));
    (0..steps.len()).filter(|n| !waited_for(n)).collect()
}

fn count(
    play: &Play,
    list: &[Entry],
    blocks: Vec<&Block>,
    only: &[String],
    skip: &[String],
) -> usize {
    let mut around = Around {
        play,
        blocks,
        handler: false,
        aside: false,
    };
    let mut count = 0;
    walk::entries(list, &mut around, &mut |task, around| {
        let (tags, unknown) = around.tags(task);
        let runs = unknown || selected(&tags, only, skip);
        count += usize::from(runs && !task.implicit && !around.aside);
    });
    count
}
