//! `ansible.builtin.uri`: a request that the host makes.

use super::attrs::{FILE_ARGS, Wanted};
use super::http::{Request, URL_ARGS, absolute, file_name, headers, reason};
use super::mode::Mode;
use super::setting::Setting;
use super::uri_body::Body;
use crate::host::{Action, Known, Query, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Outcome, Rule, Run,
    Spec, Step,
};
use crate::value::{Map, Value};

/// See Ansible's page of `uri`.
pub static URI: Spec = Spec {
    name: "ansible.builtin.uri",
    aliases: &[],
    about: "has the host make a request, with curl or wget",
    free_form: None,
    args: &[
        &[
            Arg::str("method", "the method, in upper case").default("GET"),
            Arg::of(
                "body",
                Kind::Raw,
                "what is sent; lists and mappings as `body_format` says",
            ),
            Arg::str("body_format", "how the body is written")
                .default("raw")
                .choices(&["form-multipart", "form-urlencoded", "json", "raw"]),
            Arg::str("src", "a file to send"),
            Arg::bool("remote_src", "`src` is on the host").default("false"),
            Arg::path("dest", "a file or directory for what is received"),
            Arg::bool("return_content", "give the body back as `content`").default("false"),
            Arg::list("status_code", "the answers that are no failure").default("200"),
            Arg::str("follow_redirects", "which redirects are followed")
                .default("safe")
                .choices(&["all", "none", "safe", "urllib2", "yes", "no"]),
            Arg::path("creates", "nothing is asked when this path is there"),
            Arg::path("removes", "nothing is asked when this path is not there"),
            Arg::int("timeout", "seconds without a byte until it is given up").default("30"),
            Arg::path("unix_socket", "a socket to talk to"),
            Arg::path("ca_path", "a file or directory of certificates to trust"),
            Arg::str("url_username", "user").alias(&["user"]),
            Arg::str("url_password", "password")
                .alias(&["password"])
                .secret(),
        ],
        URL_ARGS,
        FILE_ARGS,
    ],
    rules: &[Rule::Exclusive(&["body", "src"])],
    check: CheckSupport::Skipped,
    returns: &[
        ("status", "the server's answer"),
        ("url", "the address, after redirects"),
        ("redirected", "whether there were any"),
        ("msg", "the answer in words"),
        ("content", "the body, with `return_content`"),
        (
            "json",
            "the body read as JSON, when the server says that it is",
        ),
        ("elapsed", "seconds it took"),
        ("cookies", "cookies by name"),
        ("cookies_string", "the same as text"),
        ("path", "the file written, with `dest`"),
        (
            "content_type",
            "and every other header, in lower case with `_`",
        ),
    ],
    example: "- uri:\n    url: http://localhost:8080/health\n    return_content: true\n  register: health\n  until: health.status == 200\n  retries: 10\n  delay: 3\n",
    run: Run::Bind(bind),
};

struct Uri {
    request: Request,
    statuses: Vec<i64>,
    content: bool,
    dest: Option<String>,
    force: bool,
    creates: Option<String>,
    removes: Option<String>,
    remote: Option<String>,
    wanted: Wanted,
    setting: Setting,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    let mut request = Request::of(args, args.str("url"))?;
    request.method = args.str("method").to_ascii_uppercase();
    if request.method.is_empty() || !request.method.chars().all(|c| c.is_ascii_uppercase()) {
        return Err(Fail::new(
            "Parameter 'method' needs to be a single word in uppercase, like GET or POST.",
        ));
    }
    let safe = matches!(request.method.as_str(), "GET" | "HEAD");
    request.follow = match args.str("follow_redirects") {
        "none" | "no" => false,
        "safe" => safe,
        _ => true,
    };
    request.ca = own("ca_path");
    request.socket = own("unix_socket");
    let body = Body::of(args, ctx)?;
    if let Some(kind) = &body.kind {
        request.header("Content-Type", kind);
    }
    request.body = body.bytes;
    let mut remote = None;
    if let Some(src) = own("src") {
        if args.bool("remote_src") {
            remote = Some(src);
            request.body = Some(Vec::new());
        } else {
            let path = ctx.files.find("files", &src)?;
            request.body = Some(ctx.files.read(&path, true)?.to_vec());
        }
    }
    if request.body.is_some()
        && !args
            .dict("headers")
            .is_some_and(|h| h.keys().any(|k| k.eq_ignore_ascii_case("content-type")))
    {
        // What urllib sends with a body that has no type; curl would do the same.
        request.header("Content-Type", "application/x-www-form-urlencoded");
    }
    let mut statuses = Vec::new();
    for code in args.list("status_code") {
        statuses.push(
            code.trim()
                .parse()
                .map_err(|_| Fail::new(format!("status_code `{code}` is not a number")))?,
        );
    }
    let wanted = Wanted::of(args)?;
    if wanted.mode == Some(Mode::Preserve) {
        return Err(Fail::new(
            "mode must be in octal or symbolic form, not `preserve`",
        ));
    }
    Ok(Bound::Decide(Box::new(Uri {
        request,
        statuses,
        content: args.bool("return_content"),
        dest: own("dest"),
        force: args.bool("force"),
        creates: own("creates"),
        removes: own("removes"),
        remote,
        wanted,
        setting: Setting::of(ctx),
    })))
}

