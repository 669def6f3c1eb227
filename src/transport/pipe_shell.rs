//! One long-lived shell at the other end of three pipes.

use super::boot;
use super::scan::Scan;
use super::{Frame, Input, KEEP, LinkError, Reply};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Uploads travel in pieces of this size.
const PIECE: usize = 256 << 10;

/// The three pipes of a started shell, and whatever has to stay alive for them to stay open.
pub(super) struct Pipes {
    pub(super) stdin: Writer,
    pub(super) stdout: Reader,
    pub(super) stderr: Reader,
    /// Dropped last: an ssh channel or a local child.
    pub(super) _alive: Box<dyn Send>,
}

/// How a shell is greeted.
pub(super) struct Greeting<'a> {
    /// The random part of the hello and ready lines.
    pub(super) token: &'a str,
    /// The loop's text.
    pub(super) program: &'a str,
    /// See [`boot::Becoming::eager`].
    pub(super) eager: bool,
    /// The line to answer a password prompt with, once.
    pub(super) password: Option<Vec<u8>>,
    /// See [`boot::Becoming::prompt`].
    pub(super) prompt: &'a str,
    /// How long all of it may take.
    pub(super) within: Duration,
}

/// Why a shell did not come up.
#[derive(Debug)]
pub(super) enum Refused {
    /// It ended; what it said on stderr, or else on stdout.
    Ended(String),
    /// The password was asked for again.
    WrongPassword,
    /// A password was asked for and there is none.
    NoPassword,
    /// It said nothing useful in time; what it said.
    Silent(String),
}

/// A shell that runs the loop.
pub(super) struct PipeShell {
    pipes: Pipes,
    /// Of the shell itself on its machine.
    pub(super) pid: u32,
    /// A frame was begun and its end not seen.
    torn: bool,
}

impl PipeShell {
    /// Greets a fresh shell and waits until it is ready.
    pub(super) async fn greet(mut pipes: Pipes, greeting: Greeting<'_>) -> Result<Self, Refused> {
        let mut said = Said::default();
        let talk = async {
            if greeting.eager {
                let _ = pipes.stdin.write_all(greeting.program.as_bytes()).await;
            } else {
                let hello = format!("{}{}", boot::HELLO, greeting.token);
                wait_hello(&mut pipes, &mut said, &greeting, &hello).await?;
                let _ = pipes.stdin.write_all(greeting.program.as_bytes()).await;
            }
            let _ = pipes.stdin.flush().await;
            let ready = format!("{}{} ", boot::READY, greeting.token);
            loop {
                if let Some(pid) = after(&said.out, &ready) {
                    return Ok(pid);
                }
                if !said.more(&mut pipes).await {
                    return Err(Refused::Ended(said.words()));
                }
            }
        };
        let outcome = tokio::time::timeout(greeting.within, talk).await;
        let pid = outcome.map_err(|_| Refused::Silent(said.words()))??;
        Ok(Self {
            pipes,
            pid,
            torn: false,
        })
    }

    /// Runs one frame, without looking at its timeout.
    ///
    /// # Errors
    /// [`LinkError::Lost`].
    pub(super) async fn run(&mut self, frame: &Frame) -> Result<Reply, LinkError> {
        if self.torn {
            return Err(lost("an earlier script was given up", false));
        }
        self.torn = true;
        let nonce = nonce()?;
        let Pipes {
            stdin,
            stdout,
            stderr,
            ..
        } = &mut self.pipes;
        if ended(stdout) {
            return Err(lost("the connection was closed", false));
        }
        let length = match &frame.input {
            Input::Nothing => None,
            Input::Bytes(bytes) => Some(bytes.len() as u64),
            Input::File { length, .. } => Some(*length),
        };
        let request = boot::request(&nonce, &frame.script, length);
        let limit = frame.keep.unwrap_or(KEEP);
        let mut out = Scan::new(&nonce, limit, frame.sink.clone());
        let mut err = Scan::new(&nonce, limit, None);
        let send = async {
            stdin.write_all(&request).await.map_err(broken)?;
            send_input(stdin, &frame.input).await?;
            stdin.flush().await.map_err(broken)
        };
        let ((), rc, _) =
            tokio::try_join!(send, follow(stdout, &mut out), follow(stderr, &mut err))?;
        self.torn = false;
        let (stdout, out_dropped) = out.finish();
        let (stderr, err_dropped) = err.finish();
        Ok(Reply {
            rc,
            stdout,
            stderr,
            dropped: (out_dropped, err_dropped),
        })
    }
}

/// A random mark of 128 bits.
pub(super) fn nonce() -> Result<String, LinkError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|e| lost(&format!("no random numbers on this machine: {e}"), false))?;
    Ok(hex::encode(bytes))
}

fn lost(reason: &str, maybe_ran: bool) -> LinkError {
    LinkError::Lost {
        reason: reason.to_owned(),
        maybe_ran,
    }
}

fn broken(error: std::io::Error) -> LinkError {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => lost("the connection was closed", true),
        _ => lost(&error.to_string(), true),
    }
}

/// Whether the stream is known to be at its end already; drops what lies there unread.
fn ended(stream: &mut Reader) -> bool {
    use futures_util::FutureExt;
    let mut buffer = [0u8; 4096];
    loop {
        match stream.read(&mut buffer).now_or_never() {
            None => return false,
            Some(Ok(0)) | Some(Err(_)) => return true,
            Some(Ok(_)) => {}
        }
    }
}

