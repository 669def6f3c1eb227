//! Every connection of a run.

use super::boot;
use super::master::Master;
use super::pipe_shell::{Greeting, PipeShell, Pipes, Refused, nonce};
use super::undertaker::Undertaker;
use super::{Account, Frame, LinkError, Password, Reply, Shell, Stream, Target};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What all connections of a run have in common.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// How many ssh handshakes may go on at once; the other hosts wait.
    pub handshakes: usize,
    /// The ssh program.
    pub ssh: PathBuf,
    /// Shell text (function definitions) that every shell reads once, before its first script.
    pub prelude: String,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            handshakes: 16,
            ssh: "ssh".into(),
            prelude: String::new(),
        }
    }
}

/// Makes connections and shares them: all shells of one host travel over one ssh connection. Clones share everything.
#[derive(Clone)]
pub struct Links(Arc<Inner>);

struct Inner {
    options: LinkOptions,
    /// Clears up after us, however we end; `None` until there is something to clear up. Before `dir`: it needs that.
    undertaker: Mutex<Option<Undertaker>>,
    /// Sockets and logs; short, for a socket's path may have a hundred bytes only.
    dir: tempfile::TempDir,
    handshakes: Semaphore,
    masters: Mutex<HashMap<Target, Slot>>,
}

/// One host's master; locked while it is being made, so that it is made once.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Master>>>>;

