//! Modules that concern the run and not a host: they see variables and the inventory, and touch no host.

use super::hosts::HostName;
use super::ordinary::Work;
use super::result::TaskResult;
use super::run::Run;
use super::settings::Keywords;
use crate::error::Diagnostic;
use crate::modules::{Args, Fail, Outcome, Spec};
use crate::playbook::{ActionKind, Task};
use crate::value::{Map, Value};
use crate::vars::BranchId;
use std::time::{Duration, Instant};

/// Arguments that the module renders itself, later or as expressions.
pub(super) fn keeps_templates(spec: &Spec) -> &'static [&'static str] {
    match spec.short() {
        "assert" => &["that"],
        _ => &[],
    }
}

/// Whether one host does the task for all: `add_host` and `pause` by their nature.
pub(super) fn bypasses_hosts(task: &Task) -> bool {
    matches!(short_name(task), "add_host" | "pause")
}

/// Whether what the task returns under `ansible_facts` are variables rather than facts of the host.
pub(super) fn facts_are_variables(task: &Task) -> bool {
    matches!(short_name(task), "set_fact" | "include_vars")
}

fn short_name(task: &Task) -> &'static str {
    match &task.action.kind {
        ActionKind::Module(name) => crate::modules::find(name).map_or("", Spec::short),
        ActionKind::IncludeVars => "include_vars",
        _ => "",
    }
}

/// Keeps, for another host too, what a `run_once` task learned.
pub(super) fn keep_facts(run: &Run, branch: BranchId, task: &Task, host: &HostName, result: &Map) {
    let Some(Value::Map(facts)) = result.get("ansible_facts") else {
        return;
    };
    match short_name(task) {
        "set_fact" => facts
            .iter()
            .for_each(|(k, v)| run.world.store.set(branch, host, k, v.clone())),
        "include_vars" => run.world.store.include(branch, host, facts),
        "debug" => {}
        _ => run.world.store.add_facts(branch, host, facts),
    }
}