impl Decide for Uri {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let skip = |why: String| {
            let mut result = Map::new();
            result.insert("stdout".into(), why.into());
            Ok(Decision::same(result))
        };
        for (path, wanted) in [(&self.creates, true), (&self.removes, false)] {
            if let Some(path) = path {
                let path = self.setting.expand(known, path)?;
                if known.stat(&path, true)?.is_some() == wanted {
                    return skip(format!(
                        "skipped, since '{path}' {}",
                        if wanted { "exists" } else { "does not exist" }
                    ));
                }
            }
        }
        let dest = self
            .dest
            .as_ref()
            .map(|d| self.setting.expand(known, d))
            .transpose()?;
        let mut rest = String::from(
            "out() { printf '%s\\t%s\\n' \"$1\" \"$2\"; }\nout code \"$code\"; out final \"$final\"; out err \"$err\"; sed 's/^/head\t/' \"$d/head\"\n",
        );
        let mut since = String::new();
        if let Some(dest) = &dest {
            known.all([Query::stat(dest)])?;
            let stat = known.stat(dest, true)?;
            self.wanted.at(
                known,
                &self.setting,
                dest,
                stat,
                crate::host::FileType::File,
            )?;
            if stat.is_some() && !self.force {
                since = format!("\"$( [ -f {0} ] && echo {0} )\"", quote::path(dest));
            }
            let codes: Vec<String> = self.statuses.iter().map(ToString::to_string).collect();
            rest += &format!(
                "f={}; [ ! -d \"$f\" ] || f=$f/{}\nout path \"$f\"\n",
                quote::path(dest),
                quote::word(&file_name(self.request.shown()))
            );
            rest += &format!(
                "case \"$code\" in 304) ;; {}) m=666; [ ! -e \"$f\" ] || m=$(stat -L -c %a \"$f\")\n",
                if codes.is_empty() {
                    "200".into()
                } else {
                    codes.join("|")
                }
            );
            rest += "t=$(mktemp \"${f%/*}/.${f##*/}.hoist.XXXXXX\") && cat \"$d/body\" >\"$t\" || exit 92\n\
                     [ $m != 666 ] && chmod $m \"$t\" || chmod \"$(printf %o $((0666 & ~0$mask)))\" \"$t\"\n";
            for (tool, value) in [
                ("chown", self.wanted.owner.clone()),
                ("chgrp", self.wanted.group.clone()),
                ("chmod", self.wanted.mode.as_ref().map(ToString::to_string)),
                ("chattr", self.wanted.flags.clone()),
            ] {
                if let Some(value) = value {
                    rest += &format!("{tool} {} \"$t\" || exit 92\n", quote::word(&value));
                }
            }
            rest += &self.wanted.label.script("\"$t\"", "\"$f\"");
            rest += "mv -f \"$t\" \"$f\" || exit 92; t=; out changed 1;; esac\n";
        }
        rest += "printf 'body\\t\\n'; cat \"$d/body\"\n";
        let mut cmd = self.request.command(&since, &rest);
        if let crate::host::Program::Script { text, .. } = &mut cmd.program {
            let mut head = String::from("mask=$(umask)\n");
            if let Some(src) = &self.remote {
                let src = self.setting.expand(known, src)?;
                head += &format!(
                    "[ -r {0} ] || {{ echo 'Unable to open source file '{0} >&2; exit 92; }}\n",
                    quote::path(&src)
                );
                *text = text.replacen(
                    "cat >\"$d/send\"",
                    &format!("cat {} >\"$d/send\"", quote::path(&src)),
                    1,
                );
            }
            *text = head + text;
        }
        cmd.env.clone_from(&self.setting.environment);
        if dest.is_none() {
            cmd.touches = crate::host::Touches::Nothing;
        }
        let (statuses, content, url) = (
            self.statuses.clone(),
            self.content,
            self.request.shown().to_owned(),
        );
        Ok(Decision {
            actions: vec![Action::Run(cmd)],
            opaque: true,
            conclude: Some(Box::new(move |_, reports| {
                conclude(&reports, &statuses, content, &url)
            })),
            ..Decision::default()
        })
    }
}

