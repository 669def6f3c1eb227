//! Random and broken input into everything that reads what others wrote: it must come back, never panic.
//! `tests/fuzz/` holds the same targets for cargo-fuzz.

use hoist::fuzz;
use proptest::prelude::*;

const INVENTORY: &str = "[web]\na[01:10] ansible_host=10.0.0.1 x='1 2'\n[web:vars]\nk=[1, {'a': None}]\n[all:children]\nweb\n";
const PLAYBOOK: &str = "- hosts: all\n  vars: {a: \"{{ b | default([]) }}\"}\n  tasks:\n  - block:\n    - copy: dest=/x content='y z'\n      when: a is defined\n      loop: [1, 2]\n    rescue: []\n  - include_tasks: \"{{ x }}.yml\"\n  handlers:\n  - name: h\n    service: {name: x, state: started}\n";
const TEMPLATE: &str = "{% for i in a | selectattr('x', 'eq', 1) if i.b[1:-1] %}{{ i ~ 'x' | f(1, k=2) }}{% endfor %}{# c #}";
const REPLY: &str = "nonce<mark stat 0 regular file 81a4 0 0 root root 3 1 1 1 1.0 2.0 3.0\nmark read 0 3 0\nabcmark end\nnonce 0\n";

/// `base` with some bytes changed, left out or put in.
fn broken(base: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    prop::collection::vec(edit, 0..12).prop_map(move |edits| {
        let mut bytes = base.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len().max(1));
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        bytes
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

proptest! {
    #[test]
    fn inventories(bytes in broken(INVENTORY), any in "\\PC{0,60}") {
        fuzz::inventory(&text(&bytes));
        fuzz::inventory(&any);
    }

    #[test]
    fn playbooks(bytes in broken(PLAYBOOK), any in "\\PC{0,60}") {
        fuzz::playbook(&text(&bytes));
        fuzz::playbook(&any);
    }

    #[test]
    fn templates(bytes in broken(TEMPLATE), any in "\\PC{0,60}") {
        fuzz::template(&text(&bytes));
        fuzz::template(&any);
    }

    #[test]
    fn replies(bytes in broken(REPLY), any in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::reply(&bytes);
        fuzz::reply(&any);
    }
}
