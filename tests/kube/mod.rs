//! A real Kubernetes API for tests: etcd and kube-apiserver on loopback, with a folder and certificates of their own.
//!
//! For an integration test: `#[path = "kube/mod.rs"] mod kube;`. `Kube::shared()` is one server for the whole test binary;
//! `Kube::start()` is one of the test's own, to be stopped, killed and started again. There are no controllers and no nodes:
//! Deployments make no Pods, deleted namespaces stay `Terminating`; a test that needs more plays the controller itself (it
//! may write any status). The programs come from `tests/kube/assets`, which builds them the first time.
//! `HOIST_SKIP_KUBE=1` leaves these tests out, and says so.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "shared by tests, each of which uses a part of it"
)]

mod pki;
mod watched;

use pki::Pki;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};
pub use watched::Watched;

/// How long a server may take until it is ready; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the API server is started, where a test wants it otherwise.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// More flags of kube-apiserver; one given here wins over ours.
    pub flags: Vec<String>,
}

/// etcd and a kube-apiserver that serves.
pub struct Kube {
    dir: PathBuf,
    port: u16,
    etcd: u16,
    flags: Vec<String>,
    server: Mutex<Option<Watched>>,
    _etcd: Watched,
}

/// Whether these tests are left out; says so.
pub fn skipped() -> bool {
    let skip = std::env::var_os("HOIST_SKIP_KUBE").is_some_and(|v| v == "1");
    if skip {
        eprintln!("SKIPPED: HOIST_SKIP_KUBE=1 is set, no API server is started");
    }
    skip
}

/// A program of the real lane (`kubectl`, `helm`, `kubeseal` …); built when it is missing.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kube/assets");
        let out = Command::new(&script)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}: {}", script.display(), out.status);
        PathBuf::from(String::from_utf8(out.stdout).unwrap().trim_end())
    });
    let program = folder.join(name);
    assert!(
        program.exists(),
        "{} has no {name}; unset KUBEBUILDER_ASSETS, and tests/kube/assets builds it",
        folder.display()
    );
    program
}

impl Kube {
    /// The server that all tests of this binary share. It ends with the process, however that ends.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kube> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of the test's own.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// A server of the test's own, started otherwise.
    pub fn with(options: &Options) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("hoist-kube-")
            .tempdir()
            .unwrap()
            .keep();
        let port = free_port();
        Pki::new().write(&dir, port);
        let (etcd, at) = start_etcd(&dir);
        let kube = Self {
            dir,
            port,
            etcd: at,
            flags: options.flags.clone(),
            server: Mutex::new(None),
            _etcd: etcd,
        };
        kube.restart();
        kube
    }

    /// The file with a client certificate of `system:masters`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("kubeconfig")
    }

    /// Where it serves: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Its folder: `ca.crt`, `apiserver.log`, `etcd.log` …; removed when it ends.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Asks the API server to end, as a restart of its service does, and waits until it has.
    pub fn stop(&self) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.terminate();
        }
    }

    /// Ends the API server at once, as a crash does.
    pub fn kill(&self) {
        drop(self.server.lock().unwrap().take());
    }

    /// Starts the API server (again), on the same port, and waits until it is ready.
    pub fn restart(&self) {
        self.stop();
        *self.server.lock().unwrap() = Some(self.spawn());
        let began = Instant::now();
        loop {
            let out = self.kubectl(&["get", "--raw", "/readyz"]);
            // the namespace is made a moment after the server calls itself ready
            if out.status.success() && self.kubectl(&["get", "ns", "default"]).status.success() {
                return;
            }
            let server = self.server.lock().unwrap().as_mut().unwrap().ended();
            assert!(
                server.is_none() && began.elapsed() < PATIENCE,
                "kube-apiserver is not ready ({server:?}): {}\n{}",
                String::from_utf8_lossy(&out.stderr),
                tail(&self.dir.join("apiserver.log"))
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The real kubectl, as the kubeconfig's user.
    pub fn kubectl(&self, args: &[&str]) -> Output {
        self.kubectl_in(args, "")
    }

    /// The real kubectl with a text as its standard input.
    pub fn kubectl_in(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(program("kubectl"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(["--cache-dir"])
            .arg(self.dir.join("kubectl"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let out = child.wait_with_output().unwrap();
        drop(writer.join().unwrap());
        out
    }

    /// What kubectl prints; fails with its error when it does not succeed.
    #[track_caller]
    pub fn must(&self, args: &[&str]) -> String {
        let out = self.kubectl(args);
        assert!(
            out.status.success(),
            "kubectl {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    }

    /// A new namespace for a test of its own.
    pub fn namespace(&self, name: &str) {
        self.must(&["create", "namespace", name]);
    }

    fn spawn(&self) -> Watched {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let ours = [
            ("etcd-servers", format!("http://127.0.0.1:{}", self.etcd)),
            ("bind-address", "127.0.0.1".into()),
            ("advertise-address", "127.0.0.1".into()),
            ("secure-port", self.port.to_string()),
            ("tls-cert-file", file("server.crt")),
            ("tls-private-key-file", file("server.key")),
            ("client-ca-file", file("ca.crt")),
            ("service-account-key-file", file("accounts.pub")),
            ("service-account-signing-key-file", file("accounts.key")),
            (
                "service-account-issuer",
                "https://kubernetes.default.svc".into(),
            ),
            ("service-cluster-ip-range", "10.43.0.0/16".into()),
            ("authorization-mode", "RBAC".into()),
            ("allow-privileged", "true".into()),
            // no controller makes the account that each Pod would get
            ("disable-admission-plugins", "ServiceAccount".into()),
            ("endpoint-reconciler-type", "none".into()),
        ];
        let given = |name: &str| {
            let flag = format!("--{name}=");
            self.flags.iter().any(|f| f.starts_with(&flag))
        };
        let flags = ours.iter().filter(|(name, _)| !given(name));
        let flags = flags.map(|(name, value)| format!("--{name}={value}"));
        let flags: Vec<String> = flags.chain(self.flags.iter().cloned()).collect();
        Watched::start(
            &program("kube-apiserver"),
            &flags,
            &self.dir.join("apiserver.log"),
            None,
        )
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Another process may take the port before etcd does: then it is tried with others.
fn start_etcd(dir: &Path) -> (Watched, u16) {
    for _ in 0..5 {
        let (clients, peers) = (free_port(), free_port());
        let log = dir.join("etcd.log");
        let mut etcd = Watched::start(
            &program("etcd"),
            &[
                format!("--data-dir={}", dir.join("etcd").display()),
                format!("--listen-client-urls=http://127.0.0.1:{clients}"),
                format!("--advertise-client-urls=http://127.0.0.1:{clients}"),
                format!("--listen-peer-urls=http://127.0.0.1:{peers}"),
                format!("--initial-advertise-peer-urls=http://127.0.0.1:{peers}"),
                format!("--initial-cluster=default=http://127.0.0.1:{peers}"),
                // nothing here outlives the test
                "--unsafe-no-fsync".into(),
            ],
            &log,
            Some(dir),
        );
        let began = Instant::now();
        while etcd.ended().is_none() {
            if std::net::TcpStream::connect(("127.0.0.1", clients)).is_ok() {
                return (etcd, clients);
            }
            assert!(
                began.elapsed() < PATIENCE,
                "etcd is not there: {}",
                tail(&log)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(
            std::fs::read_to_string(&log)
                .unwrap()
                .contains("address already in use"),
            "etcd ended: {}",
            tail(&log)
        );
    }
    panic!("no free port for etcd in five attempts");
}

/// The end of a log.
fn tail(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
