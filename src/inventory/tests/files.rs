//! What inventories hold.

use super::*;

#[test]
fn values_in_ini_files_are_python_literals_or_text() {
    let inventory = load(
        "hosts",
        r#"
h1 x=1 y=1.5 z="a b" t=True l="[1,'a']" s='"quoted"' e= o=0644 tmpl="{{ foo }}-x" # comment
web[01:02].x:2222
[g]
::2
[::1]:2200 v6=yes
[g:vars]
b = "two words"
c = two words # kept
d = 5 # not kept
n = [1, "{{ x }}"]
g =
ansible_group_priority=10
"#,
    );
    assert_eq!(
        json(&inventory.hosts["h1"].vars),
        r#"{"x":1,"y":1.5,"z":"a b","t":true,"l":[1,"a"],"s":"quoted","e":"","o":"0644","tmpl":"{{ foo }}-x"}"#
    );
    assert_eq!(
        json(&inventory.hosts["web02.x"].vars),
        r#"{"ansible_port":2222}"#
    );
    assert_eq!(
        json(&inventory.hosts["::1"].vars),
        r#"{"ansible_port":2200,"v6":"yes"}"#
    );
    let group = &inventory.groups["g"];
    assert_eq!(
        json(&group.vars),
        r#"{"b":"two words","c":"two words # kept","d":5,"n":[1,"{{ x }}"],"g":""}"#
    );
    assert_eq!(group.priority, 10);
    let crate::value::Value::Template(t) = &inventory.hosts["h1"].vars["tmpl"] else {
        panic!()
    };
    let span = t.span.as_ref().unwrap();
    assert_eq!((span.line, span.column), (2, 64));
    assert!(group.vars["n"].is_lazy());
}

