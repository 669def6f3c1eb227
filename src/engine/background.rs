//! `async`: tasks that go on by themselves on the host.
//!
//! A module whose decision is one command is started detached ([`Job`]); with a `poll` its end is waited for here. The
//! others have no program of their own that could be left alone: with a `poll` they run as usual, within the time.

use super::attempt::Ready;
use super::exec::{Trouble, finish};
use super::ordinary::Work;
use super::result::TaskResult;
use super::sessions::HostSession;
use crate::host::{Action, Answer, Cmd, Report};
use crate::modules::{Bound, Decide, Decision, Fail, Job, JobState};
use crate::report::EventKind;
use crate::value::Map;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The first pause between two questions; each next is longer, up to `poll`.
const FIRST_PAUSE: f64 = 0.1;

/// How long a task may take and how often it is looked at.
struct Terms {
    seconds: f64,
    poll: f64,
}

impl Terms {
    fn limit(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn exceeded(&self) -> Fail {
        Fail::new(format!(
            "async task did not complete within the requested time - {}s",
            self.seconds
        ))
    }
}

impl Work<'_> {
    /// Runs a task with `async`. With `poll: 0` it is started and left alone; otherwise its end is waited for, `seconds` at most.
    pub(super) async fn run_async(
        &self,
        ready: &Ready,
        bound: Bound,
        seconds: f64,
        poll: f64,
    ) -> TaskResult {
        let terms = Terms { seconds, poll };
        let done = match bound {
            Bound::Decide(module) => self.detach(ready, &*module, &terms).await,
            Bound::Converse(_) if poll <= 0.0 => Err(cannot_be_left(ready).into()),
            Bound::Converse(module) => {
                match tokio::time::timeout(terms.limit(), self.converse(ready, &*module)).await {
                    Ok(result) => Ok(result),
                    // given up half-way, its shell is dropped with it
                    Err(_) => Err(terms.exceeded().into()),
                }
            }
        };
        done.unwrap_or_else(TaskResult::from)
    }

    async fn detach(
        &self,
        ready: &Ready,
        module: &dyn Decide,
        terms: &Terms,
    ) -> Result<TaskResult, Trouble> {
        let mut session = self
            .play
            .run
            .sessions
            .get(self.host, ready, &self.place.strand)
            .await;
        let mut decision = self.decision(&mut session, ready, module).await?;
        let outcome = match decision.actions.as_slice() {
            [] => finish(decision, None, false)?,
            [Action::Run(cmd)] => {
                let cmd = cmd.clone();
                return self.detached(&mut session, decision, &cmd, terms).await;
            }
            _ if terms.poll <= 0.0 => return Err(cannot_be_left(ready).into()),
            _ => {
                for action in &mut decision.actions {
                    if let Action::Run(cmd) = action {
                        let own = cmd.timeout.unwrap_or(terms.limit());
                        cmd.timeout = Some(own.min(terms.limit()));
                    }
                }
                let reports = session.act(&decision.actions).await?;
                finish(decision, Some(reports), false)?
            }
        };
        Ok(TaskResult::from_outcome(outcome))
    }

    async fn detached(
        &self,
        session: &mut HostSession,
        decision: Decision,
        cmd: &Cmd,
        terms: &Terms,
    ) -> Result<TaskResult, Trouble> {
        let job = Job::new(&new_id())?;
        let began = Instant::now();
        let began_at = now();
        let start = job.start(cmd, terms.seconds.ceil() as u64);
        let report = session.act(&[start]).await?.into_iter().next();
        let report = report.ok_or_else(|| Fail::new("the host reported nothing"))?;
        if report.rc != 0 {
            let why = report.error.unwrap_or(report.stderr);
            return Err(Fail::new(format!("the job was not started: {}", why.trim())).into());
        }
        let keys = job.started(report.stdout.trim());
        if terms.poll <= 0.0 {
            let mut result = TaskResult {
                map: keys,
                ..TaskResult::default()
            };
            result.set("changed", true);
            result.set("failed", false);
            return Ok(result);
        }
        let mut pause = FIRST_PAUSE;
        let (rc, stdout, stderr) = loop {
            let query = job.question(began.elapsed().as_nanos() as u64);
            session.ask(std::slice::from_ref(&query)).await?;
            let state = match session.answer(&query) {
                Some(Answer::Output { rc, stdout, stderr }) => job.state(rc, &stdout, &stderr),
                _ => JobState::Running,
            };
            match state {
                JobState::Finished { rc, stdout, stderr } => break (rc, stdout, stderr),
                JobState::Unknown => {
                    return Err(Fail::new("the job's files are gone from the host").into());
                }
                JobState::Running if began.elapsed() > terms.limit() + Duration::from_secs(10) => {
                    return Err(terms.exceeded().into());
                }
                JobState::Running => {}
            }
            self.live_sign(&job, began);
            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
            pause = (pause * 1.5).min(terms.poll);
        };
        session.act(&[job.erase()]).await?;
        if rc == 124 && began.elapsed() >= terms.limit() {
            return Err(terms
                .exceeded()
                .with("stdout", stdout)
                .with("stderr", stderr)
                .into());
        }
        let report = Report {
            rc,
            stdout,
            stderr,
            time: (began_at, now()),
            ..Report::default()
        };
        let add = |map: &mut Map| {
            for (key, value) in keys {
                map.entry(key).or_insert(value);
            }
            map.insert("finished".to_owned(), 1.into());
        };
        let result = match finish(decision, Some(vec![report]), false) {
            Ok(mut outcome) => {
                add(&mut outcome.result);
                TaskResult::from_outcome(outcome)
            }
            Err(mut fail) => {
                add(&mut fail.result);
                TaskResult::from_fail(fail)
            }
        };
        Ok(result)
    }

    fn live_sign(&self, job: &Job, began: Instant) {
        self.play.run.emitter.emit(EventKind::Progress {
            task: self.id,
            host: self.host.to_string(),
            text: format!("job {} runs for {} s", job.id(), began.elapsed().as_secs()),
        });
    }
}

fn cannot_be_left(ready: &Ready) -> Fail {
    Fail::new(format!(
        "`{}` is more than one command on the host, so it cannot be left alone with `poll: 0`; \
         give it a `poll` above 0, or take out `async`",
        ready.spec.short()
    ))
}

/// An id like Ansible's: digits, a dot, digits.
fn new_id() -> String {
    let (a, b) = uuid::Uuid::new_v4().as_u64_pair();
    format!("j{:012}.{}", a % 1_000_000_000_000, b % 1_000_000)
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}
