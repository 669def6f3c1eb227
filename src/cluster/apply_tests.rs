//! Objects made as they are wanted, against a scripted server.

use super::testing::{Script, answer};
use super::*;
use serde_json::json;

const CORE: &str = "GET /api/v1";
const MAP: &str = "/api/v1/namespaces/shop/configmaps/a";

fn core() -> super::testing::Answer {
    answer(
        200,
        json!({"resources": [
            {"name": "configmaps", "kind": "ConfigMap", "namespaced": true},
            {"name": "namespaces", "kind": "Namespace", "namespaced": false},
        ]}),
    )
}

fn map(version: &str, data: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop", "resourceVersion": version}, "data": {"k": data}})
}

fn wanted() -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"k": "new"}})
}

fn apply() -> Way {
    Way::Apply {
        manager: "hoist".into(),
        force: false,
    }
}

#[tokio::test]
async fn applied_and_unchanged_the_second_time() {
    let patch = format!("PATCH {MAP}?fieldManager=hoist");
    let script = Script::new()
        .on(CORE, core())
        .on(&format!("GET {MAP}"), answer(404, json!({})))
        .on(&patch, answer(200, map("5", "new")))
        .on(&format!("GET {MAP}"), answer(200, map("5", "new")))
        .on(&patch, answer(200, map("5", "new")));
    let client = script.client();
    let first = client.bring(&wanted(), &apply()).await.unwrap();
    assert!(first.changed && first.method == "apply");
    let second = client.bring(&wanted(), &apply()).await.unwrap();
    assert!(!second.changed);
    script.finish();
}

#[tokio::test]
async fn what_we_patched_ourselves_is_taken_over() {
    let conflict = |manager: &str| {
        let cause = json!({"reason": "FieldManagerConflict", "message": format!("conflict with \"{manager}\" using v1"), "field": ".data.k"});
        answer(
            409,
            json!({"reason": "Conflict", "details": {"causes": [cause]}}),
        )
    };
    let script = Script::new()
        .on(CORE, core())
        .always(&format!("GET {MAP}"), answer(200, map("5", "old")))
        .on(
            &format!("PATCH {MAP}?fieldManager=hoist"),
            conflict("hoist"),
        )
        .on(
            &format!("PATCH {MAP}?fieldManager=hoist&force=true"),
            answer(200, map("6", "new")),
        )
        .on(
            &format!("PATCH {MAP}?fieldManager=hoist"),
            conflict("other"),
        );
    let client = script.client();
    assert!(client.bring(&wanted(), &apply()).await.unwrap().changed);
    let refused = client.bring(&wanted(), &apply()).await.unwrap_err();
    assert_eq!(refused.code(), Some(409));
    script.finish();
}

#[tokio::test]
async fn patched_by_the_type_its_kind_knows() {
    let patch = format!("PATCH {MAP}?fieldManager=hoist");
    let script = Script::new()
        .on(CORE, core())
        .on(&format!("GET {MAP}"), answer(200, map("5", "old")))
        .on(&patch, answer(415, json!({"message": "no strategic"})))
        .on(&patch, answer(200, map("6", "new")));
    let way = Way::Patch(vec![PatchType::Strategic, PatchType::Merge]);
    let change = script.client().bring(&wanted(), &way).await.unwrap();
    assert!(change.changed && change.method == "update");
    script.finish();
}

#[tokio::test]
async fn what_is_not_there_is_not_patched() {
    let script = Script::new()
        .on(CORE, core())
        .on(&format!("GET {MAP}"), answer(404, json!({})));
    let way = Way::PatchOnly(vec![PatchType::Merge]);
    let change = script.client().bring(&wanted(), &way).await.unwrap();
    assert!(!change.changed);
    insta::assert_snapshot!(change.warnings[0], @"ConfigMap `a` in `shop` was not found but will not be created, for the state is `patched`");
    script.finish();
}

#[tokio::test]
async fn in_check_mode_a_namespace_to_come_is_known() {
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let script = Script::new()
        .on(CORE, core())
        .on("GET /api/v1/namespaces/shop", answer(404, json!({})))
        .on(
            "PATCH /api/v1/namespaces/shop?fieldManager=hoist&dryRun=All",
            answer(200, shop.clone()),
        );
    let client = script.client().handle(true, None, None);
    let changes = client.bring_all(&[wanted(), shop], &apply(), false).await;
    let first = changes[0].as_ref().unwrap().as_ref().unwrap();
    assert!(first.changed && first.predicted);
    // and in the next task of the same run
    assert!(
        client
            .handle(true, None, None)
            .bring(&wanted(), &apply())
            .await
            .unwrap()
            .predicted
    );
    script.finish();
}

