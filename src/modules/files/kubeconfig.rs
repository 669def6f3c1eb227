//! `hoist.core.kubeconfig`: one cluster's entry in a kubeconfig that has others.

use super::attrs::Wanted;
use super::edit::Editor;
use super::mode::Mode;
use super::setting::Setting;
use crate::error::Source;
use crate::host::{Action, Attrs, Known};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::{Map, Value};
use crate::yaml::{Flow, Style, dump, parse};

/// Ours; the file is that of <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>.
pub static KUBECONFIG: Spec = Spec {
    name: "hoist.core.kubeconfig",
    aliases: &[],
    about: "puts a cluster into a kubeconfig, beside those that are there",
    free_form: None,
    args: &[&[
        Arg::path("path", "the kubeconfig").default("~/.kube/config"),
        Arg::str(
            "name",
            "what its cluster, its user and its context are called there",
        )
        .required(),
        Arg::str("state", "whether it shall be there")
            .default("present")
            .choices(&["present", "absent"]),
        Arg {
            secret: true,
            ..Arg::str(
                "content",
                "the text of a kubeconfig; its first context is taken",
            )
        },
        Arg::str(
            "server",
            "the address to reach it at, instead of the one that `content` has",
        ),
        Arg::bool(
            "use",
            "make it the current context; one that stands alone is it anyway",
        )
        .default("false"),
    ]],
    rules: &[Rule::If("state", "present", &["content"], false)],
    check: CheckSupport::Full,
    returns: &[
        ("path", "the kubeconfig"),
        ("context", "the name"),
        ("server", "the address"),
    ],
    example: "- hoist.core.kubeconfig:\n    name: home\n    server: https://192.168.1.11:6443\n    content: \"{{ admin.content | b64decode }}\"\n  delegate_to: localhost\n  become: false\n",
    run: Run::Bind(bind),
};

struct Kubeconfig {
    name: String,
    given: Option<Given>,
    current: bool,
    editor: Editor,
}

/// What of the given kubeconfig counts.
struct Given {
    cluster: Map,
    user: Map,
    server: String,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let given = match args.str("state") {
        "absent" => None,
        _ => Some(given(args.str("content"), args.opt_str("server"))?),
    };
    Ok(Bound::Decide(Box::new(Kubeconfig {
        name: args.str("name").to_owned(),
        given,
        current: args.bool("use"),
        editor: Editor {
            path: args.str("path").to_owned(),
            // it holds keys
            wanted: Wanted {
                mode: Some(Mode::parse(&"0600".into())?),
                ..Wanted::default()
            },
            backup: false,
            validate: None,
            setting: Setting::of(ctx),
        },
    })))
}

/// Its text is secret: messages say what is wrong, and never with which line.
fn read(text: &str, what: &str) -> Result<Map, Fail> {
    let wrong = |why: &str| Fail::new(format!("{what} is no kubeconfig: {why}"));
    let document = parse(&Source::new("kubeconfig", text.to_owned()))
        .map_err(|_| wrong("it is not valid YAML"))?;
    match document.root.map(|root| plain(root.to_value())) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Map(map)) => Ok((*map).clone()),
        Some(_) => Err(wrong("it is not a mapping")),
    }
}

/// Text that looks like a template is text here.
fn plain(value: Value) -> Value {
    match value {
        Value::Template(t) => Value::from(t.text.as_str()),
        Value::List(items) => Value::list(items.iter().cloned().map(plain)),
        Value::Map(map) => Value::map(map.iter().map(|(k, v)| (k.clone(), plain(v.clone())))),
        other => other,
    }
}

fn given(text: &str, server: Option<&str>) -> Result<Given, Fail> {
    let map = read(text, "`content`")?;
    let wrong = |why: &str| Fail::new(format!("`content` is no kubeconfig: {why}"));
    let first = |list: &str, name: Option<&str>, inner: &str| -> Option<Map> {
        let items = map.get(list).and_then(Value::as_list)?;
        let item = items.iter().find(|item| {
            name.is_none_or(|name| item.get("name").is_some_and(|n| *n == Value::from(name)))
        })?;
        match item.get(inner)? {
            Value::Map(map) => Some((**map).clone()),
            _ => None,
        }
    };
    let context = first("contexts", None, "context").ok_or_else(|| wrong("it has no context"))?;
    let named = |key: &str| context.get(key).map(ToString::to_string);
    let mut cluster = first("clusters", named("cluster").as_deref(), "cluster")
        .ok_or_else(|| wrong("its context names no cluster"))?;
    let user = first("users", named("user").as_deref(), "user")
        .ok_or_else(|| wrong("its context names no user"))?;
    if let Some(server) = server {
        cluster.insert("server".into(), server.into());
    }
    let server = cluster
        .get("server")
        .map(ToString::to_string)
        .ok_or_else(|| wrong("its cluster has no address"))?;
    Ok(Given {
        cluster,
        user,
        server,
    })
}

