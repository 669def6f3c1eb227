//! `hoist.core.artifact`: a file that the site names in `artifacts.yml`, put on hosts byte for byte as it is locked.

use super::attrs::{FILE_ARGS, Wanted};
use super::copy_one::{One, Options};
use super::get_url::{GET_URL, verified};
use super::mode::Mode;
use super::place::Source;
use super::setting::{Setting, join};
use crate::artifacts::{Arch, Kind as ArtifactKind, Pick, Site, file_name};
use crate::host::{Content, Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::{Map, Value};
use std::sync::Arc;

/// Ours; there is no such module in Ansible.
pub static ARTIFACT: Spec = Spec {
    name: "hoist.core.artifact",
    aliases: &[],
    about: "puts an artifact of the site in place: the file that artifacts.lock has the digest of",
    free_form: None,
    args: &[
        &[
            Arg::str("name", "its name in artifacts.yml").required(),
            Arg::path(
                "dest",
                "where it goes; below a directory (or what ends in `/`) it gets its own file name",
            )
            .required(),
            Arg::str(
                "member",
                "the file of an archive to put there instead of the archive; `{arch}` and `{version}` are filled in",
            ),
            Arg::bool("backup", "keep a dated copy of a file that is replaced").default("false"),
        ],
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("name", "the artifact"),
        ("version", "its version"),
        ("arch", "the kind of machine that the host is"),
        ("sha256", "SHA-256 of the file that stands there"),
        ("dest", "the file"),
        ("url", "where the host got it, when it downloaded it itself"),
        (
            "replaced",
            "true when `--artifact` put another file in its place",
        ),
        (
            "simulated",
            "true when that file only simulates the real program",
        ),
        ("backup_file", "where the old file was kept"),
        ("mode", "permissions"),
        ("owner", "owner's name"),
        ("group", "group's name"),
        ("uid", "owner's number"),
        ("gid", "group's number"),
        ("size", "length in bytes"),
        ("state", "`file`"),
    ],
    example: "- hoist.core.artifact:\n    name: k3s\n    dest: /usr/local/bin/k3s\n- hoist.core.artifact:\n    name: helm\n    member: linux-{arch}/helm\n    dest: /usr/local/bin/helm\n    mode: '0755'\n",
    run: Run::Bind(bind),
};

/// Keys of the result that `copy` and `get_url` give and that say nothing here.
const FOREIGN: &[&str] = &[
    "checksum",
    "checksum_src",
    "checksum_dest",
    "elapsed",
    "md5sum",
    "msg",
    "path",
    "src",
    "status_code",
];

struct Artifact {
    name: String,
    version: String,
    dest: String,
    member: Option<String>,
    backup: bool,
    wanted: Wanted,
    /// For the download by the host: `None` when the file goes out from here.
    host: Option<Map>,
    arch: Option<Arch>,
    site: Arc<Site>,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let name = args.str("name");
    let (site, from_host) = ctx.files.artifacts()?;
    let artifact = site.artifact(name)?;
    let member = args.opt_str("member").filter(|m| !m.is_empty());
    if member.is_some()
        && artifact.kind != ArtifactKind::Archive
        && !site.replaced.contains_key(name)
    {
        return Err(Fail::new(format!(
            "`{name}` is of kind {}, and only an archive has a `member`",
            artifact.kind.name()
        )));
    }
    let mut wanted = Wanted::of(args)?;
    if wanted.mode == Some(Mode::Preserve) {
        return Err(Fail::new(
            "mode must be in octal or symbolic form, not `preserve`",
        ));
    }
    let usual = match artifact.kind {
        ArtifactKind::Binary => 0o755,
        _ => 0o644,
    };
    let mode = wanted.mode.get_or_insert(Mode::Bits(usual)).to_string();
    // what is unpacked, put together or replaced here goes out from here
    let downloads = from_host
        && member.is_none()
        && artifact.kind != ArtifactKind::Image
        && !site.replaced.contains_key(name);
    let host = downloads.then(|| {
        let mut map = Map::from_iter([("mode".to_owned(), Value::from(mode))]);
        for key in ["owner", "group", "attributes", "unsafe_writes"] {
            if let Some(value) = args.raw(key) {
                map.insert(key.to_owned(), value.clone());
            }
        }
        map
    });
    if host.is_some() && args.bool("backup") {
        return Err(Fail::new(
            "`backup` is not possible with `hoist_artifacts_from: host`",
        ));
    }
    let machine = ["architecture", "machine"]
        .iter()
        .find_map(|key| ctx.facts.get(*key)?.as_str());
    Ok(Bound::Decide(Box::new(Artifact {
        name: name.to_owned(),
        version: artifact.version.clone(),
        dest: args.str("dest").to_owned(),
        member: member.map(str::to_owned),
        backup: args.bool("backup"),
        wanted,
        host,
        arch: machine.and_then(Arch::of_machine),
        site,
        setting: Setting::of(ctx),
    })))
}

impl Artifact {
    /// What kind of machine the host is; asked along with what will be wanted of `dest`.
    fn arch(&self, known: &Known, dest: &str) -> Result<Arch, Step> {
        if let Some(arch) = self.arch {
            return Ok(arch);
        }
        known.all([
            Query::read("uname -m"),
            Query::lstat(dest),
            Query::sha256(dest),
        ])?;
        let (_, out, _) = known.output(Query::read("uname -m"))?;
        let machine = out.trim();
        Arch::of_machine(machine).ok_or_else(|| {
            Fail::new(format!(
                "the host is a `{machine}`, and no artifact is made for that"
            ))
            .into()
        })
    }

    /// From the cache of the control machine.
    fn send(&self, known: &Known, dest: &str, arch: Arch) -> Result<(Decision, Pick), Step> {
        let fail = |d| Step::Fail(Fail::from(d));
        let mut pick = self.site.pick(&self.name, arch).map_err(fail)?;
        if let Some(member) = self.member.as_ref().filter(|_| !pick.replaced) {
            // reads and unpacks here, the same every time: nothing that a host could see
            let taken = self.site.member(&self.name, arch, &pick, member);
            pick = taken.map_err(fail)?;
        }
        let one = One {
            source: Source {
                content: Content::File {
                    path: pick.path.clone(),
                    length: pick.length,
                    sha256: pick.sha256.clone(),
                },
                length: pick.length,
                sha256: pick.sha256.clone(),
                sha1: String::new(),
                md5: None,
            },
            name: Some(pick.file_name.clone()),
            origin: format!("{} {}", self.name, self.version),
            wanted: self.wanted.clone(),
            options: Options {
                dest: dest.to_owned(),
                backup: self.backup,
                force: true,
                follow: false,
                validate: None,
                directory_mode: None,
                checksum: None,
                setting: self.setting.clone(),
            },
        };
        Ok((one.decide(known)?, pick))
    }

    /// By the host itself, from the publisher or the mirror's server.
    fn download(
        &self,
        known: &Known,
        dest: &str,
        arch: Arch,
        args: &Map,
    ) -> Result<(Decision, String), Step> {
        let fail = |d| Step::Fail(Fail::from(d));
        let artifact = self.site.artifact(&self.name).map_err(fail)?;
        let (_, file) = self.site.locked_file(artifact, arch).map_err(fail)?;
        let url = match self.site.mirror.place(&file.url) {
            crate::artifacts::Place::Url(url) => url,
            crate::artifacts::Place::File(_) => file.url.clone(),
        };
        let mut args = args.clone();
        let target = if dest.ends_with('/') {
            join(dest, &file_name(&file.url))
        } else {
            dest.to_owned()
        };
        let sum = format!("sha256:{}", file.sha256);
        for (key, value) in [("url", url), ("dest", target), ("checksum", sum)] {
            args.insert(key.to_owned(), Value::from(value));
        }
        let args = Args::bind(&GET_URL, &args)?;
        let download = verified(&args, self.setting.clone())?;
        Ok((download.decide(known)?, file.sha256.clone()))
    }
}

impl Decide for Artifact {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let dest = self.setting.expand(known, &self.dest)?;
        let arch = self.arch(known, &dest)?;
        let mut own = Map::from_iter([
            ("name".to_owned(), Value::from(self.name.as_str())),
            ("version".to_owned(), Value::from(self.version.as_str())),
            ("arch".to_owned(), Value::from(arch.name())),
        ]);
        let mut decision = match &self.host {
            Some(args) => {
                let (decision, sha256) = self.download(known, &dest, arch, args)?;
                own.insert("sha256".to_owned(), Value::from(sha256));
                decision
            }
            None => {
                let (decision, pick) = self.send(known, &dest, arch)?;
                own.insert("sha256".to_owned(), Value::from(pick.sha256));
                for (key, is) in [("replaced", pick.replaced), ("simulated", pick.simulated)] {
                    if is {
                        own.insert(key.to_owned(), Value::Bool(true));
                    }
                }
                decision
            }
        };
        decision.result = told(&own, std::mem::take(&mut decision.result));
        if let Some(conclude) = decision.conclude.take() {
            decision.conclude = Some(Box::new(move |result, reports| {
                let mut outcome = conclude(result, reports)?;
                outcome.result = told(&own, outcome.result);
                Ok(outcome)
            }));
        }
        Ok(decision)
    }
}