#[tokio::test]
async fn in_check_mode_a_kind_to_come_is_known() {
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "backups.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Backup", "plural": "backups"}, "versions": [{"name": "v1", "served": true}]}});
    let backup = json!({"apiVersion": "example.com/v1", "kind": "Backup", "metadata": {"name": "b", "namespace": "shop"}});
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/backups.example.com";
    let script = Script::new()
        .on(
            "GET /apis/apiextensions.k8s.io/v1",
            answer(
                200,
                json!({"resources": [{"name": "customresourcedefinitions", "kind": "CustomResourceDefinition"}]}),
            ),
        )
        .on(&format!("GET {path}"), answer(404, json!({})))
        .on(
            &format!("PATCH {path}?fieldManager=hoist&dryRun=All"),
            answer(200, crd.clone()),
        )
        .on("GET /apis/example.com/v1", answer(404, json!({})));
    let client = script.client().handle(true, None, None);
    let changes = client.bring_all(&[backup, crd], &apply(), false).await;
    assert!(changes[0].as_ref().unwrap().as_ref().unwrap().predicted);
    script.finish();
}

#[tokio::test]
async fn a_failed_stage_is_the_last() {
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let script = Script::new().on(CORE, core()).on(
        "GET /api/v1/namespaces/shop",
        answer(403, json!({"message": "forbidden"})),
    );
    let changes = script
        .client()
        .bring_all(&[wanted(), shop], &apply(), false)
        .await;
    assert!(changes[0].is_none());
    assert!(matches!(changes[1], Some(Err(Failure::Refused(_)))));
    script.finish();
}

#[tokio::test]
async fn removing() {
    let script = Script::new()
        .on(CORE, core())
        .on(&format!("GET {MAP}"), answer(200, map("5", "x")))
        .on(
            &format!("DELETE {MAP}"),
            answer(200, json!({"kind": "Status"})),
        )
        .on(&format!("GET {MAP}"), answer(404, json!({})))
        .on("GET /apis/example.com/v1", answer(404, json!({})));
    let client = script.client();
    let options = DeleteOptions::default();
    assert!(client.remove(&wanted(), &options).await.unwrap().changed);
    assert!(!client.remove(&wanted(), &options).await.unwrap().changed);
    let never =
        json!({"apiVersion": "example.com/v1", "kind": "Backup", "metadata": {"name": "b"}});
    assert!(!client.remove(&never, &options).await.unwrap().changed);
    script.finish();
}

#[tokio::test]
async fn what_is_no_object() {
    let client = Script::new().client();
    for (object, wanted) in [
        (json!({"apiVersion": "v1"}), "it has no `kind`"),
        (json!({"kind": "Pod"}), "it has no `apiVersion`"),
        (
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"generateName": "a-"}}),
            "it has no `metadata.name`",
        ),
    ] {
        let failure = client.bring(&object, &apply()).await.unwrap_err();
        assert_eq!(failure.to_string(), wanted);
    }
}

#[tokio::test]
async fn many_objects_are_looked_at_with_one_list() {
    let many: Vec<Json> = (0..8)
        .map(|n| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{n}"), "namespace": "shop"}, "data": {"k": "v"}}))
        .collect();
    let mut script = Script::new().on(CORE, core()).on(
        "GET /api/v1/namespaces/shop/configmaps?limit=500",
        answer(200, json!({"items": many[1..]})),
    );
    for (n, object) in many.iter().enumerate() {
        let patch = format!("PATCH /api/v1/namespaces/shop/configmaps/m{n}?fieldManager=hoist");
        script = script.on(&patch, answer(200, object.clone()));
    }
    let changes = script.client().bring_all(&many, &apply(), false).await;
    let changed = changes
        .into_iter()
        .map(|c| c.unwrap().unwrap().changed)
        .collect::<Vec<_>>();
    assert!(changed[0] && changed[1..].iter().all(|c| !c), "{changed:?}");
    script.finish();
}
