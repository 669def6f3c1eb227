//! `hoist init`: an inventory, by asking.

use super::new_site::{Machine, NewSite, machine, simple};
use super::topology::topology;
use crate::error::{Diagnostic, Problems};
use crate::inventory::Inventory;
use crate::value::Map;
use crate::vault::Keyring;
use clap::Args;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write an inventory for a new site, by asking; what is given as a flag is not asked for
#[derive(Args, Clone, Debug)]
pub struct InitCommand {
    /// The folder of the site
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// The site's name: of the cluster in your kubeconfig [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A host that shall be a server: NAME=ADDRESS, or a name or address alone; one, three or five of them
    #[arg(long = "server", value_name = "HOST", value_delimiter = ',')]
    servers: Vec<String>,
    /// A host that shall be an agent; any number
    #[arg(long = "agent", value_name = "HOST", value_delimiter = ',')]
    agents: Vec<String>,
    /// Who logs in to the hosts
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// The private key to log in with; none for what ssh finds by itself
    #[arg(short, long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// An address that stands for all servers (a load balancer, a DNS name, or with --kube-vip a free address)
    #[arg(long, value_name = "ADDRESS")]
    api_address: Option<String>,
    /// Let kube-vip serve that address
    #[arg(long, requires = "api_address")]
    kube_vip: bool,
    /// Ask nothing: what is not given as a flag has its default
    #[arg(long)]
    no_input: bool,
}

/// Asks, writes, and says what to do next.
///
/// # Errors
/// A file that is there already (nothing is overwritten), hosts that make no cluster, a folder that cannot be written.
pub fn run(command: InitCommand) -> Result<ExitCode, Problems> {
    let asks = !command.no_input && std::io::stdin().is_terminal();
    let mut ask = |question: &str, default: &str| -> Result<String, Diagnostic> {
        if !asks {
            return Ok(default.to_owned());
        }
        question_on_terminal(question, default)
    };
    let site = answers(&command, &mut ask)?;
    let files = site.files();
    possible(&files)?;
    write(&command.folder, &files)?;
    print_next(&command.folder, &site);
    Ok(ExitCode::SUCCESS)
}

fn question_on_terminal(question: &str, default: &str) -> Result<String, Diagnostic> {
    let cannot = |e: std::io::Error| Diagnostic::new(format!("cannot ask: {e}"));
    let mut out = std::io::stderr().lock();
    let shown = match default {
        "" => String::new(),
        default => format!(" [{default}]"),
    };
    write!(out, "{question}{shown}: ").map_err(cannot)?;
    out.flush().map_err(cannot)?;
    let mut answer = String::new();
    if std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(cannot)?
        == 0
    {
        return Err(Diagnostic::new(
            "nothing was written: the questions were not answered",
        ));
    }
    let answer = answer.trim();
    Ok(if answer.is_empty() { default } else { answer }.to_owned())
}

