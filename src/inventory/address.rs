//! Host names as inventories write them: with a port, with ranges.

/// Takes a port off: `host:22`, `[::1]:22`. A bare IPv6 address has none.
pub(super) fn split_port(text: &str) -> (&str, Option<u16>) {
    let Some((host, port)) = text.rsplit_once(':') else {
        return (text, None);
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let Some(port) = digits.then(|| port.parse().ok()).flatten() else {
        return (text, None);
    };
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return (inner, Some(port));
    }
    if has_bare_colon(host) || host.is_empty() {
        return (text, None);
    }
    (host, Some(port))
}

/// Whether a colon stands outside square brackets.
pub(super) fn has_bare_colon(text: &str) -> bool {
    let mut depth = 0usize;
    text.chars().any(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
}

/// How many hosts one line may stand for.
const MAX_HOSTS: usize = 1_000_000;

/// The names a text with ranges stands for: `web[01:10:2]`, `db-[a:c]`, also several in one.
///
/// # Errors
/// What is wrong with a range.
pub(super) fn expand(text: &str) -> Result<Vec<String>, String> {
    let Some(open) = text.find('[') else {
        return Ok(vec![text.to_owned()]);
    };
    let Some(length) = text[open..].find(']') else {
        return Err("the range is missing its `]`".to_owned());
    };
    let (head, tail) = (&text[..open], &text[open + length + 1..]);
    let tails = expand(tail)?;
    let items = range(&text[open + 1..open + length])?;
    if items.len().saturating_mul(tails.len()) > MAX_HOSTS {
        return Err(format!("it stands for more than {MAX_HOSTS} hosts"));
    }
    Ok(items
        .iter()
        .flat_map(|item| tails.iter().map(move |tail| format!("{head}{item}{tail}")))
        .collect())
}

fn range(text: &str) -> Result<Vec<String>, String> {
    let bounds: Vec<&str> = text.split(':').collect();
    let (begin, end, step) = match bounds[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err("a range is `[begin:end]` or `[begin:end:step]`".to_owned()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err("the range needs an end".to_owned());
    }
    let step: usize = step
        .parse()
        .ok()
        .filter(|s| *s > 0)
        .ok_or("the step of a range must be a positive number")?;
    let order = "the begin of the range is beyond its end".to_owned();
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let place = |t: &str| {
        let mut chars = t.chars();
        let first = chars.next()?;
        chars
            .next()
            .is_none()
            .then(|| letters.iter().position(|l| *l == first))
            .flatten()
    };
    if let (Some(from), Some(to)) = (place(begin), place(end)) {
        if from > to {
            return Err(order);
        }
        return Ok(letters[from..=to]
            .iter()
            .step_by(step)
            .map(char::to_string)
            .collect());
    }
    let number = |t: &str| {
        t.parse::<u64>()
            .map_err(|_| "both ends of a range must be numbers, or both single letters".to_owned())
    };
    let (from, to) = (number(begin)?, number(end)?);
    let width = if begin.len() > 1 && begin.starts_with('0') {
        begin.len()
    } else {
        0
    };
    if width > 0 && width != end.len() {
        return Err("with leading zeros both ends of a range must be equally long".to_owned());
    }
    if from > to {
        return Err(order);
    }
    if (to - from) / step as u64 >= MAX_HOSTS as u64 {
        return Err(format!("it stands for more than {MAX_HOSTS} hosts"));
    }
    Ok((from..=to)
        .step_by(step)
        .map(|n| format!("{n:0width$}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_off() {
        for (text, expected) in [
            ("web", ("web", None)),
            ("web:22", ("web", Some(22))),
            ("web[1:3]", ("web[1:3]", None)),
            ("web[1:3]:22", ("web[1:3]", Some(22))),
            ("[::1]:2222", ("::1", Some(2222))),
            ("::1", ("::1", None)),
            ("fe80::1:22", ("fe80::1:22", None)),
            ("web:", ("web:", None)),
            ("web:99999", ("web:99999", None)),
        ] {
            assert_eq!(split_port(text), expected, "{text}");
        }
    }

    #[test]
    fn ranges_stand_for_names() {
        for (text, expected) in [
            ("web", "web"),
            ("w[1:3]", "w1 w2 w3"),
            ("w[08:10].x", "w08.x w09.x w10.x"),
            ("w[:2]", "w0 w1 w2"),
            ("w[1:6:2]", "w1 w3 w5"),
            ("[a:c]-[1:2]", "a-1 a-2 b-1 b-2 c-1 c-2"),
            ("db-[y:B]", "db-y db-z db-A db-B"),
        ] {
            assert_eq!(
                expand(text).map(|e| e.join(" ")),
                Ok(expected.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_ranges_are_explained() {
        for (text, expected) in [
            ("w[1", "the range is missing its `]`"),
            ("w[1]", "a range is `[begin:end]` or `[begin:end:step]`"),
            ("w[1:]", "the range needs an end"),
            ("w[3:1]", "the begin of the range is beyond its end"),
            ("w[c:a]", "the begin of the range is beyond its end"),
            (
                "w[01:3]",
                "with leading zeros both ends of a range must be equally long",
            ),
            (
                "w[a:3]",
                "both ends of a range must be numbers, or both single letters",
            ),
            ("w[1:3:0]", "the step of a range must be a positive number"),
            ("w[1:9999999]", "it stands for more than 1000000 hosts"),
            ("w[1:9999][1:9999]", "it stands for more than 1000000 hosts"),
        ] {
            assert_eq!(expand(text), Err(expected.to_owned()), "{text}");
        }
    }
}
