//! What git is asked for, as shell text.

use crate::host::quote;

/// A repository: where it comes from, which version, and how it is kept.
pub struct Repository {
    /// The address.
    pub repo: String,
    /// Branch, tag or commit; `HEAD`.
    pub version: String,
    /// What the origin is called.
    pub remote: String,
    /// More to fetch.
    pub refspec: Option<String>,
    /// A repository to borrow from.
    pub reference: Option<String>,
    /// Throw away local changes.
    pub force: bool,
    /// How much history.
    pub depth: Option<i64>,
    /// `GIT_SSH_COMMAND`.
    pub ssh: Option<String>,
    /// The program.
    pub git: String,
    /// Without a working tree.
    pub bare: bool,
    /// With submodules.
    pub recursive: bool,
    /// Only one branch.
    pub single: bool,
    /// Submodules at their newest.
    pub track: bool,
    /// The umask.
    pub umask: Option<u32>,
    /// Where the repository itself is.
    pub separate: Option<String>,
    /// The signature must be good, and of one of these keys if there are any.
    pub verify: Option<Vec<String>>,
    /// The archive's format, and a folder around what is in it.
    pub format: Option<(String, Option<String>)>,
}

impl Repository {
    /// What every script begins with: the program, the repository and the directory.
    pub fn head(&self, dest: &str) -> String {
        let mut out = String::from("export LC_ALL=C GIT_TERMINAL_PROMPT=0\n");
        if let Some(ssh) = &self.ssh {
            out += &format!("export GIT_SSH_COMMAND={}\n", quote::word(ssh));
        }
        if let Some(umask) = self.umask {
            out += &format!("umask {umask:04o}\n");
        }
        out += &format!(
            "git() {{ command {} -c safe.directory=* \"$@\"; }}\n",
            quote::word(&self.git)
        );
        out += &format!(
            "dest={}; repo={}; remote={}; version={}\n",
            quote::path(dest),
            quote::word(&self.repo),
            quote::word(&self.remote),
            quote::word(&self.version)
        );
        out += &format!(
            "command -v {} >/dev/null 2>&1 || {{ echo 'Failed to find required executable \"git\"' >&2; exit 91; }}\n",
            quote::word(&self.git)
        );
        out + if self.bare {
            "dir=$dest\n"
        } else {
            "dir=$dest/.git\n"
        }
    }

    /// The commit the remote has for the version, as `$want`.
    pub const WANTED: &str = "case $version in HEAD) want=$(git ls-remote \"$from\" HEAD);; *) want=$(git ls-remote \"$from\" \"refs/tags/$version^{}\"); [ -n \"$want\" ] || want=$(git ls-remote \"$from\" \"refs/heads/$version\" \"refs/tags/$version\");; esac || exit 92\n\
        want=$(printf '%s' \"$want\" | head -n 1 | cut -f 1); [ -n \"$want\" ] || want=$version\n";

    fn depth(&self) -> String {
        self.depth
            .map(|d| format!(" --depth {d}"))
            .unwrap_or_default()
    }

    /// Clones.
    pub fn cloning(&self) -> String {
        let mut out = String::from(
            "mkdir -p \"$(dirname \"$dest\")\" || exit 92\nset -- clone --origin \"$remote\"\n",
        );
        if self.bare {
            out += "set -- \"$@\" --bare\n";
        }
        if let Some(reference) = &self.reference {
            out += &format!("set -- \"$@\" --reference {}\n", quote::word(reference));
        }
        if let Some(separate) = &self.separate {
            out += &format!(
                "set -- \"$@\" --separate-git-dir {}\n",
                quote::word(separate)
            );
        }
        if self.single {
            out += "set -- \"$@\" --single-branch\n";
        }
        out += &format!(
            "case $version in HEAD) set -- \"$@\"{0};; *) if git ls-remote --exit-code \"$repo\" \"refs/heads/$version\" \"refs/tags/$version\" >/dev/null 2>&1; then set -- \"$@\"{0} --branch \"$version\"; fi;; esac\n",
            self.depth()
        );
        out += "git \"$@\" \"$repo\" \"$dest\" >&2 || exit 92\ncd \"$dest\" || exit 92\n";
        if let Some(refspec) = &self.refspec {
            out += &format!(
                "git fetch \"$remote\" {} >&2 || exit 92\n",
                quote::word(refspec)
            );
        }
        out
    }

    /// Fetches what is new; `dirty`: local changes are thrown away; `apart`: the repository is moved to where it belongs.
    pub fn fetching(&self, dirty: bool, apart: bool) -> String {
        let mut out = String::from("cd \"$dest\" || exit 92\n");
        if dirty {
            out += "git reset --hard HEAD >&2 || exit 92\n";
        }
        if apart && let Some(separate) = &self.separate {
            let to = quote::path(separate);
            out += &format!(
                "[ ! -e {to} ] || {{ echo 'the separate_git_dir exists already: '{to} >&2; exit 92; }}\ngit init -q --separate-git-dir {to} >&2 || exit 92\n"
            );
        }
        out += "if [ \"$(git config --get \"remote.$remote.url\")\" != \"$repo\" ]; then git remote set-url \"$remote\" \"$repo\" 2>/dev/null || git remote add \"$remote\" \"$repo\" || exit 92; fi\n";
        let force = if self.force { " --force" } else { "" };
        let refs = if self.bare {
            " '+refs/heads/*:refs/heads/*'"
        } else {
            ""
        };
        let depth = self.depth();
        if depth.is_empty() {
            out += &format!(
                "[ ! -f \"$(git rev-parse --git-dir)/shallow\" ] || set -- --unshallow\ngit fetch{force} --tags \"$@\" \"$remote\"{refs} >&2 || exit 92\n"
            );
            if !self.bare {
                out += &format!("git fetch{force} \"$remote\" >&2 || exit 92\n");
            }
        } else {
            out += &format!(
                "case $version in HEAD) set -- HEAD;; *) if git ls-remote --exit-code \"$remote\" \"refs/heads/$version\" >/dev/null 2>&1; then set -- \"+refs/heads/$version:refs/remotes/$remote/$version\"; elif git ls-remote --exit-code \"$remote\" \"refs/tags/$version\" >/dev/null 2>&1; then set -- \"+refs/tags/$version:refs/tags/$version\"; else set -- \"$version\"; fi;; esac\n\
                 git fetch{force}{depth} \"$remote\" \"$@\" >&2 || exit 92\n"
            );
        }
        if let Some(refspec) = &self.refspec {
            out += &format!(
                "git fetch{force}{depth} \"$remote\" {} >&2 || exit 92\n",
                quote::word(refspec)
            );
        }
        out
    }

