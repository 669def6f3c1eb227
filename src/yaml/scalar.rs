//! What an unquoted word means: PyYAML's implicit types, which are those of YAML 1.1 with a few of its own habits.

use super::Kind;
use std::sync::Arc;

/// The kind of an unquoted scalar, by the rules of PyYAML's resolver, except that times such as `22:22` and dates stay
/// text. Integers beyond 64 bits stay text too.
pub fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Kind::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Kind::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return string(text);
    }
    integer(text)
        .map(Kind::Int)
        .or_else(|| float(text).map(Kind::Float))
        .unwrap_or_else(|| string(text))
}

/// The number PyYAML makes of base 60 digits (`22:22` is 1342), which we leave as text.
pub(super) fn sexagesimal(text: &str) -> Option<i64> {
    let (negative, digits) = sign(text);
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if !first.starts_with(|c: char| ('1'..='9').contains(&c)) || !all(first, "0123456789_") {
        return None;
    }
    let mut total: i64 = first.replace('_', "").parse().ok()?;
    let mut more = false;
    for part in parts {
        let fits = matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
        if !fits {
            return None;
        }
        total = total
            .checked_mul(60)?
            .checked_add(part.parse::<i64>().ok()?)?;
        more = true;
    }
    more.then_some(if negative { -total } else { total })
}

/// Whether the text is an integer, also one too big for [`Kind::Int`].
pub(super) fn is_integer(text: &str) -> bool {
    digits(text).is_some()
}

/// Whether PyYAML takes the text for a date, with or without a time.
pub(super) fn is_timestamp(text: &str) -> bool {
    let number = |t: &str, from: usize, to: usize| {
        (from..=to).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())
    };
    let mut date = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (date.next(), date.next(), date.next()) else {
        return false;
    };
    if !number(year, 4, 4) || !number(month, 1, 2) {
        return false;
    }
    let day_end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (day, time) = rest.split_at(day_end);
    if time.is_empty() {
        return month.len() == 2 && number(day, 2, 2);
    }
    let clock = time.trim_start_matches(['T', 't', ' ', '\t']);
    let mut parts = clock.splitn(3, ':');
    let (Some(hour), Some(minute), Some(second)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let zone = match second.find(|c: char| !c.is_ascii_digit() && c != '.') {
        Some(at) => second[at..].trim_start_matches([' ', '\t']),
        None => "Z",
    };
    let whole = second
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(second.len());
    let offset = zone
        .strip_prefix(['+', '-'])
        .map(|o| match o.split_once(':') {
            Some((hours, minutes)) => number(hours, 1, 2) && number(minutes, 2, 2),
            None => number(o, 1, 2),
        });
    number(day, 1, 2)
        && clock.len() < time.len()
        && number(hour, 1, 2)
        && number(minute, 2, 2)
        && whole == 2
        && second.matches('.').count() <= 1
        && (zone == "Z" || offset == Some(true))
}