/// Our keys first, then what is left of the others'.
fn told(own: &Map, other: Map) -> Map {
    let mut out = own.clone();
    for (key, value) in other {
        if !FOREIGN.contains(&key.as_str()) {
            out.entry(key).or_insert(value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifacts::{Cache, Content as Locked, Entry, LOCK, Lock, LockedFile, WANTED};
    use crate::host::Algorithm;
    use crate::modules::files::digest::hex_digest;
    use crate::modules::testing::Host;
    use serde_json::json;

    const WISHES: &str = "artifacts:\n  tool:\n    kind: binary\n    version: v1\n    url: https://h/tool-{arch}\n  pack:\n    kind: archive\n    version: v2\n    url: https://h/pack.tar\n";

    fn archive() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(5);
        header.set_mode(0o755);
        tar.append_data(&mut header, "linux-amd64/inner", &b"inner"[..])
            .unwrap();
        tar.into_inner().unwrap()
    }

    /// A host whose control machine has a site: `tool` for amd64 and arm64, and `pack`; the cache has all but arm64's.
    fn host() -> Host {
        let file = |url: &str, bytes: &[u8]| LockedFile {
            url: format!("https://h/{url}"),
            sha256: hex_digest(Algorithm::Sha256, bytes),
            size: Some(bytes.len() as u64),
            from: "a test".into(),
        };
        let entry = |version: &str, files: Vec<(Arch, LockedFile)>| Entry {
            version: version.into(),
            repository: None,
            content: Locked::Files(files.into_iter().collect()),
        };
        let tool = vec![
            (Arch::Amd64, file("tool-amd64", b"tool")),
            (Arch::Arm64, file("tool-arm64", b"for arm")),
        ];
        let pack = vec![(Arch::Any, file("pack.tar", &archive()))];
        let lock = Lock {
            entries: [
                ("tool".into(), entry("v1", tool)),
                ("pack".into(), entry("v2", pack)),
            ]
            .into(),
        };
        let mut host = Host::new()
            .control(WANTED, WISHES)
            .control(LOCK, &lock.text());
        for bytes in [b"tool".to_vec(), archive()] {
            let path = Cache::at("cache").blob(&hex_digest(Algorithm::Sha256, &bytes));
            // archives of these files are text as far as UTF-8 goes
            host = host.control(
                &path.to_string_lossy(),
                std::str::from_utf8(&bytes).unwrap(),
            );
        }
        host.facts.insert("architecture".into(), "x86_64".into());
        host
    }

    #[test]
    fn the_locked_file_is_put_in_place_once() {
        let ran = host().settle(&ARTIFACT, json!({"name": "tool", "dest": "/etc/tool"}));
        insta::assert_snapshot!(ran.shown(), @r"
        changed: true
        result: {'name': 'tool', 'version': 'v1', 'arch': 'amd64', 'sha256': '7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d', 'dest': '/etc/tool', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0755', 'state': 'file', 'size': 4}
        > write /etc/tool a file of 4 bytes mode=0755
        ");
        let ran = host().settle(
            &ARTIFACT,
            json!({"name": "tool", "dest": "/tmp/", "mode": "0700"}),
        );
        insta::assert_snapshot!(ran.shown(), @r"
        changed: true
        result: {'name': 'tool', 'version': 'v1', 'arch': 'amd64', 'sha256': '7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d', 'dest': '/tmp/tool-amd64', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0700', 'state': 'file', 'size': 4}
        > write /tmp/tool-amd64 a file of 4 bytes mode=0700
        ");
        let mut differs = host().file("/etc/tool", 0o755, "an older one");
        let ran = differs.settle(
            &ARTIFACT,
            json!({"name": "tool", "dest": "/etc/tool", "backup": true}),
        );
        insta::assert_snapshot!(ran.shown(), @r"
        changed: true
        result: {'name': 'tool', 'version': 'v1', 'arch': 'amd64', 'sha256': '7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d', 'dest': '/etc/tool', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0755', 'state': 'file', 'size': 4, 'backup_file': '/etc/tool.1.2026-01-02@03:04:05~'}
        > write /etc/tool a file of 4 bytes backup
        ");
    }

    #[test]
    fn a_member_goes_out_alone() {
        let ran = host().settle(
            &ARTIFACT,
            json!({"name": "pack", "member": "linux-{arch}/inner", "dest": "/etc/inner", "mode": "0755"}),
        );
        insta::assert_snapshot!(ran.shown(), @r"
        changed: true
        result: {'name': 'pack', 'version': 'v2', 'arch': 'amd64', 'sha256': '33bf6fbd7cd8379785a21e233d8e09f824e7bab459168a96312c1c882c1d7e1f', 'dest': '/etc/inner', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0755', 'state': 'file', 'size': 5}
        > write /etc/inner a file of 5 bytes mode=0755
        ");
    }

    #[test]
    fn the_kind_of_machine_is_asked_for_when_there_are_no_facts() {
        let mut plain = host().read("uname -m", 0, "x86_64\n");
        plain.facts.clear();
        let ran = plain.settle(&ARTIFACT, json!({"name": "tool", "dest": "/etc/tool"}));
        assert!(ran.outcome.unwrap().changed);
        let mut odd = host().read("uname -m", 0, "vax\n");
        odd.facts.clear();
        let told = odd.apply(&ARTIFACT, json!({"name": "tool", "dest": "/etc/tool"}));
        insta::assert_snapshot!(told.failed(), @"the host is a `vax`, and no artifact is made for that");
    }

    #[test]
    fn what_cannot_be_done_is_told() {
        let told = |machine: &str, args: serde_json::Value| {
            let mut host = host();
            host.facts.insert("architecture".into(), machine.into());
            host.apply(&ARTIFACT, args).failed().to_owned()
        };
        insta::assert_snapshot!(told("x86_64", json!({"name": "tol", "dest": "/etc/t"})), @r"
        there is no artifact `tol` in artifacts.yml
          help: did you mean `tool`?
        ");
        insta::assert_snapshot!(told("s390x", json!({"name": "tool", "dest": "/etc/t"})), @r"
        the artifact `tool` is not locked for s390x
         --> artifacts.yml:2:3
          |
        2 |   tool:
          |   ^^^^
          note: it is locked for amd64, arm64
          help: give it a `url` for s390x in artifacts.yml, then run `hoist artifacts lock tool`
        ");
        insta::assert_snapshot!(told("x86_64", json!({"name": "tool", "dest": "/etc/t", "member": "x"})), @"`tool` is of kind binary, and only an archive has a `member`");
        insta::assert_snapshot!(told("x86_64", json!({"name": "pack", "dest": "/etc/t", "member": "linux-amd64/iner"})), @r"
        there is no `linux-amd64/iner` in the archive
          note: the archive is `pack` v2 for amd64
          help: did you mean `linux-amd64/inner`?
        ");
        assert!(
            told("aarch64", json!({"name": "tool", "dest": "/etc/t"}))
                .contains("is not in the cache")
        );
    }

    #[test]
    fn hosts_download_for_themselves_when_the_inventory_says_so() {
        let mut host = host().control("from_host", "");
        let decision = host
            .decide(
                &ARTIFACT,
                &json!({"name": "tool", "dest": "/etc/tool"}),
                false,
            )
            .unwrap();
        let [crate::host::Action::Run(cmd)] = decision.actions.as_slice() else {
            panic!("{:?}", decision.actions)
        };
        let crate::host::Program::Script { text, .. } = &cmd.program else {
            panic!()
        };
        assert!(
            text.contains(&hex_digest(Algorithm::Sha256, b"tool")) && text.contains("chmod 755")
        );
        // it is there already
        let mut there = host.clone().file("/etc/tool", 0o755, "tool");
        let ran = there.settle(&ARTIFACT, json!({"name": "tool", "dest": "/etc/tool"}));
        insta::assert_snapshot!(ran.shown(), @r"
        changed: false
        result: {'name': 'tool', 'version': 'v1', 'arch': 'amd64', 'sha256': '7c9bbe5ec9b3fb774e8fa0f54247e93c34ddf8e5d16fe3073420de0ae81a262d', 'url': 'https://h/tool-amd64', 'dest': '/etc/tool', 'uid': 0, 'gid': 0, 'owner': 'root', 'group': 'root', 'mode': '0755', 'state': 'file', 'size': 4}
        ");
        // an archive's member goes out from here all the same
        let ran = host.settle(
            &ARTIFACT,
            json!({"name": "pack", "member": "linux-amd64/inner", "dest": "/etc/inner"}),
        );
        assert!(ran.actions[0].starts_with("write"), "{:?}", ran.actions);
    }
}
