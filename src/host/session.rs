//! One host: its shells, what is known of it, and the only way to it.

use super::acting::frames;
use super::answers::Answers;
use super::asking::Asking;
use super::{Action, Answer, Known, Query, Report, Touches, quote};
use crate::transport::{Account, Frame, LinkError, Links, Password, Reply, Shell, Sink, Target};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Why a host gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The link: the host is out of reach, or a timeout passed.
    Link(LinkError),
    /// The host answered, but not what was asked for; the task fails, the host stays.
    Host(String),
    /// Check mode: nothing is done.
    Check,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(error) => write!(f, "{error}"),
            Self::Host(why) => f.write_str(why),
            Self::Check => f.write_str("nothing is changed in check mode"),
        }
    }
}

impl std::error::Error for Trouble {}

impl From<LinkError> for Trouble {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Host(why)
    }
}

/// How often a host was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trips {
    /// Scripts that read.
    pub asked: u64,
    /// Scripts that acted.
    pub acted: u64,
    /// Shells opened.
    pub shells: u64,
}

/// One host in a run. Shells are opened when they are first needed, one for each account.
pub struct Session {
    links: Links,
    target: Target,
    check: bool,
    accounts: BTreeMap<Account, Seat>,
    trips: Trips,
}

#[derive(Default)]
struct Seat {
    shell: Option<Box<dyn Shell>>,
    password: Option<Password>,
    known: Known,
}

/// Queries whose scripts may be larger than this together are asked in several trips.
const SCRIPT: usize = 96 << 10;

impl Session {
    /// A host at `target`, not connected yet. With `check` no action ever reaches it.
    pub fn new(links: Links, target: Target, check: bool) -> Self {
        Self {
            links,
            target,
            check,
            accounts: BTreeMap::new(),
            trips: Trips::default(),
        }
    }

    /// Where it is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The password for becoming `account`, used when it is asked for.
    pub fn set_password(&mut self, account: &Account, password: Option<Password>) {
        self.accounts.entry(account.clone()).or_default().password = password;
    }

    /// What is known of the host as `account` sees it.
    pub fn known(&mut self, account: &Account) -> &Known {
        &self.accounts.entry(account.clone()).or_default().known
    }

    /// How often the host was asked so far.
    pub fn trips(&self) -> Trips {
        self.trips
    }

    /// Opens the shell of `account` if it is not open.
    ///
    /// # Errors
    /// Those of [`Links::connect`].
    pub async fn connect(&mut self, account: &Account) -> Result<(), LinkError> {
        let seat = self.accounts.entry(account.clone()).or_default();
        if seat.shell.is_none() {
            let shell = self
                .links
                .connect(&self.target, account, seat.password.as_ref())
                .await?;
            seat.shell = Some(shell);
            self.trips.shells += 1;
        }
        Ok(())
    }

    /// Asks the host, whatever is known; the answers are known afterwards. One round trip for all but very long lists.
    ///
    /// # Errors
    /// [`Trouble::Link`] when the host does not answer (a broken link is tried anew once: reading can be repeated);
    /// [`Trouble::Host`] when it lacks a tool or a file is too large.
    pub async fn ask(
        &mut self,
        account: &Account,
        queries: &[Query],
    ) -> Result<Vec<Answer>, Trouble> {
        let mut answers = Vec::with_capacity(queries.len());
        let mut rest = queries;
        while !rest.is_empty() {
            let mut size = 0;
            let count = rest
                .iter()
                .take_while(|q| {
                    size += weight(q);
                    size < SCRIPT
                })
                .count()
                .max(1);
            let (now, later) = rest.split_at(count);
            answers.extend(self.ask_now(account, now).await?);
            rest = later;
        }
        Ok(answers)
    }

