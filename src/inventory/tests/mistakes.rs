//! How mistakes are told.

use super::*;

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
