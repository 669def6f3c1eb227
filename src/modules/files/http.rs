//! Requests that a host makes: one script for curl, GNU wget or busybox's wget, whichever is there.
//!
//! Addresses, headers and passwords go in by standard input and rest in files that only the account can read, never on
//! a command line.

use crate::host::Cmd;
use crate::modules::{Arg, Args, Fail};
use crate::value::{Map, Value};

/// Arguments of everything that makes requests. Follows the documentation fragment `url`.
pub static URL_ARGS: &[Arg] = &[
    Arg::str("url", "the address").required(),
    Arg::bool(
        "force",
        "ask for the file even when the server says that ours is as new",
    )
    .alias(&["thirsty"])
    .default("false"),
    Arg::str("http_agent", "what we call ourselves").default("ansible-httpget"),
    Arg::bool("use_proxy", "use the proxy that the environment names").default("true"),
    Arg::bool("validate_certs", "check the server's certificate").default("true"),
    Arg::bool(
        "force_basic_auth",
        "send user and password with the first request, as is always done here",
    )
    .default("false"),
    Arg::path(
        "client_cert",
        "certificate, with its key if there is no `client_key`",
    ),
    Arg::path("client_key", "the certificate's key"),
    Arg::dict("headers", "headers of the request"),
    Arg::bool(
        "decompress",
        "undo compression in transfer; it is never asked for here",
    )
    .default("true"),
    Arg::list("ciphers", "TLS ciphers, as OpenSSL names them"),
    Arg::bool("use_netrc", "look up user and password in `~/.netrc`").default("true"),
    Arg::refused(
        "use_gssapi",
        "Kerberos is not spoken here; run `curl --negotiate` with `command`",
    ),
    Arg::refused(
        "unredirected_headers",
        "no tool on the host can keep a header from a redirect; ask the last address directly",
    ),
];

/// One request.
pub struct Request {
    url: String,
    user: Option<(String, String)>,
    headers: Vec<(String, String)>,
    agent: String,
    timeout: i64,
    use_proxy: bool,
    validate: bool,
    netrc: bool,
    ciphers: String,
    cert: Option<String>,
    key: Option<String>,
    /// A file or directory of certificates.
    pub ca: Option<String>,
    /// The method.
    pub method: String,
    /// Follow redirects.
    pub follow: bool,
    /// What is sent.
    pub body: Option<Vec<u8>>,
    /// A socket instead of a network.
    pub socket: Option<String>,
}

impl Request {
    /// From a module's arguments; user and password in the address are taken out of it.
    ///
    /// # Errors
    /// A line break where none can be.
    pub fn of(args: &Args, url: &str) -> Result<Self, Fail> {
        let (url, mut user) = split_user(url);
        if let Some(name) = args.opt_str("url_username") {
            user = Some((name.to_owned(), args.str("url_password").to_owned()));
        }
        let headers: Vec<(String, String)> = args
            .dict("headers")
            .map(|h| h.iter().map(|(k, v)| (k.clone(), v.to_string())).collect())
            .unwrap_or_default();
        let request = Self {
            url,
            user,
            headers,
            agent: args
                .opt_str("http_agent")
                .unwrap_or("ansible-httpget")
                .to_owned(),
            timeout: args.int("timeout").unwrap_or(10).max(1),
            use_proxy: args.opt_bool("use_proxy").unwrap_or(true),
            validate: args.bool("validate_certs"),
            netrc: args.opt_bool("use_netrc").unwrap_or(true),
            ciphers: args.list("ciphers").join(":"),
            cert: args.opt_str("client_cert").map(str::to_owned),
            key: args.opt_str("client_key").map(str::to_owned),
            ca: None,
            method: "GET".into(),
            follow: true,
            body: None,
            socket: None,
        };
        let (user, password) = request.user.clone().unwrap_or_default();
        let words = [&request.url, &request.agent, &user, &password];
        if request
            .headers
            .iter()
            .flat_map(|(k, v)| [k, v])
            .chain(words)
            .any(|t| t.contains(['\n', '\r', '\0']))
        {
            return Err(Fail::new(
                "a line break stands in the address, a header, the user or the password",
            ));
        }
        Ok(request)
    }

