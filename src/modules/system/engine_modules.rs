//! Modules that concern the run and not a host. They are described here for the load-time checks and the documentation;
//! the engine carries them out.

use crate::modules::{Arg, CheckSupport, Kind, Rule, Run, Spec};

const BASE: Spec = Spec {
    name: "",
    aliases: &[],
    about: "",
    free_form: None,
    args: &[],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[],
    example: "",
    run: Run::Engine,
};

pub(super) static ADD_HOST: Spec = Spec {
    name: "ansible.builtin.add_host",
    about: "adds a host, and groups, to the inventory of this run; every other argument becomes a variable of the host",
    args: &[&[
        Arg::str("name", "the host; `name:port` sets the port too")
            .alias(&["host", "hostname"])
            .required(),
        Arg::list("groups", "groups to put it in").alias(&["group", "groupname"]),
    ]],
    returns: &[("add_host", "the host, its groups and variables")],
    example: "- ansible.builtin.add_host:\n    name: \"{{ new_ip }}\"\n    groups: workers\n    disk: /dev/vdb\n",
    ..BASE
};

pub(super) static ASSERT: Spec = Spec {
    name: "ansible.builtin.assert",
    about: "fails unless every condition holds",
    args: &[&[
        Arg::of("that", Kind::ListAny, "conditions, as `when` has them").required(),
        Arg::of("fail_msg", Kind::Raw, "what to say when one does not hold").alias(&["msg"]),
        Arg::of("success_msg", Kind::Raw, "what to say when all hold"),
        Arg::bool("quiet", "say little when all hold").default("false"),
    ]],
    returns: &[
        ("assertion", "the condition that did not hold"),
        ("evaluated_to", "what it came to"),
    ],
    example: "- ansible.builtin.assert:\n    that:\n      - ansible_memtotal_mb >= 4096\n    fail_msg: needs 4 GB of memory\n",
    ..BASE
};

pub(super) static DEBUG: Spec = Spec {
    name: "ansible.builtin.debug",
    about: "shows a message or a variable",
    args: &[&[
        Arg::of("msg", Kind::Raw, "the message, or any value").default("Hello world!"),
        Arg::of(
            "var",
            Kind::Raw,
            "a variable or expression, without `{{ }}`",
        ),
        Arg::int("verbosity", "shown from this many `-v` on").default("0"),
    ]],
    rules: &[Rule::Exclusive(&["msg", "var"])],
    example: "- ansible.builtin.debug:\n    var: result.stdout_lines\n",
    ..BASE
};

pub(super) static FAIL: Spec = Spec {
    name: "ansible.builtin.fail",
    about: "fails with a message",
    args: &[&[Arg::of("msg", Kind::Raw, "the message").default("Failed as requested from task")]],
    example: "- ansible.builtin.fail:\n    msg: this role needs systemd\n  when: ansible_service_mgr != 'systemd'\n",
    ..BASE
};

pub(super) static GATHER_FACTS: Spec = Spec {
    name: "ansible.builtin.gather_facts",
    about: "gathers facts, as the keyword `gather_facts: true` does; other arguments are those of `setup`",
    args: &[&[
        Arg::bool("parallel", "accepted: facts are always gathered in one go"),
        Arg::list("gather_subset", "which facts").default("all"),
        Arg::int("gather_timeout", "seconds a single fact may take").default("10"),
        Arg::list("filter", "patterns of the facts to keep").default(""),
        Arg::path("fact_path", "where the host keeps facts of its own")
            .default("/etc/ansible/facts.d"),
    ]],
    returns: &[("ansible_facts", "the facts")],
    example: "- ansible.builtin.gather_facts:\n",
    ..BASE
};

pub(super) static GROUP_BY: Spec = Spec {
    name: "ansible.builtin.group_by",
    about: "puts each host into a group named after a value",
    args: &[&[
        Arg::str("key", "the group's name").required(),
        Arg::list("parents", "groups that the new group is put in").default("all"),
    ]],
    example: "- ansible.builtin.group_by:\n    key: os_{{ ansible_distribution | lower }}\n",
    ..BASE
};

pub(super) static IMPORT_PLAYBOOK: Spec = Spec {
    name: "ansible.builtin.import_playbook",
    about: "puts another playbook's plays here",
    free_form: Some("file"),
    args: &[&[Arg::str("file", "the playbook")
        .alias(&["_raw_params", "free-form"])
        .required()]],
    example: "- ansible.builtin.import_playbook: web.yml\n",
    ..BASE
};