/// The kubeconfig with the entry. What else stands there stays, in its order, and so do other keys of the entry's own
/// (a namespace in the context, a proxy at the cluster).
fn merged(mut map: Map, name: &str, given: &Given, current: bool) -> Map {
    map.entry("apiVersion".into())
        .or_insert_with(|| "v1".into());
    map.entry("kind".into()).or_insert_with(|| "Config".into());
    put(&mut map, "clusters", name, "cluster", &given.cluster);
    put(&mut map, "users", name, "user", &given.user);
    let context = [
        ("cluster".to_owned(), name.into()),
        ("user".to_owned(), name.into()),
    ];
    put(
        &mut map,
        "contexts",
        name,
        "context",
        &Map::from_iter(context),
    );
    let none = map
        .get("current-context")
        .is_none_or(|c| c.to_string().is_empty() || *c == Value::Null);
    if current || none {
        map.insert("current-context".into(), name.into());
    }
    map
}

fn put(map: &mut Map, list: &str, name: &str, inner: &str, values: &Map) {
    let mut items = match map.get(list) {
        Some(Value::List(items)) => items.to_vec(),
        _ => Vec::new(),
    };
    let is_ours = |item: &Value| item.get("name").is_some_and(|n| *n == Value::from(name));
    let at = items.iter().position(is_ours);
    let mut entry = match at.and_then(|at| items.get(at)).and_then(|i| i.get(inner)) {
        Some(Value::Map(old)) => (**old).clone(),
        _ => Map::new(),
    };
    entry.extend(values.iter().map(|(k, v)| (k.clone(), v.clone())));
    let item = Value::map([(inner, Value::from(entry)), ("name", name.into())]);
    match at.and_then(|at| items.get_mut(at)) {
        Some(old) if same(old, &item) => {}
        Some(old) => *old = item,
        None => items.push(item),
    }
    map.insert(list.into(), Value::list(items));
}

/// Equal whatever the order of keys.
fn same(a: &Value, b: &Value) -> bool {
    a == b || {
        let sorted = |v: &Value| {
            let mut json = v.to_json();
            json.sort_all_objects();
            json
        };
        sorted(a) == sorted(b)
    }
}

/// The kubeconfig without the entry.
fn without(mut map: Map, name: &str) -> Map {
    for list in ["clusters", "users", "contexts"] {
        if let Some(Value::List(items)) = map.get(list) {
            let kept = items
                .iter()
                .filter(|item| item.get("name").is_none_or(|n| *n != Value::from(name)))
                .cloned();
            let kept = Value::list(kept);
            map.insert(list.into(), kept);
        }
    }
    if map.get("current-context") == Some(&Value::from(name)) {
        map.insert("current-context".into(), "".into());
    }
    map
}

