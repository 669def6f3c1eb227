//! Variables and their layers.

use super::*;

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