    async fn ask_now(
        &mut self,
        account: &Account,
        queries: &[Query],
    ) -> Result<Vec<Answer>, Trouble> {
        for query in queries {
            if let Some(text) = nul(query) {
                return Err(Trouble::Host(format!(
                    "a NUL character cannot be asked about: `{text}`"
                )));
            }
        }
        let asking = Asking::new(queries, mark()?);
        let frame = asking.frame();
        let mut again = true;
        let reply = loop {
            self.trips.asked += 1;
            match self.exec(account, &frame).await {
                Err(LinkError::Lost { .. }) if again => again = false,
                other => break other?,
            }
        };
        let read = Answers::read(&asking, &reply)?;
        let known = &mut self.accounts.entry(account.clone()).or_default().known;
        for (query, answer) in queries.iter().zip(&read.answers) {
            known.learn(query.clone(), answer.clone());
        }
        for (path, place) in read.places {
            known.learn_place(&path, place);
        }
        Ok(read.answers)
    }

    /// Does things in order and stops at the first that fails: its report is the last. What they touched is forgotten,
    /// whatever came of it.
    ///
    /// # Errors
    /// [`Trouble::Check`] in check mode; [`Trouble::Link`], never tried again, for it may have happened.
    pub async fn act(
        &mut self,
        account: &Account,
        actions: &[Action],
    ) -> Result<Vec<Report>, Trouble> {
        if self.check && !actions.is_empty() {
            return Err(Trouble::Check);
        }
        let batches = frames(actions, &mark()?)?;
        let touches: Vec<Touches> = actions.iter().map(Action::touches).collect();
        let mut reports = Vec::with_capacity(actions.len());
        let mut rest = actions;
        let mut outcome = Ok(());
        for batch in &batches {
            let (now, later) = rest.split_at(batch.count);
            rest = later;
            self.trips.acted += 1;
            let begun = since_1970();
            let result = self.exec(account, &batch.frame).await;
            let done = result
                .map_err(Trouble::from)
                .and_then(|reply| Ok(batch.reports(now, &reply, (begun, since_1970()))?));
            match done {
                Ok(done) => {
                    let failed = done.len() < now.len() || done.iter().any(|r| r.rc != 0);
                    reports.extend(done);
                    if failed {
                        break;
                    }
                }
                Err(trouble) => {
                    outcome = Err(trouble);
                    break;
                }
            }
        }
        for seat in self.accounts.values_mut() {
            seat.known.forget_all(&touches);
        }
        outcome.map(|()| reports)
    }

    /// Forgets what `touches` made stale, for all accounts.
    pub fn forget(&mut self, touches: &Touches) {
        for seat in self.accounts.values_mut() {
            seat.known.forget(touches);
        }
    }

    /// Streams a file of the host into `to` (written beside it, then renamed), whatever its size. Returns its SHA-1.
    ///
    /// # Errors
    /// [`Trouble::Host`] when it cannot be read there or written here.
    pub async fn fetch(
        &mut self,
        account: &Account,
        path: &str,
        to: &Path,
    ) -> Result<String, Trouble> {
        let here =
            |e: std::io::Error| Trouble::Host(format!("cannot write `{}`: {e}", to.display()));
        let directory = match to.parent() {
            Some(d) if !d.as_os_str().is_empty() => d,
            _ => Path::new("."),
        };
        let file = tempfile::NamedTempFile::new_in(directory).map_err(here)?;
        let writer = std::io::BufWriter::with_capacity(256 << 10, file.reopen().map_err(here)?);
        let digest = std::sync::Arc::new(std::sync::Mutex::new(sha1_new()));
        let sink = Sink::new(Digesting {
            writer,
            digest: std::sync::Arc::clone(&digest),
        });
        let p = quote::path(path);
        let frame = Frame {
            script: format!(
                "[ -e {p} ] || {{ echo 'there is no such file' >&2; exit 1; }}\n\
                 [ -f {p} ] || {{ echo 'it is not a regular file' >&2; exit 1; }}\nexec cat -- {p}"
            ),
            sink: Some(sink.clone()),
            ..Frame::default()
        };
        self.trips.asked += 1;
        let reply = self.exec(account, &frame).await?;
        sink.finish().map_err(here)?;
        if reply.rc != 0 {
            let why = String::from_utf8_lossy(&reply.stderr).trim().to_owned();
            return Err(Trouble::Host(format!("cannot read `{path}`: {why}")));
        }
        file.persist(to).map_err(|e| here(e.error))?;
        let digest = digest
            .lock()
            .map_err(|_| Trouble::Host("an earlier write panicked".into()))?;
        use sha1::Digest;
        Ok(hex::encode(digest.clone().finalize()))
    }

