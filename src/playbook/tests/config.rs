//! `ansible.cfg` and the environment.

use super::Project;
use crate::error::Problems;
use crate::playbook::Config;
use insta::assert_snapshot;

fn load(project: &Project, env: &[(&str, &str)]) -> Result<Config, Problems> {
    let find = |name: &str| {
        let own = [("HOME", "/home/me")];
        let all = env.iter().chain(&own);
        all.clone()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    };
    Config::load(project.path(), &find)
}

const CFG: &str = "# comment
[defaults]
inventory = hosts.ini, more/
roles_path = roles:~/shared
remote_user=deploy   ; who
forks: 20
timeout = 30
host_key_checking = False
gathering = smart
fact_caching = jsonfile
nocows = 1
stdout_callback = yaml
vault_identity_list = dev@.vault,
  prod@prompt
[privilege_escalation]
become = yes
become_method = doas
[ssh_connection]
ssh_args = -o ControlMaster=auto
pipelining = True
[tags]
skip = slow, never_mind
";

#[test]
fn settings_are_read() {
    let project = Project::new(&[("ansible.cfg", CFG)]);
    let config = load(
        &project,
        &[("ANSIBLE_FORKS", "7"), ("ANSIBLE_BECOME_USER", "app")],
    )
    .unwrap();
    let text = format!("{config:#?}").replace(&project.path().display().to_string(), "ROOT");
    let set: Vec<&str> = text
        .lines()
        .filter(|l| !l.ends_with("None,") && !l.ends_with("[],"))
        .collect();
    assert_snapshot!(set.join("\n"), @r#"
    Config {
        path: Some(
            "ROOT/ansible.cfg",
        ),
        inventory: [
            "ROOT/hosts.ini",
            "ROOT/more/",
        ],
        roles_path: [
            "ROOT/roles",
            "/home/me/shared",
        ],
        remote_user: Some(
            "deploy",
        ),
        host_key_checking: Some(
            false,
        ),
        forks: Some(
            7,
        ),
        timeout: Some(
            30,
        ),
        vault_identity_list: [
            "dev@ROOT/.vault",
            "prod@prompt",
        ],
        become_: Some(
            true,
        ),
        become_user: Some(
            "app",
        ),
        become_method: Some(
            "doas",
        ),
        gathering: Some(
            "smart",
        ),
        skip_tags: [
            "slow",
            "never_mind",
        ],
        ssh_args: Some(
            "-o ControlMaster=auto",
        ),
        warnings: [
            Diagnostic {
                message: "facts are not kept from one run to the next",
                span: Some(
                    ansible.cfg:10:1,
                ),
                notes: [
                    "every run gathers what it needs",
                ],
            },
        ],
    }
    "#);
}

#[test]
fn the_first_file_counts() {
    let project = Project::new(&[
        ("other/ansible.cfg", "[defaults]\nforks = 3\n"),
        ("ansible.cfg", "[defaults]\nforks = 4\n"),
    ]);
    assert_eq!(load(&project, &[]).unwrap().forks, Some(4));
    assert_eq!(
        load(&project, &[("ANSIBLE_CONFIG", "other")])
            .unwrap()
            .forks,
        Some(3)
    );
    assert_snapshot!(load(&project, &[("ANSIBLE_CONFIG", "none.cfg")]).unwrap_err(), @"error: cannot read `none.cfg`: there is no such file");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(project.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let open = load(&project, &[]).unwrap();
    assert_eq!(open.forks, None);
    assert_snapshot!(open.warnings[0], @r"
    error: `ansible.cfg` is ignored, because everybody may write to this folder
      help: take that right away, or name the file in `ANSIBLE_CONFIG`
    ");
}

#[test]
fn what_would_change_a_run_is_refused() {
    let text = "stray\n[defaults]\nhash_behaviour = merge\nforks = many\nhost_key_checking = perhaps\nstrategy = mitogen_linear\ntransport = sssh\nerror_on_undefined_vars = no\njinja2_extensions = my.ext\nask_pass = true\nfork = 3\npoll = 3\n[nonsense]\nx = y\n";
    let project = Project::new(&[("ansible.cfg", text)]);
    assert_snapshot!(load(&project, &[]).unwrap_err(), @r"
    error: this is neither a section nor a setting
     --> ansible.cfg:1:1
      |
    1 | stray
      | ^^^^^
      help: write `key = value` below a `[section]`

    error: `hash_behaviour = merge` is not supported
     --> ansible.cfg:3:1
      |
    3 | hash_behaviour = merge
      | ^^^^^^^^^^^^^^^^^^^^^^
      help: use the filter `combine(recursive=true)` where mappings are to be merged

    error: `forks` takes a number, not `many`
     --> ansible.cfg:4:1
      |
    4 | forks = many
      | ^^^^^^^^^^^^

    error: `host_key_checking` takes a boolean, not `perhaps`
     --> ansible.cfg:5:1
      |
    5 | host_key_checking = perhaps
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: `strategy = mitogen_linear` is not supported
     --> ansible.cfg:6:1
      |
    6 | strategy = mitogen_linear
      | ^^^^^^^^^^^^^^^^^^^^^^^^^
      note: there are linear, free, graph

    error: `transport = sssh` is not supported
     --> ansible.cfg:7:1
      |
    7 | transport = sssh
      | ^^^^^^^^^^^^^^^^
      note: there are ssh, smart, local
      help: did you mean `ssh`?

    error: `error_on_undefined_vars = no` is not supported
     --> ansible.cfg:8:1
      |
    8 | error_on_undefined_vars = no
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: give the variables a `default`

    error: `jinja2_extensions = my.ext` is not supported
     --> ansible.cfg:9:1
      |
    9 | jinja2_extensions = my.ext
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: extensions of Jinja are Python; only `do` and `loopcontrols` are built in

    error: `ask_pass = true` is not supported
      --> ansible.cfg:10:1
       |
    10 | ask_pass = true
       | ^^^^^^^^^^^^^^^
      help: log in with a key: passwords for SSH are not supported
    ");
    let project = Project::new(&[(
        "ansible.cfg",
        "[defaults]\nfork = 3\nssh_args = x\nlog_path = /tmp/x\n[nonsense]\nx = y\n",
    )]);
    let warnings = load(&project, &[]).unwrap().warnings;
    assert_snapshot!(Problems(warnings).to_string().replace("error:", "warning:"), @r"
    warning: the setting `fork` in `[defaults]` has no effect
     --> ansible.cfg:2:1
      |
    2 | fork = 3
      | ^^^^^^^^
      help: did you mean `forks`?

    warning: the setting `ssh_args` in `[defaults]` has no effect
     --> ansible.cfg:3:1
      |
    3 | ssh_args = x
      | ^^^^^^^^^^^^
      note: it belongs in another section

    warning: no log is written
     --> ansible.cfg:4:1
      |
    4 | log_path = /tmp/x
      | ^^^^^^^^^^^^^^^^^
      help: use `--output json` and redirect it

    warning: the setting `x` in `[nonsense]` has no effect
     --> ansible.cfg:6:1
      |
    6 | x = y
      | ^^^^^
    ");
    assert_snapshot!(load(&project, &[("ANSIBLE_GATHERING", "lazy")]).unwrap_err(), @r"
    error: `gathering = lazy` is not supported
     --> <ANSIBLE_GATHERING>:1:1
      |
    1 | lazy
      | ^
      note: there are implicit, explicit, smart
    ");
}
