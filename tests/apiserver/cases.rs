//! The cases.

use crate::case::{Case, apply, delete, get, json_patch, merge, post, put, strategic};
use serde_json::{Value, json};

const MAPS: &str = "/api/v1/namespaces/NS/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/NS/deployments";
const WIDGETS: &str = "/apis/test.hoist.dev/v1/namespaces/NS/widgets";
const STATUS: &[&str] = &["/code", "/reason", "/message", "/details"];

fn at(place: &str, rest: &str) -> String {
    format!("{place}/{rest}")
}

fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn deployment(name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}}, "spec": {
        "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
            {"name": "app", "image": "registry.example/app:1", "ports": [{"containerPort": 8080}], "env": [{"name": "A", "value": "1"}]}]}}}})
}

fn definition() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.test.hoist.dev"},
        "spec": {"group": "test.hoist.dev", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList", "shortNames": ["wd"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}},
                "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
                    "spec": {"type": "object", "required": ["size"], "properties": {
                        "size": {"type": "integer", "minimum": 1}, "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
                        "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
                            "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}}}},
                        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}},
                    "status": {"type": "object", "properties": {"size": {"type": "integer"}}}}}}}]}})
}

/// All cases.
pub fn all() -> Vec<Case> {
    let mut all = vec![
        Case {
            name: "writing",
            steps: vec![
                post(MAPS, map("a", json!({"x": "1"}))),
                post(MAPS, map("a", json!({"x": "1"}))).code(409),
                get(&at(MAPS, "a")),
                get(&at(MAPS, "b")).code(404),
                post(MAPS, json!({"metadata": {"name": "UPPER"}})).code(422),
                post(MAPS, json!({"metadata": {}})).code(422),
                post(MAPS, json!({"metadata": {"name": "c"}, "apiVersion": "v2"})).code(400),
                post(MAPS, json!({"metadata": {"name": "c", "namespace": "other"}})).code(400),
                post("/api/v1/namespaces/nowhere/configmaps", map("a", json!({}))).code(404),
                put(&at(MAPS, "a"), json!({"data": {"y": "2"}})),
                put(&at(MAPS, "a"), json!({"metadata": {"resourceVersion": "1"}})).code(409),
                put(&at(MAPS, "a"), json!({"metadata": {"uid": "0"}})).code(409).only(&["/reason", "/code"]),
                put(&at(MAPS, "a"), json!({"metadata": {"name": "other"}})).code(400),
                post(&format!("{MAPS}?dryRun=All"), map("dry", json!({}))),
                get(&at(MAPS, "dry")).code(404),
                post(MAPS, json!({"metadata": {"generateName": "made-"}})).only(&["/metadata/generateName", "/kind"]),
                delete(&format!("{}?dryRun=All", at(MAPS, "a"))),
                delete(&at(MAPS, "a")),
                delete(&at(MAPS, "a")).code(404),
                get("/apis/none.example/v1/things").code(404),
            ],
        },
        Case {
            name: "patching",
            steps: vec![
                post(DEPLOYMENTS, deployment("web")),
                json_patch(&at(DEPLOYMENTS, "web"), json!([{"op": "replace", "path": "/spec/replicas", "value": 2}])),
                json_patch(&at(DEPLOYMENTS, "web"), json!([{"op": "test", "path": "/spec/replicas", "value": 7}])).code(422).only(&["/code", "/reason"]),
                merge(&at(DEPLOYMENTS, "web"), json!({"metadata": {"labels": {"more": "yes"}}, "spec": {"replicas": 3}})),
                strategic(&at(DEPLOYMENTS, "web"), json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "B", "value": "2"}]}]}}}})),
                strategic(&at(DEPLOYMENTS, "web"), json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "A", "$patch": "delete"}]}]}}}})),
                strategic(&at(DEPLOYMENTS, "web"), json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}],
                    "$setElementOrder/containers": [{"name": "side"}, {"name": "app"}]}}}})),
                merge(&at(DEPLOYMENTS, "web"), json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}})).code(422).only(&["/code", "/reason"]),
                merge(&at(DEPLOYMENTS, "web"), json!({"spec": {"replicas": -1}})).code(422),
                merge(&at(DEPLOYMENTS, "web"), json!({"spec": {"replicas": "many"}})).code(422).only(&["/code", "/reason"]),
                merge(&format!("{}?fieldValidation=Strict", at(DEPLOYMENTS, "web")), json!({"spec": {"odd": 1}})).code(422).only(&["/code", "/reason", "/details/causes/0/field"]),
                merge(&at(DEPLOYMENTS, "web/status"), json!({"status": {"replicas": 1, "observedGeneration": 1}, "spec": {"replicas": 9}})),
                get(&at(DEPLOYMENTS, "web/scale")),
                merge(&at(DEPLOYMENTS, "web/scale"), json!({"spec": {"replicas": 5}})),
                get(&at(DEPLOYMENTS, "web")),
                merge(&at(DEPLOYMENTS, "none"), json!({})).code(404),
            ],
        },
        Case {
            name: "refusing",
            steps: vec![
                post(DEPLOYMENTS, json!({"metadata": {"name": "a"}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}}})).code(422).only(&["/code", "/reason"]),
                post(DEPLOYMENTS, json!({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "c"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}}})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/pods", json!({"metadata": {"name": "a"}, "spec": {"containers": []}})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/pods", json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "A_", "image": "a"}]}})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/pods", json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/services", json!({"metadata": {"name": "a"}, "spec": {"type": "Odd", "ports": [{"port": 80}]}})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/services", json!({"metadata": {"name": "9a"}, "spec": {"ports": [{"port": 80}]}})).only(&["/metadata/name"]),
                post("/api/v1/namespaces/NS/services", json!({"metadata": {"name": "a"}, "spec": {"ports": []}})).code(422).only(STATUS),
                post(MAPS, json!({"metadata": {"name": "a", "labels": {"a": "b c"}}})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/secrets", json!({"metadata": {"name": "a"}, "stringData": {"k": "v"}})),
                merge("/api/v1/namespaces/NS/secrets/a", json!({"type": "other"})).code(422).only(STATUS),
                post("/api/v1/namespaces/NS/persistentvolumeclaims", json!({"metadata": {"name": "a"}, "spec": {}})).code(422).only(&["/code", "/reason"]),
                json_patch(&at(MAPS, "a"), json!("none")).code(404).only(&["/code", "/reason"]),
                get(&format!("{MAPS}?labelSelector=a%20b%20c")).code(400).only(&["/code", "/reason"]),
                get(&format!("{MAPS}?fieldSelector=spec.none%3D1")).code(400).only(&["/code", "/reason"]),
                get("/api/v1/namespaces/NS/pods/none/log").code(404).only(STATUS),
            ],
        },
        Case {
            name: "kinds",
            steps: vec![
                post("/api/v1/namespaces/NS/services", json!({"metadata": {"name": "web"}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": "http"}]}})),
                post("/api/v1/namespaces/NS/services", json!({"metadata": {"name": "out"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})),
                post("/api/v1/namespaces/NS/services", json!({"metadata": {"name": "name"}, "spec": {"type": "ExternalName", "externalName": "example.org"}})),
                post("/api/v1/namespaces/NS/pods", json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "a", "resources": {"limits": {"cpu": 1}},
                    "livenessProbe": {"httpGet": {"port": 80}}}]}})).only(&["/spec/containers", "/spec/tolerations", "/spec/priority", "/status", "/metadata/managedFields"]),
                post("/apis/apps/v1/namespaces/NS/statefulsets", json!({"metadata": {"name": "s"}, "spec": {"serviceName": "s", "selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}},
                    "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}})),
                post("/apis/apps/v1/namespaces/NS/daemonsets", json!({"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}},
                    "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}}})),
                post("/apis/batch/v1/namespaces/NS/cronjobs", json!({"metadata": {"name": "c"}, "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": {"spec": {
                    "restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}}}}}})),
                post("/api/v1/namespaces/NS/persistentvolumeclaims", json!({"metadata": {"name": "v"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})),
                post("/apis/networking.k8s.io/v1/namespaces/NS/ingresses", json!({"metadata": {"name": "i"}, "spec": {"rules": [{"host": "a.example", "http": {"paths": [
                    {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}})),
                post("/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies", json!({"metadata": {"name": "n"}, "spec": {"podSelector": {}}})),
                post("/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles", json!({"metadata": {"name": "r"}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})),
                post("/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings", json!({"metadata": {"name": "r"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                    "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "NS"}]})).only(&["/roleRef", "/subjects/0/kind"]),
                post("/apis/policy/v1/namespaces/NS/poddisruptionbudgets", json!({"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}})),
                post("/api/v1/namespaces/NS/resourcequotas", json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": 3}}})),
                post("/apis/coordination.k8s.io/v1/namespaces/NS/leases", json!({"metadata": {"name": "l"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 10}})),
                post("/api/v1/namespaces/NS/serviceaccounts", json!({"metadata": {"name": "robot"}})),
                post("/apis/storage.k8s.io/v1/storageclasses", json!({"metadata": {"name": "kinds-fast"}, "provisioner": "example.org/fast"})),
                post("/apis/scheduling.k8s.io/v1/priorityclasses", json!({"metadata": {"name": "kinds-high"}, "value": 7})),
                post("/apis/node.k8s.io/v1/runtimeclasses", json!({"metadata": {"name": "kinds-nvidia"}, "handler": "nvidia"})),
                post("/api/v1/nodes", json!({"metadata": {"name": "kinds-node"}, "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}})).only(&["/metadata/name", "/spec"]),
            ],
        },
        Case {
            name: "listing",
            steps: vec![
                get(MAPS).mark(),
                post(MAPS, json!({"metadata": {"name": "a", "labels": {"color": "red"}}})),
                post(MAPS, json!({"metadata": {"name": "b", "labels": {"color": "blue"}}})),
                post(MAPS, json!({"metadata": {"name": "c", "labels": {"color": "blue", "old": "yes"}}})),
                get(MAPS),
                get(&format!("{MAPS}?labelSelector=color%3Dblue,!old")),
                get(&format!("{MAPS}?labelSelector=color%20in%20(red,green)")),
                get(&format!("{MAPS}?fieldSelector=metadata.name%3Db")),
                get(&format!("{MAPS}?limit=2")).only(&["/items/0/metadata/name", "/items/1/metadata/name", "/items/2", "/metadata/remainingItemCount"]),
                get(&format!("{MAPS}?limit=2")).accept("application/json;as=Table;v=v1;g=meta.k8s.io").only(&["/kind", "/apiVersion", "/rows/0/cells/0", "/rows/0/cells/1", "/rows/0/object/kind", "/columnDefinitions/0/name", "/columnDefinitions/1/name", "/columnDefinitions/2/name"]),
                get(MAPS).accept("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"),
                merge(&at(MAPS, "a"), json!({"metadata": {"labels": {"color": "blue"}}})),
                merge(&at(MAPS, "b"), json!({"metadata": {"labels": {"color": "red"}}})),
                delete(&at(MAPS, "c")),
                get(&format!("{MAPS}?watch=1&resourceVersion=RV&timeoutSeconds=2")),
                get(&format!("{MAPS}?watch=1&resourceVersion=RV&timeoutSeconds=2&labelSelector=color%3Dblue")),
                get(&format!("{MAPS}?watch=1&timeoutSeconds=2&fieldSelector=metadata.name%3Da")),
                delete(&format!("{MAPS}?labelSelector=color%3Dred")),
                get(MAPS),
            ],
        },
    ];
    all.extend(applying());
    all.extend(custom());
    all.extend(removing());
    all
}

fn applying() -> Vec<Case> {
    let web = at(DEPLOYMENTS, "web");
    let a = at(MAPS, "a");
    vec![
        Case {
            name: "applying-maps",
            steps: vec![
                apply(&a, "one", map("a", json!({"x": "1", "y": "1"}))).code(201),
                apply(&a, "one", map("a", json!({"x": "1", "y": "1"}))),
                apply(&a, "two", map("a", json!({"y": "1", "z": "1"}))),
                apply(&a, "one", map("a", json!({"y": "2"}))).code(409),
                apply(&format!("{a}?force=true"), "one", map("a", json!({"y": "2"}))),
                apply(&a, "two", map("a", json!({"z": "1"}))),
                merge(&a, json!({"data": {"z": "9"}})),
                apply(&a, "two", map("a", json!({"z": "1"}))).code(409),
                apply(&a, "one", map("a", json!({}))),
                apply(&format!("{a}?dryRun=All&force=true"), "three", map("a", json!({"z": "5"}))),
                get(&a),
                apply(&at(MAPS, "new"), "", map("new", json!({}))).code(422),
                apply(&at(MAPS, "new"), "one", map("other", json!({}))).code(400),
                apply(&format!("{}?dryRun=All", at(MAPS, "new")), "one", map("new", json!({"a": "b"}))).code(201),
                get(&at(MAPS, "new")).code(404),
            ],
        },
        Case {
            name: "applying-deployments",
            steps: vec![
                apply(&web, "hoist", deployment("web")).code(201),
                apply(&web, "hoist", deployment("web")),
                apply(&web, "scaler", json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 4}})),
                apply(&format!("{web}?force=true"), "scaler", json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 4}})),
                apply(&web, "side", json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}})),
                apply(&web, "hoist", deployment("web")),
                apply(&web, "hoist", json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"odd": 1}})).code(500),
                apply(&web, "hoist", json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": "x"}})).code(500).only(&["/code", "/reason"]),
                apply(&web, "side", json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "other:1"}]}}}})).code(409),
                apply(&web, "side", json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"a": "b"}}})),
                merge(&at(DEPLOYMENTS, "web/status"), json!({"status": {"replicas": 1}})),
                get(&web),
            ],
        },
        Case {
            name: "applying-services",
            steps: vec![
                apply("/api/v1/namespaces/NS/services/s", "one", json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "a", "port": 80}]}})).code(201),
                apply("/api/v1/namespaces/NS/services/s", "two", json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "b", "port": 81, "protocol": "TCP"}]}})),
                apply("/api/v1/namespaces/NS/services/s", "one", json!({"apiVersion": "v1", "kind": "Service", "metadata": {"labels": {"x": "y"}}})),
                apply("/api/v1/namespaces/NS/services/s", "one", json!({"apiVersion": "v1", "kind": "Service", "metadata": {"finalizers": ["test.hoist.dev/a"]}})),
                apply("/api/v1/namespaces/NS/services/s", "two", json!({"apiVersion": "v1", "kind": "Service", "metadata": {"finalizers": ["test.hoist.dev/b"]}, "spec": {"ports": [{"name": "b", "port": 81}]}})),
                apply("/api/v1/namespaces/NS/services/s", "one", json!({"apiVersion": "v1", "kind": "Service"})),
            ],
        },
    ]
}