async fn follow(stream: &mut Reader, scan: &mut Scan) -> Result<i32, LinkError> {
    let mut buffer = vec![0u8; 32 << 10];
    loop {
        let n = stream.read(&mut buffer).await.map_err(broken)?;
        if n == 0 {
            return Err(lost("the connection was closed", true));
        }
        if let Some(rc) = scan.feed(&buffer[..n]) {
            return Ok(rc);
        }
    }
}

async fn send_input(stdin: &mut Writer, input: &Input) -> Result<(), LinkError> {
    match input {
        Input::Nothing => Ok(()),
        Input::Bytes(bytes) => stdin.write_all(bytes).await.map_err(broken),
        Input::File { path, length } => {
            let here =
                |e: std::io::Error| lost(&format!("cannot read `{}`: {e}", path.display()), true);
            let file = tokio::fs::File::open(path).await.map_err(here)?;
            let mut file = file.take(*length);
            let mut piece = vec![0u8; PIECE];
            let mut sent = 0;
            while sent < *length {
                let n = file.read(&mut piece).await.map_err(here)?;
                if n == 0 {
                    // The other side waits for bytes that will not come: only closing the shell ends that.
                    return Err(here(std::io::Error::other(
                        "it became shorter while it was sent",
                    )));
                }
                stdin.write_all(&piece[..n]).await.map_err(broken)?;
                sent += n as u64;
            }
            Ok(())
        }
    }
}

/// What a shell said before it was ready, within a limit.
#[derive(Default)]
struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Said {
    /// Waits for more on either stream; false when standard output ended.
    async fn more(&mut self, pipes: &mut Pipes) -> bool {
        let (mut a, mut b) = ([0u8; 4096], [0u8; 4096]);
        let Pipes { stdout, stderr, .. } = pipes;
        tokio::select! {
            n = stdout.read(&mut a) => match n {
                Ok(n) if n > 0 => { push(&mut self.out, &a[..n]); true }
                _ => {
                    // What it said last may still be on its way.
                    while let Ok(Ok(n)) = tokio::time::timeout(Duration::from_millis(200), stderr.read(&mut b)).await {
                        if n == 0 { break }
                        push(&mut self.err, &b[..n]);
                    }
                    false
                }
            },
            n = stderr.read(&mut b) => match n {
                Ok(n) if n > 0 => { push(&mut self.err, &b[..n]); true }
                // stderr may end first; stdout decides.
                _ => match stdout.read(&mut a).await {
                    Ok(n) if n > 0 => { push(&mut self.out, &a[..n]); true }
                    _ => false,
                },
            },
        }
    }

    /// Whether the password was the reason, as far as the words tell: sudo has its second prompt, su only words.
    fn blames_password(&self) -> bool {
        let words = self.words();
        words.is_empty()
            || words.contains("uthentication failure")
            || words.contains("ncorrect password")
    }

    /// The last lines of stderr, or of stdout when stderr has none.
    fn words(&self) -> String {
        let tail = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let lines: Vec<&str> = text
                .lines()
                .map(str::trim)
                .filter(|l| {
                    !l.is_empty() && !l.contains(boot::HELLO) && !l.contains("hoist-password-")
                })
                .collect();
            lines[lines.len().saturating_sub(4)..].join("; ")
        };
        let err = tail(&self.err);
        if err.is_empty() { tail(&self.out) } else { err }
    }
}

fn push(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(bytes);
    let over = buffer.len().saturating_sub(64 << 10);
    buffer.drain(..over);
}

async fn wait_hello(
    pipes: &mut Pipes,
    said: &mut Said,
    greeting: &Greeting<'_>,
    hello: &str,
) -> Result<(), Refused> {
    let mut answered = None;
    loop {
        if memchr::memmem::find(&said.out, hello.as_bytes()).is_some() {
            return Ok(());
        }
        let prompts = prompts(said, greeting.prompt);
        match (&greeting.password, answered) {
            (Some(password), None) if prompts > 0 => {
                let _ = pipes.stdin.write_all(password).await;
                let _ = pipes.stdin.flush().await;
                answered = Some(prompts);
            }
            (Some(_), Some(before)) if prompts > before => return Err(Refused::WrongPassword),
            (None, _) if prompts > 0 => return Err(Refused::NoPassword),
            _ => {}
        }
        if !said.more(pipes).await {
            return Err(match answered {
                Some(_) if said.blames_password() => Refused::WrongPassword,
                _ => Refused::Ended(said.words()),
            });
        }
    }
}

/// How many times a password was asked for.
fn prompts(said: &Said, prompt: &str) -> usize {
    if !prompt.is_empty() {
        return memchr::memmem::find_iter(&said.err, prompt.as_bytes()).count();
    }
    // su's words depend on the language; a line left open that ends in a colon is a prompt in all of them.
    [&said.err, &said.out]
        .iter()
        .filter(|s| s.trim_ascii_end().ends_with(b":") && !s.ends_with(b"\n"))
        .count()
}

/// The number after `mark`, once its line is complete.
fn after(text: &[u8], mark: &str) -> Option<u32> {
    let at = memchr::memmem::find(text, mark.as_bytes())? + mark.len();
    let end = at + memchr::memchr(b'\n', &text[at..])?;
    std::str::from_utf8(&text[at..end])
        .ok()?
        .trim()
        .parse()
        .ok()
}