impl Links {
    /// No connections yet.
    ///
    /// # Errors
    /// When no private directory for the sockets can be made.
    pub fn new(options: LinkOptions) -> std::io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("hoist-");
        // $TMPDIR may be long (macOS, CI); a socket's path has to stay short.
        let base = std::env::temp_dir();
        let dir = if base.as_os_str().len() > 60 {
            builder.tempdir_in("/tmp")?
        } else {
            builder.tempdir_in(base)?
        };
        Ok(Self(Arc::new(Inner {
            handshakes: Semaphore::new(options.handshakes.max(1)),
            options,
            dir,
            undertaker: Mutex::default(),
            masters: Mutex::default(),
        })))
    }

    /// A new shell of `account` on `target`, connecting first when this is the first one. `password` is for becoming
    /// the account, if it is asked for.
    ///
    /// # Errors
    /// [`LinkError::Connect`], [`LinkError::HostKey`], [`LinkError::Auth`]; [`LinkError::Become`].
    pub async fn connect(
        &self,
        target: &Target,
        account: &Account,
        password: Option<&Password>,
    ) -> Result<Box<dyn Shell>, LinkError> {
        let (shell, master) = self.open(target, account, password).await?;
        Ok(Box::new(Linked {
            shell,
            master,
            links: self.clone(),
            target: target.clone(),
            account: account.clone(),
            password: password.cloned(),
        }))
    }

    /// A stream to `host:port` as `target` sees them: from this machine for [`Target::Local`], else through the host's ssh
    /// connection, which is made when there is none.
    ///
    /// # Errors
    /// The connection's own, and [`LinkError::Connect`] when nobody listens. Through ssh that cannot be told when the stream
    /// opens: it ends at once then, and [`Links::refusal`] says why.
    pub async fn stream(
        &self,
        target: &Target,
        host: &str,
        port: u16,
    ) -> Result<Stream, LinkError> {
        let failed = |why: String| LinkError::Connect(why);
        if *target == Target::Local {
            let stream = tokio::net::TcpStream::connect((host, port))
                .await
                .map_err(|e| failed(e.to_string()))?;
            stream.set_nodelay(true).ok();
            return Ok(Box::new(stream));
        }
        let slot = Arc::clone(self.lock().entry(target.clone()).or_default());
        let mut held = slot.lock().await;
        if let Some(master) = held.clone() {
            match master.stream(host, port).await {
                Ok(stream) => return Ok(stream),
                Err(_) => *held = None,
            }
        }
        let master = self.new_master(target).await?;
        let stream = master.stream(host, port).await.map_err(|why| {
            failed(format!(
                "connected, but ssh could not forward to {host}:{port}: {why}"
            ))
        })?;
        *held = Some(master);
        Ok(stream)
    }

    /// Why the host did not open the last stream that ended at once, in its own words.
    pub async fn refusal(&self, target: &Target) -> Option<String> {
        let slot = self.lock().get(target).cloned()?;
        let held = slot.lock().await;
        held.as_ref()?.refusal()
    }

    /// The socket of the host's connection, through which other programs of this machine may reach it; connects first when
    /// there is none. `None` for this machine.
    ///
    /// # Errors
    /// [`LinkError::Connect`], [`LinkError::HostKey`], [`LinkError::Auth`].
    pub async fn socket(&self, target: &Target) -> Result<Option<PathBuf>, LinkError> {
        if *target == Target::Local {
            return Ok(None);
        }
        let slot = Arc::clone(self.lock().entry(target.clone()).or_default());
        let mut held = slot.lock().await;
        let master = match &*held {
            Some(master) => Arc::clone(master),
            None => self.new_master(target).await?,
        };
        *held = Some(Arc::clone(&master));
        Ok(Some(master.socket()))
    }

    /// Forgets the host's connection: the next shell makes a new one. Shells that are open stay open while they can.
    pub async fn forget(&self, target: &Target) {
        let slot = self.lock().remove(target);
        if let Some(slot) = slot
            && let Some(master) = slot.lock().await.take()
        {
            master.close().await;
        }
    }

    /// Ends all connections once their shells are dropped. Without it ssh does so by itself a few seconds after hoist is gone.
    pub async fn close(&self) {
        let slots: Vec<Slot> = self.lock().drain().map(|(_, slot)| slot).collect();
        let ends = slots.iter().map(|slot| async {
            if let Some(master) = slot.lock().await.take() {
                master.close().await;
            }
        });
        futures_util::future::join_all(ends).await;
        if let Some(undertaker) = self.undertaker().take() {
            undertaker.dismiss();
        }
    }

    /// Where the sockets lie.
    #[cfg(test)]
    pub(super) fn directory(&self) -> &std::path::Path {
        self.0.dir.path()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Target, Slot>> {
        self.0
            .masters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn undertaker(&self) -> std::sync::MutexGuard<'_, Option<Undertaker>> {
        self.0
            .undertaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(
        &self,
        target: &Target,
        account: &Account,
        password: Option<&Password>,
    ) -> Result<(PipeShell, Option<Arc<Master>>), LinkError> {
        let token = nonce()?;
        let (command, eager, prompt) = match account {
            Account::Login => (boot::command(&token), true, String::new()),
            Account::Other(how) => {
                let b =
                    boot::becoming(how, &token, password.is_some()).map_err(LinkError::Become)?;
                (b.command, b.eager, b.prompt)
            }
        };
        let (pipes, master) = match target {
            Target::Local => (local(&command)?, None),
            Target::Ssh { .. } => {
                let (pipes, master) = self.channel(target, &command).await?;
                (pipes, Some(master))
            }
        };
        let program = boot::program(&token, &self.0.options.prelude);
        let greeting = Greeting {
            token: &token,
            program: &program,
            eager,
            password: password.map(Password::line),
            prompt: &prompt,
            within: Duration::from_secs(30),
        };
        let shell = PipeShell::greet(pipes, greeting)
            .await
            .map_err(|refused| explain(refused, account, password.is_some(), master.as_deref()))?;
        Ok((shell, master))
    }

    /// A channel over the host's master; a master that turns out to be dead is replaced once.
    async fn channel(
        &self,
        target: &Target,
        command: &str,
    ) -> Result<(Pipes, Arc<Master>), LinkError> {
        let slot = Arc::clone(self.lock().entry(target.clone()).or_default());
        let mut held = slot.lock().await;
        if let Some(master) = held.clone() {
            match master.open(command).await {
                Ok(pipes) => return Ok((pipes, master)),
                Err(_) => *held = None,
            }
        }
        let master = self.new_master(target).await?;
        let pipes = master.open(command).await.map_err(|why| {
            LinkError::Connect(format!("connected, but no shell could be opened: {why}"))
        })?;
        *held = Some(Arc::clone(&master));
        Ok((pipes, master))
    }

    async fn new_master(&self, target: &Target) -> Result<Arc<Master>, LinkError> {
        self.undertaker()
            .get_or_insert_with(|| Undertaker::call(&self.0.options.ssh, self.0.dir.path()));
        let permit = self.0.handshakes.acquire().await;
        let master = Master::connect(&self.0.options.ssh, self.0.dir.path(), target).await?;
        drop(permit);
        Ok(Arc::new(master))
    }
}

/// A `sh` on this machine, started like the remote ones.
fn local(command: &str) -> Result<Pipes, LinkError> {
    use std::process::Stdio;
    let mut child = tokio::process::Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C at our terminal is for us; what runs is to be finished.
        .process_group(0)
        .spawn()
        .map_err(|e| LinkError::Connect(format!("cannot start `/bin/sh`: {e}")))?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Pipes {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            _alive: Box::new(child),
        }),
        _ => Err(LinkError::Connect("`/bin/sh` has no pipes".into())),
    }
}

