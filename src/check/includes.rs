//! Following includes whose names are literal.

use super::checker::Checker;
use super::templates::circle;
use super::walk::{self, Around};
use crate::error::{Problems, Span};
use crate::playbook::{
    ActionKind, Block, BlockKind, Entry, FromFiles, IncludeFrom, Included, Loader, Meta,
    RoleRequest, Task,
};
use crate::value::Map;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How deep includes inside includes are followed.
const MAX_DEPTH: usize = 30;

/// What is included, and from where.
type Key = (String, PathBuf);

/// An include on the way to a task.
pub(super) struct Include {
    key: Key,
    /// Where it stands.
    pub(super) span: Span,
    /// Whether its tags are selected.
    pub(super) runs: bool,
    /// Whether whoever begins what it stands in comes to it, whatever the variables are.
    certain: bool,
    /// How many blocks are around what it brings.
    depth: usize,
    /// A `meta` in what it brings may end the play, the host or the role before the end.
    ends: bool,
}

impl Checker<'_> {
    pub(super) fn include_tasks(
        &mut self,
        name: &str,
        span: &Span,
        task: &Task,
        around: &Around<'_>,
        runs: bool,
    ) {
        let key = (format!("{name} {}", around.handler), task.path.clone());
        let role = around.role().map(|using| using.role.clone());
        self.follow(key, span, task, around, runs, |loader, from| {
            loader.tasks_file(
                name,
                &IncludeFrom {
                    role: role.as_ref(),
                    ..from
                },
            )
        });
    }

    pub(super) fn include_role(
        &mut self,
        name: &str,
        from: FromFiles,
        span: &Span,
        task: &Task,
        around: &Around<'_>,
        runs: bool,
    ) {
        let role = around.role().map(|using| using.role.clone());
        let base = role.as_ref().map_or(&around.play.dir, |role| &role.path);
        let key = (format!("{name} {from:?}"), base.clone());
        let request = RoleRequest {
            name: name.to_owned(),
            from,
            validate: true,
            ..RoleRequest::default()
        };
        self.follow(key, span, task, around, runs, |loader, at| {
            loader.role(
                &request,
                &IncludeFrom {
                    role: role.as_ref(),
                    ..at
                },
            )
        });
    }

    /// Reads what an include brings, once, and checks it below the include.
    fn follow(
        &mut self,
        key: Key,
        span: &Span,
        task: &Task,
        around: &Around<'_>,
        runs: bool,
        load: impl FnOnce(&Loader, IncludeFrom<'_>) -> Result<Included, Problems>,
    ) {
        let certain = self.is_certain(task, around, runs);
        if let Some(start) = self.includes.iter().position(|i| i.key == key) {
            let round = &self.includes[start..];
            if certain && round[1..].iter().all(|i| i.certain) && !round.iter().any(|i| i.ends) {
                let here = &task.action.name.span;
                let steps: Vec<String> = round
                    .iter()
                    .map(|i| &i.span)
                    .chain([here])
                    .map(|span| format!("{}:{}", span.path().display(), span.line))
                    .collect();
                self.findings.error(circle("includes", &steps, here));
            }
            return;
        }
        if self.includes.len() >= MAX_DEPTH || !self.followed.insert(key.clone()) {
            return;
        }
        let vars = known_vars(around, task);
        let from = IncludeFrom {
            span,
            play_dir: &around.play.dir,
            path: Path::new(&task.path),
            role: None,
            handler: around.handler,
            vars: &vars,
        };
        let included = match load(self.loader, from) {
            Ok(included) => included,
            Err(problems) => {
                self.findings.problems.extend(problems);
                return;
            }
        };
        included
            .warnings
            .into_iter()
            .for_each(|w| self.findings.warn(w));
        self.includes.push(Include {
            key,
            span: task.action.name.span.clone(),
            runs,
            certain,
            depth: around.blocks.len(),
            ends: false,
        });
        self.blocks(&included.entries);
        self.blocks(&included.handlers);
        // What is included inherits from the blocks around the include and from `apply`, not from the include itself.
        let mut inner = around.clone();
        let entries = applied(task, included.entries);
        walk::entries(&entries, &mut inner, &mut |task, around| {
            self.task(task, around)
        });
        inner.handler = true;
        walk::entries(&included.handlers, &mut inner, &mut |task, around| {
            self.task(task, around)
        });
        self.includes.pop();
    }

    /// Whether nothing but the end of the run keeps a host from this include once it began what the include stands in.
    fn is_certain(&self, task: &Task, around: &Around<'_>, runs: bool) -> bool {
        let depth = self.includes.last().map_or(0, |i| i.depth);
        let blocks = around.blocks.get(depth..).unwrap_or_default();
        runs && !around.handler
            && !around.aside
            && !around.tags(task).1
            && task.loop_.is_none()
            && task.common.when.is_empty()
            && blocks.iter().all(|block| block.common.when.is_empty())
    }

    /// Notes a `meta` that may keep a host from what comes after it.
    pub(super) fn meta(&mut self, what: &Meta) {
        let ends = matches!(
            what,
            Meta::EndPlay | Meta::EndHost | Meta::EndBatch | Meta::EndRole
        );
        if let Some(include) = self.includes.last_mut() {
            include.ends |= ends;
        }
    }
}

/// What is included, under the keywords of `apply`.
fn applied(task: &Task, entries: Vec<Entry>) -> Vec<Entry> {
    let apply = match &task.action.kind {
        ActionKind::IncludeTasks { apply, .. } => apply.as_deref(),
        ActionKind::IncludeRole(role) => role.apply.as_ref(),
        _ => None,
    };
    let Some(apply) = apply else { return entries };
    vec![Entry::Block(Arc::new(Block {
        span: task.span.clone(),
        kind: BlockKind::Written,
        common: apply.clone(),
        body: entries,
        rescue: Vec::new(),
        always: Vec::new(),
    }))]
}

/// Variables that names of imports inside an include may use.
fn known_vars(around: &Around<'_>, task: &Task) -> Map {
    let mut vars = Map::new();
    for common in around.commons().chain([&task.common]) {
        vars.extend(common.vars.clone());
    }
    vars
}