    /// Adds a header unless there is one of that name.
    pub fn header(&mut self, name: &str, value: &str) {
        if !self
            .headers
            .iter()
            .any(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The address without its password.
    pub fn shown(&self) -> &str {
        &self.url
    }

    /// curl's configuration.
    fn curl(&self) -> String {
        let mut out = String::from("silent\nshow-error\n");
        let mut set = |name: &str, value: &str| {
            let value = value
                .replace('\\', r"\\")
                .replace('"', r#"\""#)
                .replace('\t', r"\t");
            out += &format!("{name} = \"{value}\"\n");
        };
        set("url", &self.url);
        set("user-agent", &self.agent);
        // A stall of that long, wherever it happens, is what Ansible's timeout is.
        set("connect-timeout", &self.timeout.to_string());
        set("speed-time", &self.timeout.to_string());
        set("speed-limit", "1");
        if let Some((user, password)) = &self.user {
            set("user", &format!("{user}:{password}"));
        }
        for (name, value) in &self.headers {
            if value.is_empty() {
                set("header", &format!("{name};"));
            } else {
                set("header", &format!("{name}: {value}"));
            }
        }
        for (name, value) in [
            ("cert", &self.cert),
            ("key", &self.key),
            ("unix-socket", &self.socket),
        ] {
            if let Some(value) = value {
                set(name, value);
            }
        }
        if !self.ciphers.is_empty() {
            set("ciphers", &self.ciphers);
        }
        if !self.use_proxy {
            set("noproxy", "*");
        }
        match (self.method.as_str(), &self.body) {
            ("GET", None) | ("POST", Some(_)) => {}
            ("HEAD", None) => out += "head\n",
            (method, _) => out += &format!("request = \"{method}\"\n"),
        }
        for (on, word) in [
            (self.follow, "location"),
            (!self.validate, "insecure"),
            (self.netrc && self.user.is_none(), "netrc-optional"),
        ] {
            if on {
                out += &format!("{word}\n");
            }
        }
        out
    }

    /// GNU wget's configuration.
    fn wget(&self) -> String {
        let mut out = String::new();
        let mut set = |name: &str, value: &str| out += &format!("{name} = {value}\n");
        set("useragent", &self.agent);
        set("timeout", &self.timeout.to_string());
        set("tries", "1");
        if let Some((user, password)) = &self.user {
            set("user", user);
            set("password", password);
            set("auth_no_challenge", "on");
        }
        for (name, value) in &self.headers {
            set("header", &format!("{name}: {value}"));
        }
        for (name, value) in [("certificate", &self.cert), ("private_key", &self.key)] {
            if let Some(value) = value {
                set(name, value);
            }
        }
        if !self.ciphers.is_empty() {
            set("ciphers", &self.ciphers);
        }
        set("use_proxy", if self.use_proxy { "on" } else { "off" });
        set(
            "check_certificate",
            if self.validate { "on" } else { "off" },
        );
        set("netrc", if self.netrc { "on" } else { "off" });
        if !self.follow {
            set("max_redirect", "0");
        }
        out
    }

    /// The script's beginning, which makes `$d/body`, `$d/head`, `$code`, `$final` and `$err`, and the standard input it reads.
    /// `since` is shell text for a file whose time makes the request conditional, or nothing.
    pub fn command(&self, since: &str, rest: &str) -> Cmd {
        let (curl, wget) = (self.curl(), self.wget());
        let body = self.body.as_deref().unwrap_or_default();
        let mut input = Vec::new();
        input.extend_from_slice(curl.as_bytes());
        input.extend_from_slice(wget.as_bytes());
        input.extend_from_slice(self.url.as_bytes());
        input.extend_from_slice(body);
        let plain = self.follow
            && self.user.is_none()
            && self.headers.is_empty()
            && self.method == "GET"
            && self.body.is_none()
            && self.cert.is_none()
            && self.ca.is_none()
            && self.socket.is_none()
            && self.ciphers.is_empty();
        let secure = self.url.starts_with("https:") && self.validate;
        let mut script = String::from(
            "umask 077; d=$(mktemp -d) || exit 90; t=; trap 'rm -rf \"$d\" \"$t\"' EXIT; trap 'exit 143' HUP INT TERM; limit=LIMIT\n\
             take() { dd bs=1 count=\"$1\" 2>/dev/null; }\n",
        )
        .replace("LIMIT", &self.timeout.to_string());
        script += &format!(
            "take {} >\"$d/curl\"; take {} >\"$d/wget\"; take {} >\"$d/url\"; cat >\"$d/send\"\n",
            curl.len(),
            wget.len(),
            self.url.len()
        );
        script += &format!(
            "set --; ca={}; if [ -d \"$ca\" ]; then set -- --capath \"$ca\"; elif [ -n \"$ca\" ]; then set -- --cacert \"$ca\"; fi\n",
            crate::host::quote::word(self.ca.as_deref().unwrap_or_default())
        );
        if !since.is_empty() {
            script += &format!(
                "since=$(LC_ALL=C date -u -r {since} '+%a, %d %b %Y %H:%M:%S GMT' 2>/dev/null) && {{ printf 'header = \"If-Modified-Since: %s\"\\n' \"$since\" >>\"$d/curl\"; printf 'header = If-Modified-Since: %s\\n' \"$since\" >>\"$d/wget\"; }}\n"
            );
        }
        let method = crate::host::quote::word(&self.method);
        let (send_curl, send_wget) = if self.body.is_some() {
            (" --data-binary @\"$d/send\"", " --body-file=\"$d/send\"")
        } else {
            ("", "")
        };
        script += &format!(
            "code=-1; final=; err=; : >\"$d/head\"; : >\"$d/body\"\n\
             if command -v curl >/dev/null 2>&1; then\n\
             out=$(curl -q -K \"$d/curl\" \"$@\" -D \"$d/head\" -o \"$d/body\" -w '%{{http_code}} %{{url_effective}}'{send_curl} 2>\"$d/err\"); rc=$?\n\
             code=${{out%% *}}; final=${{out#* }}; [ $rc = 0 ] || {{ err=$(head -n 3 \"$d/err\"); code=-1; }}\n\
             elif command -v wget >/dev/null 2>&1; then\n\
             if wget --version 2>/dev/null | grep -q 'GNU Wget'; then\n\
             case \"$ca\" in ?*) [ -d \"$ca\" ] && printf 'ca_directory = %s\\n' \"$ca\" >>\"$d/wget\" || printf 'ca_certificate = %s\\n' \"$ca\" >>\"$d/wget\";; esac\n\
             LC_ALL=C wget --config=\"$d/wget\" -nv -S --content-on-error -O \"$d/body\" --method={method}{send_wget} -i \"$d/url\" 2>\"$d/err\"; rc=$?\n"
        );
        script += &if !plain {
            "else echo 'this request needs curl or GNU wget on the host; it has only busybox wget' >&2; exit 91\n".to_owned()
        } else if secure {
            format!(
                "elif ! command -v ssl_client >/dev/null 2>&1; then echo 'the busybox wget of the host cannot check certificates; install curl' >&2; exit 91\nelse\n{BUSYBOX}"
            )
        } else {
            format!("else\n{BUSYBOX}")
        };
        script += "fi\n\
             sed -n 's/^  \\([A-Za-z]\\)/\\1/p' \"$d/err\" >\"$d/head\"\n\
             code=$(sed -n 's/^HTTP[^ ]* \\([0-9]*\\).*/\\1/p' \"$d/head\" | tail -n 1); final=$(sed -n 's/^[Ll]ocation: *//p' \"$d/head\" | tr -d '\\r' | tail -n 1)\n\
             [ -n \"$final\" ] || final=$(cat \"$d/url\"); [ -n \"$code\" ] || { if [ $rc = 0 ]; then code=200; else code=-1; err=$(grep -v '^  ' \"$d/err\" | head -n 3); fi; }\n\
             else echo 'neither curl nor wget is on the host' >&2; exit 91; fi\n";
        script += rest;
        let mut cmd = Cmd::script(script);
        cmd.stdin = Some(input.into());
        cmd
    }
}

const BUSYBOX: &str =
    "wget -S -T \"$limit\" -O \"$d/body\" \"$(cat \"$d/url\")\" 2>\"$d/err\"; rc=$?\n";

/// An address without user and password, and those.
fn split_user(url: &str) -> (String, Option<(String, String)>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), None);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return (url.to_owned(), None);
    };
    let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
    let plain = |t: &str| {
        percent_encoding::percent_decode_str(t)
            .decode_utf8_lossy()
            .into_owned()
    };
    (
        format!("{scheme}://{}", &rest[at + 1..]),
        Some((plain(user), plain(password))),
    )
}

