//! `ansible.builtin.template`: a file rendered here and put in place there.

use super::attrs::{FILE_ARGS, Wanted};
use super::copy::RETURNS;
use super::copy_one::{One, Options, checked_validate, preserve};
use super::place::Source;
use super::setting::Setting;
use crate::modules::{Arg, Args, Bound, CheckSupport, Context, Fail, Run, Spec};
use crate::value::Map;

/// See Ansible's page of `template`.
pub static TEMPLATE: Spec = Spec {
    name: "ansible.builtin.template",
    aliases: &[],
    about: "renders a template with the host's variables and puts it in place",
    free_form: None,
    args: &[
        OPTIONS,
        &[
            Arg::path("dest", "where it goes").required(),
            Arg::bool("backup", "keep a dated copy of a file that is replaced").default("false"),
            Arg::bool("force", "replace what differs; `false` only creates").default("true"),
            Arg::bool("follow", "write through a symbolic link at `dest`").default("false"),
            Arg::str(
                "validate",
                "a command that must accept the new file, with `%s` in its place",
            ),
        ],
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: RETURNS,
    example: "- template:\n    src: app.conf.j2\n    dest: /etc/app.conf\n    mode: '0640'\n  notify: restart app\n",
    run: Run::Bind(bind),
};

/// The arguments that concern rendering.
static OPTIONS: &[Arg] = &[
    Arg::str("src", "the template, looked for in `templates`").required(),
    Arg::str("newline_sequence", "what ends a line")
        .default("\\n")
        .choices(&["\\n", "\\r", "\\r\\n", "\n", "\r", "\r\n"]),
    Arg::str("block_start_string", "begins a statement").default("{%"),
    Arg::str("block_end_string", "ends a statement").default("%}"),
    Arg::str("variable_start_string", "begins an expression").default("{{"),
    Arg::str("variable_end_string", "ends an expression").default("}}"),
    Arg::str("comment_start_string", "begins a comment"),
    Arg::str("comment_end_string", "ends a comment"),
    Arg::bool("trim_blocks", "drop the line end after a statement").default("true"),
    Arg::bool("lstrip_blocks", "drop blanks before a statement").default("false"),
    Arg::str("output_encoding", "how the file is encoded").default("utf-8"),
];

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let path = ctx.files.find("templates", args.str("src"))?;
    let options: Map = OPTIONS
        .iter()
        .filter_map(|a| Some((a.name.to_owned(), args.raw(a.name)?.clone())))
        .collect();
    let text = ctx.files.render(&path, &options)?;
    let bytes = encode(text, args.str("output_encoding"))?;
    let mut wanted = Wanted::of(args)?;
    preserve(&mut wanted, &path)?;
    Ok(Bound::Decide(Box::new(One {
        source: Source::bytes(bytes),
        name: path.file_name().map(|n| n.to_string_lossy().into_owned()),
        origin: path.to_string_lossy().into_owned(),
        wanted,
        options: Options {
            dest: args.str("dest").to_owned(),
            backup: args.bool("backup"),
            force: args.bool("force"),
            follow: args.bool("follow"),
            validate: checked_validate(args)?,
            directory_mode: None,
            checksum: None,
            setting: Setting::of(ctx),
        },
    })))
}

fn encode(text: String, encoding: &str) -> Result<Vec<u8>, Fail> {
    let most = match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => return Ok(text.into_bytes()),
        "ascii" | "us-ascii" => 0x7f,
        "latin-1" | "latin1" | "iso-8859-1" => 0xff,
        _ => {
            return Err(Fail::new(format!(
                "output_encoding `{encoding}` is not supported: utf-8, ascii and latin-1 are"
            )));
        }
    };
    let byte = |c: char| u8::try_from(c as u32).ok().filter(|b| *b <= most);
    text.chars()
        .map(|c| byte(c).ok_or_else(|| Fail::new(format!("`{c}` cannot be written in {encoding}"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::json;

    #[test]
    fn a_template_is_rendered_and_put_in_place() {
        let mut host = Host::new()
            .control("templates/t.j2", "v={{ x }}\n")
            .file("/etc/t", 0o644, "v=1\n");
        let ran = host.settle(
            &TEMPLATE,
            json!({"src": "t.j2", "dest": "/etc/t", "mode": 0o600}),
        );
        let shown = ran.shown();
        assert!(
            shown.contains("--- /etc/t\nv=1\n+++ ") && shown.contains("v=X\n"),
            "{shown}"
        );
        assert_eq!(
            (host.text("/etc/t").as_str(), host.nodes["/etc/t"].mode),
            ("v=X\n", 0o600)
        );
        assert!(
            !host
                .settle(
                    &TEMPLATE,
                    json!({"src": "t.j2", "dest": "/etc/t", "mode": 0o600})
                )
                .changed()
        );
    }

    #[test]
    fn encodings() {
        assert_eq!(encode("é".into(), "latin-1").unwrap(), b"\xe9");
        insta::assert_snapshot!(encode("é".into(), "ascii").unwrap_err().msg, @"`é` cannot be written in ascii");
        insta::assert_snapshot!(encode("é".into(), "ebcdic").unwrap_err().msg, @"output_encoding `ebcdic` is not supported: utf-8, ascii and latin-1 are");
    }
}
