//! Whole inventories. The expected answers are those of `ansible-inventory` and of Ansible's own patterns, 2.19.14.

use super::*;
use crate::error::Problems;
use crate::value::Map;
use crate::vault::Keyring;
use proptest::prelude::*;
use std::path::Path;

/// Writes files (`path` and text) to a folder and loads what `sources` names there.
fn load_from(
    files: &[(&str, &str)],
    sources: &[&str],
) -> (tempfile::TempDir, Result<Inventory, Problems>) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let sources: Vec<String> = sources
        .iter()
        .map(|s| {
            if s.contains(',') {
                (*s).to_owned()
            } else {
                dir.path().join(s).display().to_string()
            }
        })
        .collect();
    let inventory = Inventory::load(&sources, &Keyring::new());
    (dir, inventory)
}

fn load(file: &str, text: &str) -> Inventory {
    load_from(&[(file, text)], &[file]).1.unwrap()
}

/// The mistakes in one file, without the folder's name.
fn mistakes(file: &str, text: &str) -> String {
    let (dir, result) = load_from(&[(file, text)], &[file]);
    result
        .unwrap_err()
        .to_string()
        .replace(&format!("{}/", dir.path().display()), "")
}

fn chosen(inventory: &Inventory, pattern: &str) -> String {
    select(inventory, pattern).unwrap().hosts.join(" ")
}

fn json(map: &Map) -> String {
    crate::value::Value::from(map.clone()).to_json().to_string()
}

const WEB: &str = "[web]\nw[1:3]\n[api]\na1\nw1\n[prod:children]\nweb\nstage\n[stage]\ns1\n[stage:children]\napi\n";

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
fn group_variables_merge_by_depth_priority_and_name() {
    let text = "all:\n  children:\n    b:\n      hosts: {h: }\n      vars: {ansible_group_priority: 5, v: b, w: b}\n    c:\n      hosts: {h: }\n      vars: {v: c, w: c}\n    a:\n      hosts: {h: }\n      vars: {v: a}\n      children: {deep: {hosts: {h: }, vars: {w: deep}}}\n";
    let inventory = load("h.yml", text);
    let names: Vec<_> = inventory
        .groups_of("h")
        .iter()
        .map(|g| g.name.as_str())
        .collect();
    assert_eq!(names, ["all", "a", "c", "b", "deep"]);
    assert_eq!(
        json(&inventory.merged("h", None)),
        r#"{"v":"b","w":"deep"}"#
    );
}

