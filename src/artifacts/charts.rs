//! The index of a Helm repository.

use crate::error::{Diagnostic, Source};
use crate::yaml::{self, Node};

/// A version of a chart, as the index has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) version: String,
    pub(super) url: String,
    /// Without `sha256:`.
    pub(super) digest: Option<String>,
}

/// All versions of `chart` in the index of `repository`.
///
/// # Errors
/// It is no index; it has no such chart.
pub(super) fn versions(
    index: &str,
    repository: &str,
    chart: &str,
) -> Result<Vec<Listed>, Diagnostic> {
    let wrong = |why: String| Diagnostic::new(format!("the index of {repository} {why}"));
    let source = Source::new(format!("{repository}/index.yaml"), index);
    let document = yaml::parse(&source).map_err(|problems| {
        let first = problems.0.into_iter().next();
        wrong(format!(
            "cannot be read: {}",
            first.map_or(String::new(), |d| d.message)
        ))
    })?;
    let entries = document.root.as_ref().and_then(|root| root.get("entries"));
    let Some(entries) = entries.filter(|e| e.as_map().is_some()) else {
        return Err(wrong("is no index of charts".to_owned()));
    };
    let Some(list) = entries.get(chart).and_then(Node::as_list) else {
        let names: Vec<String> = entries.entries().map(|(name, _, _)| name).collect();
        return Err(wrong(format!("has no chart `{chart}`"))
            .with_nearest(chart, names.iter().map(String::as_str)));
    };
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
    let listed = list.iter().filter_map(|node| {
        let first = node.get("urls")?.as_list()?.first()?.as_str()?;
        let url = if first.contains("://") {
            first.to_owned()
        } else {
            format!("{repository}/{}", first.trim_start_matches('/'))
        };
        let digest = text(node, "digest");
        Some(Listed {
            version: text(node, "version")?,
            url,
            digest: digest.map(|d| d.strip_prefix("sha256:").unwrap_or(&d).to_owned()),
        })
    });
    Ok(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "apiVersion: v1\nentries:\n  sealed-secrets:\n  - version: 2.19.3\n    digest: aaaa\n    urls:\n    - https://h/sealed-secrets-2.19.3.tgz\n  - version: 2.19.2\n    urls:\n    - charts/sealed-secrets-2.19.2.tgz\n";

    #[test]
    fn versions_have_addresses_and_digests() {
        let listed = versions(INDEX, "https://r/c", "sealed-secrets").unwrap();
        let shown: Vec<String> = listed
            .iter()
            .map(|l| format!("{} {} {:?}", l.version, l.url, l.digest))
            .collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        2.19.3 https://h/sealed-secrets-2.19.3.tgz Some("aaaa")
        2.19.2 https://r/c/charts/sealed-secrets-2.19.2.tgz None
        "#);
    }

    #[test]
    fn what_is_no_index_is_told() {
        let told =
            |text: &str, chart: &str| versions(text, "https://r", chart).unwrap_err().to_string();
        insta::assert_snapshot!(told(INDEX, "sealed-secret"), @r"
        error: the index of https://r has no chart `sealed-secret`
          help: did you mean `sealed-secrets`?
        ");
        insta::assert_snapshot!(told("<html>", "x"), @"error: the index of https://r is no index of charts");
    }
}