/// Asks for what was not given.
fn answers(
    command: &InitCommand,
    ask: &mut dyn FnMut(&str, &str) -> Result<String, Diagnostic>,
) -> Result<NewSite, Diagnostic> {
    let folder = std::path::absolute(&command.folder).unwrap_or(command.folder.clone());
    let folder = folder.file_name().map(|n| n.to_string_lossy().into_owned());
    let default = simple(&folder.unwrap_or_else(|| "home".to_owned()));
    let name = match &command.name {
        Some(name) => name.clone(),
        None => ask("The site's name", &default)?,
    };
    if name != simple(&name) || name.is_empty() {
        return Err(Diagnostic::new(format!("`{name}` is no name for a site"))
            .with_help("use lower-case letters, digits and `-`"));
    }
    let mut number = 0;
    let mut machines = |given: &[String],
                        question: &str,
                        ask: &mut dyn FnMut(&str, &str) -> Result<String, Diagnostic>|
     -> Result<Vec<Machine>, Diagnostic> {
        let given = match given {
            [] => ask(question, "")?,
            given => given.join(" "),
        };
        let words = given.split([' ', ',', '\t']).filter(|w| !w.is_empty());
        words.map(|word| machine(word, &mut number)).collect()
    };
    let servers = machines(
        &command.servers,
        "Servers, which run the API (one, three or five; NAME=ADDRESS or an address each, with spaces between)",
        ask,
    )?;
    if servers.is_empty() {
        return Err(
            Diagnostic::new("a site needs at least one server").with_help(
                "`hoist init --server one=192.168.1.11`; without a terminal all answers are flags",
            ),
        );
    }
    let agents = if command.agents.is_empty() && !command.servers.is_empty() {
        Vec::new()
    } else {
        machines(
            &command.agents,
            "Agents, the other nodes (may be none)",
            ask,
        )?
    };
    let user = match &command.user {
        Some(user) => user.clone(),
        None => ask(
            "Who logs in to them",
            &std::env::var("USER").unwrap_or_else(|_| "root".to_owned()),
        )?,
    };
    let key = match &command.key {
        Some(key) => Some(key.clone()),
        None => Some(ask(
            "The private key (empty: what ssh finds by itself)",
            "",
        )?)
        .filter(|k| !k.is_empty())
        .map(PathBuf::from),
    };
    if let Some(key) = key.as_ref().filter(|key| !home(key).is_file()) {
        return Err(Diagnostic::new(format!(
            "there is no key `{}`",
            key.display()
        )));
    }
    let api_address = match &command.api_address {
        None if servers.len() > 1 => {
            let question = "An address that stands for all servers (may be none)";
            Some(ask(question, "")?).filter(|a| !a.is_empty())
        }
        given => given.clone(),
    };
    let kube_vip = command.kube_vip
        || (api_address.is_some() && command.api_address.is_none() && {
            let question = "Shall kube-vip serve it (no: something of yours does)";
            matches!(ask(question, "yes")?.as_str(), "yes" | "y" | "true")
        });
    Ok(NewSite {
        name,
        servers,
        agents,
        user,
        key,
        api_address,
        kube_vip,
    })
}

const PASSWORD: &str = ".vault-password";
const IGNORE: [&str; 2] = [PASSWORD, ".*.lock"];

fn home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}

/// What was answered makes a cluster: read back as any inventory is.
fn possible(files: &[(&'static str, String)]) -> Result<(), Problems> {
    let dir = tempfile::tempdir()
        .map_err(|e| Diagnostic::new(format!("cannot make a temporary folder: {e}")))?;
    for (name, text) in files {
        let path = dir.path().join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, text))
            .map_err(|e| Diagnostic::new(format!("cannot write `{}`: {e}", path.display())))?;
    }
    let hosts = dir.path().join("inventory/hosts.yml");
    let inventory = Inventory::load(&[hosts.display().to_string()], &Keyring::default())?;
    topology(&inventory, None, &Map::new()).or_ok(())
}

/// Writes the files, all or none.
fn write(folder: &Path, files: &[(&'static str, String)]) -> Result<(), Problems> {
    let mut problems = Problems::new();
    for (name, _) in files {
        if folder.join(name).exists() {
            problems.push(
                Diagnostic::new(format!(
                    "`{}` is there already",
                    folder.join(name).display()
                ))
                .with_note("nothing was written: `hoist init` never overwrites")
                .with_help("edit it, or choose another folder: `hoist init DIR`"),
            );
        }
    }
    problems.or_ok(())?;
    let cannot = |path: &Path, e: std::io::Error| {
        Problems::from(Diagnostic::new(format!(
            "cannot write `{}`: {e}",
            path.display()
        )))
    };
    for (name, text) in files {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let fresh = || std::fs::File::create_new(&path)?.write_all(text.as_bytes());
        made.and_then(|()| fresh()).map_err(|e| cannot(&path, e))?;
    }
    let path = folder.join(PASSWORD);
    if !path.exists() {
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).map_err(|e| Diagnostic::new(format!("no randomness: {e}")))?;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(format!("{}\n", hex::encode(bytes)).as_bytes()))
            .map_err(|e| cannot(&path, e))?;
    }
    let path = folder.join(".gitignore");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let missing: Vec<&str> = IGNORE
        .into_iter()
        .filter(|line| !old.lines().any(|l| l.trim() == *line))
        .collect();
    if !missing.is_empty() {
        let gap = if old.is_empty() || old.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let text = format!("{old}{gap}{}\n", missing.join("\n"));
        std::fs::write(&path, text).map_err(|e| cannot(&path, e))?;
    }
    Ok(())
}

