//! Jobs: pods that end; and CronJobs: Jobs at their times.

use super::cron::Schedule;
use super::replicasets::pod_of;
use super::tools::{all, controls, make, owned_by, remove, set_status, tell, with_condition};
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, number, seconds_since, stamp, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const PLACE: &str = "batch/jobs";
const CRON: &str = "batch/cronjobs";
const BY: &str = "job-controller";

/// Looks at every Job and every CronJob.
pub fn run(cluster: &mut Cluster, now: Timestamp) {
    for it in all(cluster, PLACE, None) {
        if !object::deleting(&it) {
            job(cluster, &it, now);
        }
    }
    for it in all(cluster, CRON, None) {
        if !object::deleting(&it) {
            cron(cluster, &it, now);
        }
    }
}

fn finished(it: &Value) -> bool {
    condition(it, "Complete") == Some("True") || condition(it, "Failed") == Some("True")
}

fn job(cluster: &mut Cluster, it: &Arc<Value>, now: Timestamp) {
    if finished(it) {
        let ended = super::super::object::list(it, &["status", "conditions"])
            .iter()
            .find(|it| it["status"] == "True");
        let ended = ended
            .map(|it| text(it, &["lastTransitionTime"]))
            .unwrap_or_default();
        let age = seconds_since(ended, now).unwrap_or(0);
        if number(it, &["spec", "ttlSecondsAfterFinished"]).is_some_and(|ttl| age >= ttl) {
            remove(cluster, PLACE, it);
        }
        return;
    }
    let mut own = all(cluster, "/pods", Some(object::namespace(it)));
    own.retain(|pod| controls(it, pod));
    let phase = |wanted: &str| {
        own.iter()
            .filter(|pod| text(pod, &["status", "phase"]) == wanted)
            .count() as i64
    };
    let (succeeded, failed) = (phase("Succeeded"), phase("Failed"));
    let active = own
        .iter()
        .filter(|pod| {
            !matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")
                && !object::deleting(pod)
        })
        .count() as i64;
    let suspended = it["spec"]["suspend"] == true;
    let parallel = number(it, &["spec", "parallelism"]).unwrap_or(1);
    let completions = number(it, &["spec", "completions"]);
    let limit = number(it, &["spec", "backoffLimit"]).unwrap_or(6);
    let done = match completions {
        Some(wanted) => succeeded >= wanted,
        None => succeeded > 0 && active == 0,
    };
    let started = match text(it, &["status", "startTime"]) {
        "" if suspended => Value::Null,
        "" => stamp(now).into(),
        time => time.into(),
    };
    let some = |number: i64| {
        if number == 0 {
            Value::Null
        } else {
            number.into()
        }
    };
    let late = number(it, &["spec", "activeDeadlineSeconds"]).is_some_and(|limit| {
        started
            .as_str()
            .and_then(|it| seconds_since(it, now))
            .is_some_and(|it| it >= limit)
    });
    let mut status = json!({"startTime": started, "active": some(active), "ready": 0, "succeeded": some(succeeded), "failed": some(failed),
        "terminating": 0, "uncountedTerminatedPods": {}});
    if done {
        let with = json!({"status": {"conditions": with_condition(it, "SuccessCriteriaMet", "True", "CompletionsReached", "Reached expected number of succeeded pods", now)}});
        status["conditions"] = with_condition(
            &with,
            "Complete",
            "True",
            "CompletionsReached",
            "Reached expected number of succeeded pods",
            now,
        );
        status["completionTime"] = stamp(now).into();
        set_status(cluster, PLACE, it, status, BY);
        tell(cluster, it, "Normal", "Completed", "Job completed", BY, now);
        return;
    }
    if failed > limit || late {
        let (reason, message) = if late {
            (
                "DeadlineExceeded",
                "Job was active longer than specified deadline",
            )
        } else {
            (
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            )
        };
        let with = json!({"status": {"conditions": with_condition(it, "FailureTarget", "True", reason, message, now)}});
        status["conditions"] = with_condition(&with, "Failed", "True", reason, message, now);
        status["active"] = Value::Null;
        set_status(cluster, PLACE, it, status, BY);
        tell(cluster, it, "Warning", reason, message, BY, now);
        for pod in own
            .iter()
            .filter(|pod| matches!(text(pod, &["status", "phase"]), "" | "Pending" | "Running"))
        {
            remove(cluster, "/pods", pod);
        }
        return;
    }
    if !suspended {
        let left = completions.map_or(if succeeded > 0 { 0 } else { parallel }, |wanted| {
            wanted - succeeded
        });
        for _ in active..left.min(parallel) {
            let mut pod = pod_of(it, &it["spec"]["template"]);
            pod["metadata"]["generateName"] = format!("{}-", object::name(it)).into();
            match make(cluster, "/pods", object::namespace(it), pod, BY) {
                Ok(pod) => tell(
                    cluster,
                    it,
                    "Normal",
                    "SuccessfulCreate",
                    &format!("Created pod: {}", object::name(&pod.object)),
                    BY,
                    now,
                ),
                Err(failure) => tell(
                    cluster,
                    it,
                    "Warning",
                    "FailedCreate",
                    &format!("Error creating: {}", failure.message),
                    BY,
                    now,
                ),
            }
        }
    }
    set_status(cluster, PLACE, it, status, BY);
}