fn conclude(
    reports: &[Report],
    statuses: &[i64],
    content: bool,
    url: &str,
) -> Result<Outcome, Fail> {
    super::place::first_failure(reports)?;
    let Some(report) = reports.first() else {
        return Err(Fail::new("nothing was run"));
    };
    let (said, body) = report
        .stdout
        .split_once("body\t\n")
        .unwrap_or((&report.stdout, ""));
    let said: Vec<(&str, &str)> = said.lines().filter_map(|l| l.split_once('\t')).collect();
    let get = |key: &str| {
        said.iter()
            .find(|(k, _)| *k == key)
            .map(|(_, v)| *v)
            .filter(|v| !v.is_empty())
    };
    let head: String = said
        .iter()
        .filter(|(k, _)| *k == "head")
        .map(|(_, v)| format!("{v}\n"))
        .collect();
    let code: i64 = get("code").and_then(|c| c.parse().ok()).unwrap_or(-1);
    let fields = headers(&head);
    let mut result = Map::new();
    let last = absolute(url, get("final").unwrap_or(url));
    result.insert(
        "redirected".into(),
        (last.trim_end_matches('/') != url.trim_end_matches('/')).into(),
    );
    result.insert("url".into(), last.into());
    result.insert("status".into(), code.into());
    let cookies = cookies(
        fields
            .get("set-cookie")
            .map(ToString::to_string)
            .unwrap_or_default()
            .as_str(),
    );
    result.insert(
        "cookies_string".into(),
        cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join("; ")
            .into(),
    );
    result.insert("cookies".into(), Value::map(cookies));
    let msg = match code {
        -1 => format!("Request failed: {}", get("err").unwrap_or("no answer")),
        200..=299 => format!(
            "OK ({} bytes)",
            fields
                .get("content-length")
                .map_or("unknown".into(), ToString::to_string)
        ),
        _ => format!("HTTP Error {code}: {}", reason(&head)),
    };
    result.insert("msg".into(), msg.clone().into());
    for (name, value) in &fields {
        result
            .entry(name.replace('-', "_"))
            .or_insert_with(|| value.clone());
    }
    result.insert(
        "elapsed".into(),
        ((report.time.1 - report.time.0).max(0.0) as i64).into(),
    );
    let kind = fields
        .get("content-type")
        .map(ToString::to_string)
        .unwrap_or_default();
    let subtype = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .rsplit(['/', '+'])
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    if matches!(subtype.as_str(), "json" | "javascript")
        && report.dropped.0 == 0
        && let Ok(json) = serde_json::from_str::<serde_json::Value>(body)
    {
        result.insert("json".into(), json.into());
    }
    if content {
        result.insert("content".into(), body.into());
    }
    if let Some(path) = get("path") {
        result.insert("path".into(), path.into());
    }
    if !statuses.contains(&code) {
        let shown = statuses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        return Err(Fail {
            msg: format!("Status code was {code} and not [{shown}]: {msg}"),
            result,
        });
    }
    if content && report.dropped.0 > 0 {
        return Err(Fail {
            msg: format!(
                "the reply is too long for `return_content`: {} bytes too many; use `dest`",
                report.dropped.0
            ),
            result: Map::new(),
        });
    }
    Ok(Outcome {
        changed: get("changed").is_some(),
        result,
        ..Outcome::default()
    })
}

