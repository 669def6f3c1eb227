//! `community.general.pam_limits`: one limit in limits.conf(5).

use super::edit::{Editor, lines};
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use crate::value::Map;

/// See the page of `community.general.pam_limits`.
pub static PAM_LIMITS: Spec = Spec {
    name: "community.general.pam_limits",
    aliases: &[],
    about: "sets a limit of users or groups in limits.conf",
    free_form: None,
    args: &[&[
        Arg::str("domain", "a user, `@group`, `*` …").required(),
        Arg::str("limit_type", "which of the two, `-` for both")
            .required()
            .choices(&["hard", "soft", "-"]),
        Arg::str("limit_item", "what is limited")
            .required()
            .choices(&[
                "core",
                "data",
                "fsize",
                "memlock",
                "nofile",
                "rss",
                "stack",
                "cpu",
                "nproc",
                "as",
                "maxlogins",
                "maxsyslogins",
                "priority",
                "locks",
                "sigpending",
                "msgqueue",
                "nice",
                "rtprio",
                "chroot",
            ]),
        Arg::str("value", "the limit, or `unlimited`").required(),
        Arg::bool("backup", "keep a dated copy of the old file").default("false"),
        Arg::bool("use_min", "keep the smaller of both values").default("false"),
        Arg::bool("use_max", "keep the larger of both values").default("false"),
        Arg::path("dest", "the file").default("/etc/security/limits.conf"),
        Arg::str("comment", "a remark behind the limit").default(""),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("msg", "the line"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- community.general.pam_limits:\n    domain: '*'\n    limit_type: '-'\n    limit_item: nofile\n    value: '65536'\n",
    run: Run::Bind(bind),
};

struct PamLimits {
    head: [String; 3],
    value: String,
    smaller: bool,
    larger: bool,
    comment: String,
    editor: Editor,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let (smaller, larger) = (args.bool("use_min"), args.bool("use_max"));
    if smaller && larger {
        return Err(Fail::new(
            "Cannot use use_min and use_max at the same time.",
        ));
    }
    let (item, value) = (args.str("limit_item"), args.str("value"));
    let fine = match item {
        "nice" | "priority" => value.parse::<i32>().is_ok_and(|v| (-20..=19).contains(&v)),
        _ => endless(value) || (!value.is_empty() && value.chars().all(|c| c.is_ascii_digit())),
    };
    if !fine {
        return Err(Fail::new(format!(
            "`{value}` is no value for `{item}`: see limits.conf(5)"
        )));
    }
    Ok(Bound::Decide(Box::new(PamLimits {
        head: [args.str("domain"), args.str("limit_type"), item].map(str::to_owned),
        value: value.to_owned(),
        smaller,
        larger,
        comment: args.str("comment").to_owned(),
        editor: Editor::of(args, "dest", Setting::of(ctx))?,
    })))
}

fn endless(value: &str) -> bool {
    matches!(value, "unlimited" | "infinity" | "-1")
}

impl PamLimits {
    fn line(&self, value: &str, comment: &str) -> String {
        let comment = if comment.is_empty() {
            String::new()
        } else {
            format!("\t#{comment}")
        };
        format!("{}\t{value}{comment}\n", self.head.join("\t"))
    }

    /// The value to have, given the one that is there.
    fn merged(&self, there: &str) -> String {
        let number = |v: &str| {
            if endless(v) {
                i64::MAX
            } else {
                v.parse().unwrap_or(0)
            }
        };
        let (a, b) = (number(&self.value), number(there));
        let keep = (self.larger && b >= a) || (self.smaller && b <= a);
        if keep {
            there.to_owned()
        } else {
            self.value.clone()
        }
    }

    fn edit(&self, text: &str) -> (String, String) {
        let mut all = lines(text);
        let mut message = None;
        for line in &mut all {
            if line.starts_with('#') {
                continue;
            }
            let (bare, remark) = line
                .split_once('#')
                .map_or((line.as_str(), ""), |(b, r)| (b, r.trim_end_matches('\n')));
            let fields: Vec<&str> = bare.split_whitespace().collect();
            if fields.len() != 4 || fields[..3] != self.head {
                continue;
            }
            let value = self.merged(fields[3]);
            if value != fields[3] {
                let comment = if self.comment.is_empty() {
                    remark
                } else {
                    &self.comment
                };
                *line = self.line(&value, comment);
            }
            message = Some(line.clone());
        }
        let message = message.unwrap_or_else(|| {
            if let Some(last) = all.last_mut().filter(|l| !l.ends_with('\n')) {
                last.push('\n');
            }
            let line = self.line(&self.value, &self.comment);
            all.push(line.clone());
            line
        });
        (all.concat(), message)
    }
}

impl Decide for PamLimits {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let loaded = self.editor.load(known)?;
        let (text, _) = loaded.text();
        let (new, message) = self.edit(&text);
        let edited = self.editor.decide(
            known,
            &loaded,
            (new != text).then(|| new.clone().into_bytes()),
        )?;
        let mut result = Map::new();
        result.insert("msg".into(), message.into());
        let diff = (self.editor.setting.diff && edited.written).then(|| Diff {
            before_header: loaded.path.clone(),
            after_header: loaded.path.clone(),
            before: text,
            after: new,
        });
        Ok(edited.finish(result, "backup_file", false, diff.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    #[test]
    fn limits() {
        for (before, more, after) in [
            ("", json!({"value": "10"}), "*\t-\tnofile\t10\n"),
            (
                "# x\n* - nofile 5 # r\n",
                json!({"value": "10"}),
                "# x\n*\t-\tnofile\t10\t# r\n",
            ),
            ("* - nofile 5\n", json!({"value": 5}), "* - nofile 5\n"),
            (
                "* - nofile 50\n",
                json!({"value": "10", "use_max": true}),
                "* - nofile 50\n",
            ),
            (
                "* - nofile unlimited\n",
                json!({"value": "10", "use_min": true, "comment": "c"}),
                "*\t-\tnofile\t10\t#c\n",
            ),
        ] {
            let mut args: Json =
                json!({"domain": "*", "limit_type": "-", "limit_item": "nofile", "dest": "/etc/l"});
            args.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let mut host = Host::new().file("/etc/l", 0o644, before);
            host.settle(&PAM_LIMITS, args);
            assert_eq!(host.text("/etc/l"), after, "{more}");
        }
        let said = Host::new()
            .apply(
                &PAM_LIMITS,
                json!({"domain": "*", "limit_type": "-", "limit_item": "nofile", "value": "many"}),
            )
            .failed()
            .to_owned();
        insta::assert_snapshot!(said, @"`many` is no value for `nofile`: see limits.conf(5)");
    }
}