fn explain(
    refused: Refused,
    account: &Account,
    password: bool,
    master: Option<&Master>,
) -> LinkError {
    let Account::Other(how) = account else {
        return match refused {
            Refused::Ended(words) if !words.is_empty() => {
                LinkError::Connect(format!("the login shell ended: {words}"))
            }
            Refused::Silent(words) => LinkError::Connect(format!(
                "the login shell did not start `sh` in 30 s: {words}"
            )),
            _ => LinkError::Connect(
                master
                    .and_then(Master::last_words)
                    .unwrap_or_else(|| "the login shell ended without a word".into()),
            ),
        };
    };
    let (method, user) = (&how.method, &how.user);
    LinkError::Become(match refused {
        Refused::WrongPassword => format!("{method} to `{user}`: the password is wrong"),
        Refused::NoPassword => format!(
            "{method} to `{user}` asks for a password: give it with `-K` or `ansible_become_password`"
        ),
        Refused::Silent(words) => format!("{method} to `{user}` did not answer in 30 s: {words}"),
        Refused::Ended(words) if method == "doas" && password => format!(
            "{method} to `{user}`: {words}; doas asks for passwords on a terminal only, so it needs a `nopass` rule"
        ),
        Refused::Ended(words)
            if words.contains("password is required")
                || words.contains("Authentication failure") && !password =>
        {
            format!("{method} to `{user}`: {words}; give it with `-K` or `ansible_become_password`")
        }
        Refused::Ended(words) if words.is_empty() => {
            format!("{method} to `{user}` ended without a word")
        }
        Refused::Ended(words) => format!("{method} to `{user}`: {words}"),
    })
}

/// A shell that knows its connection, so that it can kill what it runs and say why it was lost.
struct Linked {
    shell: PipeShell,
    master: Option<Arc<Master>>,
    links: Links,
    target: Target,
    account: Account,
    password: Option<Password>,
}

impl Linked {
    /// Kills what the shell runs, from a second shell of the same account.
    async fn kill(&mut self) {
        let frame = Frame {
            script: boot::kill_tree(self.shell.pid),
            ..Frame::default()
        };
        let work = async {
            if let Ok((mut other, _)) = self
                .links
                .open(&self.target, &self.account, self.password.as_ref())
                .await
            {
                let _ = other.run(&frame).await;
            }
        };
        // A host that does not even answer this is noticed by the next connection.
        let _ = tokio::time::timeout(Duration::from_secs(15), work).await;
    }
}

impl Shell for Linked {
    fn exec<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<Reply, LinkError>> {
        async move {
            let result = match frame.timeout {
                None => self.shell.run(frame).await,
                Some(limit) => match tokio::time::timeout(limit, self.shell.run(frame)).await {
                    Ok(result) => result,
                    Err(_) => {
                        self.kill().await;
                        return Err(LinkError::Timeout(limit));
                    }
                },
            };
            match result {
                Err(LinkError::Lost { reason, maybe_ran }) => Err(LinkError::Lost {
                    reason: self
                        .master
                        .as_deref()
                        .and_then(Master::last_words)
                        .unwrap_or(reason),
                    maybe_ran,
                }),
                other => other,
            }
        }
        .boxed()
    }
}
