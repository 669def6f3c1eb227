//! Before and after as a unified diff.

use super::paint::harmless;
use super::{FileDiff, Paint, Tone};
use similar::TextDiff;

/// The diff with three lines around each change; empty when nothing differs.
pub(super) fn unified(diff: &FileDiff, paint: Paint) -> String {
    let text = TextDiff::from_lines(diff.before.as_str(), diff.after.as_str())
        .unified_diff()
        .context_radius(3)
        .header(&diff.before_header, &diff.after_header)
        .to_string();
    let mut out = String::new();
    for (at, line) in text.lines().enumerate() {
        let tone = match line.as_bytes().first() {
            Some(b'-' | b'+') if at < 2 => Tone::Heading,
            Some(b'+') => Tone::Added,
            Some(b'-') => Tone::Removed,
            Some(b'@') => Tone::Place,
            _ => {
                out.push_str(&harmless(line));
                out.push('\n');
                continue;
            }
        };
        out.push_str(&paint.tone(tone, &harmless(line)));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_with_what_is_around_them() {
        let diff = |before: &str, after: &str| FileDiff {
            before_header: "/etc/x".into(),
            after_header: "/etc/x (new)".into(),
            before: before.into(),
            after: after.into(),
        };
        let shown = unified(&diff("a\nb\nc\n", "a\nB\u{1b}\nc\n"), Paint::new(false));
        insta::assert_snapshot!(shown, @r#"
        --- /etc/x
        +++ /etc/x (new)
        @@ -1,3 +1,3 @@
         a
        -b
        +B\u1b
         c
        "#);
        assert_eq!(unified(&diff("a\n", "a\n"), Paint::new(false)), "");
        insta::assert_snapshot!(unified(&diff("", "x"), Paint::new(false)), @r#"
        --- /etc/x
        +++ /etc/x (new)
        @@ -0,0 +1 @@
        +x
        \ No newline at end of file
        "#);
        insta::assert_snapshot!(unified(&diff("a\n", ""), Paint::new(true)).escape_debug().to_string(), @r#"\u{1b}[1m--- /etc/x\u{1b}[0m\n\u{1b}[1m+++ /etc/x (new)\u{1b}[0m\n\u{1b}[36m@@ -1 +0,0 @@\u{1b}[0m\n\u{1b}[31m-a\u{1b}[0m\n"#);
    }
}
