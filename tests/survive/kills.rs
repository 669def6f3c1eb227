//! hoist killed in the middle of its work, and run again.

use super::bench::{KILLED, inside, lab, no_leftovers, skipped};
use super::place::{Place, processes, until};
use hoist::lab::Lab;
use std::time::{Duration, Instant};

/// No handlers: what a killed run was notified of is forgotten, here as under Ansible.
const PLAYBOOK: &str = r#"- hosts: all
  gather_facts: false
  become: true
  vars: {greeting: hello}
  tasks:
    - file: {path: /srv/k/conf.d, state: directory, mode: '0750', owner: daemon}
    - copy: {src: big, dest: /srv/k/big, mode: '0640', owner: daemon, group: games}
    - template: {src: t.j2, dest: /srv/k/conf.d/t.conf, mode: '0600'}
    - lineinfile: {path: /srv/k/lines, regexp: '^b=', line: 'b=2'}
    - blockinfile: {path: /srv/k/lines, block: "c=3\nd=4"}
    - replace: {path: /srv/k/words, regexp: 'old', replace: 'new'}
    - copy: {content: "{{ item }}\n", dest: '/srv/k/conf.d/{{ item }}', mode: '0644'}
      loop: [one, two, three, four]
    - file: {src: conf.d/one, dest: /srv/k/link, state: link}
    - shell: sleep 0.2; echo made >/srv/k/made
      args: {creates: /srv/k/made}
    - copy: {src: big, dest: /srv/k/again, mode: '4711', owner: games}
    - file: {path: /srv/k/gone, state: absent}
    - unarchive: {src: tree.tar, dest: /srv/k/tree-home, owner: daemon}
    - copy: {src: tree/, dest: /srv/k/tree, mode: preserve}
"#;

/// As before the first run. What must never be half-written is there already.
const RESET: &str = "rm -rf /srv/k; mkdir -p /srv/k/gone/deep /srv/k/tree-home; cd /srv/k
    head -c 3000000 /dev/zero >big; cp big again; printf 'a=1\\nb=1\\n' >lines; yes old | head -n 60000 >words";

/// Everything of the tree that a run decides: types, modes, owners, links, contents.
const DIGEST: &str = "cd /srv/k && { find . ! -type l -printf '%p %y %m %u %g\\n'; find . -type l -printf '%p -> %l\\n'
    find . -type f -exec sha256sum {} +; } | LC_ALL=C sort";

/// Reads the files over and over while a mark is there, and tells what is neither the old nor the new one.
const WATCH: &str = r#"cd /srv/k; while [ -e /run/watch ]; do
for f in big again words; do
s=$(sha256sum <$f) || { echo "$f is not there"; exit; }
case " OLD NEW " in *" ${s%% *} "*) ;; *) echo "$f is half-written"; exit;; esac
done; sleep 0.02; done; echo whole"#;

/// Pseudo-random numbers (Knuth's MMIX constants), so that a seed tells a whole test.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

async fn digests(lab: &Lab) -> String {
    let text = inside(
        lab,
        KILLED,
        "cd /srv/k; for f in big again words; do sha256sum <$f; done",
    )
    .await;
    text.replace(['-', '\n'], " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_and_run_again() {
    if skipped() {
        return;
    }
    let lab = lab().await;
    let place = Place::new(lab, PLAYBOOK);
    place.write("t.j2", b"{{ greeting }} {{ inventory_hostname }}\n");
    place.write("tree/sub/leaf", b"leaf\n");
    place.write("tree/other", b"other\n");
    let big: Vec<u8> = (0..3_000_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    place.write("big", &big);
    let packed = std::process::Command::new("tar")
        .args(["-C", "tree", "-cf", "tree.tar", "."])
        .current_dir(place.path(""))
        .status()
        .unwrap();
    assert!(packed.success());

    inside(lab, KILLED, RESET).await;
    let old = digests(lab).await;
    let before = Instant::now();
    place.run(KILLED, &[]).await.ended(0);
    let undisturbed = before.elapsed();
    let (new, wanted) = (digests(lab).await, inside(lab, KILLED, DIGEST).await);
    assert_ne!(old, new);
    let again = place.run(KILLED, &[]).await.ended(0);
    assert!(
        again.recap(KILLED).contains(" changed=0 "),
        "{}",
        again.all()
    );
    let watch = WATCH.replace("OLD", &old).replace("NEW", &new);

    let seed = std::env::var("HOIST_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| {
            u64::from(std::process::id()) << 20 | u64::from(before.elapsed().subsec_micros())
        });
    println!("HOIST_SEED={seed} makes the same moments again");
    let mut dice = Dice(seed);
    for round in 1..=20 {
        inside(lab, KILLED, &format!("{RESET}; touch /run/watch")).await;
        let moment = Duration::from_micros(dice.below(undisturbed.as_micros() as u64));
        let killing = async {
            let words = ["run", "site.yml", "-i", "hosts.ini", "-l", KILLED];
            let mut child = place.command(&words).spawn().unwrap();
            tokio::time::sleep(moment).await;
            child.kill().unwrap();
            place.wait(child).await;
            place.run(KILLED, &[]).await.ended(0);
            inside(lab, KILLED, "rm /run/watch").await;
        };
        let (watched, ()) = tokio::join!(inside(lab, KILLED, &watch), killing);
        assert_eq!(watched, "whole", "round {round}, killed after {moment:?}");
        // The first run's last script may have gone on for a moment.
        let mut state = String::new();
        for _ in 0..20 {
            state = inside(lab, KILLED, DIGEST).await;
            if state == wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(state, wanted, "round {round}, killed after {moment:?}");
    }
    no_leftovers(lab, KILLED).await;
    until("ssh's end", Duration::from_secs(12), async || {
        processes(&place.path("")).is_empty()
    })
    .await;
    // What the killed ones left on this side is gone with the next run.
    place.run(KILLED, &[]).await.ended(0);
    let left: Vec<_> = std::fs::read_dir(place.path("tmp"))
        .unwrap()
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