/// Name and value of the cookies in one joined `Set-Cookie` header. A comma before `name=` begins the next cookie.
fn cookies(header: &str) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> = Vec::new();
    let mut start = 0;
    let mut parts = Vec::new();
    for (at, _) in header.match_indices(',') {
        let rest = header[at + 1..].trim_start();
        let name = rest.split(['=', ';', ',', ' ']).next().unwrap_or_default();
        if rest[name.len()..].starts_with('=') {
            parts.push(&header[start..at]);
            start = at + 1;
        }
    }
    parts.push(&header[start..]);
    for part in parts {
        if let Some((name, value)) = part.split(';').next().unwrap_or_default().split_once('=') {
            out.push((
                name.trim().to_owned(),
                value.trim().trim_matches('"').into(),
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{Host, Server, perform};
    use serde_json::{Value as Json, json};

    fn real(mut args: Json, server: &Server) -> Result<Outcome, Fail> {
        args["url"] = format!("{}{}", server.url, args["url"].as_str().unwrap_or_default()).into();
        let mut decision = Host::real().decide(&URI, &args, false)?;
        let Some(Action::Run(cmd)) = decision.actions.first() else {
            return Ok(Outcome {
                result: decision.result,
                ..Outcome::default()
            });
        };
        decision.conclude.take().unwrap()(decision.result, vec![perform(cmd)])
    }

    #[test]
    fn requests_and_what_they_give() {
        let server = Server::start(&[
            (
                "/j",
                "200 OK",
                "Content-Type: application/json; charset=utf-8\r\nSet-Cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\nSet-Cookie: b=2\r\nX-Some-Thing: y\r\n",
                "{\"ok\": [1]}\n",
            ),
            ("/r", "302 Found", "Location: /j\r\n", ""),
            ("/bad", "503 Service Unavailable", "", "busy"),
        ]);
        let o = real(json!({"url": "/j", "return_content": true}), &server).unwrap();
        let shown = |o: &Map, keys: &[&str]| {
            keys.iter()
                .map(|k| format!("{k}={}", o.get(*k).cloned().unwrap_or_default()))
                .collect::<Vec<_>>()
                .join("\n")
        };
        insta::assert_snapshot!(shown(&o.result, &["status", "msg", "json", "content", "content_type", "cookies", "cookies_string", "x_some_thing", "redirected", "elapsed"]), @r#"
        status=200
        msg=OK (12 bytes)
        json={'ok': [1]}
        content={"ok": [1]}

        content_type=application/json; charset=utf-8
        cookies={'a': '1', 'b': '2'}
        cookies_string=a=1; b=2
        x_some_thing=y
        redirected=False
        elapsed=2
        "#);
        assert!(!o.changed && !o.result.contains_key("path"));
        let o = real(json!({"url": "/r"}), &server).unwrap();
        assert_eq!(
            (o.result["redirected"].clone(), o.result.get("content")),
            (true.into(), None)
        );
        assert_eq!(
            real(
                json!({"url": "/r", "follow_redirects": "none", "status_code": [302]}),
                &server
            )
            .unwrap()
            .result["status"],
            302.into()
        );
        let fail = real(json!({"url": "/bad"}), &server).unwrap_err();
        insta::assert_snapshot!(fail.msg, @"Status code was 503 and not [200]: HTTP Error 503: Service Unavailable");
        assert_eq!(fail.result["status"], 503.into());
        let fail = real(
            json!({"url": "/bad", "status_code": "200,201", "return_content": true}),
            &server,
        )
        .unwrap_err();
        assert_eq!(fail.result["content"].to_string(), "busy");
    }

    #[test]
    fn bodies() {
        let server = Server::start(&[("/p", "201 Created", "", "")]);
        real(json!({"url": "/p", "method": "post", "body": {"a": [1, null]}, "body_format": "json", "status_code": 201, "headers": {"X-T": "q\"\\"}, "user": "u", "password": "p:w"}), &server).unwrap();
        real(json!({"url": "/p", "method": "PUT", "body": {"a b": ["1", "é&"], "c": "d"}, "body_format": "form-urlencoded", "status_code": 201}), &server).unwrap();
        let seen = server.requests();
        let lower = |i: usize| seen[i].to_lowercase();
        assert!(
            seen[0].starts_with("POST /p ") && seen[0].ends_with(r#"{"a": [1, null]}"#),
            "{}",
            seen[0]
        );
        assert!(
            lower(0).contains("content-type: application/json")
                && seen[0].contains("X-T: q\"\\\r\n")
                && seen[0].contains("Basic dTpwOnc=")
        );
        assert!(
            seen[1].starts_with("PUT /p ") && seen[1].ends_with("a+b=1&a+b=%C3%A9%26&c=d"),
            "{}",
            seen[1]
        );
    }

    #[test]
    fn nothing_there_and_nothing_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(&[("/f", "200 OK", "", "text")]);
        let at = |n: &str| dir.path().join(n).to_string_lossy().into_owned();
        let o = real(
            json!({"url": "/f", "dest": at("x"), "mode": "0640"}),
            &server,
        )
        .unwrap();
        assert!(o.changed && std::fs::read_to_string(at("x")).unwrap() == "text");
        let o = real(json!({"url": "/f", "creates": at("x")}), &server).unwrap();
        assert_eq!(
            o.result["stdout"].to_string(),
            format!("skipped, since '{}' exists", at("x"))
        );
        let fail = Host::real()
            .decide(&URI, &json!({"url": "http://127.0.0.1:1/"}), false)
            .map(|mut d| {
                let Action::Run(cmd) = &d.actions[0] else {
                    panic!()
                };
                d.conclude.take().unwrap()(Map::new(), vec![perform(cmd)]).unwrap_err()
            });
        let fail = fail.unwrap_or_else(|f| f);
        assert!(
            fail.msg
                .starts_with("Status code was -1 and not [200]: Request failed: "),
            "{}",
            fail.msg
        );
    }
}
