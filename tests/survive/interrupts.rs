//! Ctrl-C, once and twice.

use super::bench::{CALM, inside, lab, skipped};
use super::place::{Place, processes, until};
use hoist::lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

fn playbook(name: &str, seconds: u32) -> String {
    format!(
        "- hosts: all
  gather_facts: false
  tasks:
    - command: mkdir /var/tmp/{name}
    - shell: echo begun >/var/tmp/{name}/begun; sleep {seconds}; echo ended >/var/tmp/{name}/ended
    - command: touch /var/tmp/{name}/after
"
    )
}

async fn begun(lab: &Lab, name: &str) {
    until("the task", Duration::from_secs(20), async || {
        inside(lab, CALM, &format!("cat /var/tmp/{name}/begun || :")).await == "begun"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_what_is_in_flight_is_finished() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(lab, &playbook("once", 3));
    let child = place
        .command(&["run", "site.yml", "-i", "hosts.ini", "-l", CALM])
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    begun(lab, "once").await;
    kill(pid, Signal::SIGINT).unwrap();
    let ran = place.wait(child).await.ended(99);
    assert_eq!(
        ran.recap(CALM),
        "ok=2 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
    );
    assert_eq!(
        inside(
            lab,
            CALM,
            "cd /var/tmp/once; cat ended; test -e after || echo not"
        )
        .await,
        "ended\nnot"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twice_it_stops_at_once() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(lab, &playbook("twice", 60));
    let child = place
        .command(&["run", "site.yml", "-i", "hosts.ini", "-l", CALM])
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id() as i32);
    begun(lab, "twice").await;
    let start = Instant::now();
    kill(pid, Signal::SIGINT).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    kill(pid, Signal::SIGINT).unwrap();
    let ran = place
        .wait(child)
        .await
        .ended(130)
        .said("stopped by a second Ctrl-C");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        ran.recap(CALM),
        "ok=1 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
    );
    until("ssh's end", Duration::from_secs(12), async || {
        processes(&place.path("")).is_empty()
    })
    .await;
}