fn string(text: &str) -> Kind {
    Kind::Str {
        text: Arc::from(text),
        quoted: false,
        raw: false,
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn all(text: &str, allowed: &str) -> bool {
    text.chars().all(|c| allowed.contains(c))
}

fn integer(text: &str) -> Option<i64> {
    let (digits, radix) = digits(text)?;
    i64::from_str_radix(&digits, radix).ok()
}

/// The digits of an integer with their sign, without underscores, and their base.
fn digits(text: &str) -> Option<(String, u32)> {
    let (negative, digits) = sign(text);
    let (radix, digits, allowed) = if let Some(rest) = digits.strip_prefix("0b") {
        (2, rest, "01_")
    } else if let Some(rest) = digits.strip_prefix("0x") {
        (16, rest, "0123456789abcdefABCDEF_")
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits, "01234567_")
    } else if digits.starts_with('_') {
        return None;
    } else {
        (10, digits, "0123456789_")
    };
    if digits.is_empty() || !all(digits, allowed) {
        return None;
    }
    let clean = digits.replace('_', "");
    let clean = if negative { format!("-{clean}") } else { clean };
    Some((clean, radix))
}

fn float(text: &str) -> Option<f64> {
    let (negative, body) = sign(text);
    let signed = body.len() != text.len();
    let value = match body {
        ".inf" | ".Inf" | ".INF" => f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" if !signed => return Some(f64::NAN),
        _ => {
            let (mantissa, exponent) = match body.find(['e', 'E']) {
                Some(at) => (&body[..at], Some(&body[at + 1..])),
                None => (body, None),
            };
            // An exponent needs its sign, otherwise PyYAML reads text.
            let exponent = match exponent {
                None => "0",
                Some(e)
                    if e.len() > 1 && e.starts_with(['-', '+']) && all(&e[1..], "0123456789") =>
                {
                    e
                }
                Some(_) => return None,
            };
            let (whole, fraction) = mantissa.split_once('.')?;
            let digit = |t: &str| t.starts_with(|c: char| c.is_ascii_digit());
            if !all(whole, "0123456789_") || !all(fraction, "0123456789_") {
                return None;
            }
            if whole.is_empty() {
                if signed || !digit(fraction) {
                    return None;
                }
            } else if !digit(whole) {
                return None;
            }
            format!("0{whole}.{fraction}0e{exponent}")
                .replace('_', "")
                .parse()
                .ok()?
        }
    };
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Ansible's own loader made of each word (ansible-core 2.19.14, PyYAML 6.0.3).
    #[test]
    fn words_mean_what_ansible_reads() {
        let cases: &[(&str, Kind)] = &[
            ("Yes", Kind::Bool(true)),
            ("yEs", string("yEs")),
            ("y", string("y")),
            ("ON", Kind::Bool(true)),
            ("oN", string("oN")),
            ("off", Kind::Bool(false)),
            ("tRUE", string("tRUE")),
            ("~", Kind::Null),
            ("NULL", Kind::Null),
            ("nULL", string("nULL")),
            ("0644", Kind::Int(420)),
            ("0o644", string("0o644")),
            ("0x1F", Kind::Int(31)),
            ("-0x1f", Kind::Int(-31)),
            ("0b101", Kind::Int(5)),
            ("0b", string("0b")),
            ("1_000", Kind::Int(1000)),
            ("1__0", Kind::Int(10)),
            ("1_", Kind::Int(1)),
            ("_1", string("_1")),
            ("-0644", Kind::Int(-420)),
            ("+12", Kind::Int(12)),
            ("08", string("08")),
            ("0", Kind::Int(0)),
            ("00", Kind::Int(0)),
            ("01_0", Kind::Int(8)),
            ("0x_F", Kind::Int(15)),
            ("+", string("+")),
            (".", string(".")),
            ("1e3", string("1e3")),
            ("1.0e3", string("1.0e3")),
            ("1.0e+3", Kind::Float(1000.0)),
            ("1.e+3", Kind::Float(1000.0)),
            ("1.0e-3", Kind::Float(0.001)),
            ("1e-3", string("1e-3")),
            ("1.5", Kind::Float(1.5)),
            ("1.", Kind::Float(1.0)),
            (".5", Kind::Float(0.5)),
            ("-.5", string("-.5")),
            ("+.5", string("+.5")),
            ("._1", string("._1")),
            ("1_0.5_0", Kind::Float(10.5)),
            ("-1_0.", Kind::Float(-10.0)),
            (".inf", Kind::Float(f64::INFINITY)),
            ("-.INF", Kind::Float(f64::NEG_INFINITY)),
            ("+.Inf", Kind::Float(f64::INFINITY)),
            ("-.nan", string("-.nan")),
            ("1.2.3", string("1.2.3")),
            ("1:30", string("1:30")),
            ("2020-01-01", string("2020-01-01")),
            ("=", string("=")),
            ("-9223372036854775808", Kind::Int(i64::MIN)),
            ("9223372036854775808", string("9223372036854775808")),
        ];
        for (text, kind) in cases {
            assert_eq!(&resolve(text), kind, "{text}");
        }
        assert!(matches!(resolve(".NaN"), Kind::Float(x) if x.is_nan()));
    }

    #[test]
    fn base_sixty_is_recognised_so_that_it_can_be_pointed_out() {
        for (text, value) in [
            ("1:30", Some(90)),
            ("22:22", Some(1342)),
            ("190:20:30", Some(685_230)),
            ("0:30", None),
            ("1:60", None),
            ("12", None),
            ("a:1", None),
        ] {
            assert_eq!(sexagesimal(text), value, "{text}");
        }
    }
}