fn print_next(folder: &Path, site: &NewSite) {
    let here = folder == Path::new(".");
    let at = |name: &str| folder.join(name).display().to_string().replace("./", "");
    println!("{}  the hosts", at("inventory/hosts.yml"));
    println!(
        "{}  what holds for all of them",
        at("inventory/group_vars/all.yml")
    );
    println!("{}  where hoist finds both", at("ansible.cfg"));
    println!(
        "{}  opens your vaults; keep a copy, it is in .gitignore",
        at(PASSWORD)
    );
    println!("\nNext:");
    if !here {
        println!("  cd {}", folder.display());
    }
    println!(
        "  hoist doctor    # look at this machine and at the {} host(s)",
        site.servers.len() + site.agents.len()
    );
    println!("  hoist up        # bring the cluster up");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        command: InitCommand,
    }

    fn init(dir: &Path, line: &str) -> Result<(), String> {
        let words = std::iter::once("init").chain(line.split(' ').filter(|w| !w.is_empty()));
        let mut command = Cli::try_parse_from(words).unwrap().command;
        command.folder = dir.join("lab");
        command.no_input = true;
        command.user.get_or_insert_with(|| "admin".to_owned());
        run(command)
            .map(|_| ())
            .map_err(|p| p.to_string().replace(&dir.display().to_string(), "DIR"))
    }

    #[test]
    fn an_inventory_is_written_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let line = "--server one=10.0.0.1,two=10.0.0.2:2222,three --agent 10.0.0.4 --api-address 10.0.0.9 --kube-vip";
        init(dir.path(), line).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join("lab").join(name)).unwrap();
        insta::assert_snapshot!(read("inventory/hosts.yml"), @r"
        # The hosts of the site lab.
        k3s_server: # These run the API and the data store.
          hosts:
            one:
              ansible_host: 10.0.0.1
            two:
              ansible_host: 10.0.0.2
              ansible_port: 2222
            three:
        k3s_agent: # These run only pods.
          hosts:
            node-4:
              ansible_host: 10.0.0.4
        ");
        insta::assert_snapshot!(read("inventory/group_vars/all.yml"), @r"
        # How hoist logs in.
        ansible_user: admin
        ansible_become: true

        # The cluster's name in your kubeconfig.
        site_name: lab

        # Stands for all servers.
        k3s_api_address: 10.0.0.9
        k3s_kube_vip: true

        # Everything else that can be set stands, with its default, in roles/k3s/defaults/main.yml and
        # roles/host_prep/defaults/main.yml. Secrets: `hoist vault encrypt_string`, which takes the password in .vault-password.
        ");
        assert_eq!(read(".gitignore"), ".vault-password\n.*.lock\n");
        let password = dir.path().join("lab/.vault-password");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            password.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        let before = read(".vault-password");
        assert_eq!(before.trim().len(), 48);
        insta::assert_snapshot!(init(dir.path(), "--server one").unwrap_err(), @r"
        error: `DIR/lab/inventory/hosts.yml` is there already
          note: nothing was written: `hoist init` never overwrites
          help: edit it, or choose another folder: `hoist init DIR`

        error: `DIR/lab/inventory/group_vars/all.yml` is there already
          note: nothing was written: `hoist init` never overwrites
          help: edit it, or choose another folder: `hoist init DIR`

        error: `DIR/lab/ansible.cfg` is there already
          note: nothing was written: `hoist init` never overwrites
          help: edit it, or choose another folder: `hoist init DIR`
        ");
        assert_eq!(read(".vault-password"), before);
    }

    #[test]
    fn what_makes_no_cluster_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        insta::assert_snapshot!(init(dir.path(), "").unwrap_err(), @r"
        error: a site needs at least one server
          help: `hoist init --server one=192.168.1.11`; without a terminal all answers are flags
        ");
        insta::assert_snapshot!(init(dir.path(), "--server a,b").unwrap_err(), @r"
        error: 2 servers do not make a cluster with embedded etcd
          note: `k3s_server`: a, b
          note: etcd needs a majority of its members: of two, neither may fail, which is worse than one
          help: use 1 or 3 servers and make the rest agents (`k3s_agent`), or give an external database in `k3s_datastore_endpoint`
        ");
        insta::assert_snapshot!(init(dir.path(), "--server a=10.0.0.1:x").unwrap_err(), @r"
        error: `a=10.0.0.1:x` is no host: the port is no number
          help: write NAME=ADDRESS, as in one=192.168.1.11, or one=192.168.1.11:2222
        ");
        insta::assert_snapshot!(init(dir.path(), "--server a --key /no/key").unwrap_err(), @"error: there is no key `/no/key`");
        assert!(!dir.path().join("lab").exists());
    }
}
