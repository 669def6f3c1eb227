//! Whole documents: what is read, and how mistakes are told.

use super::{Document, Kind, Node, parse, parse_all};
use crate::error::Source;
use crate::value::Value;
use proptest::prelude::*;

fn read(text: &str) -> Document {
    parse(&Source::new("f.yml", text)).unwrap()
}

fn value(text: &str) -> Value {
    read(text).root.unwrap().to_value()
}

fn json(text: &str) -> String {
    value(text).to_json().to_string()
}

fn complaint(text: &str) -> String {
    parse(&Source::new("f.yml", text)).unwrap_err().to_string()
}

/// Line, column, message and help of the first complaint.
fn short(text: &str) -> String {
    let problems = parse(&Source::new("f.yml", text)).unwrap_err();
    let d = &problems.0[0];
    let span = d.span.as_ref().unwrap();
    let help = d
        .help
        .as_deref()
        .map(|h| format!(" ({h})"))
        .unwrap_or_default();
    format!("{}:{} {}{help}", span.line, span.column, d.message)
}

#[test]
fn documents_are_read() {
    for (text, expected) in [
        (
            "a: 1\nb: [x, 'yes', yes]\n",
            r#"{"a":1,"b":["x","yes",true]}"#,
        ),
        (
            "- |\n  two\n  lines\n- >-\n  one\n  line\n",
            r#"["two\nlines\n","one line"]"#,
        ),
        (
            "mode: 0644\nquoted: '0644'\n",
            r#"{"mode":420,"quoted":"0644"}"#,
        ),
        ("1: a\nyes: b\n~: c\n", r#"{"1":"a","True":"b","None":"c"}"#),
        (
            "a: &x {k: 1, l: 2}\nb:\n  l: 3\n  <<: *x\n  m: 4\n",
            r#"{"a":{"k":1,"l":2},"b":{"k":1,"l":3,"m":4}}"#,
        ),
        (
            "- &x {k: 1}\n- &y {k: 2, l: 2}\n- <<: [*x, *y]\n",
            r#"[{"k":1},{"k":2,"l":2},{"k":1,"l":2}]"#,
        ),
        (
            "a: !!str 5\nb: !!int '5'\nc: !!float 5\n",
            r#"{"a":"5","b":5,"c":5.0}"#,
        ),
        ("a: 1\na: 2\n", r#"{"a":2}"#),
        ("---\na:\n...\n", r#"{"a":null}"#),
        ("a: b  # c\nc: d#e\n", r#"{"a":"b","c":"d#e"}"#),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
}

#[test]
fn nothing_is_no_document() {
    for text in ["", "# only a comment\n", "---\n", "--- # x\n...\n"] {
        assert_eq!(read(text).root, None, "{text:?}");
    }
}

#[test]
fn templates_know_their_place_and_unsafe_text_is_none() {
    let root = read(
        "a: x {{ y }}\nb: !unsafe '{{ y }}'\nc: !unsafe {d: ['{{ y }}']}\n{{e}}: 1\n"
            .replace("{{e}}", "'{{ e }}'")
            .as_str(),
    )
    .root
    .unwrap();
    let value = root.to_value();
    let Some(Value::Template(t)) = value.get("a") else {
        panic!("{value:?}")
    };
    assert_eq!(
        (
            t.text.as_str(),
            t.span.as_ref().unwrap().to_string().as_str()
        ),
        ("x {{ y }}", "f.yml:1:4")
    );
    assert_eq!(value.get("b"), Some(&Value::from("{{ y }}")));
    assert!(!value.get("c").unwrap().is_lazy());
    assert!(value.get("{{ e }}").is_some());
}

#[test]
fn vault_text_is_kept_encrypted() {
    let text = "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n";
    let Some(Value::Vault(v)) = value(text).get("a").cloned() else {
        panic!()
    };
    assert_eq!(v.cipher, "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
}

#[test]
fn places_are_exact() {
    let root = read(
        "key: plain text # c\nq: \"q\"   \nlist:\n  - x\n  - {k: v}\nempty:\nlong: one\n  two\n",
    )
    .root
    .unwrap();
    let place = |n: &Node| (n.span.line, n.span.column, n.span.length);
    let (key, plain) = root.get_pair("key").unwrap();
    assert_eq!((place(key), place(plain)), ((1, 1, 3), (1, 6, 10)));
    assert_eq!(place(root.get("q").unwrap()), (2, 4, 3));
    let items = root.get("list").unwrap().as_list().unwrap();
    assert_eq!((place(&items[0]), place(&items[1])), ((4, 5, 1), (5, 5, 1)));
    assert_eq!(place(items[1].get("k").unwrap()), (5, 9, 1));
    assert_eq!(place(root.get("empty").unwrap()), (6, 1, 5));
    assert_eq!(place(root.get("long").unwrap()), (7, 7, 3));
    assert!(matches!(
        root.get("q").unwrap().kind,
        Kind::Str { quoted: true, .. }
    ));
}

#[test]
fn several_documents_are_read_where_allowed() {
    let all = parse_all(&Source::new("f.yml", "a: 1\n---\nb: 2\n")).unwrap();
    assert_eq!(all.len(), 2);
    insta::assert_snapshot!(short("a: 1\n---\nb: 2\n"), @"3:1 a second YAML document begins here (remove the `---` before it, or split the file)");
}

#[test]
fn odd_but_legal_things_are_warned_about() {
    let warnings = |text| {
        read(text)
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<String>()
    };
    insta::assert_snapshot!(warnings("a: 1\nb: 2\na: 3\n"), @r"
    error: the key `a` is given twice in this mapping
     --> f.yml:3:1
      |
    3 | a: 3
      | ^
      note: it stands first on line 1; the last one counts
    ");
    insta::assert_snapshot!(warnings("port: 22:22\n"), @r#"
    error: `22:22` is text here, but Ansible reads the number 1342
     --> f.yml:1:7
      |
    1 | port: 22:22
      |       ^^^^^
      note: YAML 1.1 takes digits with colons for a number to base 60
      help: quote it: `"22:22"`
    "#);
    assert!(
        read("a: &x {k: 1}\nb: {<<: *x, k: 2}\n")
            .warnings
            .is_empty()
    );
}

#[test]
fn an_expression_without_quotes_is_explained() {
    insta::assert_snapshot!(complaint("foo: {{ bar }}/x # why\n"), @r#"
    error: a value that begins with `{{` must be quoted
     --> f.yml:1:6
      |
    1 | foo: {{ bar }}/x # why
      |      ^^^^^^^^^^^
      note: YAML takes an unquoted `{` for the start of a mapping
      help: write `"{{ bar }}/x"`
    "#);
}

#[test]
fn mistakes_are_told_in_words() {
    let cases = [
        "a: 1\n\tb: 2\n",
        "a:\n\tb: 2\n",
        "foo: {{ bar }}\n",
        "- {{ bar }}\n",
        "a: 1\nfoo:bar\nb: 2\n",
        "foo:bar\n b: 2\n",
        "a: 1\nfoo\nb: 2\n",
        "- name: x\n  shell: echo foo: bar\n",
        "a: b\n  c: d\n",
        "a: 'x\nb: 1\n",
        "a: \"x",
        "x: @foo\n",
        "x: `foo`\n",
        "hosts: *\n",
        "hosts: *foo\n",
        "a: \"b\" c\n",
        "a:\n  - x\n - y\n",
        "- a\nb: 1\n",
        "a:\n  b: 1\n c: 2\n",
        "a: [1, 2\nb: 3\n",
        "a: [1, 2\n",
        "a: {b: 1\nc: 2\n",
        "a: \"\\d\"\n",
        "a: !foo x\n",
        "a: &a [*a]\n",
        "a: - b\n",
        "key: value\n- item\n",
        "<<: 3\n",
        "a: !!int x\n",
        "a: !vault [x]\n",
        "? [a]\n: b\n",
        "a: ]\n",
    ];
    let told: Vec<String> = cases.iter().map(|c| short(c)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2:1 a tab indents this line; YAML allows only spaces there (replace the tab with spaces)
    2:1 a tab indents this line; YAML allows only spaces there (replace the tab with spaces)
    1:6 a value that begins with `{{` must be quoted (write `"{{ bar }}"`)
    1:3 a value that begins with `{{` must be quoted (write `"{{ bar }}"`)
    2:4 a space is missing after `foo:` (write `foo: bar`)
    1:4 a space is missing after `foo:` (write `foo: bar`)
    2:1 expected `key: value`, but this line has no `:`
    2:18 this value holds a second `:` and must be quoted (write `shell: "echo foo: bar"`)
    2:3 this line is indented deeper than the one above, which has a value already (line the keys of one mapping up under each other)
    1:4 the quote that opens here is never closed (close it, or put the whole value in the other kind of quotes)
    1:4 the quote that opens here is never closed (close it, or put the whole value in the other kind of quotes)
    1:4 a value cannot begin with `@` (write `"@foo"`)
    1:4 a value cannot begin with a backtick (write `"`foo`"`)
    1:8 a value cannot begin with `*` (write `"*"`)
    1:8 no anchor is called `foo` (quote the value when it is a text that begins with `*`)
    1:8 there is text after the closing quote (put the quotes round the whole value; double an apostrophe inside single quotes)
    3:2 this line does not fit in here: its indentation matches nothing above (line the `-` up with the items above, or with the key the list belongs to)
    2:1 this line does not fit in here: its indentation matches nothing above (begin it with `- ` like the items above, or indent it as part of the last one)
    3:2 this line does not fit in here: its indentation matches nothing above (line it up with the keys it belongs to)
    1:4 the `[` that opens here is never closed
    1:4 the `[` that opens here is never closed
    1:4 the `{` that opens here is never closed
    1:5 `\d` means nothing inside double quotes (use single quotes, or double the backslash)
    1:4 the tag `!foo` cannot be used on this value
    1:8 this alias stands inside the value it refers to
    1:4 a list cannot begin on the line of its key (put each `- item` on a line of its own, or write `[item, item]`)
    2:1 this line does not fit in here: its indentation matches nothing above (line the `-` up with the items above, or with the key the list belongs to)
    1:5 `<<` takes a mapping or a list of mappings, but this value's type is integer
    1:4 the tag `!!int` cannot be used on this value
    1:4 `!vault` goes with an encrypted text (write `!vault |` and the text that begins with `$ANSIBLE_VAULT` below it)
    1:3 a value of type list cannot be a key
    1:4 this is not valid YAML: misplaced bracket
    "#);
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..9 {
        let refs = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb += &format!("a{i}: &a{i} [{refs}]\n");
    }
    assert!(short(&bomb).contains("the aliases of this file blow it up"));
    let mut chain = "- &a0 [x]\n".to_owned();
    for i in 1..300 {
        chain += &format!("- &a{i} [*a{}]\n", i - 1);
    }
    assert!(short(&chain).contains("blow it up"));
    assert!(short(&"[".repeat(250)).contains("too deep"));
    assert!(short(&"- ".repeat(5000)).contains("too deep"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-c \\n\\t:\\-\\[\\]{},#&*!|>'\"%@`?~.0<=$é]{0,60}") {
        let _ = parse_all(&Source::new("f.yml", text.as_str()));
    }

    #[test]
    fn nor_does_any_text_at_all(text in "\\PC{0,40}|(.|\\n){0,40}") {
        let _ = parse_all(&Source::new("f.yml", text.as_str()));
    }
}

#[test]
fn brackets_and_quotes_may_go_on_at_any_column() {
    for (text, expected) in [
        (
            "x:\n  a: [\n    'r',\n    's'\n  ]\n  b: 1\n",
            r#"{"x":{"a":["r","s"],"b":1}}"#,
        ),
        ("a: [\n  'r'\n]\n", r#"{"a":["r"]}"#),
        (
            "x:\n  a: [1,\nr,\n 's', # c\n{k:\nv}\n]\n",
            r#"{"x":{"a":[1,"r","s",{"k":"v"}]}}"#,
        ),
        (
            "x:\n  a: \"r \\\"\n  s\n\nt\"\n  b: 'it''s\nit'\n",
            r#"{"x":{"a":"r \" s\nt","b":"it's it"}}"#,
        ),
    ] {
        assert_eq!(json(text), expected, "{text}");
    }
    let root = read(
        "x:\n  a: ['r',\n  {{t}}\n  ]\n"
            .replace("{{t}}", "'{{ t }}'")
            .as_str(),
    )
    .root
    .unwrap();
    let items = root.get("x").unwrap().get("a").unwrap().as_list().unwrap();
    assert_eq!(
        (
            items[1].span.line,
            items[1].span.column,
            items[1].span.length
        ),
        (3, 3, 9)
    );
    assert!(short("x:\n  a: 'r\n---\ns'\n").contains("never closed"));
}
