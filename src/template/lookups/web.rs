//! `url`: what a web server says, asked from the control machine.

use super::{Table, texts};
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::value::{Map, Value};
use std::time::Duration;

pub(super) const TABLE: Table = &[("url", url)];

const AGENT: &str = concat!("hoist/", env!("CARGO_PKG_VERSION"));

/// What a request needs besides its address.
struct Wishes {
    headers: Map,
    agent: String,
    login: Option<(String, String)>,
    timeout: Duration,
    validate: bool,
    proxy: bool,
    redirects: bool,
}

/// The text at each address, line by line unless `split_lines` says no. Follows Ansible's page on the lookup `url`.
fn url(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let headers = match args.keyword_data("headers")? {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Map(map)) => (*map).clone(),
        Some(other) => {
            return args.fail(format!("`headers` must be a mapping, not {}", other.kind()));
        }
    };
    let text = |v: Option<Value>| v.filter(|v| *v != Value::Null).map(|v| v.to_string());
    let user = text(args.keyword_data("username")?);
    let password = text(args.keyword_data("password")?);
    if let Some(password) = &password {
        args.cx.scope.outside().secrets().add(password);
    }
    let seconds = text(args.keyword_data("timeout")?)
        .and_then(|t| t.parse().ok())
        .unwrap_or(10.0);
    let redirects =
        text(args.keyword_data("follow_redirects")?).unwrap_or_else(|| "urllib2".to_owned());
    let wishes = Wishes {
        headers,
        agent: text(args.keyword_data("http_agent")?).unwrap_or_else(|| AGENT.to_owned()),
        login: user.map(|u| (u, password.unwrap_or_default())),
        timeout: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(10)),
        validate: args.keyword_flag("validate_certs", true)?,
        proxy: args.keyword_flag("use_proxy", true)?,
        redirects: !matches!(redirects.as_str(), "no" | "none" | "False" | "false"),
    };
    let split = args.keyword_flag("split_lines", true)?;
    let mut out = Vec::new();
    for address in texts(&mut args)? {
        // the blocking client must not be made on a thread of the runtime
        let body = std::thread::scope(|scope| {
            scope
                .spawn(|| get(&address, &wishes))
                .join()
                .unwrap_or_else(|_| Err("the request ended unexpectedly".to_owned()))
        });
        let body =
            body.map_err(|why| Diagnostic::new(format!("failed to get `{address}`: {why}")))?;
        if split {
            out.extend(body.lines().map(Value::from));
        } else {
            out.push(Value::from(body));
        }
    }
    args.end()?;
    Ok(out)
}

/// The text at an address, asked as the lookup asks by default. Not for a thread of the runtime.
///
/// # Errors
/// Why it could not be had, without the address.
pub fn text_at(address: &str) -> Result<String, String> {
    let wishes = Wishes {
        headers: Map::new(),
        agent: AGENT.to_owned(),
        login: None,
        timeout: Duration::from_secs(10),
        validate: true,
        proxy: true,
        redirects: true,
    };
    get(address, &wishes)
}

fn get(address: &str, wishes: &Wishes) -> Result<String, String> {
    // an error means that somebody installed one already, which will do
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let redirects = if wishes.redirects {
        reqwest::redirect::Policy::limited(10)
    } else {
        reqwest::redirect::Policy::none()
    };
    let mut client = reqwest::blocking::Client::builder()
        .user_agent(&wishes.agent)
        .timeout(wishes.timeout)
        .redirect(redirects)
        .danger_accept_invalid_certs(!wishes.validate);
    if !wishes.proxy {
        client = client.no_proxy();
    }
    let mut request = client.build().map_err(|e| reasons(&e))?.get(address);
    for (name, value) in &wishes.headers {
        request = request.header(name, value.to_string());
    }
    if let Some((user, password)) = &wishes.login {
        request = request.basic_auth(user, Some(password));
    }
    let answer = request.send().map_err(|e| reasons(&e))?;
    if !answer.status().is_success() {
        return Err(format!("the server answered {}", answer.status()));
    }
    answer.text().map_err(|e| reasons(&e))
}

/// An error with what caused it; the address itself is told elsewhere.
fn reasons(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    if text.is_empty() {
        error.to_string()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    fn wishes() -> Wishes {
        Wishes {
            headers: Map::from_iter([("X-Own".to_owned(), Value::from("yes"))]),
            agent: "test".into(),
            login: Some(("u".into(), "p".into())),
            timeout: Duration::from_secs(5),
            validate: true,
            proxy: false,
            redirects: true,
        }
    }

    /// A server for one request; returns its address and what it was sent.
    fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/x", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = vec![0; 4096];
            let n = stream.read(&mut seen).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&seen[..n]).into_owned()
        });
        (address, thread)
    }

    #[test]
    fn the_text_comes_with_login_and_headers_sent() {
        let (address, server) =
            serve("HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\none\ntwo\n");
        assert_eq!(get(&address, &wishes()).unwrap(), "one\ntwo\n");
        let sent = server.join().unwrap().to_lowercase();
        assert!(
            sent.contains("x-own: yes") && sent.contains("authorization: basic dtpw"),
            "{sent}"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let (address, _) =
            serve("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert_eq!(
            get(&address, &wishes()).unwrap_err(),
            "the server answered 404 Not Found"
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = listener.local_addr().unwrap();
        drop(listener);
        assert!(
            get(&format!("http://{free}/"), &wishes())
                .unwrap_err()
                .contains("refused")
        );
    }
}
