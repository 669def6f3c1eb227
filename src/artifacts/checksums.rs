//! Lists of checksums as publishers write them.

/// The SHA-256 of the file of exactly that name in a list.
///
/// Lists have a line a file: `<hex>  <name>`, `<hex> *<name>` (binary mode), or `SHA256 (<name>) = <hex>` as BSD's tools
/// write it; a list of one file may be the digest alone. A name may have `./` or folders before it, if only one line fits.
///
/// # Errors
/// In words: no line for it, or several that differ.
pub(super) fn sha256_of(list: &str, name: &str) -> Result<String, String> {
    let lines: Vec<(String, String)> = list.lines().filter_map(line).collect();
    let pick = |fits: &dyn Fn(&str) -> bool| {
        let mut found: Vec<&str> = lines
            .iter()
            .filter(|(_, named)| fits(named))
            .map(|(hex, _)| hex.as_str())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let exact = pick(&|named| named == name || named.strip_prefix("./") == Some(name));
    let found = if exact.is_empty() {
        pick(&|named| named.rsplit('/').next() == Some(name))
    } else {
        exact
    };
    match found.as_slice() {
        [hex] => Ok((*hex).to_owned()),
        [] => match alone(list) {
            Some(hex) => Ok(hex),
            None => Err(format!("it has no SHA-256 of `{name}`")),
        },
        _ => Err(format!("it has several digests of `{name}`")),
    }
}

fn is_hex(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Digest and name of a line.
fn line(text: &str) -> Option<(String, String)> {
    let text = text.trim_end();
    if let Some(rest) = text
        .strip_prefix("SHA256 (")
        .or_else(|| text.strip_prefix("SHA256("))
    {
        let (name, hex) = rest.rsplit_once(')')?;
        let hex = hex.trim_start_matches([' ', '=']).trim();
        return is_hex(hex).then(|| (hex.to_lowercase(), name.to_owned()));
    }
    let (hex, name) = text.trim_start().split_once([' ', '\t'])?;
    let name = name.trim_start().trim_start_matches('*');
    (is_hex(hex) && !name.is_empty()).then(|| (hex.to_lowercase(), name.to_owned()))
}

/// The only word of a text, if it is a digest.
fn alone(list: &str) -> Option<String> {
    let mut words = list.split_whitespace();
    let word = words.next().filter(|word| is_hex(word))?;
    words.next().is_none().then(|| word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_counts() {
        let (a, b, c) = ("a".repeat(64), "B".repeat(64), "c".repeat(64));
        let k3s = format!("{a}  k3s-airgap-images-amd64.tar.zst\n{b}  k3s\n{c}  k3s-images.txt\n");
        let bsd = format!("SHA256 (helm-v4.tar.gz) = {a}\nSHA512 (helm-v4.tar.gz) = {a}{a}\n");
        let folders = format!("{a}  ./bin/x\n{c}  bin/y\n");
        let twice = format!("{a}  amd64/k3s\n{c}  arm64/k3s\n");
        let told = |list: &str, name: &str| match sha256_of(list, name) {
            Ok(hex) => hex[..4].to_owned(),
            Err(why) => why,
        };
        for (list, name, wanted) in [
            (&k3s, "k3s", "bbbb"),
            (&k3s, "k3s-images.txt", "cccc"),
            (&k3s, "k3s-arm64", "it has no SHA-256 of `k3s-arm64`"),
            (&bsd, "helm-v4.tar.gz", "aaaa"),
            (&folders, "x", "aaaa"),
            (&folders, "y", "cccc"),
            (&twice, "k3s", "it has several digests of `k3s`"),
            (&format!("{c}\n"), "whatever", "cccc"),
            (&format!("{a} *tool.exe"), "tool.exe", "aaaa"),
            (
                &"<html>not found</html>".to_owned(),
                "x",
                "it has no SHA-256 of `x`",
            ),
            (&String::new(), "x", "it has no SHA-256 of `x`"),
        ] {
            assert_eq!(told(list, name), wanted, "{name} in {list}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(list in "\\PC*", name in "\\PC{1,20}") {
            let _ = sha256_of(&list, &name);
        }
    }
}
