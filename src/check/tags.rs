//! Which tasks `--tags` and `--skip-tags` select.

/// Whether a task with these tags (its own and all it inherits) runs.
///
/// `only` is `--tags`, empty for everything; `skip` is `--skip-tags`. Special words, as on Ansible's page "Tags": a task
/// tagged `always` runs unless `always` itself is skipped, one tagged `never` runs only when one of its other tags (or
/// `never`) is asked for, `all`, `tagged` and `untagged` select what they say.
pub fn selected(tags: &[String], only: &[String], skip: &[String]) -> bool {
    let has = |list: &[String], word: &str| list.iter().any(|t| t == word);
    let meets = |list: &[String]| {
        if tags.is_empty() {
            has(list, "untagged")
        } else {
            tags.iter().any(|tag| has(list, tag))
        }
    };
    let never = has(tags, "never");
    let always = has(tags, "always");
    let everything = only.is_empty() || has(only, "all");
    let wanted = always
        || (everything && !never)
        || meets(only)
        || (has(only, "tagged") && !tags.is_empty() && !never);
    let unwanted = if has(skip, "all") {
        !always || has(skip, "always")
    } else {
        meets(skip) || (has(skip, "tagged") && !tags.is_empty())
    };
    wanted && !unwanted
}

#[cfg(test)]
mod tests {
    use super::selected;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Checked against `Taggable.evaluate_tags` of ansible-core 2.19.
    #[test]
    fn tags_select_as_in_ansible() {
        let cases = [
            // tags, only, skip, runs
            ("", "", "", true),
            ("a", "", "", true),
            ("never", "", "", false),
            ("never a", "", "", false),
            ("never a", "a", "", true),
            ("never a", "never", "", true),
            ("never a", "all", "", false),
            ("never a", "tagged", "", false),
            ("a", "a b", "", true),
            ("c", "a b", "", false),
            ("", "a", "", false),
            ("", "untagged", "", true),
            ("a", "untagged", "", false),
            ("a", "tagged", "", true),
            ("", "tagged", "", false),
            ("always", "a", "", true),
            ("always", "a", "always", false),
            ("always a", "", "a", false),
            ("always", "", "all", true),
            ("always", "", "all always", false),
            ("a", "", "all", false),
            ("", "", "all", false),
            ("a", "", "a", false),
            ("a", "a", "a", false),
            ("", "", "untagged", false),
            ("a", "", "tagged", false),
            ("", "", "tagged", true),
            ("a never", "a", "never", false),
        ];
        for (tags, only, skip, runs) in cases {
            assert_eq!(
                selected(&words(tags), &words(only), &words(skip)),
                runs,
                "tags [{tags}] --tags [{only}] --skip-tags [{skip}]"
            );
        }
    }
}
