//! Hosts that cannot be reached, or no longer, or are not the ones they were.

use super::bench::{CALM, CUT, OFF, REBOOTED, STRANGER, inside, lab, no_leftovers, skipped};
use super::place::{Place, until};
use std::process::Command;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    lab.kill(OFF).await.unwrap();
    let place = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  tasks:
    - copy: {content: 'here', dest: /var/tmp/down}
    - command: cat /var/tmp/down
",
    );
    let both = format!("{CALM},{OFF}");
    let ran = place.run(&both, &["-T", "2"]).await.ended(4);
    assert_eq!(
        ran.recap(CALM),
        "ok=2 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
    );
    assert_eq!(
        ran.recap(OFF),
        "ok=0 changed=0 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0"
    );
    ran.said(&format!(
        "failed to connect: {} port 22: ",
        lab.host(OFF).unwrap().address
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_cut_in_the_middle_of_a_task_and_of_an_upload() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let [in_task, in_upload] = CUT;
    for host in CUT {
        inside(
            lab,
            host,
            "printf old >/var/tmp/big; printf old >/var/tmp/small",
        )
        .await;
    }
    let task = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  become: true
  tasks:
    - copy: {content: 'new', dest: /var/tmp/small, mode: '0640'}
    - shell: echo begun >>/var/tmp/begun; sleep 3; echo ended >>/var/tmp/ended
    - command: touch /var/tmp/after
",
    );
    let upload = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  become: true
  tasks:
    - copy: {src: big, dest: /var/tmp/big}
",
    );
    let big = std::fs::File::create(upload.path("big")).unwrap();
    big.set_len(96 << 20).unwrap();

    let start = |place: &Place, host: &str| {
        let words = ["run", "site.yml", "-i", "hosts.ini", "-l", host];
        place.command(&words).spawn().unwrap()
    };
    let cut = async |host: &str, when: &str| {
        inside(
            lab,
            host,
            &format!("timeout 20 sh -c 'until {when}; do :; done'"),
        )
        .await;
        lab.cut(host).await.unwrap();
    };
    let tasks = async {
        let child = start(&task, in_task);
        cut(in_task, "[ -e /var/tmp/begun ]").await;
        task.wait(child).await.ended(4)
    };
    let uploads = async {
        let child = start(&upload, in_upload);
        cut(
            in_upload,
            "[ -n \"$(find /var/tmp -name .big.hoist-\\* -size +64k)\" ]",
        )
        .await;
        upload.wait(child).await.ended(4)
    };
    let (cut_task, cut_upload) = tokio::join!(tasks, uploads);
    assert_eq!(
        cut_task.recap(in_task),
        "ok=1 changed=1 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0"
    );
    assert_eq!(
        cut_upload.recap(in_upload),
        "ok=0 changed=0 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0"
    );
    for ran in [cut_task, cut_upload] {
        ran.said("connection lost while the task was running (it may have taken effect)");
    }
    assert_eq!(inside(lab, in_upload, "cat /var/tmp/big").await, "old");
    assert_eq!(
        inside(
            lab,
            in_task,
            "cat /var/tmp/small; test -e /var/tmp/after || echo not"
        )
        .await,
        "newnot"
    );

    for host in CUT {
        lab.mend(host).await.unwrap();
        lab.wait_ready(host, Duration::from_secs(20)).await.unwrap();
    }
    task.run(in_task, &[]).await.ended(0);
    upload.run(in_upload, &[]).await.ended(0);
    assert_eq!(
        inside(lab, in_upload, "stat -c %s /var/tmp/big").await,
        (96 << 20).to_string()
    );
    // The old connection's end on the host learns of its fate when ours answers again.
    for host in CUT {
        no_leftovers(lab, host).await;
    }
    until("the finished task", Duration::from_secs(10), async || {
        inside(lab, in_task, "cat /var/tmp/ended /var/tmp/after")
            .await
            .contains("ended")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_reboots() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  tasks:
    - command: cat /proc/sys/kernel/random/boot_id
      register: before
    - reboot: {reboot_timeout: 60}
      become: true
      register: rebooted
    - command: cat /proc/sys/kernel/random/boot_id
      register: after
    - assert:
        that: [before.stdout != after.stdout, rebooted.rebooted, rebooted.elapsed | int < 60]
",
    );
    let ran = place.run(REBOOTED, &[]).await.ended(0);
    assert_eq!(
        ran.recap(REBOOTED),
        "ok=4 changed=3 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_another_key() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  tasks:
    - command: touch /var/tmp/touched
",
    );
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(place.path("other"))
        .status()
        .unwrap();
    assert!(made.success());
    let address = lab.host(STRANGER).unwrap().address;
    let key = std::fs::read_to_string(place.path("other.pub")).unwrap();
    place.write("known", format!("{address} {key}").as_bytes());
    let known = lab
        .host(STRANGER)
        .unwrap()
        .known_hosts
        .display()
        .to_string();
    let inventory = lab
        .inventory()
        .replace(&known, &place.path("known").display().to_string());
    place.write("hosts.ini", inventory.as_bytes());
    for flags in [&[][..], &["--accept-new-host-keys"]] {
        let ran = place.run(STRANGER, flags).await.ended(4);
        assert_eq!(
            ran.recap(STRANGER),
            "ok=0 changed=0 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0"
        );
        ran.said("host key verification failed")
            .said(&format!("-R \"{address}\"` and connect again"));
    }
    // It was not even told who wants to come in.
    let heard = inside(lab, STRANGER, "journalctl --no-pager -u ssh -u 'ssh@*'").await;
    assert!(heard.contains(" sshd["), "{heard}");
    assert!(!heard.contains("Accepted"), "{heard}");
    assert!(!heard.contains("authenticating user"), "{heard}");
    assert_eq!(
        inside(lab, STRANGER, "test -e /var/tmp/touched || echo not").await,
        "not"
    );
}