/// The last block of headers of a reply, names in lower case, several of one name joined with a comma.
pub fn headers(text: &str) -> Map {
    let text = text.replace('\r', "");
    let block = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
    // wget shows every reply's headers without an empty line between them.
    let start = block.rfind("\nHTTP/").map_or(0, |at| at + 1);
    let mut out = Map::new();
    for line in block[start..].lines() {
        if line.starts_with("HTTP/") {
            continue;
        }
        if let Some((name, value)) = line.split_once(':') {
            let (name, value) = (name.trim().to_lowercase(), value.trim());
            let joined = match out.get(&name) {
                Some(Value::Str(old)) => format!("{old}, {value}"),
                _ => value.to_owned(),
            };
            out.insert(name, joined.into());
        }
    }
    out
}

/// Where a reply came from: `last` is an address, or a path on the server of `first`.
pub fn absolute(first: &str, last: &str) -> String {
    let Some((scheme, rest)) = first.split_once("://").filter(|_| last.starts_with('/')) else {
        return last.to_owned();
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{last}")
}

/// The reason in the last status line, `Not Found`.
pub fn reason(text: &str) -> String {
    let line = text
        .lines()
        .rfind(|l| l.starts_with("HTTP/"))
        .unwrap_or_default();
    line.splitn(3, ' ')
        .nth(2)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The name of the file that an address ends in; `index.html` when it ends in none.
pub fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path
        .split_once("://")
        .map_or(path, |(_, p)| p.split_once('/').map_or("", |(_, p)| p));
    match path.rsplit('/').next() {
        None | Some("") => "index.html".into(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            split_user("https://a:b%40c@h/x@y"),
            ("https://h/x@y".into(), Some(("a".into(), "b@c".into())))
        );
        assert_eq!(split_user("https://h/x"), ("https://h/x".into(), None));
        for (url, name) in [
            ("https://h/a/b.tgz?x=1", "b.tgz"),
            ("https://h/", "index.html"),
            ("https://h", "index.html"),
        ] {
            assert_eq!(file_name(url), name);
        }
    }

    #[test]
    fn the_last_replys_headers_count() {
        let curl = "HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n";
        assert_eq!(
            Value::from(headers(curl)).to_string(),
            "{'set-cookie': 'a=1, b=2'}"
        );
        let wget = "HTTP/1.1 302 Found\nLocation: /b\nHTTP/1.1 404 Not Found\nServer: x\n";
        assert_eq!(Value::from(headers(wget)).to_string(), "{'server': 'x'}");
        assert_eq!(reason(wget), "Not Found");
    }
}
