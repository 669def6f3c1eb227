//! `community.general.archive`: files of the host packed by its own tar, gzip, bzip2, xz, zstd or zip.
//!
//! Whether there is anything to do is found out by packing without writing: the stream that would be packed and the one that
//! the archive holds are compared by SHA-256. It holds names, kinds, sizes, times, owners, modes and contents, so that
//! whatever would be another archive is another stream.

use super::archive_plan::{Plan, Wanted, literal, looked, looking, names};
use super::attrs::FILE_ARGS;
use super::made::{Made, Making};
use super::setting::{basename, join, parent};
use crate::host::{Action, Cmd, Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Decide, Decision, Fail, Outcome, Remote,
    Run, Spec, Step,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// See the page of `community.general.archive`.
pub static ARCHIVE: Spec = Spec {
    name: "community.general.archive",
    aliases: &[],
    about: "packs files and folders of the host into an archive there, when it does not hold just these",
    free_form: None,
    args: &[
        &[
            Arg::list(
                "path",
                "what is packed: absolute paths or patterns (`*`, `?`) on the host; a single file is only compressed",
            )
            .required(),
            Arg::path(
                "dest",
                "the archive; for a single file by default its name with the format's ending",
            ),
            Arg::str("format", "how it is packed")
                .default("gz")
                .choices(&["bz2", "gz", "tar", "xz", "zip", "zstd"]),
            Arg::list(
                "exclude_path",
                "paths or patterns that are taken out of `path`",
            ),
            Arg::list(
                "exclusion_patterns",
                "patterns of names within the archive (for zip: of whole paths) that are left out; `*` goes across `/`",
            ),
            Arg::bool("force_archive", "make an archive of a single file, too").default("false"),
            Arg::bool(
                "remove",
                "remove what was packed, folders with all they hold",
            )
            .default("false"),
        ],
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("archived", "the paths that are packed"),
        ("dest", "the archive"),
        (
            "dest_state",
            "`archive`, `compress` (a single file), `incomplete` (something was missing) or `absent`",
        ),
        ("arcroot", "the folder that names in the archive begin below"),
        ("missing", "paths that are not there"),
        ("expanded_paths", "`path` with its patterns filled in"),
        ("expanded_exclude_paths", "`exclude_path`, likewise"),
    ],
    example: "- community.general.archive:\n    path: /srv/app\n    dest: /var/backups/app.tar.gz\n    exclusion_patterns: ['*/cache/*']\n    mode: '0600'\n",
    run: Run::Bind(bind),
};

/// A format: its name, the programs it needs, and how it is packed and unpacked as a stream.
struct Format {
    name: &'static str,
    tools: &'static [&'static str],
    pack: &'static str,
    unpack: &'static str,
}

const FORMATS: [Format; 6] = [
    Format {
        name: "gz",
        tools: &["gzip"],
        pack: "gzip -c",
        unpack: "gzip -dc",
    },
    Format {
        name: "bz2",
        tools: &["bzip2"],
        pack: "bzip2 -c",
        unpack: "bzip2 -dc",
    },
    Format {
        name: "xz",
        tools: &["xz"],
        pack: "xz -c",
        unpack: "xz -dc",
    },
    Format {
        name: "zstd",
        tools: &["zstd"],
        pack: "zstd -qc",
        unpack: "zstd -qdc",
    },
    Format {
        name: "tar",
        tools: &[],
        pack: "cat",
        unpack: "cat",
    },
    Format {
        name: "zip",
        tools: &["zip"],
        pack: "cat",
        unpack: "cat",
    },
];

struct Archive {
    paths: Vec<String>,
    excluded: Vec<String>,
    patterns: Vec<String>,
    format: &'static Format,
    dest: Option<String>,
    force: bool,
    remove: bool,
    made: Made,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let name = args.str("format");
    let format = FORMATS.iter().find(|f| f.name == name);
    let format = format.ok_or_else(|| Fail::new(format!("there is no format `{name}`")))?;
    Ok(Bound::Converse(Box::new(Archive {
        paths: args.list("path"),
        excluded: args.list("exclude_path"),
        patterns: args.list("exclusion_patterns"),
        format,
        dest: args.opt_str("dest").map(str::to_owned),
        force: args.bool("force_archive"),
        remove: args.bool("remove"),
        made: Made::of("sha256sum", "", args, ctx, None)?,
    })))
}

/// It decides like any other module, but reads all that is packed: not ahead of its turn.
impl Converse for Archive {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        host.carry_out(self)
    }
}

