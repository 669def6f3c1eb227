//! Which hosts a pattern chooses.

use super::*;

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