    /// Drops all shells and the connection, forgets everything, and connects anew, trying for `seconds`.
    ///
    /// # Errors
    /// The last error when the host did not let us in within that time.
    pub async fn reconnect(&mut self, account: &Account, seconds: u64) -> Result<(), LinkError> {
        self.disconnect().await;
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            match self.connect(account).await {
                Ok(()) => return Ok(()),
                // Waiting does not make these better.
                Err(error @ (LinkError::HostKey(_) | LinkError::Become(_))) => return Err(error),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    /// Drops all shells and the connection, and forgets everything.
    pub async fn disconnect(&mut self) {
        for seat in self.accounts.values_mut() {
            seat.shell = None;
            seat.known = Known::default();
        }
        self.links.forget(&self.target).await;
    }

    /// Runs one frame. After an error its shell is dropped; the next call opens another.
    async fn exec(&mut self, account: &Account, frame: &Frame) -> Result<Reply, LinkError> {
        self.connect(account).await?;
        let seat = self.accounts.entry(account.clone()).or_default();
        let Some(mut shell) = seat.shell.take() else {
            return Err(LinkError::Connect("there is no shell".into()));
        };
        // Put back only when it answered: given up half-way, it is dropped.
        let reply = shell.exec(frame).await?;
        seat.shell = Some(shell);
        Ok(reply)
    }
}

#[cfg(test)]
impl Session {
    /// A session whose shell of `account` is given.
    pub(crate) fn with_shell(account: &Account, shell: Box<dyn Shell>, check: bool) -> Self {
        #[allow(clippy::unwrap_used)]
        let links = Links::new(crate::transport::LinkOptions::default()).unwrap();
        let mut session = Self::new(links, Target::Local, check);
        session.accounts.entry(account.clone()).or_default().shell = Some(shell);
        session
    }
}

fn mark() -> Result<String, Trouble> {
    let mut bytes = [0u8; 12];
    getrandom::fill(&mut bytes)
        .map_err(|e| Trouble::Host(format!("no random numbers on this machine: {e}")))?;
    Ok(hex::encode(bytes))
}

fn since_1970() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// How much a query adds to a script, about.
fn weight(query: &Query) -> usize {
    match query {
        // The path itself, its directories, its number in a list.
        Query::Stat { path, .. } | Query::Digest { path, .. } | Query::Content { path } => {
            2 * path.len() + 16
        }
        Query::Dpkg { name } | Query::User { name } | Query::Group { name } => 2 * name.len() + 8,
        Query::Unit { name, .. } => 3 * name.len() + 80,
        Query::Read { script, env } => {
            script.len()
                + 100
                + env
                    .iter()
                    .map(|(k, v)| k.len() + v.len() + 12)
                    .sum::<usize>()
        }
    }
}

/// A text with a NUL in it, shown.
fn nul(query: &Query) -> Option<String> {
    let text = match query {
        Query::Stat { path, .. } | Query::Digest { path, .. } | Query::Content { path } => path,
        Query::Dpkg { name }
        | Query::User { name }
        | Query::Group { name }
        | Query::Unit { name, .. } => name,
        Query::Read { script, .. } => script,
    };
    text.contains('\0').then(|| text.replace('\0', "\\0"))
}

fn sha1_new() -> sha1::Sha1 {
    use sha1::Digest;
    sha1::Sha1::new()
}

/// Writes on, and digests what it wrote.
struct Digesting<W> {
    writer: W,
    digest: std::sync::Arc<std::sync::Mutex<sha1::Sha1>>,
}

impl<W: std::io::Write> std::io::Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.writer.write(bytes)?;
        if let Ok(mut digest) = self.digest.lock() {
            use sha1::Digest;
            digest.update(&bytes[..n]);
        }
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Cmd, PRELUDE};
    use crate::transport::{FakeShell, LinkOptions};

    fn lost() -> Result<Reply, LinkError> {
        Err(LinkError::Lost {
            reason: "cut".into(),
            maybe_ran: true,
        })
    }