fn texts<'a>(items: impl IntoIterator<Item = &'a String>) -> Value {
    Value::list(items.into_iter().map(|i| Value::from(i.clone())))
}

impl Archive {
    /// Defines `pack`, which prints the stream, and `$names`, the members' paths, one a line.
    fn packing(&self, plan: &Plan) -> String {
        let zip = self.format.name == "zip";
        let mut tools: Vec<&str> = self.format.tools.to_vec();
        if !plan.single && !zip {
            tools.push("tar");
        }
        let mut out = format!(
            "export LC_ALL=C; unset TAR_OPTIONS ZIPOPT GZIP BZIP BZIP2 XZ_OPT XZ_DEFAULTS ZSTD_CLEVEL ZSTD_NBTHREADS\n\
             for p in {}; do command -v \"$p\" >/dev/null 2>&1 || {{ printf '`%s` is not installed on the host: install its package first\\n' \"$p\" >&2; exit 1; }}; done\n",
            tools.join(" ")
        );
        if plan.single {
            let file = quote::words(&plan.files);
            out += &format!("names={file}\npack() {{ cat {file}; }}\n");
            return out;
        }
        let (dir, name) = (parent(&plan.dest), basename(&plan.dest));
        let mut left_out = vec![
            literal(&plan.dest),
            literal(&join(dir, &format!(".{name}.hoist-new"))),
        ];
        // Patterns are of names in the archive, except for zip, where Ansible holds them against whole paths.
        let base = if zip {
            String::new()
        } else {
            literal(&plan.root)
        };
        left_out.extend(
            self.patterns
                .iter()
                .map(|p| format!("{base}{}", p.replace('\\', "\\\\"))),
        );
        let tests: String = left_out
            .iter()
            .map(|p| format!(" ! -path {}", quote::word(p)))
            .collect();
        // What Python's zipfile cannot read, zip would leave out without a word.
        let kinds = if zip {
            " \\( -type f -o -type d -o -type l -exec test -e {} \\; \\)"
        } else {
            " ! -type s"
        };
        let listed = format!("{kinds}{tests} \\( -name \"*$n*\" -exec echo / \\; -o -print \\)");
        let mut finds = Vec::new();
        if !plan.files.is_empty() {
            finds.push(format!(
                "printf '%s\\0' {} | xargs -0 sh -c 'find \"$@\"'{} sh",
                quote::words(&plan.files),
                quote::word(&listed)
            ));
        }
        if !plan.folders.is_empty() {
            let starts = plan.folders.iter().map(|f| join(f, ""));
            finds.push(format!("find {} -mindepth 1{listed}", quote::words(starts)));
        }
        out += &format!(
            "n='\n'\nexport n\nnames=$({}) || exit 1\n\
             names=$([ -z \"$names\" ] || printf '%s\\n' \"$names\" | sort -u)\n\
             case \"$n$names$n\" in *\"$n/$n\"*) echo 'a name with a line end in it cannot be packed; leave it out with `exclusion_patterns`' >&2; exit 1;; esac\n",
            finds.join(" && ")
        );
        out += &format!(
            "case \"$n$names$n\" in *\"$n\"{d}\"$n\"*) printf '%s\\n' {}{} >&2; exit 1;; esac\n",
            quote::word(dir),
            quote::word(
                " is packed, and the archive is in it: each run would find that folder changed; use another `dest`"
            ),
            d = quote::word(dir),
        );
        let mut root = String::new();
        for c in plan.root.chars() {
            if "\\.[]*^$,".contains(c) {
                root.push('\\');
            }
            root.push(c);
        }
        let strip = quote::word(&format!("s,^{root},,"));
        let at = quote::word(&plan.root);
        out += &format!(
            "inside() {{ [ -z \"$names\" ] || printf '%s\\n' \"$names\" | sed {strip}; }}\n"
        );
        out + &if zip {
            format!(
                "pack() {{ if [ -z \"$names\" ]; then printf 'PK\\005\\006'; head -c 18 /dev/zero; else ( cd {at} && inside | LC_ALL=C.UTF-8 zip -X -q -@ - ); fi; }}\n"
            )
        } else {
            format!(
                "if tar --version 2>/dev/null | grep -q 'GNU tar'; then\n\
                 pack() {{ inside | tr '\\n' '\\0' | tar --format=gnu --null --no-recursion -C {at} -cf - -T /dev/stdin; [ $? -le 1 ]; }}\n\
                 else # Not every busybox reads names from a file.\n\
                 pack() {{ ( IFS=$n; set -f; set -- $(inside); exec tar --no-recursion -C {at} -cf - -- \"$@\" ); }}\nfi\n"
            )
        }
    }

