//! A host that has nothing but busybox.

use super::bench::{BUSYBOX, busybox, inside, no_leftovers, skipped};
use super::place::{Place, Ran};

const PLAYBOOK: &str = r#"- hosts: all
  become: true
  vars: {greeting: hello}
  tasks:
    - file: {path: /srv/b/conf.d, state: directory, mode: '0750', owner: daemon, group: daemon}
    - copy: {content: "text\n", dest: /srv/b/text, mode: '0640', owner: daemon}
    - copy: {src: blob, dest: /srv/b/blob, mode: '4711'}
    - template: {src: t.j2, dest: /srv/b/conf.d/t.conf, mode: '0600'}
    - lineinfile: {path: /srv/b/lines, line: 'more', mode: '0640'}
      notify: told
    - blockinfile: {path: /srv/b/blocks, block: "a=1\nb=2"}
    - replace: {path: /srv/b/words, regexp: 'old', replace: 'new'}
    - file: {src: lines, dest: /srv/b/link, state: link}
    - file: {path: /srv/b/gone, state: absent}
    - stat: {path: /srv/b/link, follow: true, checksum_algorithm: sha256}
      register: seen
    - find: {paths: /srv/b, recurse: true, patterns: '*.conf'}
      register: found
    - slurp: {src: /etc/hostname}
      register: name
    - command: cat /proc/sys/kernel/ostype
      register: ostype
      changed_when: false
      check_mode: false
    - shell: echo made >/srv/b/made
      args: {creates: /srv/b/made}
    - getent: {database: passwd, key: daemon}
    - assert:
        that:
          - ostype.stdout == 'Linux'
          - (name.content | b64decode | trim) == inventory_hostname
          - ansible_facts.hostname == inventory_hostname
          - getent_passwd.daemon[5] is defined
    - assert:
        that:
          - seen.stat.mode == '0640'
          - found.matched == 1
      when: not ansible_check_mode
  handlers:
    - name: told
      copy: {content: told, dest: /srv/b/told}
"#;

const STATE: &str = "find /srv -exec stat -c '%n %F %a %U %G' {} + | sort; find /srv -type f -exec sha256sum {} + | sort";

/// Which tasks said `changed`.
fn changed(ran: &Ran) -> Vec<String> {
    let out = ran.out.replace("\nRUNNING HANDLER [", "\nTASK [");
    out.split("\nTASK [")
        .skip(1)
        .filter(|part| part.contains("\nchanged: ["))
        .filter_map(|part| Some(part.split_once(']')?.0.to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_nothing_but_busybox() {
    if skipped() {
        return;
    }
    let lab = busybox().await;
    inside(
        lab,
        BUSYBOX,
        "mkdir -p /srv/b/gone/deep; cd /srv/b; echo one >lines; echo two >blocks; echo old >words",
    )
    .await;
    let place = Place::new(lab, PLAYBOOK);
    place.write("t.j2", b"{{ greeting }} from {{ ansible_facts.kernel }}\n");
    let blob: Vec<u8> = (0..300_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    place.write("blob", &blob);

    let before = inside(lab, BUSYBOX, STATE).await;
    let foretold = place.run(BUSYBOX, &["--check", "--diff"]).await.ended(0);
    assert_eq!(inside(lab, BUSYBOX, STATE).await, before);
    let first = place.run(BUSYBOX, &["--diff"]).await.ended(0);
    assert_eq!(changed(&foretold), changed(&first));
    assert_eq!(changed(&first).len(), 11, "{}", first.out);
    let after = inside(lab, BUSYBOX, STATE).await;
    assert_ne!(after, before);
    let second = place.run(BUSYBOX, &[]).await.ended(0);
    assert_eq!(changed(&second), Vec::<String>::new(), "{}", second.out);
    assert_eq!(inside(lab, BUSYBOX, STATE).await, after);
    no_leftovers(lab, BUSYBOX).await;
}