impl Decide for Kubeconfig {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let loaded = self.editor.load(known)?;
        let (text, bytewise) = loaded.text();
        if bytewise {
            return Err(Fail::new(format!("`{}` is not UTF-8", loaded.path)).into());
        }
        let old = read(&text, &format!("`{}`", loaded.path))
            .map_err(|fail| fail.with("help", "mend it or move it away; it was not changed"))?;
        let new = match &self.given {
            Some(given) => merged(old.clone(), &self.name, given, self.current),
            None => without(old.clone(), &self.name),
        };
        let style = Style {
            flow: Flow::Never,
            width: usize::MAX / 4,
            sort_keys: false,
            ..Style::TERSE
        };
        let changes = !same(&Value::from(old), &Value::from(new.clone()))
            && (self.given.is_some() || loaded.stat.is_some());
        let written = changes.then(|| dump(&Value::from(new), style).into_bytes());
        let mut edited = self.editor.decide(known, &loaded, written)?;
        for action in &mut edited.decision.actions {
            if let Action::MakeDir { attrs, .. } = action {
                *attrs = Attrs {
                    mode: Some(0o700),
                    ..Attrs::default()
                };
            }
        }
        let mut result = Map::new();
        result.insert("path".into(), loaded.path.clone().into());
        result.insert("context".into(), self.name.as_str().into());
        if let Some(given) = &self.given {
            result.insert("server".into(), given.server.as_str().into());
        }
        // no diff: it would show keys
        Ok(edited.finish(result, "backup_file", false, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    const K3S: &str = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: Q0E=\n    server: https://127.0.0.1:6443\n  name: default\ncontexts:\n- context:\n    cluster: default\n    user: default\n  name: default\ncurrent-context: default\nkind: Config\npreferences: {}\nusers:\n- name: default\n  user:\n    client-certificate-data: Q0VSVA==\n    client-key-data: S0VZ\n";
    const OTHERS: &str = "apiVersion: v1\nkind: Config\nclusters:\n- name: work\n  cluster: {server: 'https://work:6443', proxy-url: 'http://p'}\n- name: home\n  cluster: {server: 'https://old:6443', proxy-url: 'http://q'}\ncontexts:\n- name: work\n  context: {cluster: work, user: me}\n- name: home\n  context: {cluster: home, user: home, namespace: mine}\nusers:\n- name: me\n  user: {exec: {command: login}}\ncurrent-context: work\n";

    fn args(more: serde_json::Value) -> serde_json::Value {
        let mut args = json!({"path": "/home/a/.kube/config", "name": "home", "content": K3S, "server": "https://10.0.0.1:6443"});
        if let (Some(args), Some(more)) = (args.as_object_mut(), more.as_object()) {
            args.extend(more.clone());
        }
        args
    }

    fn changed(host: &mut Host, more: serde_json::Value) -> bool {
        host.settle(&KUBECONFIG, args(more))
            .outcome
            .unwrap()
            .changed
    }

    #[test]
    fn a_new_one_is_the_current_and_a_second_time_nothing_changes() {
        let mut host = Host::new().dir("/home/a", 0o755);
        assert!(changed(&mut host, json!({})));
        assert_eq!(host.nodes["/home/a/.kube/config"].mode, 0o600);
        assert_eq!(host.nodes["/home/a/.kube"].mode, 0o700);
        insta::assert_snapshot!(host.text("/home/a/.kube/config"), @r"
        apiVersion: v1
        kind: Config
        clusters:
        - cluster:
            certificate-authority-data: Q0E=
            server: https://10.0.0.1:6443
          name: home
        users:
        - user:
            client-certificate-data: Q0VSVA==
            client-key-data: S0VZ
          name: home
        contexts:
        - context:
            cluster: home
            user: home
          name: home
        current-context: home
        ");
        assert!(!changed(&mut host, json!({})));
    }

    #[test]
    fn the_others_stay_and_so_does_what_one_added_to_ours() {
        let mut host =
            Host::new()
                .dir("/home/a/.kube", 0o755)
                .file("/home/a/.kube/config", 0o644, OTHERS);
        assert!(changed(&mut host, json!({})));
        insta::assert_snapshot!(host.text("/home/a/.kube/config"), @r"
        apiVersion: v1
        kind: Config
        clusters:
        - name: work
          cluster:
            server: https://work:6443
            proxy-url: http://p
        - cluster:
            server: https://10.0.0.1:6443
            proxy-url: http://q
            certificate-authority-data: Q0E=
          name: home
        contexts:
        - name: work
          context:
            cluster: work
            user: me
        - name: home
          context:
            cluster: home
            user: home
            namespace: mine
        users:
        - name: me
          user:
            exec:
              command: login
        - user:
            client-certificate-data: Q0VSVA==
            client-key-data: S0VZ
          name: home
        current-context: work
        ");
        assert!(!changed(&mut host, json!({})));
        let gone = json!({"state": "absent", "content": null, "server": null});
        assert!(changed(&mut host, gone.clone()));
        assert!(!host.text("/home/a/.kube/config").contains("home"));
        assert!(!changed(&mut host, gone));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_it_says() {
        let mut told = Vec::new();
        for (content, file) in [("{", ""), ("[]", ""), ("clusters: []", ""), (K3S, "a: {")] {
            let mut host = Host::new().file("/home/a/.kube/config", 0o600, file);
            let ran = host.settle(&KUBECONFIG, args(json!({"content": content})));
            told.push(ran.outcome.map(|_| ()).unwrap_err().msg);
            assert_eq!(host.text("/home/a/.kube/config"), file);
        }
        insta::assert_snapshot!(told.join("\n"), @r"
        `content` is no kubeconfig: it is not valid YAML
        `content` is no kubeconfig: it is not a mapping
        `content` is no kubeconfig: it has no context
        `/home/a/.kube/config` is no kubeconfig: it is not valid YAML
        ");
    }
}
