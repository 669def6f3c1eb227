//! Hosts that do not let us: a password that is wrong, a disk that is full.

use super::bench::{SMALL, SUDO_PASSWORD, inside, no_leftovers, skipped, small};
use super::place::{Place, until};
use std::time::Duration;

const AS_ROOT: &str = "- hosts: all
  gather_facts: false
  tasks:
    - command: id -un
      become: true
    - command: id -un
      become: true
";

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_sudo_password() {
    if skipped() {
        return;
    }
    let lab = small().await;
    let place = Place::new(lab, AS_ROOT);
    let count = "journalctl --no-pager -t sudo | grep -c 'incorrect password\\|authentication failure' || :";
    assert_eq!(inside(lab, SMALL, count).await, "0");
    let ran = place
        .run(SMALL, &["-e", "ansible_become_password=ven0m-wrong"])
        .await
        .ended(2);
    assert_eq!(
        ran.recap(SMALL),
        "ok=0 changed=0 unreachable=0 failed=1 skipped=0 rescued=0 ignored=0"
    );
    assert!(!ran.all().contains("ven0m"), "{}", ran.all());
    ran.said("sudo to `root`: the password is wrong");
    // One try: more would lock the account on some hosts. sudo and PAM write a line each.
    let tries = inside(lab, SMALL, count).await;
    assert!(["1", "2"].contains(&tries.as_str()), "{tries}");

    let ran = place
        .run(SMALL, &["-e", "ansible_become_password="])
        .await
        .ended(2);
    ran.said("give it with `-K` or `ansible_become_password`");

    // The right one stands in the lab's inventory; and once more by a file.
    let ran = place.run(SMALL, &["-vvv"]).await.ended(0);
    assert_eq!(
        ran.recap(SMALL),
        "ok=2 changed=2 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
    );
    assert!(!ran.all().contains("p01son"), "{}", ran.all());
    place.write("password", format!("{SUDO_PASSWORD}\n").as_bytes());
    let plain: String = lab
        .inventory()
        .lines()
        .filter(|l| !l.contains("become"))
        .map(|l| format!("{l}\n"))
        .collect();
    place.write("hosts.ini", plain.as_bytes());
    place
        .run(SMALL, &["-vvv", "--become-password-file", "password"])
        .await
        .ended(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    if skipped() {
        return;
    }
    let lab = small().await;
    let place = Place::new(
        lab,
        "- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: \"{{ what }}\", dest: /home/hoist/kept, mode: '0640'}
",
    );
    place.write("little", b"old\n");
    place.write("large", &vec![b'x'; 48 << 20]);
    // Smaller than what goes in a stream, and larger than what is free when the disk is full.
    place.write("text", "line\n".repeat(8000).as_bytes());
    place.run(SMALL, &["-e", "what=little"]).await.ended(0);
    let kept = "cd /home/hoist; cat kept; stat -c %a kept; ls -A";
    let before = inside(lab, SMALL, kept).await;
    let ran = place.run(SMALL, &["-e", "what=large"]).await.ended(2);
    ran.said("No space left on device");
    assert_eq!(inside(lab, SMALL, kept).await, before);
    no_leftovers(lab, SMALL).await;

    inside(lab, SMALL, "dd if=/dev/zero of=/var/filler bs=64k 2>/dev/null; dd if=/dev/zero of=/var/filler2 bs=1k 2>/dev/null; :").await;
    let ran = place.run(SMALL, &["-e", "what=text"]).await.ended(2);
    ran.said("No space left on device");
    assert_eq!(inside(lab, SMALL, kept).await, before);
    no_leftovers(lab, SMALL).await;
    inside(lab, SMALL, "rm /var/filler /var/filler2").await;
    until("room", Duration::from_secs(10), async || {
        place.run(SMALL, &["-e", "what=text"]).await.code == Some(0)
    })
    .await;
}
