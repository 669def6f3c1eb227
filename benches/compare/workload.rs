//! The work itself, written down once for each program: a playbook, a pyinfra deploy, and a flat shell script that only
//! looks (the floor: what checks written by hand cost through one ssh).

use std::fmt::Write;
use std::path::Path;

/// Where the hosts keep what the work makes.
const ROOT: &str = "/opt/bench";

const UNITS: [&str; 5] = [
    "ssh",
    "systemd-networkd",
    "systemd-journald",
    "dbus",
    "systemd-logind",
];

const PACKAGES: [&str; 10] = [
    "openssh-server",
    "iproute2",
    "sudo",
    "curl",
    "iptables",
    "dbus",
    "udev",
    "ca-certificates",
    "zstd",
    "systemd",
];

/// One piece of work in the three languages.
#[derive(Default)]
struct Book {
    playbook: String,
    deploy: String,
    floor: String,
    tasks: usize,
}

impl Book {
    fn add(&mut self, name: &str, module: &str, arguments: &str, more: &str) {
        let _ = write!(
            self.playbook,
            "    - name: {name}\n      ansible.builtin.{module}: {arguments}\n{more}"
        );
        self.tasks += 1;
    }

    fn deploy(&mut self, line: &str) {
        let _ = writeln!(self.deploy, "{line}");
    }

    fn floor(&mut self, line: &str) {
        let _ = writeln!(self.floor, "{line}");
    }
}

const PLAY: &str =
    "- hosts: all\n  gather_facts: false\n  become: true\n  vars:\n    greeting: hello\n  tasks:\n";

/// Writes `site.yml`, `deploy.py`, `floor.sh` and the template they share into `dir`. Returns how many tasks that is.
pub fn write(dir: &Path) -> std::io::Result<usize> {
    let mut b = Book {
        playbook: PLAY.to_owned(),
        deploy: "from io import StringIO\nfrom pyinfra.operations import apt, files, server, systemd\n\n".to_owned(),
        floor: "set -e\n".to_owned(),
        tasks: 0,
    };
    b.add(
        "the folder",
        "file",
        &format!("{{path: {ROOT}, state: directory, mode: '0755'}}"),
        "",
    );
    b.deploy(&format!(
        "files.directory(path='{ROOT}', mode='755', _sudo=True)"
    ));
    b.floor(&format!("stat -c '%a %F' {ROOT} >/dev/null"));
    files(&mut b);
    for i in 0..20 {
        b.add(
            &format!("command {i}"),
            "command",
            &format!("/bin/echo probe {i}"),
            &format!("      register: said{i}\n      changed_when: false\n"),
        );
        b.deploy(&format!(
            "server.shell(commands=['/bin/echo probe {i}'], _sudo=True)"
        ));
        b.floor(&format!("/bin/echo probe {i} >/dev/null"));
    }
    system(&mut b);
    std::fs::create_dir_all(dir.join("templates"))?;
    std::fs::write(
        dir.join("templates/lines.j2"),
        "{% for n in range(20) %}\n{{ greeting }}, line {{ n }} of file {{ number }}\n{% endfor %}\n",
    )?;
    std::fs::write(dir.join("site.yml"), &b.playbook)?;
    std::fs::write(dir.join("deploy.py"), &b.deploy)?;
    std::fs::write(dir.join("floor.sh"), &b.floor)?;
    Ok(b.tasks)
}