fn custom() -> Vec<Case> {
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let widget = |spec: Value| json!({"apiVersion": "test.hoist.dev/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec});
    let w = at(WIDGETS, "w");
    let bad = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "odd"}, "spec": definition()["spec"]});
    vec![Case {
        name: "custom",
        steps: vec![
            get("/apis/test.hoist.dev/v1").code(404).only(&["/none"]),
            post(definitions, bad).code(422).only(&["/code", "/reason"]),
            post(definitions, definition()).only(&["/metadata/name", "/spec/names", "/spec/conversion"]),
            get(WIDGETS).patient().only(&["/kind", "/apiVersion", "/items"]),
            get("/apis/test.hoist.dev/v1").patient(),
            post(WIDGETS, widget(json!({"size": 1, "odd": true, "free": {"x": 1}}))).patient().code(201),
            post(&format!("{WIDGETS}?fieldValidation=Strict"), widget(json!({"size": 1, "odd": true}))).code(400),
            post(WIDGETS, json!({"apiVersion": "test.hoist.dev/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": {"size": 0, "color": "green"}})).code(422).only(&["/code", "/reason"]),
            post(WIDGETS, json!({"apiVersion": "test.hoist.dev/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": {}})).code(422),
            post(WIDGETS, json!({"apiVersion": "test.hoist.dev/v1", "kind": "Widget", "metadata": {"name": "x"}, "spec": {"size": "big"}})).code(422).only(&["/code", "/reason"]),
            merge(&at(WIDGETS, "w/status"), json!({"status": {"size": 1}, "spec": {"size": 9}})),
            merge(&w, json!({"status": {"size": 7}, "spec": {"size": 2}})),
            get(&at(WIDGETS, "w/scale")),
            merge(&at(WIDGETS, "w/scale"), json!({"spec": {"replicas": 3}})),
            strategic(&w, json!({})).code(415),
            apply(&w, "one", widget(json!({"size": 3, "parts": [{"name": "a", "weight": 1}]}))),
            apply(&w, "two", widget(json!({"size": 3, "parts": [{"name": "b", "weight": 2}]}))),
            apply(&w, "one", widget(json!({"size": 3}))),
            apply(&w, "one", widget(json!({"size": 4}))).code(409),
            apply(&w, "one", widget(json!({"size": 3, "odd": 1}))).code(500),
            apply(&w, "one", widget(json!({"size": "x"}))).code(500),
            get(&w),
            delete(&w),
            delete(&at(definitions, "widgets.test.hoist.dev")).only(&["/kind"]),
            get(WIDGETS).code(404).patient().only(&["/none"]),
        ],
    }]
}