fn cron(cluster: &mut Cluster, it: &Arc<Value>, now: Timestamp) {
    let Some(schedule) = Schedule::parse(text(it, &["spec", "schedule"])) else {
        return;
    };
    let mut own = all(cluster, PLACE, Some(object::namespace(it)));
    own.retain(|job| controls(it, job));
    let active: Vec<&Arc<Value>> = own.iter().filter(|job| !finished(job)).collect();
    let references: Vec<Value> = active
        .iter()
        .map(|job| json!({"apiVersion": "batch/v1", "kind": "Job", "name": object::name(job), "namespace": object::namespace(job), "uid": object::uid(job)}))
        .collect();
    let active_now = if references.is_empty() {
        Value::Null
    } else {
        Value::from(references)
    };
    set_status(
        cluster,
        CRON,
        it,
        json!({"active": active_now}),
        "cronjob-controller",
    );
    for (result, field) in [
        ("Complete", "successfulJobsHistoryLimit"),
        ("Failed", "failedJobsHistoryLimit"),
    ] {
        let mut old: Vec<&Arc<Value>> = own
            .iter()
            .filter(|job| condition(job, result) == Some("True"))
            .collect();
        old.sort_by_key(|job| text(job, &["metadata", "creationTimestamp"]).to_owned());
        let keep = usize::try_from(number(it, &["spec", field]).unwrap_or(1)).unwrap_or(0);
        let gone = old.len().saturating_sub(keep);
        for job in old.into_iter().take(gone) {
            remove(cluster, PLACE, job);
        }
    }
    let minute = now.as_second() / 60;
    let name = format!("{}-{minute}", object::name(it));
    let created = seconds_since(text(it, &["metadata", "creationTimestamp"]), now).unwrap_or(0);
    let new_minute = created >= now.as_second() % 60;
    let blocked = it["spec"]["concurrencyPolicy"] == "Forbid" && !active.is_empty();
    if it["spec"]["suspend"] == true
        || blocked
        || !new_minute
        || !schedule.is_due(now)
        || own.iter().any(|job| object::name(job) == name)
    {
        return;
    }
    if text(it, &["status", "lastScheduleTime"])
        == stamp(Timestamp::from_second(minute * 60).unwrap_or(now))
    {
        return;
    }
    let template = &it["spec"]["jobTemplate"];
    let mut job = json!({"metadata": template["metadata"], "spec": template["spec"]});
    let metadata = object::map(&mut job, "metadata");
    metadata.insert("name".into(), name.as_str().into());
    metadata.insert("ownerReferences".into(), owned_by(it));
    if make(
        cluster,
        PLACE,
        object::namespace(it),
        job,
        "cronjob-controller",
    )
    .is_ok()
    {
        tell(
            cluster,
            it,
            "Normal",
            "SuccessfulCreate",
            &format!("Created job {name}"),
            "cronjob-controller",
            now,
        );
        let time = stamp(Timestamp::from_second(minute * 60).unwrap_or(now));
        set_status(
            cluster,
            CRON,
            it,
            json!({"lastScheduleTime": time}),
            "cronjob-controller",
        );
    }
}