    #[tokio::test]
    async fn reading_is_tried_again_after_a_cut_and_acting_is_not() {
        let me = Account::Login;
        let shell = FakeShell::default().when(|f| f.script.contains("sha256sum"), lost());
        let mut host = Session::with_shell(&me, Box::new(shell), false);
        // The second try opens a real shell of this machine.
        let answers = host
            .ask(&me, &[Query::sha256("/no/such/file")])
            .await
            .unwrap();
        assert_eq!(answers, [Answer::Text(None)]);
        assert_eq!(
            host.trips(),
            Trips {
                asked: 2,
                acted: 0,
                shells: 1
            }
        );

        let shell = FakeShell::default().when(|f| f.script.contains("exec touch"), lost());
        let mut host = Session::with_shell(&me, Box::new(shell), false);
        let run = |touches| {
            let mut cmd = Cmd::argv(["touch", "x"]);
            cmd.touches = touches;
            Action::Run(cmd)
        };
        host.accounts
            .get_mut(&me)
            .unwrap()
            .known
            .learn(Query::sha256("/a"), Answer::Text(None));
        let error = host
            .act(&me, &[run(Touches::Everything), run(Touches::Nothing)])
            .await;
        assert_eq!(error, Err(Trouble::Link(lost().unwrap_err())));
        assert_eq!(
            host.trips(),
            Trips {
                asked: 0,
                acted: 1,
                shells: 0
            }
        );
        assert!(
            host.known(&me).peek(&Query::sha256("/a")).is_none(),
            "it may have been changed"
        );
    }

    #[tokio::test]
    async fn a_failed_action_keeps_those_after_it_from_running() {
        let me = Account::Login;
        let reply = Reply {
            rc: 3,
            ..Reply::default()
        };
        let shell = FakeShell::default().when(|f| f.script.ends_with("exec first"), Ok(reply));
        let mut host = Session::with_shell(&me, Box::new(shell), false);
        let actions = ["first", "second"].map(|n| Action::Run(Cmd::argv([n])));
        let reports = host.act(&me, &actions).await.unwrap();
        assert_eq!(reports.iter().map(|r| r.rc).collect::<Vec<_>>(), [3]);
    }

    #[tokio::test]
    async fn long_lists_are_asked_in_several_trips_and_nul_is_refused() {
        let options = LinkOptions {
            prelude: PRELUDE.into(),
            ..LinkOptions::default()
        };
        let mut host = Session::new(Links::new(options).unwrap(), Target::Local, false);
        let me = Account::Login;
        let queries: Vec<Query> = (0..3000)
            .map(|n| Query::stat(&format!("/tmp/no/such/directory/{n}")))
            .collect();
        let answers = host.ask(&me, &queries).await.unwrap();
        assert!(answers.len() == 3000 && answers.iter().all(|a| *a == Answer::Stat(None)));
        assert_eq!(host.trips().asked, 3);
        let error = host.ask(&me, &[Query::stat("/a\0b")]).await.unwrap_err();
        insta::assert_snapshot!(error, @r"a NUL character cannot be asked about: `/a\0b`");
    }

    #[tokio::test]
    async fn a_session_outlives_a_timeout() {
        let options = LinkOptions {
            prelude: PRELUDE.into(),
            ..LinkOptions::default()
        };
        let mut host = Session::new(Links::new(options).unwrap(), Target::Local, false);
        let me = Account::Login;
        let mut cmd = Cmd::argv(["sleep", "30"]);
        cmd.timeout = Some(Duration::from_millis(200));
        let error = host.act(&me, &[Action::Run(cmd)]).await.unwrap_err();
        assert_eq!(
            error,
            Trouble::Link(LinkError::Timeout(Duration::from_millis(200)))
        );
        let reports = host
            .act(&me, &[Action::Run(Cmd::argv(["echo", "on"]))])
            .await
            .unwrap();
        assert_eq!(reports[0].stdout, "on\n");
        assert_eq!(host.trips().shells, 2);
        host.reconnect(&me, 5).await.unwrap();
        assert_eq!(host.trips().shells, 3);
    }
}