const ROLE_ARGS: &[Arg] = &[
    Arg::str("name", "the role").alias(&["role"]).required(),
    Arg::str("tasks_from", "file of its `tasks`").default("main"),
    Arg::str("vars_from", "file of its `vars`").default("main"),
    Arg::str("defaults_from", "file of its `defaults`").default("main"),
    Arg::str("handlers_from", "file of its `handlers`").default("main"),
    Arg::bool("allow_duplicates", "let the role run more than once").default("true"),
    Arg::bool(
        "rolespec_validate",
        "check its arguments against its `argument_specs`",
    )
    .default("true"),
];

pub(super) static IMPORT_ROLE: Spec = Spec {
    name: "ansible.builtin.import_role",
    about: "puts a role's tasks here when the playbook is loaded",
    args: &[
        ROLE_ARGS,
        &[Arg::bool("public", "let later tasks of the play see its variables").default("true")],
    ],
    example: "- ansible.builtin.import_role:\n    name: k3s\n    tasks_from: server\n",
    ..BASE
};

pub(super) static INCLUDE_ROLE: Spec = Spec {
    name: "ansible.builtin.include_role",
    about: "runs a role when the run gets here",
    args: &[
        ROLE_ARGS,
        &[
            Arg::bool("public", "let later tasks of the play see its variables").default("false"),
            Arg::dict("apply", "keywords for every task of the role"),
        ],
    ],
    example: "- ansible.builtin.include_role:\n    name: \"{{ item }}\"\n  loop: [base, k3s]\n",
    ..BASE
};

pub(super) static IMPORT_TASKS: Spec = Spec {
    name: "ansible.builtin.import_tasks",
    about: "puts a file's tasks here when the playbook is loaded",
    free_form: Some("file"),
    args: &[&[Arg::str("file", "the file")
        .alias(&["_raw_params", "free-form"])
        .required()]],
    example: "- ansible.builtin.import_tasks: packages.yml\n",
    ..BASE
};

pub(super) static INCLUDE_TASKS: Spec = Spec {
    name: "ansible.builtin.include_tasks",
    about: "runs a file's tasks when the run gets here",
    free_form: Some("file"),
    args: &[&[
        Arg::str("file", "the file")
            .alias(&["_raw_params", "free-form"])
            .required(),
        Arg::dict("apply", "keywords for every task of the file"),
    ]],
    example: "- ansible.builtin.include_tasks: \"{{ ansible_os_family }}.yml\"\n",
    ..BASE
};

pub(super) static INCLUDE_VARS: Spec = Spec {
    name: "ansible.builtin.include_vars",
    about: "loads variables from a file, or from the files of a directory",
    free_form: Some("file"),
    args: &[&[
        Arg::path("file", "the file").alias(&["_raw_params", "free-form"]),
        Arg::path("dir", "the directory; its files are read in order of name"),
        Arg::str("name", "put what is loaded into this one variable"),
        Arg::int(
            "depth",
            "how deep to go into the directory; 0 for all the way",
        )
        .default("0"),
        Arg::str(
            "files_matching",
            "only files whose name matches this regular expression",
        ),
        Arg::list("ignore_files", "names of files to leave out"),
        Arg::list("extensions", "endings of the files to read").default("json,yaml,yml"),
        Arg::bool(
            "ignore_unknown_extensions",
            "pass over files with other endings",
        )
        .default("false"),
        Arg::str("hash_behaviour", "whether mappings are replaced or merged")
            .choices(&["replace", "merge"]),
    ]],
    rules: &[Rule::OneOf(&["file", "dir"])],
    returns: &[
        ("ansible_facts", "the variables"),
        ("ansible_included_var_files", "the files they came from"),
    ],
    example: "- ansible.builtin.include_vars: \"{{ ansible_distribution }}.yml\"\n",
    ..BASE
};

pub(super) static META: Spec = Spec {
    name: "ansible.builtin.meta",
    about: "tells the run itself what to do",
    free_form: Some("free_form"),
    args: &[&[Arg::str("free_form", "what to do")
        .alias(&["_raw_params"])
        .required()
        .choices(&[
            "clear_facts",
            "clear_host_errors",
            "end_batch",
            "end_host",
            "end_play",
            "end_role",
            "flush_handlers",
            "noop",
            "refresh_inventory",
            "reset_connection",
        ])]],
    example: "- ansible.builtin.meta: flush_handlers\n",
    ..BASE
};