    /// Makes the archive in `$t`. A pipe tells only how its last part ended: the first tells by another way.
    fn making(&self, plan: &Plan) -> Making {
        let script = format!(
            "{}s=$({{ {{ pack || echo pack >&3; }} | {} >\"$t\" || echo {} >&3; }} 3>&1)\n\
             [ -z \"$s\" ] || {{ echo 'the archive could not be made' >&2; exit 1; }}\n",
            self.packing(plan),
            self.format.pack,
            self.format.name
        );
        Making {
            script,
            stdin: String::new(),
            about: None,
        }
    }

    /// What removes the sources. Once begun it goes on whatever becomes of us: half of them would be another archive.
    fn removing(&self, plan: &Plan, members: &[String]) -> Action {
        let files = plan.files.iter().filter(|f| members.contains(f));
        let bare = plan.folders.iter().map(|f| f.trim_end_matches('/'));
        let all: Vec<&str> = files.map(String::as_str).chain(bare).collect();
        Action::Run(Cmd::script(format!(
            "trap '' HUP INT TERM PIPE\nrm -rf -- {}\n",
            quote::words(all)
        )))
    }

    /// `archive` or `compress`, by the name alone.
    fn named(dest: &str) -> &'static str {
        let name = basename(dest).to_lowercase();
        let ends = [
            ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz", ".tbz2", ".tzst", ".zip",
        ];
        if ends.iter().any(|e| name.ends_with(e)) {
            "archive"
        } else {
            "compress"
        }
    }
}