    /// Checks the version out.
    pub fn switching(&self) -> String {
        let mut out = String::new();
        if !self.bare {
            out += "case $version in HEAD)\n\
                 b=$(git ls-remote --symref \"$remote\" HEAD | sed -n 's#^ref: refs/heads/\\(.*\\)\\tHEAD$#\\1#p')\n\
                 [ -n \"$b\" ] || b=$(git symbolic-ref --short HEAD)\n\
                 git checkout --force \"$b\" >&2 || exit 92\n\
                 if git rev-parse -q --verify FETCH_HEAD >/dev/null && [ -f \"$(git rev-parse --git-dir)/shallow\" ] && ! git rev-parse -q --verify \"refs/remotes/$remote/$b\" >/dev/null; then git reset --hard FETCH_HEAD; else git fetch -q \"$remote\" \"+refs/heads/$b:refs/remotes/$remote/$b\" SHALLOW; git reset --hard \"$remote/$b\" --; fi >&2 || exit 92;;\n\
                 *) if git rev-parse -q --verify \"refs/remotes/$remote/$version\" >/dev/null; then\n\
                 if git rev-parse -q --verify \"refs/heads/$version\" >/dev/null; then git checkout --force \"$version\" -- >&2 || exit 92; git reset --hard \"$remote/$version\" -- >&2 || exit 92\n\
                 else git checkout --track -b \"$version\" \"$remote/$version\" >&2 || exit 92; fi\n\
                 else git checkout --force \"$version\" -- >&2 || exit 92; fi;; esac\n"
                .replace(" SHALLOW", &self.depth())
                .as_str();
            if self.recursive {
                let track = if self.track { " --remote" } else { "" };
                out += &format!(
                    "if [ -f .gitmodules ]; then was=$(git submodule status --recursive 2>/dev/null); git submodule sync >&2 && git submodule update --init --recursive{track} >&2 || exit 92; [ \"$was\" = \"$(git submodule status --recursive)\" ] || printf 'submodules\\t1\\n'; fi\n"
                );
            }
        }
        out
    }

    /// Checks the signature of what is checked out.
    pub fn verifying(&self) -> String {
        let Some(keys) = &self.verify else {
            return String::new();
        };
        let mut out = String::from(
            "if [ \"$(git cat-file -t \"refs/tags/$version\" 2>/dev/null)\" = tag ]; then set -- verify-tag; else set -- verify-commit; fi\n\
             v=$(git \"$@\" --raw \"$version\" 2>&1) || { printf 'Failed to verify GPG signature of commit/tag \"%s\"\\n%s\\n' \"$version\" \"$v\" >&2; exit 92; }\n",
        );
        if !keys.is_empty() {
            // The last field of the line is the fingerprint of the primary key.
            out += &format!(
                "k=$(printf '%s\\n' \"$v\" | sed -n 's/^\\[GNUPG:\\] VALIDSIG .* //p')\n\
                 case {} in *\" $k \"*) ;; *) printf 'The gpg_allowlist does not include the public key \"%s\" for this commit\\n' \"$k\" >&2; exit 92;; esac\n",
                quote::word(&format!(" {} ", keys.join(" ").to_uppercase()))
            );
        }
        out
    }

    /// The words that pack the version.
    fn pack(&self) -> String {
        let (format, prefix) = match &self.format {
            Some((format, prefix)) => (format.as_str(), prefix.as_deref()),
            None => ("tar", None),
        };
        let prefix = prefix.map_or_else(String::new, |p| {
            format!(
                " --prefix={}",
                quote::word(&format!("{}/", p.trim_end_matches('/')))
            )
        });
        let version = if self.bare { "\"$version\"" } else { "HEAD" };
        format!("git archive --format={format}{prefix} {version}")
    }

    /// Says `same` when the archive is as it would be packed.
    pub fn archived(&self, archive: &str) -> String {
        format!(
            "cd \"$dest\" || exit 92\n{} | cmp -s - {} && echo same; exit 0\n",
            self.pack(),
            quote::path(archive)
        )
    }

    /// Packs it, unless it is as it should.
    pub fn archiving(&self, archive: &str) -> String {
        let (dir, name) = archive.rsplit_once('/').unwrap_or((".", archive));
        let (at, new) = (
            quote::path(archive),
            quote::path(&format!("{dir}/.{name}.hoist-new")),
        );
        format!(
            "trap 'rm -f '{} EXIT\n{} >{new} || exit 92\nif cmp -s {new} {at}; then rm -f {new}; else mv -f {new} {at} || exit 92; printf 'archived\\t1\\n'; fi\n",
            quote::word(&new),
            self.pack()
        )
    }
}
