//! What `uri` sends, and what it is.

use super::copy_one::json_text;
use super::digest::hex_digest;
use super::setting::basename;
use crate::host::Algorithm;
use crate::modules::{Args, Context, Fail};
use crate::value::{Map, Value};
use base64::Engine as _;

/// A body and its type.
pub struct Body {
    /// `Content-Type`, where the format says it.
    pub kind: Option<String>,
    /// Nothing when the task has no body.
    pub bytes: Option<Vec<u8>>,
}

impl Body {
    /// From `body` and `body_format`.
    ///
    /// # Errors
    /// A body that cannot be written so; a file that is not there.
    pub fn of(args: &Args, ctx: &Context<'_>) -> Result<Self, Fail> {
        let body = args.raw("body").filter(|b| **b != Value::Null);
        let typed = |kind: &str, bytes| Self {
            kind: Some(kind.to_owned()),
            bytes,
        };
        Ok(match (args.str("body_format"), body) {
            ("json", body) => {
                let text = body.map(|b| match b {
                    Value::Str(text) => text.to_string(),
                    other => json_text(other),
                });
                typed("application/json", text.map(String::into_bytes))
            }
            ("form-urlencoded", body) => {
                let text = body.map(form).transpose()?;
                typed(
                    "application/x-www-form-urlencoded",
                    text.map(String::into_bytes),
                )
            }
            ("form-multipart", Some(Value::Map(fields))) => {
                let (kind, bytes) = multipart(fields, args.bool("remote_src"), ctx)?;
                typed(&kind, Some(bytes))
            }
            ("form-multipart", _) => {
                return Err(Fail::new(
                    "failed to parse body as form-multipart: it must be a mapping",
                ));
            }
            (_, body) => Self {
                kind: None,
                bytes: body.map(|b| b.to_string().into_bytes()),
            },
        })
    }
}

/// A form of several parts (RFC 7578): texts, and mappings with `filename`, `content`, `mime_type`, `multipart_encoding`.
fn multipart(fields: &Map, remote: bool, ctx: &Context<'_>) -> Result<(String, Vec<u8>), Fail> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for (name, value) in fields {
        let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name)?);
        let mut encoding = None;
        let (kind, content) = match value {
            Value::Map(map) => {
                let get = |key: &str| {
                    let value = map.get(key).filter(|v| **v != Value::Null);
                    value.map(ToString::to_string).filter(|v| !v.is_empty())
                };
                let file = get("filename");
                if let Some(file) = &file {
                    head += &format!("; filename=\"{}\"", quoted(basename(file))?);
                }
                let kind = get("mime_type")
                    .unwrap_or_else(|| guessed(file.as_deref().unwrap_or_default()).to_owned());
                let content = match (get("content"), file) {
                    (Some(content), _) => content.into_bytes(),
                    (None, Some(_)) if remote => {
                        return Err(Fail::new(format!(
                            "`{name}`: files of a form are read here; with `remote_src` they cannot be"
                        )));
                    }
                    (None, Some(file)) => {
                        let path = ctx.files.find("files", &file)?;
                        let bytes = ctx.files.read(&path, true)?;
                        match get("multipart_encoding").as_deref() {
                            None | Some("base64") => {
                                encoding = Some("base64");
                                lines(&base64::engine::general_purpose::STANDARD.encode(&bytes))
                            }
                            Some("7or8bit") => {
                                encoding = Some("8bit");
                                bytes.to_vec()
                            }
                            Some(other) => {
                                return Err(Fail::new(format!(
                                    "multipart_encoding must be one of base64, 7or8bit, not `{other}`"
                                )));
                            }
                        }
                    }
                    (None, None) => {
                        return Err(Fail::new(format!(
                            "`{name}`: at least one of filename or content must be provided"
                        )));
                    }
                };
                (kind, content)
            }
            Value::List(_) | Value::Null => {
                return Err(Fail::new(format!(
                    "`{name}`: value must be a string, or mapping, cannot be {}",
                    value.kind()
                )));
            }
            text => ("text/plain".to_owned(), text.to_string().into_bytes()),
        };
        let encoding = encoding.map_or_else(String::new, |e| {
            format!("Content-Transfer-Encoding: {e}\r\n")
        });
        let mut part = format!(
            "Content-Type: {}\r\n{encoding}{head}\r\n\r\n",
            quoted(&kind)?
        )
        .into_bytes();
        part.extend(content);
        part.extend(b"\r\n");
        parts.push(part);
    }
    // What is in the parts cannot know their digest.
    let boundary = format!("hoist-{}", hex_digest(Algorithm::Sha256, &parts.concat()));
    let mut out = Vec::new();
    for part in parts {
        out.extend(format!("--{boundary}\r\n").into_bytes());
        out.extend(part);
    }
    out.extend(format!("--{boundary}--\r\n").into_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), out))
}