pub(super) static PAUSE: Spec = Spec {
    name: "ansible.builtin.pause",
    about: "waits for a time, or for the user",
    args: &[&[
        Arg::of("seconds", Kind::Float, "how long"),
        Arg::of("minutes", Kind::Float, "how long"),
        Arg::str("prompt", "what to ask"),
        Arg::bool("echo", "show what the user types").default("true"),
    ]],
    rules: &[Rule::Exclusive(&["seconds", "minutes"])],
    returns: &[
        ("start", "when the pause began"),
        ("stop", "when it ended"),
        ("delta", "its seconds"),
        ("user_input", "what the user typed"),
        ("echo", "whether it was shown"),
        ("stdout", "a sentence about the pause"),
    ],
    example: "- ansible.builtin.pause:\n    seconds: 15\n",
    ..BASE
};

pub(super) static SET_FACT: Spec = Spec {
    name: "ansible.builtin.set_fact",
    about: "sets variables of the host; every other argument is one",
    args: &[&[Arg::bool("cacheable", "keep them as facts too").default("false")]],
    returns: &[("ansible_facts", "the variables")],
    example: "- ansible.builtin.set_fact:\n    is_server: \"{{ inventory_hostname in groups.servers }}\"\n",
    ..BASE
};

pub(super) static SET_STATS: Spec = Spec {
    name: "ansible.builtin.set_stats",
    about: "sets custom statistics for the end of the run",
    args: &[&[
        Arg::dict("data", "the statistics").required(),
        Arg::bool("per_host", "keep them by host").default("false"),
        Arg::bool("aggregate", "add to what is there instead of replacing it").default("true"),
    ]],
    returns: &[("ansible_stats", "what was set")],
    example: "- ansible.builtin.set_stats:\n    data:\n      upgraded: 1\n",
    ..BASE
};

pub(super) static VALIDATE_ARGUMENT_SPEC: Spec = Spec {
    name: "ansible.builtin.validate_argument_spec",
    about: "checks variables against an argument specification",
    args: &[&[
        Arg::dict(
            "argument_spec",
            "the specification, as `meta/argument_specs.yml` has its `options`",
        )
        .required(),
        Arg::dict(
            "provided_arguments",
            "the values; those of the variables when left out",
        ),
        Arg::dict(
            "validate_args_context",
            "where the specification comes from, for the messages",
        ),
    ]],
    returns: &[
        ("argument_errors", "what does not fit"),
        ("argument_spec_data", "the specification"),
        ("validate_args_context", "where it comes from"),
    ],
    example: "- ansible.builtin.validate_argument_spec:\n    argument_spec:\n      port:\n        type: int\n        required: true\n",
    ..BASE
};

#[cfg(test)]
mod tests {
    use crate::modules::{Run, all, find};

    #[test]
    fn every_module_of_this_folder_describes_itself() {
        for spec in super::super::ALL {
            assert!(!spec.about.is_empty(), "{}", spec.name);
            assert!(spec.example.contains(spec.short()), "{}", spec.name);
            assert!(spec.name.matches('.').count() == 2, "{}", spec.name);
            let mut names: Vec<&str> = spec
                .arguments()
                .flat_map(|a| std::iter::once(a.name).chain(a.aliases.iter().copied()))
                .collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{} has an argument twice", spec.name);
            if let Some(free) = spec.free_form {
                assert!(spec.argument(free).is_some(), "{}", spec.name);
            }
            for arg in spec.arguments() {
                if let Some(default) = arg.default {
                    crate::modules::args::convert(arg, &default.into())
                        .unwrap_or_else(|e| panic!("{}: {}", spec.name, e.msg));
                }
            }
        }
        assert!(super::super::ALL.is_sorted_by_key(|s| s.name));
    }

    #[test]
    fn names_lead_to_modules() {
        for name in ["debug", "ansible.builtin.debug", "ansible.legacy.debug"] {
            let spec = find(name).unwrap();
            assert_eq!(spec.name, "ansible.builtin.debug");
            assert!(matches!(spec.run, Run::Engine));
        }
        assert!(find("no_such_module").is_none());
        let mut seen = std::collections::BTreeSet::new();
        assert!(all().iter().all(|s| seen.insert(s.name)));
    }
}