#[test]
fn layers_come_in_the_order_of_precedence() {
    let files = [
        (
            "inv/hosts",
            "[g]\nh v=host\n[g:vars]\nv=file\n[all:vars]\nv=all\n",
        ),
        ("inv/group_vars/all/a.yml", "v: ga\n"),
        ("inv/group_vars/all/b", "w: ga\n"),
        ("inv/group_vars/all/c.txt", "never: 1\n"),
        ("inv/group_vars/g/sub/x.json", "{\"v\": \"gv\"}"),
        ("inv/host_vars/h.yaml", "v: hv\n"),
        ("inv/host_vars/README.md", "no: [yaml"),
        ("play/group_vars/all.yml", "v: pa\n"),
        ("play/group_vars/g.yml", "v: pg\n"),
        ("play/host_vars/h", "v: ph\n"),
    ];
    let (dir, inventory) = load_from(&files, &["inv"]);
    let inventory = inventory.unwrap();
    let playbook = VarsFiles::load(&dir.path().join("play"), &Keyring::new());
    let layers: Vec<String> = inventory
        .layers("h", Some(&playbook))
        .iter()
        .map(|l| {
            format!(
                "{:?} {} {}",
                l.kind,
                l.owner,
                l.vars.get("v").map_or("-".to_owned(), ToString::to_string)
            )
        })
        .collect();
    insta::assert_snapshot!(layers.join("\n"), @r"
    InventoryAll all all
    InventoryGroup g file
    InventoryGroupVarsAll all ga
    PlaybookGroupVarsAll all pa
    InventoryGroupVars g gv
    PlaybookGroupVars g pg
    InventoryHost h host
    InventoryHostVars h hv
    PlaybookHostVars h ph
    ");
    assert_eq!(json(&inventory.merged("h", None)), r#"{"v":"hv","w":"ga"}"#);
    assert_eq!(
        json(&inventory.merged("localhost", Some(&playbook))),
        r#"{"v":"pa","w":"ga","ansible_connection":"local"}"#
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
fn mistakes_in_ini_files_are_all_told() {
    let text = "h1 foo\nh2 x='open\nw[3:1]\n[g:variables]\n[a b]\n[g:vars]\nnonsense\n[top:children]\nweb:x\nwebb\n[web]\nhost:\n[lost:vars]\nx=1\n[web:vars]\nansible_group_priority=high\n";
    insta::assert_snapshot!(mistakes("hosts.ini", text), @r"
    error: expected `name=value` after the host, not `foo`
     --> hosts.ini:1:4
      |
    1 | h1 foo
      |    ^^^
      help: put every host on a line of its own, and quotes round a value with spaces

    error: a quote on this line is never closed
     --> hosts.ini:2:1
      |
    2 | h2 x='open
      | ^^^^^^^^^^

    error: `w[3:1]` is no host name: the begin of the range is beyond its end
     --> hosts.ini:3:1
      |
    3 | w[3:1]
      | ^^^^^^

    error: unknown kind of section `variables`
     --> hosts.ini:4:1
      |
    4 | [g:variables]
      | ^^^^^^^^^^^^^
      note: sections are `[group]`, `[group:children]` and `[group:vars]`

    error: `a b` is no group name
     --> hosts.ini:5:1
      |
    5 | [a b]
      | ^^^^^
      note: a group name has no spaces, colons or brackets

    error: expected `name=value` in `[g:vars]`
     --> hosts.ini:7:1
      |
    7 | nonsense
      | ^^^^^^^^

    error: expected the name of a group in `[top:children]`
     --> hosts.ini:9:1
      |
    9 | web:x
      | ^^^^^

    error: a host name cannot end with `:`, as `host:` does
      --> hosts.ini:12:1
       |
    12 | host:
       | ^^^^^
      help: write `host:port`; if this is a YAML inventory, give the file the ending `.yml`

    error: `ansible_group_priority` must be an integer, not `high`
      --> hosts.ini:16:24
       |
    16 | ansible_group_priority=high
       |                        ^^^^

    error: variables for the group `g`, which is nowhere declared
     --> hosts.ini:6:1
      |
    6 | [g:vars]
      | ^^^^^^^^
      help: declare it with a section `[g]`

    error: the group `webb` is nowhere declared
      --> hosts.ini:10:1
       |
    10 | webb
       | ^^^^
      help: did you mean `web`?

    error: variables for the group `lost`, which is nowhere declared
      --> hosts.ini:13:1
       |
    13 | [lost:vars]
       | ^^^^^^^^^^^
      help: declare it with a section `[lost]`
    ");
}

#[test]
fn mistakes_in_yaml_files_are_told() {
    insta::assert_snapshot!(mistakes("i.yml", "all:\n  hosts:\n    - h1\n  children:\n    g: [a]\n    1:\n"), @r"
    error: `hosts` must be a mapping, not a value of type list
     --> i.yml:3:5
      |
    3 |     - h1
      |     ^
      help: write each name with a `:` after it, without a dash

    error: the group `g` must be a mapping, not a value of type list
     --> i.yml:5:8
      |
    5 |     g: [a]
      |        ^
      help: a group holds `hosts`, `children` and `vars`

    error: a group name must be a string, not a value of type integer
     --> i.yml:6:5
      |
    6 |     1:
      |     ^
      help: quote it
    ");
    insta::assert_snapshot!(mistakes("i.yml", "- h1\n"), @r"
    error: an inventory is a mapping of groups, not a value of type list
     --> i.yml:1:1
      |
    1 | - h1
      | ^
      help: begin with `all:` and its `hosts:` below it
    ");
    insta::assert_snapshot!(mistakes("i.yml", "plugin: amazon.aws.aws_ec2\n"), @r"
    error: the inventory plugin `amazon.aws.aws_ec2` cannot be run: hoist has no Python plugins
     --> i.yml:1:1
      |
    1 | plugin: amazon.aws.aws_ec2
      | ^^^^^^
      help: use an executable that prints the inventory as JSON, or `ansible-inventory --list --export` once
    ");
    insta::assert_snapshot!(mistakes("i", "all:\n  hosts:\n\th1:\n"), @r"
    error: a tab indents this line; YAML allows only spaces there
     --> i:3:1
      |
    3 |  h1:
      | ^
      help: replace the tab with spaces
    ");
    let warned = load("i.yml", "g:\n  host:\n    h1:\n").warnings;
    insta::assert_snapshot!(warned[0].message, @r"`host` in the group `g` is left out");
}

#[test]
fn circles_are_spelled_out() {
    insta::assert_snapshot!(mistakes("hosts", "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n"), @r"
    error: these groups hold each other: `a` > `b` > `c` > `a`
     --> hosts:6:1
      |
    6 | a
      | ^
    ");
    insta::assert_snapshot!(mistakes("hosts", "[a:children]\na\n"), @r"
    error: the group `a` is put inside itself
     --> hosts:2:1
      |
    2 | a
      | ^
    ");
}

#[test]
fn missing_sources_are_told() {
    let told = |source: &str| {
        Inventory::load(&[source.to_owned()], &Keyring::new())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(told("web1"), @r"
    error: there is no inventory `web1`
      help: to name hosts instead of a file, end with a comma: `web1,`
    ");
    insta::assert_snapshot!(told("./no/such"), @r"error: there is no inventory `./no/such`");
}

#[test]
fn broken_variable_files_count_only_for_known_names() {
    let files = [
        ("hosts", "[g]\nh\n"),
        ("group_vars/g.yml", "a: [\n"),
        ("group_vars/unknown.yml", "b: [\n"),
        ("host_vars/h.yml", "- x\n"),
    ];
    let (dir, result) = load_from(&files, &["hosts"]);
    let told = result
        .unwrap_err()
        .to_string()
        .replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(told, @r"
    error: the `[` that opens here is never closed
     --> DIR/group_vars/g.yml:1:4
      |
    1 | a: [
      |    ^

    error: a file of variables holds a mapping, not a value of type list
     --> DIR/host_vars/h.yml:1:1
      |
    1 | - x
      | ^
    ");
}

#[test]
fn encrypted_variable_files_are_read_and_never_shown() {
    let mut keyring = Keyring::new();
    keyring.add("default", "pike");
    let dir = tempfile::tempdir().unwrap();
    let hosts = dir.path().join("hosts");
    let vars = dir.path().join("group_vars/all.yml");
    std::fs::create_dir(dir.path().join("group_vars")).unwrap();
    std::fs::write(&hosts, "h\n").unwrap();
    let load = |text: &str, keyring: &Keyring| {
        let mut other = Keyring::new();
        other.add("default", "pike");
        std::fs::write(&vars, other.encrypt(text.as_bytes(), None).unwrap()).unwrap();
        Inventory::load(&[hosts.display().to_string()], keyring)
    };
    let inventory = load("password: hidden{{ x }}\n", &keyring).unwrap();
    assert_eq!(
        json(&inventory.merged("h", None)),
        r#"{"password":"hidden{{ x }}"}"#
    );
    let crate::value::Value::Template(t) = &inventory.merged("h", None)["password"] else {
        panic!()
    };
    assert_eq!(t.span.as_ref().unwrap().source.text, "");
    let told = load("password: {{ hidden }}x\n", &keyring)
        .unwrap_err()
        .to_string();
    assert!(!told.contains("hidden"), "{told}");
    assert!(
        load("a: 1\n", &Keyring::new())
            .unwrap_err()
            .to_string()
            .contains("no vault password was given")
    );
}

#[test]
fn patterns_choose_what_ansible_chooses() {
    let inventory = load(
        "hosts",
        &format!("{WEB}[v6]\n::2\n[my-group]\nx1.example.com\nx2.example.com\n"),
    );
    for (pattern, expected) in [
        ("all", "::2 x1.example.com x2.example.com w1 w2 w3 s1 a1"),
        ("*", "::2 x1.example.com x2.example.com w1 w2 w3 s1 a1"),
        ("web:api", "w1 w2 w3 a1"),
        ("web:&api", "w1"),
        ("web:!w1", "w2 w3"),
        ("!prod", "::2 x1.example.com x2.example.com"),
        ("all,!prod,&my-group", "x1.example.com x2.example.com"),
        ("prod", "w1 w2 w3 s1 a1"),
        ("prod[0]", "w1"),
        ("prod[-1]", "a1"),
        ("prod[1:3]", "w2 w3 s1"),
        ("prod[1-2]", "w2 w3"),
        ("prod[3:]", "s1 a1"),
        ("prod[0:0]", "w1"),
        ("prod[9:12]", ""),
        ("web[0]:api[0]", "w1 a1"),
        ("w?", "w1 w2 w3"),
        ("w*", "w1 w2 w3"),
        ("w[!12]", "w3"),
        ("[w]1", "w1"),
        ("~w[12]", "w1 w2"),
        ("~(web|v6)", "w1 w2 w3 ::2"),
        ("~1$", ""),
        ("*.example.com:!x2*", "x1.example.com"),
        ("::2", "::2"),
        ("w2:w1", "w2 w1"),
        ("w1 w2", "w1 w2"),
        ("web, api", "w1 w2 w3 a1"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("ungrouped", ""),
        ("w1:22", ""),
        ("", ""),
    ] {
        assert_eq!(chosen(&inventory, pattern), expected, "{pattern}");
    }
}

#[test]
fn what_fits_nothing_is_told() {
    let inventory = load("hosts", WEB);
    let selection = select(&inventory, "webb:prod:nothing:!ungrouped").unwrap();
    let told: Vec<String> = selection
        .unmatched
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    error: no host or group matches `webb`
      help: did you mean `web`?
    error: no host or group matches `nothing`
    ");
    insta::assert_snapshot!(select(&inventory, "web[5]").unwrap_err(), @r"error: `web[5]` is beyond the 3 hosts of `web`");
    insta::assert_snapshot!(select(&inventory, "~web(").unwrap_err(), @r"error: `~web(` is no valid host pattern");
}

#[test]
fn limits_and_orders_apply() {
    let inventory = load("hosts", WEB);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("retry");
    std::fs::write(&file, "w3\n\ns1\n").unwrap();
    let parts = limit(&format!("w2,@{}", file.display())).unwrap();
    let mut selection = select_limited(&inventory, "all", &parts).unwrap();
    assert_eq!(selection.hosts, ["w2", "w3", "s1"]);
    selection.order(Order::ReverseSorted);
    assert_eq!(selection.hosts, ["w3", "w2", "s1"]);
    assert_eq!(
        select_limited(&inventory, "prod", &limit("!web").unwrap())
            .unwrap()
            .hosts,
        ["s1", "a1"]
    );
    assert!(limit("@/no/such/file").is_err());
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

proptest! {
    #[test]
    fn no_ini_text_makes_it_panic(text in "([\\[\\]a-c:=\"'\\\\ #1-3{}-]{0,12}|\\[(a|b):(children|vars)\\])(\n[\\[\\]a-c:=\"'\\\\ #1-3{}é-]{0,12}){0,6}") {
        let source = crate::error::Source::new(Path::new("f"), text);
        let mut problems = Problems::new();
        let mut inventory = Inventory::new();
        ini::read(&source, &mut inventory, &mut problems);
        inventory.reconcile();
        let _ = graph(&inventory, None, "all", true);
    }

    #[test]
    fn no_yaml_inventory_makes_it_panic(text in "((  ){0,4}(all|hosts|children|vars|a|b|\\[a\\]|1)(:|: a|: \\{\\}|: \\[1\\]|)\n){0,8}") {
        let source = crate::error::Source::new(Path::new("f"), text);
        if let Ok(crate::yaml::Document { root: Some(root), .. }) = crate::yaml::parse(&source) {
            let mut inventory = Inventory::new();
            tree::read(&root, Path::new("f"), &mut inventory, &mut Problems::new());
            inventory.reconcile();
        }
    }

    #[test]
    fn no_pattern_makes_it_panic(pattern in "[a-c~&!:,*?\\[\\]0-9 .(-]{0,16}") {
        let inventory = {
            let mut inventory = Inventory::new();
            inventory.add_host("a", Some("b"), None, None);
            inventory.reconcile();
            inventory
        };
        let _ = select(&inventory, &pattern);
    }
}