/// A text in a header of a part.
fn quoted(text: &str) -> Result<String, Fail> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(Fail::new(format!("{text:?} must be one line")));
    }
    Ok(text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn lines(text: &str) -> Vec<u8> {
    let rows: Vec<&[u8]> = text.as_bytes().chunks(76).collect();
    rows.join(&b"\r\n"[..])
}

/// The type of a file by its name.
fn guessed(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    match end.to_lowercase().as_str() {
        "txt" | "log" => "text/plain",
        "htm" | "html" => "text/html",
        "csv" => "text/csv",
        "css" => "text/css",
        "xml" => "text/xml",
        "js" => "text/javascript",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "tar" => "application/x-tar",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// A body as a form: a mapping, or a list of pairs; a value that is a list stands once for each of its items.
fn form(body: &Value) -> Result<String, Fail> {
    let pairs: Vec<(String, Value)> = match body {
        Value::Map(map) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        Value::List(items) => {
            let pair = |item: &Value| match item.as_list() {
                Some([key, value]) => Ok((key.to_string(), value.clone())),
                _ => Err(Fail::new(
                    "failed to parse body as form_urlencoded: a list must hold pairs",
                )),
            };
            items.iter().map(pair).collect::<Result<_, _>>()?
        }
        other => return Ok(other.to_string()),
    };
    let quoted = |text: &str| {
        percent_encoding::utf8_percent_encode(text, FORM)
            .to_string()
            .replace("%20", "+")
    };
    let mut out = Vec::new();
    for (key, value) in &pairs {
        let values = match value {
            Value::List(items) => items.to_vec(),
            other => vec![other.clone()],
        };
        out.extend(
            values
                .iter()
                .filter(|v| **v != Value::Null)
                .map(|v| format!("{}={}", quoted(key), quoted(&v.to_string()))),
        );
    }
    Ok(out.join("&"))
}

/// What `urllib.parse.quote_plus` leaves alone.
const FORM: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::super::uri::URI;
    use crate::modules::testing::{Host, Server, real_act, show};
    use serde_json::json;

    #[test]
    fn forms_of_several_parts() {
        let server = Server::start(&[("/p", "200 OK", "", "")]);
        let body = json!({
            "plain": "a\"b",
            "text": {"content": "{}", "mime_type": "application/json"},
            "file": {"filename": "up/x.txt", "multipart_encoding": "7or8bit"},
            "bin": {"filename": "up/x.txt", "mime_type": "a/b"},
        });
        let args = json!({"url": format!("{}/p", server.url), "method": "POST", "body": body, "body_format": "form-multipart"});
        let mut host = Host::real().control("files/up/x.txt", "hi\n");
        let decision = host.decide(&URI, &args, false).unwrap();
        for action in &decision.actions {
            assert_eq!(real_act(action).rc, 0, "{}", show(action));
        }
        let seen = server.requests().concat();
        let (_, boundary) = seen.split_once("boundary=").unwrap();
        let boundary = boundary.split("\r\n").next().unwrap();
        let at = seen.find("--hoist-").unwrap();
        insta::assert_snapshot!(seen[at..].replace(boundary, "B").replace('\r', ""), @r#"
        --B
        Content-Type: text/plain
        Content-Disposition: form-data; name="plain"

        a"b
        --B
        Content-Type: application/json
        Content-Disposition: form-data; name="text"

        {}
        --B
        Content-Type: text/plain
        Content-Transfer-Encoding: 8bit
        Content-Disposition: form-data; name="file"; filename="x.txt"

        hi

        --B
        Content-Type: a/b
        Content-Transfer-Encoding: base64
        Content-Disposition: form-data; name="bin"; filename="x.txt"

        aGkK
        --B--
        "#);
    }

    #[test]
    fn mistakes_are_said() {
        let said = |body: serde_json::Value| {
            let args = json!({"url": "http://x/", "method": "POST", "body": body, "body_format": "form-multipart"});
            let fail = Host::real().decide(&URI, &args, false);
            fail.map(|_| ()).unwrap_err().msg
        };
        insta::assert_snapshot!(said(json!("x")), @"failed to parse body as form-multipart: it must be a mapping");
        insta::assert_snapshot!(said(json!({"a": {"mime_type": "x/y"}})), @"`a`: at least one of filename or content must be provided");
        insta::assert_snapshot!(said(json!({"a": [1]})), @"`a`: value must be a string, or mapping, cannot be list");
        insta::assert_snapshot!(said(json!({"a\nb": "c"})), @r#""a\nb" must be one line"#);
        insta::assert_snapshot!(said(json!({"a": {"filename": "none"}})), @"no files none");
    }
}
