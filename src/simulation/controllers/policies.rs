//! Quotas and disruption budgets: how much is used, how many pods may go.

use super::tools::{all, set_status};
use crate::simulation::admission::used;
use crate::simulation::catalog::condition;
use crate::simulation::cluster::Cluster;
use crate::simulation::object::{self, text};
use crate::simulation::selector::Selector;
use serde_json::{Map, Value, json};

const BUDGETS: &str = "policy/poddisruptionbudgets";

/// Looks at every quota and every budget.
pub fn run(cluster: &mut Cluster) {
    for it in all(cluster, "/resourcequotas", None) {
        let hard = it["spec"]["hard"].as_object().cloned().unwrap_or_default();
        let amounts = hard.keys().map(|name| {
            let amount = used(cluster, object::namespace(&it), name).to_string();
            (name.clone(), Value::from(amount))
        });
        let amounts: Map<String, Value> = amounts.collect();
        set_status(
            cluster,
            "/resourcequotas",
            &it,
            json!({"hard": hard, "used": amounts}),
            "resourcequota-controller",
        );
    }
    for it in all(cluster, BUDGETS, None) {
        budget(cluster, &it);
    }
}

fn budget(cluster: &mut Cluster, it: &Value) {
    let selector = Selector::of(&it["spec"]["selector"]);
    let mut pods = all(cluster, "/pods", Some(object::namespace(it)));
    pods.retain(|pod| {
        selector.selects(pod) && !matches!(text(pod, &["status", "phase"]), "Succeeded" | "Failed")
    });
    let expected = i64::try_from(pods.len()).unwrap_or(0);
    let healthy = pods
        .iter()
        .filter(|it| condition(it, "Ready") == Some("True") && !object::deleting(it))
        .count();
    let healthy = i64::try_from(healthy).unwrap_or(0);
    // percentages are rounded up, both of them
    let amount = |value: &Value| match value
        .as_str()
        .and_then(|it| it.strip_suffix('%'))
        .and_then(|it| it.parse::<i64>().ok())
    {
        Some(percent) => (expected * percent + 99) / 100,
        None => value.as_i64().unwrap_or(0),
    };
    let desired = match (&it["spec"]["minAvailable"], &it["spec"]["maxUnavailable"]) {
        (Value::Null, Value::Null) => expected,
        (Value::Null, most) => (expected - amount(most)).max(0),
        (least, _) => amount(least),
    };
    let allowed = (healthy - desired).max(0);
    let status = json!({"currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed, "expectedPods": expected,
        "observedGeneration": it["metadata"]["generation"]});
    set_status(cluster, BUDGETS, it, status, "disruption-controller");
}