fn files(b: &mut Book) {
    for i in 0..60 {
        let path = format!("{ROOT}/copy{i}.conf");
        let text = format!("file {i} {}", "abcdefghij".repeat(20));
        b.add(
            &format!("copy {i}"),
            "copy",
            &format!("{{dest: {path}, content: \"{text}\\n\", mode: '0644'}}"),
            "",
        );
        b.deploy(&format!(
            "files.put(src=StringIO('{text}\\n'), dest='{path}', mode='644', _sudo=True)"
        ));
        b.floor(&format!(
            "sha256sum {path} >/dev/null; stat -c %a {path} >/dev/null"
        ));
    }
    for i in 0..30 {
        let path = format!("{ROOT}/template{i}.conf");
        b.add(
            &format!("template {i}"),
            "template",
            &format!("{{src: templates/lines.j2, dest: {path}, mode: '0644'}}"),
            &format!("      vars: {{number: {i}}}\n"),
        );
        b.deploy(&format!(
            "files.template(src='templates/lines.j2', dest='{path}', mode='644', greeting='hello', number={i}, _sudo=True)"
        ));
        b.floor(&format!(
            "sha256sum {path} >/dev/null; stat -c %a {path} >/dev/null"
        ));
    }
    for i in 0..30 {
        let path = format!("{ROOT}/folder{i}");
        b.add(
            &format!("folder {i}"),
            "file",
            &format!("{{path: {path}, state: directory, mode: '0750', owner: root}}"),
            "",
        );
        b.deploy(&format!(
            "files.directory(path='{path}', mode='750', user='root', _sudo=True)"
        ));
        b.floor(&format!("stat -c '%a %U %F' {path} >/dev/null"));
    }
    for i in 0..20 {
        let path = format!("{ROOT}/lines.conf");
        b.add(
            &format!("line {i}"),
            "lineinfile",
            &format!(
                "{{path: {path}, line: 'key{i} = value{i}', regexp: '^key{i} =', create: true}}"
            ),
            "",
        );
        b.deploy(&format!(
            "files.line(path='{path}', line='^key{i} =.*$', replace='key{i} = value{i}', _sudo=True)"
        ));
        b.floor(&format!("grep -q '^key{i} =' {path}"));
    }
}

fn system(b: &mut Book) {
    for i in 0..10 {
        let unit = UNITS[i % UNITS.len()];
        b.add(
            &format!("unit {i}"),
            "systemd",
            &format!("{{name: {unit}, state: started}}"),
            "",
        );
        b.deploy(&format!(
            "systemd.service(service='{unit}', running=True, _sudo=True)"
        ));
        b.floor(&format!("systemctl is-active -q {unit}"));
    }
    for package in PACKAGES {
        b.add(
            &format!("package {package}"),
            "apt",
            &format!("{{name: {package}, state: present}}"),
            "",
        );
        b.deploy(&format!("apt.packages(packages=['{package}'], _sudo=True)"));
        b.floor(&format!(
            "dpkg-query -W -f='${{Status}}' {package} >/dev/null"
        ));
    }
    for i in 0..10 {
        b.add(
            &format!("group {i}"),
            "group",
            &format!("{{name: benchg{i}, state: present}}"),
            "",
        );
        b.deploy(&format!("server.group(group='benchg{i}', _sudo=True)"));
        b.floor(&format!("getent group benchg{i} >/dev/null"));
    }
    for i in 0..10 {
        b.add(
            &format!("user {i}"),
            "user",
            &format!("{{name: benchu{i}, state: present, shell: /bin/sh, create_home: false}}"),
            "",
        );
        b.deploy(&format!(
            "server.user(user='benchu{i}', shell='/bin/sh', ensure_home=False, _sudo=True)"
        ));
        b.floor(&format!("getent passwd benchu{i} >/dev/null"));
    }
}

/// Shell text that takes away whatever the work made.
pub fn undo() -> String {
    format!(
        "rm -rf {ROOT}\nfor i in 0 1 2 3 4 5 6 7 8 9; do\nuserdel benchu$i; groupdel benchg$i\ndone >/dev/null 2>&1\n:\n"
    )
}

/// How many commands [`write_commands`] writes.
pub const COMMANDS: usize = 200;

/// Writes `commands.yml` and `commands.sh`: commands and nothing else.
pub fn write_commands(dir: &Path) -> std::io::Result<()> {
    let mut playbook = PLAY.to_owned();
    let mut script = String::new();
    for i in 0..COMMANDS {
        let _ = write!(
            playbook,
            "    - name: command {i}\n      ansible.builtin.command: /bin/echo probe {i}\n      changed_when: false\n"
        );
        let _ = writeln!(script, "/bin/echo probe {i}");
    }
    std::fs::write(dir.join("commands.yml"), playbook)?;
    std::fs::write(dir.join("commands.sh"), script)
}
