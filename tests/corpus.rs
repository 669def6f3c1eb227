//! Whole projects, written for this, that must load and pass every check.

use hoist::check::{Listing, check};
use hoist::error::Problems;
use hoist::modules;
use hoist::playbook::Loader;
use hoist::template::Templar;
use std::path::Path;

fn loader(project: &str) -> Loader {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(project);
    Loader::new(&folder).with_modules(|name| modules::find(name).is_some())
}

fn findings(project: &str) -> Result<String, Problems> {
    let loader = loader(project);
    let playbook = loader.playbook(Path::new("site.yml"))?;
    let findings = check(&playbook, &loader, &Templar::new(), &[], &[]);
    let mut told = findings.problems.0;
    told.extend(findings.warnings);
    Ok(told.iter().map(|d| format!("{d}\n\n")).collect())
}

#[test]
fn every_keyword_is_taken() {
    assert_eq!(findings("keywords").unwrap(), "");
}

#[test]
fn a_platform_is_taken() {
    assert_eq!(findings("platform").unwrap(), "");
}

fn tasks(project: &str) -> Result<String, Problems> {
    let loader = loader(project);
    let playbook = loader.playbook(Path::new("site.yml"))?;
    let listing = Listing {
        tasks: true,
        ..Listing::default()
    };
    Ok(listing.text(Path::new("site.yml"), &playbook, &|_| Vec::new()))
}

/// The texts are those of `ansible-playbook --list-tasks` (ansible-core 2.19), save the order of a play's own tags.
#[test]
fn tasks_are_listed_as_ansible_lists_them() {
    insta::assert_snapshot!(tasks("platform").unwrap(), @r"

    playbook: site.yml

      play #1 (all): Check the ground	TAGS: []
        tasks:
          Only what we know	TAGS: [always]

      play #2 (k3s_cluster): Prepare hosts	TAGS: [cluster]
        tasks:
          common : Validating arguments against arg spec 'main' - Prepares a host	TAGS: [always, cluster, common, packages]
          common : Packages	TAGS: [cluster, common, packages]
          common : System settings	TAGS: [cluster, common, packages]
          include_tasks	TAGS: [cluster, common, packages]
          common : Message of the day	TAGS: [cluster, common, packages]
          common : A file	TAGS: [cluster, common, packages]
          command	TAGS: [cluster, common, packages]
          replace	TAGS: [cluster, common, packages]

      play #3 (server[0]:server): Servers	TAGS: [cluster]
        tasks:
          common : Validating arguments against arg spec 'main' - Prepares a host	TAGS: [always, cluster]
          common : Packages	TAGS: [cluster]
          common : System settings	TAGS: [cluster]
          include_tasks	TAGS: [cluster]
          common : Message of the day	TAGS: [cluster]
          common : A file	TAGS: [cluster]
          command	TAGS: [cluster]
          replace	TAGS: [cluster]
          stat	TAGS: [cluster]
          k3s/server : Binary	TAGS: [cluster]
          k3s/server : Unit	TAGS: [cluster]
          meta	TAGS: [cluster]
          command	TAGS: [cluster]
          Take the configuration home	TAGS: [cluster]

      play #4 (localhost): Services	TAGS: []
        tasks:
          Each service	TAGS: [services]
          uri	TAGS: [check]
    ");
    insta::assert_snapshot!(tasks("keywords").unwrap(), @r"

    playbook: site.yml

      play #1 (web:&staging:!broken): Every keyword of a play	TAGS: [keywords,play]
        tasks:
          debug	TAGS: [keywords, play]
          Every keyword of a task	TAGS: [a, b, keywords, play]
          fail	TAGS: [block, keywords, play]
          include_tasks	TAGS: [block, keywords, play]
          include_tasks	TAGS: [always, block, keywords, play]
          debug	TAGS: [block, keywords, more, play]
          command	TAGS: [keywords, play]
          copy	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          {{ ansible_pkg_mgr }}	TAGS: [keywords, play]
          template	TAGS: [keywords, play]
          set_fact	TAGS: [keywords, play]
          assert	TAGS: [keywords, play]
          include_vars	TAGS: [keywords, play]
          include_vars	TAGS: [keywords, play]
          shell	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          include_vars	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          meta	TAGS: [keywords, play]
          meta	TAGS: [keywords, play]
          meta	TAGS: [keywords, play]
          debug	TAGS: [keywords, play]
          after	TAGS: [keywords, play]

      play #2 (localhost): localhost	TAGS: []
        tasks:

      play #3 (all): all	TAGS: []
        tasks:
    ");
}
