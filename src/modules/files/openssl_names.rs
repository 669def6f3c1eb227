//! Names in `openssl`'s configuration: of hosts, networks, lists of revocations.

use crate::modules::Fail;
use crate::value::Value;

/// A value in `openssl`'s configuration, where nothing in it has a meaning.
pub fn value(text: &str) -> Result<String, Fail> {
    if text.contains(['\n', '\r', '\0']) {
        return Err(Fail::new(format!("a name must be one line: {text:?}")));
    }
    Ok(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

/// Lines of a section of names; `before` goes before each kind (`permitted;`).
pub fn general_names(before: &str, names: &[String]) -> Result<String, Fail> {
    let mut out = String::new();
    for (n, name) in names.iter().enumerate() {
        match name.split_once(':') {
            Some((kind @ ("DNS" | "IP" | "email" | "URI" | "RID"), text)) => {
                out += &format!("{before}{kind}.{n} = {}\n", value(text)?);
            }
            _ => {
                return Err(Fail::new(format!(
                    "`{name}` must begin with DNS:, IP:, email:, URI: or RID:; other names are not written here"
                )));
            }
        }
    }
    Ok(out)
}

/// Names of constraints: a network is written with its mask in full.
pub fn constraints(names: &[String]) -> Result<Vec<String>, Fail> {
    let full = |name: &String| {
        let Some(network) = name.strip_prefix("IP:") else {
            return Ok(name.clone());
        };
        let parsed: ipnet::IpNet = network
            .parse()
            .or_else(|_| network.parse::<std::net::IpAddr>().map(Into::into))
            .map_err(|_| Fail::new(format!("`{name}` is no network")))?;
        Ok(format!("IP:{}/{}", parsed.network(), parsed.netmask()))
    };
    names.iter().map(full).collect()
}

/// Pairs of hex digits, as `openssl` takes them.
pub fn hex_pairs<'a>(name: &str, text: &'a str) -> Result<&'a str, Fail> {
    let pair = |p: &str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    if text.split(':').all(pair) {
        return Ok(text);
    }
    Err(Fail::new(format!(
        "`{name}` must be pairs of hex digits with `:` between them, not `{text}`"
    )))
}

const REASONS: [(&str, &str); 8] = [
    ("key_compromise", "keyCompromise"),
    ("ca_compromise", "CACompromise"),
    ("affiliation_changed", "affiliationChanged"),
    ("superseded", "superseded"),
    ("cessation_of_operation", "cessationOfOperation"),
    ("certificate_hold", "certificateHold"),
    ("privilege_withdrawn", "privilegeWithdrawn"),
    ("aa_compromise", "AACompromise"),
];

/// The value of `crlDistributionPoints`, and the sections it names.
pub fn distribution_points(given: &[Value]) -> Result<(String, String), Fail> {
    let (mut points, mut sections) = (Vec::new(), String::new());
    for (n, point) in given.iter().enumerate() {
        let map = point
            .as_map()
            .ok_or_else(|| Fail::new("`crl_distribution_points` must be a list of mappings"))?;
        let (mut own, mut names) = (String::new(), String::new());
        for (key, value) in map.iter().filter(|(_, v)| **v != Value::Null) {
            let list: Vec<String> = match value {
                Value::List(items) => items.iter().map(ToString::to_string).collect(),
                one => vec![one.to_string()],
            };
            match key.as_str() {
                "full_name" | "crl_issuer" => {
                    let word = if key == "full_name" {
                        "fullname"
                    } else {
                        "CRLissuer"
                    };
                    own += &format!("{word} = @cdp{n}{word}\n");
                    names += &format!("[cdp{n}{word}]\n{}", general_names("", &list)?);
                }
                "reasons" => {
                    let reason = |r: &String| {
                        let found = REASONS.iter().find(|(name, _)| name == r);
                        found.map(|(_, word)| *word).ok_or_else(|| {
                            Fail::new(format!("`{r}` is no reason for a revocation"))
                        })
                    };
                    let all = list.iter().map(reason).collect::<Result<Vec<_>, _>>()?;
                    own += &format!("reasons = {}\n", all.join(", "));
                }
                other => {
                    return Err(Fail::new(format!(
                        "`{other}` of a distribution point is not written here: give `full_name`, `crl_issuer` and `reasons`"
                    )));
                }
            }
        }
        points.push(format!("cdp{n}"));
        sections += &format!("[cdp{n}]\n{own}{names}");
    }
    Ok((points.join(", "), sections))
}