#[test]
fn groups_and_graph_are_those_of_ansible() {
    let inventory = load("hosts", &format!("lone\n{WEB}[prod:vars]\nq=1\n"));
    insta::assert_snapshot!(graph(&inventory, None, "all", false).unwrap(), @r"
    @all:
      |--@ungrouped:
      |  |--lone
      |--@prod:
      |  |--@web:
      |  |  |--w1
      |  |  |--w2
      |  |  |--w3
      |  |--@stage:
      |  |  |--@api:
      |  |  |  |--a1
      |  |  |  |--w1
      |  |  |--s1
    ");
    insta::assert_snapshot!(graph(&inventory, None, "stage", true).unwrap(), @r"
    @stage:
      |--@api:
      |  |--a1
      |  |  |--{q = 1}
      |  |--w1
      |  |  |--{q = 1}
      |--s1
      |  |--{q = 1}
    ");
    insta::assert_snapshot!(graph(&inventory, None, "stag", true).unwrap_err(), @r"
    error: there is no group `stag`
      help: did you mean `stage`?
    ");
    insta::assert_snapshot!(list(&inventory, None, &["w1".to_owned(), "lone".to_owned()]), @r#"
    {
        "_meta": {
            "hostvars": {
                "w1": {
                    "q": 1
                }
            },
            "profile": "inventory_legacy"
        },
        "all": {
            "children": [
                "ungrouped",
                "prod"
            ]
        },
        "api": {
            "hosts": [
                "w1"
            ]
        },
        "prod": {
            "children": [
                "web",
                "stage"
            ]
        },
        "stage": {
            "children": [
                "api"
            ]
        },
        "ungrouped": {
            "hosts": [
                "lone"
            ]
        },
        "web": {
            "hosts": [
                "w1"
            ]
        }
    }
    "#);
    insta::assert_snapshot!(list_yaml(&inventory, None, &["w1".to_owned(), "lone".to_owned()]), @r"
    all:
      children:
        prod:
          children:
            stage:
              children:
                api:
                  hosts:
                    w1: {}
            web:
              hosts:
                w1:
                  q: 1
        ungrouped:
          hosts:
            lone: {}
    ");
    assert_eq!(inventory.group_names("w1"), ["api", "prod", "stage", "web"]);
}

#[test]
fn yaml_inventories_are_read() {
    let text = "all:\n  vars: {a: 1}\n  hosts:\n    h1: {mode: 0644}\n    h[2:3]:\n  children:\n    g1:\n      hosts:\n        \"x:2022\": {t: '{{ y }}'}\n      vars: {gv: yes}\n      children:\n        g2: {hosts: h9}\n    g3:\nungrouped:\n  hosts: {u1: }\n";
    let inventory = load("inv.yml", text);
    assert_eq!(chosen(&inventory, "all"), "h1 h2 h3 u1 x h9");
    assert_eq!(
        json(&inventory.merged("x", None)),
        r#"{"a":1,"gv":true,"ansible_port":2022,"t":"{{ y }}"}"#
    );
    assert_eq!(json(&inventory.merged("h1", None)), r#"{"a":1,"mode":420}"#);
    // Without an ending the text decides.
    assert_eq!(chosen(&load("inv", text), "g1"), "x h9");
    assert_eq!(
        chosen(&load("inv.json", r#"{"g": {"hosts": {"a": {}}}}"#), "g"),
        "a"
    );
}

#[test]
fn several_sources_and_folders_add_up() {
    let files = [
        ("inv/b", "b1\nshared v=1\n[g]\nshared\n"),
        ("inv/a.ini", "a1\nshared v=2\n[g]\na1\n"),
        ("inv/c.md", "c: ["),
        ("inv/.hidden", "x\n"),
        ("inv/sub/d", "deep\n"),
        ("two", "[g]\nlast\n"),
    ];
    let (_dir, inventory) = load_from(&files, &["inv", "two", "z1,z2:22, [::5]:23"]);
    let inventory = inventory.unwrap();
    assert_eq!(chosen(&inventory, "g"), "a1 shared last");
    assert_eq!(
        chosen(&inventory, "all"),
        "b1 deep z1 z2 ::5 a1 shared last"
    );
    assert_eq!(json(&inventory.hosts["shared"].vars), r#"{"v":1}"#);
    assert_eq!(json(&inventory.hosts["z2"].vars), r#"{"ansible_port":22}"#);
    assert!(
        inventory.hosts["b1"]
            .source
            .as_deref()
            .is_some_and(|s| s.ends_with("inv/b"))
    );
}

#[test]
fn scripts_print_inventories() {
    let with_meta = r#"#!/bin/sh
test "$1" = --list && echo '{"g": {"hosts": ["s1"], "vars": {"x": "{{ y }}"}, "children": ["k"]}, "k": ["s3"], "solo": {"v": 1}, "_meta": {"hostvars": {"s1": {"a": [1]}}}}'
"#;
    let without = "#!/bin/sh\ncase $1 in --list) echo '{\"g\": [\"s1\"]}';; --host) echo \"{\\\"me\\\": \\\"$2\\\"}\";; esac\n";
    let dir = tempfile::tempdir().unwrap();
    // Written by another process: a script that this one has open while another test forks cannot be run.
    let script = |name: &str, text: &str| {
        let path = dir.path().join(name);
        let command = "printf %s \"$1\" > \"$0\" && chmod 700 \"$0\"";
        let status = std::process::Command::new("sh")
            .args(["-c", command])
            .arg(&path)
            .arg(text)
            .status();
        assert!(status.unwrap().success());
        path.display().to_string()
    };
    let run = |path: String| Inventory::load(&[path], &Keyring::new());
    let inventory = run(script("meta", with_meta)).unwrap();
    assert_eq!(
        json(&inventory.merged("s1", None)),
        r#"{"x":"{{ y }}","a":[1]}"#
    );
    assert!(inventory.groups["g"].vars["x"].is_lazy());
    assert_eq!(
        (chosen(&inventory, "g"), chosen(&inventory, "solo")),
        ("s1 s3".to_owned(), "solo".to_owned())
    );
    let inventory = run(script("plain", without)).unwrap();
    assert_eq!(json(&inventory.merged("s1", None)), r#"{"me":"s1"}"#);
    let told = |text: &str| {
        let error = run(script("bad", text)).unwrap_err().to_string();
        error.replace(&dir.path().display().to_string(), "DIR")
    };
    insta::assert_snapshot!(told("#!/bin/sh\necho broken >&2; exit 3\n"), @r"
    error: the inventory script `DIR/bad --list` failed with exit status: 3
      note: it said: broken
    ");
    insta::assert_snapshot!(told("#!/bin/sh\necho '{'\n"), @r"error: the inventory script `DIR/bad` does not print valid JSON: EOF while parsing an object at line 2 column 0");
    insta::assert_snapshot!(told("#!/bin/sh\necho '[]'\n"), @r"error: the inventory script `DIR/bad` must print a JSON object");
}

#[test]
fn hosts_and_groups_are_added_at_run_time() {
    let mut inventory = load("hosts", "h1\n[g]\nh2\n");
    let vars = Map::from_iter([("x".to_owned(), crate::value::Value::from(1))]);
    assert!(inventory.add_host_at_run_time(
        "new",
        &["g".to_owned(), "fresh".to_owned()],
        vars.clone()
    ));
    assert!(!inventory.add_host_at_run_time("new", &["g".to_owned()], vars));
    assert_eq!(chosen(&inventory, "g:fresh"), "h2 new");
    assert!(
        inventory
            .group_by("h1", "os_debian", &["linux".to_owned()])
            .unwrap()
    );
    assert!(
        !inventory
            .group_by("h1", "os_debian", &["linux".to_owned()])
            .unwrap()
    );
    assert_eq!(
        (chosen(&inventory, "linux"), chosen(&inventory, "ungrouped")),
        ("h1".to_owned(), String::new())
    );
    inventory.group_by("localhost", "here", &[]).unwrap();
    assert_eq!(
        (
            chosen(&inventory, "here").as_str(),
            chosen(&inventory, "all").as_str()
        ),
        ("localhost", "new h2 h1")
    );
    assert_eq!(inventory.group_names("localhost"), ["here"]);
}

#[test]
fn ten_thousand_lines_are_soon_read() {
    let mut text = String::new();
    for group in 0..100 {
        text += &format!("[g{group}]\n");
        (0..99).for_each(|h| {
            text += &format!("host-{group}-{h} ansible_host=10.0.{group}.{h} role=\"a b\"\n")
        });
    }
    let start = std::time::Instant::now();
    let inventory = load("hosts", &text);
    assert_eq!(select(&inventory, "all:!g3").unwrap().hosts.len(), 9801);
    // A tenth of this with optimisation; quadratic code would take far longer.
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}
