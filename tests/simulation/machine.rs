//! `Machine`: a machine that runs the program `k3s`, here a folder and a port of its own.

use base64::Engine as _;
use reqwest::blocking::Client;
use reqwest::{Certificate, Identity, Method};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A machine.
pub struct Machine {
    name: &'static str,
    folder: tempfile::TempDir,
    port: u16,
    running: Option<(String, Child)>,
}

impl Machine {
    /// A machine on which nothing runs yet.
    pub fn new(name: &'static str) -> Machine {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_hoist"), folder.path().join("k3s")).unwrap();
        Machine {
            name,
            folder,
            port,
            running: None,
        }
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn configure(&self, more: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "data-dir: {folder}\nrootless: true\nnode-name: {}\nnode-ip: 127.0.0.1\n{more}",
            self.name
        );
        std::fs::write(self.folder.path().join("config.yaml"), text).unwrap();
    }

    fn configure_server(&self, more: &str) {
        let folder = self.folder.path().display();
        let own = format!(
            "bind-address: 127.0.0.1\nhttps-listen-port: {}\nwrite-kubeconfig: {folder}/k3s.yaml\n",
            self.port
        );
        self.configure(&format!("{own}{more}"));
    }

    fn start(&mut self, what: &str) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = self.command(&[what]);
        let child = command
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running = Some((what.to_owned(), child));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.path().join("k3s"));
        command.args(arguments).arg(format!(
            "--config={}",
            self.folder.path().join("config.yaml").display()
        ));
        command.stdin(Stdio::null());
        command
    }

    /// Starts a server with settings of its own.
    pub fn server(&mut self, more: &str) {
        self.configure_server(&format!("token: secret\n{more}"));
        self.start("server");
    }

    /// Starts a server that joins another.
    pub fn joins(&mut self, other: &Machine) {
        self.joins_with(other, "");
    }

    /// Starts a server that joins another, with settings of its own.
    pub fn joins_with(&mut self, other: &Machine, more: &str) {
        self.configure_server(&format!(
            "server: {}\ntoken: {}\n{more}",
            other.url(),
            other.token()
        ));
        self.start("server");
    }

    /// Starts an agent.
    pub fn agent(&mut self, server: &Machine, token: &str) {
        self.configure(&format!("server: {}\ntoken: {token}\n", server.url()));
        self.start("agent");
    }

    /// Starts what was killed or stopped.
    pub fn again(&mut self) {
        let (what, _) = self.running.take().unwrap();
        self.start(&what);
    }

    /// Ends the program at once.
    pub fn kill(&mut self) {
        let (_, child) = self.running.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends the program as systemd does; it must end well.
    pub fn stop(&mut self) {
        let (_, child) = self.running.as_mut().unwrap();
        let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Runs another command of the program, which must succeed, and returns all that it says.
    pub fn run(&self, arguments: &[&str]) -> String {
        let out = self.command(arguments).output().unwrap();
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        assert!(out.status.success(), "{told}");
        told
    }

    /// What the program said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The token by which others join.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server/token"))
            .unwrap()
            .trim()
            .to_owned()
    }

    /// Puts a file below the data's folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The status that somebody unknown is answered.
    pub fn anonymous(&self, path: &str) -> u16 {
        let client = builder()
            .tls_danger_accept_invalid_certs(true)
            .build()
            .unwrap();
        client
            .get(format!("{}{path}", self.url()))
            .send()
            .unwrap()
            .status()
            .as_u16()
    }

    /// Asks the API as the kubeconfig's user; status 0 when nobody answers.
    pub fn api(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let Some(client) = client(&self.folder.path().join("k3s.yaml")) else {
            return (0, Value::Null);
        };
        let mut request = client.request(method, format!("{}{path}", self.url()));
        if !body.is_null() {
            request = request.json(&body);
        }
        let Ok(answer) = request.send() else {
            return (0, Value::Null);
        };
        let status = answer.status().as_u16();
        let text = answer.text().unwrap_or_default();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::from(text)),
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some((_, child)) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn builder() -> reqwest::blocking::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
}

fn client(kubeconfig: &Path) -> Option<Client> {
    let text = std::fs::read_to_string(kubeconfig).ok()?;
    let data = |key: &str| {
        let line = text.lines().find_map(|it| it.trim().strip_prefix(key))?;
        base64::prelude::BASE64_STANDARD.decode(line.trim()).ok()
    };
    let pem = [data("client-certificate-data:")?, data("client-key-data:")?].concat();
    let roots = Certificate::from_pem_bundle(&data("certificate-authority-data:")?).ok()?;
    builder()
        .tls_certs_only(roots)
        .identity(Identity::from_pem(&pem).ok()?)
        .build()
        .ok()
}