fn ok(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Outcome {
    Outcome {
        result: pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        ..Outcome::default()
    }
}

impl Work<'_> {
    /// Carries out a module of the engine.
    pub(super) async fn control(
        &self,
        spec: &'static Spec,
        given: Map,
        keywords: &Keywords<'_>,
    ) -> Result<TaskResult, Diagnostic> {
        // their names are the user's own
        if spec.short() == "set_fact" {
            return self.set_fact(given, keywords).map(TaskResult::from_outcome);
        }
        let (given, extra) = match spec.short() {
            "add_host" => given
                .into_iter()
                .partition(|(k, _)| spec.argument(k).is_some()),
            _ => (given, Map::new()),
        };
        let given = given
            .into_iter()
            .map(|(name, value)| match (spec.short(), name.as_str(), value) {
                // one condition, whatever commas it has
                ("assert", "that", one @ (Value::Str(_) | Value::Template(_) | Value::Bool(_))) => {
                    (name, Value::list([one]))
                }
                (_, _, value) => (name, value),
            })
            .collect();
        let args = match Args::bind(spec, &given) {
            Ok(args) => args,
            Err(fail) => return Ok(TaskResult::from_fail(fail)),
        };
        let outcome = match spec.short() {
            "debug" => self.debug(&args, keywords),
            "assert" => self.assert(&args, keywords),
            "fail" => Ok(Err(Fail::new(
                args.raw("msg").map(ToString::to_string).unwrap_or_default(),
            ))),
            "add_host" => Ok(self.add_host(&args, extra)),
            "group_by" => Ok(self.group_by(&args)),
            "set_stats" => Ok(self.set_stats(&args)),
            "include_vars" => self.include_vars(&args),
            "pause" => Ok(self.pause(&args).await),
            "validate_argument_spec" => super::argument_specs::validate(&args, keywords).map(|r| {
                r.map(|()| {
                    ok([
                        ("msg", Value::from("The arg spec validation passed")),
                        (
                            "validate_args_context",
                            super::argument_specs::context(&args),
                        ),
                    ])
                })
            }),
            "gather_facts" => return Ok(self.gather_facts(&args, keywords).await),
            other => Ok(Err(Fail::new(format!(
                "`{other}` cannot be used here: it is a keyword of lists of tasks"
            )))),
        }?;
        Ok(match outcome {
            Ok(outcome) => TaskResult::from_outcome(outcome),
            Err(fail) => TaskResult::from_fail(fail),
        })
    }

    fn debug(
        &self,
        args: &Args,
        keywords: &Keywords<'_>,
    ) -> Result<Result<Outcome, Fail>, Diagnostic> {
        let needed = args.int("verbosity").unwrap_or(0);
        let run = &self.play.run;
        if i64::from(run.options.verbosity) < needed {
            let mut outcome = ok([(
                "skipped_reason",
                Value::from("Verbosity threshold not met."),
            )]);
            outcome.skipped = true;
            return Ok(Ok(outcome));
        }
        let Some(var) = args.raw("var") else {
            return Ok(Ok(ok([(
                "msg",
                args.raw("msg").cloned().unwrap_or_default(),
            )])));
        };
        // an expression, or a list or mapping shown as it is
        let (key, value) = match var {
            Value::Str(text) => {
                let span = self.task.args.spans.get("var");
                let shown = run.templar.evaluate(keywords.scope, text, span);
                // Ansible shows an undefined variable instead of failing
                (
                    text.to_string(),
                    shown.unwrap_or_else(|e| {
                        Value::from(format!("VARIABLE IS NOT DEFINED!: {}", e.message))
                    }),
                )
            }
            other => (format!("<class '{}'>", other.kind()), other.clone()),
        };
        Ok(Ok(Outcome {
            result: Map::from_iter([(key, value)]),
            ..Outcome::default()
        }))
    }

    fn assert(
        &self,
        args: &Args,
        keywords: &Keywords<'_>,
    ) -> Result<Result<Outcome, Fail>, Diagnostic> {
        let message = |name: &str, default: &str| {
            let text = match args.raw(name) {
                Some(Value::List(lines)) => return Value::List(lines.clone()),
                Some(value) => value.to_string(),
                None => default.to_owned(),
            };
            Value::from(text)
        };
        let span = self
            .task
            .args
            .spans
            .get("that")
            .or_else(|| self.task.args.spans.get("_raw_params"));
        let conditions = match args.raw("that") {
            Some(Value::List(items)) => items.to_vec(),
            Some(other) => vec![other.clone()],
            None => Vec::new(),
        };
        for condition in &conditions {
            let holds = self
                .play
                .run
                .templar
                .condition(keywords.scope, condition)
                .map_err(|e| match span {
                    Some(span) => e.with_span(span),
                    None => e,
                })?;
            if !holds {
                let msg = message("fail_msg", "Assertion failed");
                return Ok(Err(Fail::new(msg.to_string())
                    .with("assertion", condition.to_string())
                    .with("evaluated_to", false)));
            }
        }
        Ok(Ok(ok([(
            "msg",
            message("success_msg", "All assertions passed"),
        )])))
    }

    fn set_fact(&self, mut given: Map, keywords: &Keywords<'_>) -> Result<Outcome, Diagnostic> {
        let cacheable = given
            .shift_remove("cacheable")
            .and_then(|v| v.to_bool())
            .unwrap_or(false);
        let store = &self.play.run.world.store;
        let delegate = keywords
            .flag("delegate_facts", |c| c.delegate_facts.as_ref())?
            .unwrap_or(false);
        let host = if delegate {
            self.target(keywords)?
        } else {
            self.host.clone()
        };
        for (name, value) in &given {
            // names may be templates too: `"{{ prefix }}_x": 1`
            let name = self.play.run.templar.resolve_key(
                keywords.scope,
                name,
                self.task.args.spans.get(name),
            )?;
            let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && !name.is_empty();
            if !plain {
                return Err(
                    Diagnostic::new(format!("`{name}` cannot be a variable's name"))
                        .with_help("use letters, digits and underscores, not a digit first"),
                );
            }
            store.set(self.branch(), &host, &name, value.clone());
            if cacheable {
                let facts = Map::from_iter([(name.clone(), value.clone())]);
                store.add_facts(self.branch(), &host, &facts);
            }
        }
        Ok(ok([("ansible_facts", Value::from(given))]))
    }

    fn add_host(&self, args: &Args, extra: Map) -> Result<Outcome, Fail> {
        let given = args.str("name");
        let (name, port) = match given.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') && port.parse::<u16>().is_ok() => {
                (name, port.parse::<i64>().ok())
            }
            _ => (given, None),
        };
        let groups = args.list("groups");
        let mut vars = extra;
        if let Some(port) = port {
            vars.insert("ansible_port".to_owned(), port.into());
        }
        let result = Value::map([
            ("host_name", Value::from(name)),
            (
                "groups",
                Value::list(groups.iter().map(|g| Value::from(g.as_str()))),
            ),
            ("host_vars", Value::from(vars.clone())),
        ]);
        let changed = self
            .play
            .run
            .world
            .change_inventory(|i| i.add_host_at_run_time(name, &groups, vars));
        Ok(Outcome {
            changed,
            ..ok([("add_host", result)])
        })
    }

    fn group_by(&self, args: &Args) -> Result<Outcome, Fail> {
        let key = args.str("key").replace(' ', "-");
        let parents: Vec<String> = args
            .list("parents")
            .into_iter()
            .map(|p| p.replace(' ', "-"))
            .collect();
        let changed = self
            .play
            .run
            .world
            .change_inventory(|i| i.group_by(self.host, &key, &parents))
            .map_err(Fail::from)?;
        let parents = Value::list(parents.into_iter().map(Value::from));
        Ok(Outcome {
            changed,
            ..ok([("add_group", Value::from(key)), ("parent_groups", parents)])
        })
    }

    fn set_stats(&self, args: &Args) -> Result<Outcome, Fail> {
        let Some(data) = args.dict("data") else {
            return Err(Fail::new("`data` must be a mapping"));
        };
        let per_host = args.bool("per_host");
        let aggregate = args.opt_bool("aggregate").unwrap_or(true);
        self.play
            .run
            .add_stats(per_host.then_some(&**self.host), data, aggregate);
        let stats = Value::map([
            ("data", Value::from(data.clone())),
            ("per_host", per_host.into()),
            ("aggregate", aggregate.into()),
        ]);
        Ok(ok([("ansible_stats", stats)]))
    }

    fn include_vars(&self, args: &Args) -> Result<Result<Outcome, Fail>, Diagnostic> {
        match super::include_vars::load(
            args,
            &self.place.search_dirs(&self.task.path),
            &self.play.run.loader,
        ) {
            Ok((vars, files)) => {
                let store = &self.play.run.world.store;
                store.include(self.branch(), self.host, &vars);
                let files = Value::list(files.iter().map(|f| Value::from(f.display().to_string())));
                let vars: Map = vars.into_iter().map(|(k, v)| (k, plain(&v))).collect();
                Ok(Ok(ok([
                    ("ansible_facts", Value::from(vars)),
                    ("ansible_included_var_files", files),
                ])))
            }
            Err(problem) => Ok(Err(problem)),
        }
    }

    async fn pause(&self, args: &Args) -> Result<Outcome, Fail> {
        let run = &self.play.run;
        let seconds = args
            .float("seconds")
            .or_else(|| args.float("minutes").map(|m| m * 60.0));
        let began = Instant::now();
        let start = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let prompt = args.opt_str("prompt");
        let mut input = String::new();
        if let Some(seconds) = seconds {
            let text = prompt.map_or_else(
                || format!("pausing for {seconds} s"),
                |p| format!("{p} ({seconds} s)"),
            );
            run.emitter.emit(crate::report::EventKind::Progress {
                task: self.id,
                host: self.host.to_string(),
                text,
            });
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(seconds.max(0.0))) => {}
                () = run.cancel.cancelled() => return Err(Fail::new("interrupted")),
            }
        } else {
            let question = format!(
                "{}: ",
                prompt.unwrap_or("Press enter to continue, Ctrl+C to interrupt")
            );
            let echo = args.opt_bool("echo").unwrap_or(true);
            if run.options.interactive {
                input = run
                    .ask(question, !echo)
                    .await
                    .map_err(|e| Fail::new(e.message))?;
            } else {
                run.emitter
                    .warn("`pause` waits for nobody: there is no terminal".to_owned());
            }
        }
        run.sessions.forget_all();
        let took = began.elapsed().as_secs_f64();
        let stop = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        Ok(ok([
            ("start", Value::from(start)),
            ("stop", Value::from(stop)),
            ("delta", Value::Int(took as i64)),
            ("echo", args.opt_bool("echo").unwrap_or(true).into()),
            ("user_input", Value::from(input)),
            ("rc", 0.into()),
            ("stderr", "".into()),
            (
                "stdout",
                Value::from(format!("Paused for {took:.2} seconds")),
            ),
        ]))
    }

    /// `gather_facts` is `setup` by another name.
    async fn gather_facts(&self, args: &Args, keywords: &Keywords<'_>) -> TaskResult {
        let Some(spec) = crate::modules::find("ansible.builtin.setup") else {
            return TaskResult::from_fail(Fail::new("there is no module `setup`"));
        };
        let mut given = Map::new();
        for name in ["gather_subset", "gather_timeout", "filter", "fact_path"] {
            if let Some(value) = args.raw(name) {
                given.insert(name.to_owned(), value.clone());
            }
        }
        match self.run_module(spec, &given, keywords).await {
            Ok(result) => result,
            Err(problem) => problem.into(),
        }
    }
}

/// A value as it is shown when it is not rendered: templates by their text.
fn plain(value: &Value) -> Value {
    match value {
        Value::Template(t) => Value::from(t.text.as_str()),
        Value::Vault(_) => Value::from(crate::value::MASK),
        Value::List(items) => Value::list(items.iter().map(plain)),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), plain(v)))),
        other => other.clone(),
    }
}
