//! `ansible.builtin.slurp`: a file's bytes in the result.

use super::setting::Setting;
use crate::host::{FileType, Known, Query};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::Map;
use base64::Engine as _;

/// See Ansible's page of `slurp`.
pub static SLURP: Spec = Spec {
    name: "ansible.builtin.slurp",
    aliases: &[],
    about: "reads a small file of the host into the result",
    free_form: None,
    args: &[&[Arg::path("src", "the file").alias(&["path"]).required()]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("content", "the bytes in Base64"),
        ("encoding", "`base64`"),
        ("source", "the file"),
    ],
    example: "- slurp:\n    src: /etc/machine-id\n  register: id\n- debug:\n    msg: '{{ id.content | b64decode }}'\n",
    run: Run::Bind(bind),
};

struct Slurp {
    src: String,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(Slurp {
        src: args.str("src").to_owned(),
        setting: Setting::of(ctx),
    })))
}

impl Decide for Slurp {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let src = self.setting.expand(known, &self.src)?;
        known.all([Query::stat(&src), Query::Content { path: src.clone() }])?;
        let fail = |why: &str| Err(Fail::new(format!("{why}: {src}")).into());
        match known.stat(&src, true)? {
            None => return fail("File not found"),
            Some(s) if s.kind == FileType::Directory => {
                return fail("Source is a directory and must be a file");
            }
            Some(_) => {}
        }
        let Some(bytes) = known.content(&src)? else {
            return fail("File is not readable");
        };
        let mut result = Map::new();
        result.insert(
            "content".into(),
            base64::engine::general_purpose::STANDARD
                .encode(&bytes)
                .into(),
        );
        result.insert("source".into(), src.into());
        result.insert("encoding".into(), "base64".into());
        Ok(Decision::same(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn bytes_come_in_base64() {
        let mut host = Host::new()
            .file("/etc/f", 0o644, "hi\n")
            .dir("/etc/d", 0o755);
        assert_eq!(
            host.settle(&SLURP, json!({"path": "/etc/f"}))
                .get("content")
                .to_string(),
            "aGkK"
        );
        insta::assert_snapshot!(host.apply(&SLURP, json!({"src": "/etc/none"})).failed(), @"File not found: /etc/none");
        insta::assert_snapshot!(host.apply(&SLURP, json!({"src": "/etc/d"})).failed(), @"Source is a directory and must be a file: /etc/d");
    }
}