impl Decide for Archive {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let setting = &self.made.setting;
        let written = self.paths.iter().chain(&self.excluded).chain(&self.dest);
        known.all(written.filter_map(|p| setting.expansion(p)))?;
        let expand = |list: &[String]| -> Result<Vec<String>, Step> {
            list.iter().map(|p| setting.expand(known, p)).collect()
        };
        let paths = expand(&self.paths)?;
        let script = looking(&paths, &expand(&self.excluded)?);
        let (_, out, _) = known.output(setting.read(script))?;
        let [found, excluded] = looked(out);
        let wanted = Wanted {
            dest: self.dest.as_deref(),
            format: self.format.name,
            force: self.force,
        };
        let mut plan = Plan::of(&wanted, &paths, &found, &excluded)?;
        let made = Made {
            path: plan.dest.clone(),
            ..self.made.clone()
        };
        plan.dest = made.at(known)?;
        if self.remove
            && let Some(folder) = plan
                .folders
                .iter()
                .find(|f| plan.dest.starts_with(&join(f, "")))
        {
            return Err(Fail::new(
                "Error, created archive can not be contained in source paths when remove=true",
            )
            .with("path", folder.clone())
            .into());
        }
        let there = known.exists(&plan.dest)?;
        let result = |archived: &[String], state: &str| {
            [
                ("archived", texts(archived)),
                ("dest", plan.dest.clone().into()),
                ("dest_state", state.into()),
                ("arcroot", plan.root.clone().into()),
                ("missing", texts(&plan.missing)),
                ("expanded_paths", names(&found)),
                ("expanded_exclude_paths", names(&excluded)),
            ]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect::<Map>()
        };
        let finish = |making: Option<Making>, result: Map| -> Result<Decision, Step> {
            let mut decision = made.made(known, &plan.dest, making, result)?;
            decision.result.shift_remove("filename");
            Ok(decision)
        };
        if plan.folders.is_empty() && plan.files.is_empty() {
            return if there {
                finish(None, result(&[], Self::named(&plan.dest)))
            } else {
                Ok(Decision::same(result(&[], "absent")))
            };
        }
        let script = format!(
            "{}d={}\ns=\nif [ -f \"$d\" ]; then\n\
             [ \"$(pack 2>/dev/null | sha256sum)\" = \"$({} <\"$d\" 2>/dev/null | sha256sum)\" ] && s=same\nfi\n\
             printf '%s\\n%s\\n' \"$s\" \"$names\"\n",
            self.packing(&plan),
            quote::word(&plan.dest),
            self.format.unpack
        );
        let (rc, out, err) = known.output(setting.read(script))?;
        if rc != 0 {
            return Err(Fail::new(err.trim()).with("rc", rc).into());
        }
        let (status, names) = out.split_once('\n').unwrap_or_default();
        let members: Vec<String> = names
            .lines()
            .filter(|l| !l.is_empty())
            .map(str::to_owned)
            .collect();
        let state = match (plan.single, plan.missing.is_empty()) {
            (true, _) => "compress",
            (false, true) => "archive",
            (false, false) => "incomplete",
        };
        let making = (status != "same").then(|| self.making(&plan));
        let mut decision = finish(making, result(&members, state))?;
        if self.remove {
            decision.actions.push(self.removing(&plan, &members));
        }
        Ok(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{Host, sh};
    use serde_json::json;

    fn done(args: &serde_json::Value, check: bool) -> Outcome {
        match Host::real().converse(&ARCHIVE, args.clone(), check) {
            Ok(outcome) => outcome,
            Err(fail) => panic!("failed: {}", fail.msg),
        }
    }

    /// Predicted, done, and nothing left to do.
    fn settled(args: &serde_json::Value) -> Outcome {
        let checked = done(args, true);
        let first = done(args, false);
        assert_eq!(checked.changed, first.changed, "check mode disagrees");
        assert!(!done(args, true).changed && !done(args, false).changed);
        first
    }

    fn said(outcome: &Outcome, dir: &std::path::Path) -> String {
        let place = format!("{}/", dir.display());
        let line = |(k, v): (&String, &Value)| format!("{k}: {v}\n");
        let text: String = outcome.result.iter().map(line).collect();
        text.replace(&place, "/D/")
    }

    fn names(dir: &std::path::Path) -> String {
        sh(dir, "ls -A | tr '\\n' ' '").trim().to_owned()
    }

    #[test]
    fn folders_are_packed_once_in_every_format() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(
            dir.path(),
            "mkdir -p 'a pp/s ub/cache' && cd 'a pp' && echo one >a && echo two >'s ub/-b' && echo x >s\\ ub/cache/c && echo '*' >'[*]\\n' && ln -s a l && ln -s nowhere dangling && mkfifo fifo && touch -d 2001-02-03 a",
        );
        let list = |unpack: &str, name: &str| {
            sh(
                dir.path(),
                &format!("{unpack} <{name} | tar tf - | tr '\\n' ' '"),
            )
        };
        for (format, name, unpack) in [
            ("tar", "t.tar", "cat"),
            ("gz", "t.tgz", "gzip -dc"),
            ("bz2", "t.tar.bz2", "bzip2 -dc"),
            ("xz", "t.tar.xz", "xz -dc"),
        ] {
            let args = json!({"path": at("a pp"), "dest": at(name), "format": format, "exclusion_patterns": ["*/cache*"], "mode": "0600"});
            let first = settled(&args);
            assert!(first.changed);
            assert_eq!(
                list(unpack, name),
                "a pp/[*]\\\\n a pp/a a pp/dangling a pp/fifo a pp/l a pp/s ub/ a pp/s ub/-b "
            );
            assert_eq!(sh(dir.path(), &format!("stat -c %a {name}")), "600\n");
            sh(dir.path(), "chmod 640 'a pp/a'");
            assert!(settled(&args).changed, "another mode is another archive");
            sh(dir.path(), "chmod 644 'a pp/a'; echo 2 >>'a pp/s ub/-b'");
            assert!(settled(&args).changed);
            if format == "gz" {
                insta::assert_snapshot!(said(&first, dir.path()), @r#"
                archived: ['/D/a pp/[*]\\n', '/D/a pp/a', '/D/a pp/dangling', '/D/a pp/fifo', '/D/a pp/l', '/D/a pp/s ub', '/D/a pp/s ub/-b']
                dest: /D/t.tgz
                dest_state: archive
                arcroot: /D/
                missing: []
                expanded_paths: ['/D/a pp']
                expanded_exclude_paths: []
                "#);
            }
        }
        let args = json!({"path": [at("a pp/"), at("none")], "dest": at("t.zip"), "format": "zip", "exclusion_patterns": [at("*/cache")]});
        let first = settled(&args);
        insta::assert_snapshot!(sh(dir.path(), "unzip -Z1 t.zip"), @r#"
        a pp/[*]\n
        a pp/a
        a pp/l
        a pp/s ub/
        a pp/s ub/-b
        a pp/s ub/cache/c
        "#);
        insta::assert_snapshot!(first.result["dest_state"].to_string(), @"incomplete");
        sh(dir.path(), "echo 3 >>'a pp/a'");
        assert!(settled(&args).changed);
        assert_eq!(
            names(dir.path()),
            "a pp t.tar t.tar.bz2 t.tar.xz t.tgz t.zip"
        );
    }

    #[test]
    fn a_single_file_is_compressed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(dir.path(), "echo hi >f");
        let first = settled(&json!({"path": at("f")}));
        assert!(first.changed);
        insta::assert_snapshot!(said(&first, dir.path()), @r#"
        archived: ['/D/f']
        dest: /D/f.gz
        dest_state: compress
        arcroot: /D/
        missing: []
        expanded_paths: ['/D/f']
        expanded_exclude_paths: []
        "#);
        assert_eq!(sh(dir.path(), "gzip -dc f.gz"), "hi\n");
        let args = json!({"path": at("f"), "dest": at("g.tgz"), "force_archive": true});
        assert!(settled(&args).changed);
        assert_eq!(sh(dir.path(), "tar tzf g.tgz"), "f\n");
        // The archive keeps its mode, and a link to it stays a link.
        sh(dir.path(), "chmod 604 g.tgz; ln -s g.tgz l.tgz; echo ho >f");
        let args = json!({"path": at("f"), "dest": at("l.tgz"), "force_archive": true});
        assert!(settled(&args).changed);
        assert_eq!(
            sh(dir.path(), "stat -c '%a %F' g.tgz l.tgz"),
            "604 regular file\n777 symbolic link\n"
        );
    }

    #[test]
    fn sources_go_when_they_are_to() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(
            dir.path(),
            "mkdir d e; echo 1 >d/1.log; echo 2 >d/2.log; echo 3 >d/keep; echo 4 >e/4",
        );
        let args = json!({"path": [at("d/*.log"), at("e")], "exclude_path": at("d/2.log"), "dest": at("o.tgz"), "remove": true});
        let first = done(&args, false);
        assert!(first.changed);
        assert_eq!(
            sh(dir.path(), "tar tzf o.tgz; ls d"),
            "d/1.log\ne/4\n2.log\nkeep\n"
        );
        assert!(!dir.path().join("e").exists());
        let again = settled(
            &json!({"path": at("e"), "dest": at("o.tgz"), "remove": true, "force_archive": true}),
        );
        assert!(!again.changed);
        insta::assert_snapshot!(said(&again, dir.path()), @r"
        archived: []
        dest: /D/o.tgz
        dest_state: archive
        arcroot: /D/
        missing: ['/D/e']
        expanded_paths: ['/D/e']
        expanded_exclude_paths: []
        ");
        // What is packed as it is already is still to be removed.
        sh(dir.path(), "echo 5 >five");
        assert!(settled(&json!({"path": at("five")})).changed);
        let args = json!({"path": at("five"), "remove": true});
        assert!(done(&args, true).changed && done(&args, false).changed);
        assert!(!dir.path().join("five").exists());
        assert!(!settled(&args).changed);
    }

    #[test]
    fn mistakes_are_said() {
        let dir = tempfile::tempdir().unwrap();
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        sh(dir.path(), "mkdir -p d/in bad; touch d/f bad/'x\ny' f");
        let said = |args: serde_json::Value| {
            let fail = Host::real().converse(&ARCHIVE, args, false).unwrap_err();
            fail.msg.replace(&at(""), "/D/")
        };
        insta::assert_snapshot!(said(json!({"path": at("*.none")})), @"Error, no source paths were found");
        insta::assert_snapshot!(said(json!({"path": at("d")})), @"Error, must specify \"dest\" when archiving multiple files or trees");
        insta::assert_snapshot!(said(json!({"path": "d"})), @"`path` must be absolute, and `d` is not");
        insta::assert_snapshot!(said(json!({"path": at("d"), "dest": at("d/x.tgz"), "remove": true})), @"Error, created archive can not be contained in source paths when remove=true");
        insta::assert_snapshot!(said(json!({"path": at("d"), "dest": at("d/in/x.tgz")})), @"/D/d/in is packed, and the archive is in it: each run would find that folder changed; use another `dest`");
        insta::assert_snapshot!(said(json!({"path": at("bad"), "dest": at("x.tgz")})), @"a name with a line end in it cannot be packed; leave it out with `exclusion_patterns`");
        insta::assert_snapshot!(said(json!({"path": at("f"), "dest": at("none/x.gz")})), @"The directory '/D/none' does not exist or the file is not a directory");
        assert_eq!(names(dir.path()), "bad d f");
    }
}
