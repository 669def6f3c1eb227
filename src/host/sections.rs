//! A reply cut into its marked sections.

use memchr::memmem;

/// One section: the words of its headline and the bytes up to the next.
pub(super) struct Section<'a> {
    pub(super) words: Vec<&'a str>,
    pub(super) body: &'a [u8],
}

/// Cuts `bytes` where a line begins with `mark`. What comes before the first section is dropped.
pub(super) fn sections<'a>(bytes: &'a [u8], mark: &str) -> Vec<Section<'a>> {
    let begin = format!("\n{mark} ");
    let starts: Vec<usize> = memmem::find_iter(bytes, begin.as_bytes()).collect();
    let mut found = Vec::with_capacity(starts.len());
    for (n, start) in starts.iter().enumerate() {
        let rest = &bytes[start + begin.len()..starts.get(n + 1).copied().unwrap_or(bytes.len())];
        let line = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let Ok(words) = std::str::from_utf8(&rest[..line]) else {
            continue;
        };
        found.push(Section {
            words: words.split(' ').filter(|w| !w.is_empty()).collect(),
            body: rest.get(line + 1..).unwrap_or_default(),
        });
    }
    found
}

/// The records of a section, each begun by `=mark ` and ended by a line end.
pub(super) fn records<'a>(body: &'a [u8], mark: &str) -> Vec<&'a [u8]> {
    let begin = format!("={mark} ");
    let starts: Vec<usize> = memmem::find_iter(body, begin.as_bytes()).collect();
    starts
        .iter()
        .enumerate()
        .map(|(n, start)| {
            let record =
                &body[start + begin.len()..starts.get(n + 1).copied().unwrap_or(body.len())];
            record.strip_suffix(b"\n").unwrap_or(record)
        })
        .collect()
}
