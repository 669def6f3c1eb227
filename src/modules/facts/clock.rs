//! The `date_time` subset.

use super::raw::Raw;
use crate::value::{Map, Value};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// date_time: every field a string, local time except where the name says iso8601.
pub(super) fn date_time(raw: &Raw<'_>, facts: &mut Map) {
    if let Some(fields) = fields(raw.section("date")) {
        facts.insert("date_time".into(), Value::from(fields));
    }
}

/// From `SECONDS +HHMM ZONE NANOSECONDS` and, for a zone other than UTC, the rule that ends its zone file.
fn fields(section: &str) -> Option<Map> {
    let mut lines = section.lines();
    let words: Vec<&str> = lines.next()?.split_whitespace().collect();
    let epoch: i64 = words.first()?.parse().ok()?;
    let offset = words.get(1).copied().unwrap_or("+0000");
    let zone = words.get(2).copied().unwrap_or("UTC");
    // busybox prints no nanoseconds
    let nanos = words.get(3).and_then(|n| n.parse::<i32>().ok());
    let utc = Timestamp::new(epoch, nanos.unwrap_or(0)).ok()?;
    let local = utc.to_zoned(TimeZone::fixed(parse_offset(offset)?));
    let at_utc = utc.to_zoned(TimeZone::UTC);
    let dst = lines
        .next()
        .and_then(summer_name)
        .unwrap_or_else(|| zone.to_owned());

    let local_fields = [
        ("year", "%Y"),
        ("month", "%m"),
        ("weekday", "%A"),
        ("weekday_number", "%w"),
        ("weeknumber", "%W"),
        ("day", "%d"),
        ("hour", "%H"),
        ("minute", "%M"),
        ("second", "%S"),
        ("date", "%Y-%m-%d"),
        ("time", "%H:%M:%S"),
        ("iso8601_basic", "%Y%m%dT%H%M%S%6f"),
        ("iso8601_basic_short", "%Y%m%dT%H%M%S"),
    ];
    let mut out = Map::new();
    for (name, format) in local_fields {
        let text = jiff::fmt::strtime::format(format, &local).ok()?;
        out.insert(name.into(), Value::from(text));
    }
    for (name, format) in [
        ("iso8601_micro", "%Y-%m-%dT%H:%M:%S.%6fZ"),
        ("iso8601", "%Y-%m-%dT%H:%M:%SZ"),
    ] {
        let text = jiff::fmt::strtime::format(format, &at_utc).ok()?;
        out.insert(name.into(), Value::from(text));
    }
    for (name, text) in [
        ("epoch", epoch.to_string()),
        ("epoch_int", epoch.to_string()),
        ("tz", zone.to_owned()),
        ("tz_dst", dst),
        ("tz_offset", offset.to_owned()),
    ] {
        out.insert(name.into(), Value::from(text));
    }
    Some(out)
}

/// `+0130` as an offset.
fn parse_offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let number: i32 = digits.parse().ok()?;
    Offset::from_seconds(sign * (number / 100 * 3600 + number % 100 * 60)).ok()
}

/// The second name that Python's `time.tzname` gives for a POSIX rule like `CET-1CEST,M3.5.0,M10.5.0/3`: of the two, the
/// one that is further ahead (in Dublin the "summer" time of the rule is the winter).
fn summer_name(rule: &str) -> Option<String> {
    let (standard, rest) = zone_name(rule.trim())?;
    let (standard_behind, rest) = behind(rest);
    let Some((summer, rest)) = zone_name(rest) else {
        return Some(standard.to_owned());
    };
    let summer_behind = behind(rest).0.or(standard_behind.map(|b| b - 3600));
    let name = if summer_behind > standard_behind {
        standard
    } else {
        summer
    };
    Some(name.to_owned())
}

/// Seconds behind UTC (`-1`, `5:30`), if it begins with some, and what follows.
fn behind(text: &str) -> (Option<i64>, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || "+-:".contains(c)))
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.trim_start_matches('+')),
    };
    let mut seconds = None;
    for (part, unit) in digits.split(':').zip([3600, 60, 1]) {
        if let Ok(n) = part.parse::<i64>() {
            seconds = Some(seconds.unwrap_or(0) + n.min(1000) * unit);
        }
    }
    (seconds.map(|s: i64| s * sign), rest)
}

/// A zone name and what follows it: letters, or anything in angle brackets.
fn zone_name(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        return rest.split_once('>');
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    (end >= 3).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_names_are_those_that_python_gives() {
        for (rule, name) in [
            ("CET-1CEST,M3.5.0,M10.5.0/3", "CEST"),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", "AEDT"),
            ("IST-1GMT0,M10.5.0,M3.5.0/1", "IST"),
            ("EST5EDT,M3.2.0,M11.1.0", "EDT"),
            ("IST-5:30", "IST"),
            ("<+01>-1", "+01"),
        ] {
            assert_eq!(summer_name(rule).as_deref(), Some(name), "{rule}");
        }
    }

    #[test]
    fn local_and_universal_fields() {
        let f = fields("1795240250 +0130 XYZ 503206999\nXYZ-1:30\n").unwrap();
        let get = |k: &str| f[k].to_string();
        assert_eq!(get("iso8601_micro"), "2026-11-21T05:50:50.503206Z");
        assert_eq!(get("iso8601_basic"), "20261121T072050503206");
        assert_eq!(get("weekday"), "Saturday");
        assert_eq!(get("weekday_number"), "6");
        assert_eq!(get("weeknumber"), "46");
        assert_eq!(get("time"), "07:20:50");
        assert_eq!(get("tz_offset"), "+0130");
        assert_eq!(get("epoch_int"), "1795240250");
        assert!(fields("").is_none());
        assert!(fields("99999999999999999 +0000").is_none());
    }
}