fn removing() -> Vec<Case> {
    let f = at(MAPS, "f");
    vec![
        Case {
            name: "removing",
            steps: vec![
                post(MAPS, json!({"metadata": {"name": "f", "finalizers": ["test.hoist.dev/wait"]}})),
                delete(&f),
                get(&f),
                merge(&f, json!({"data": {"late": "yes"}})),
                delete(&f),
                merge(&f, json!({"metadata": {"finalizers": null}})),
                get(&f).code(404),
                post(MAPS, map("g", json!({}))),
                delete(&at(MAPS, "g")).with(json!({"preconditions": {"uid": "other"}})).code(409).only(&["/code", "/reason"]),
                delete(&at(MAPS, "g")).with(json!({"propagationPolicy": "Foreground"})),
                get(&at(MAPS, "g")).only(&["/metadata/finalizers"]),
                post("/api/v1/namespaces/NS/pods", json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "a"}]}})).only(&["/kind"]),
                delete("/api/v1/namespaces/NS/pods/p").only(&["/kind", "/metadata/name"]),
                get("/api/v1/namespaces/NS/pods/p").code(404),
            ],
        },
        Case {
            name: "leaving",
            steps: vec![
                post("/api/v1/namespaces", json!({"metadata": {"name": "leaving-too"}})),
                delete("/api/v1/namespaces/leaving-too").only(&["/kind", "/status/phase", "/spec"]),
                post("/api/v1/namespaces/leaving-too/configmaps", map("a", json!({}))).code(403),
            ],
        },
    ]
}
