//! Newer versions: `hoist artifacts outdated`.

use super::charts;
use super::registry::Registry;
use super::{Artifact, Origin, Web};
use crate::error::Problems;
use futures_util::StreamExt as _;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;
use std::cmp::Ordering;

/// What a publisher says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// There is a newer version.
    Newer(String),
    /// There is none.
    Current,
    /// It could not be asked, and why.
    Unasked(String),
}

/// Asks all publishers, several at a time; the answers in the same order.
///
/// # Errors
/// The way to them cannot be made.
pub async fn news(artifacts: &[&Artifact], web: &Web) -> Result<Vec<News>, Problems> {
    let registry = Registry::new(web)?;
    let registry = &registry;
    let asking = artifacts
        .iter()
        .map(|artifact| async move { one(artifact, web, registry).await });
    Ok(futures_util::stream::iter(asking)
        .buffered(8)
        .collect()
        .await)
}

async fn one(artifact: &Artifact, web: &Web, registry: &Registry) -> News {
    let versions = match candidates(artifact, web, registry).await {
        Ok(versions) => versions,
        Err(why) => return News::Unasked(why),
    };
    let own = &artifact.version;
    let newest = versions
        .into_iter()
        .filter(|version| shape(version) == shape(own))
        .max_by(|a, b| compare(a, b));
    match newest {
        Some(newest) if compare(&newest, own) == Ordering::Greater => News::Newer(newest),
        Some(_) => News::Current,
        None => News::Unasked("none of the versions listed looks like this one".to_owned()),
    }
}

/// The versions that there are.
async fn candidates(
    artifact: &Artifact,
    web: &Web,
    registry: &Registry,
) -> Result<Vec<String>, String> {
    if let Some(releases) = &artifact.releases {
        return listed(artifact, releases, web).await;
    }
    match &artifact.origin {
        Origin::Image(image) => registry.tags(image).await,
        Origin::Repository { repository, chart } => {
            let index = text(web, &format!("{repository}/index.yaml")).await?;
            let listed = charts::versions(&index, repository, chart).map_err(|d| d.message)?;
            Ok(listed.into_iter().map(|l| l.version).collect())
        }
        Origin::Files(urls) => match urls.values().find_map(|url| github(url)) {
            Some(project) => listed(artifact, &format!("https://github.com/{project}"), web).await,
            None => Err(
                "its address does not say whom to ask; give it `releases` in artifacts.yml"
                    .to_owned(),
            ),
        },
    }
}

/// OWNER/NAME of an address on GitHub.
fn github(url: &str) -> Option<String> {
    let path = url.strip_prefix("https://github.com/")?;
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    Some(format!("{}/{}", parts.next()?, parts.next()?))
}

/// From a page of releases: of GitHub, of a channel like K3s's, or a text that is the version.
async fn listed(artifact: &Artifact, releases: &str, web: &Web) -> Result<Vec<String>, String> {
    if let Some(project) = github(releases) {
        let url = format!("https://api.github.com/repos/{project}/releases?per_page=100");
        let page = json(&text(web, &url).await?)?;
        let before = tag_before(artifact);
        let each = page.as_array().cloned().unwrap_or_default().into_iter();
        let good = each.filter(|r| r["draft"] != true && r["prerelease"] != true);
        let tags =
            good.filter_map(|r| Some(r["tag_name"].as_str()?.strip_prefix(&before)?.to_owned()));
        return Ok(tags.collect());
    }
    if let Some((base, channel)) = releases.rsplit_once("/channels/") {
        let page = json(&text(web, &format!("{base}/channels")).await?)?;
        let each = page["data"].as_array().cloned().unwrap_or_default();
        let found = each.iter().find(|c| c["name"] == channel);
        return match found.and_then(|c| c["latest"].as_str()) {
            Some(version) => Ok(vec![version.to_owned()]),
            None => Err(format!("there is no channel `{channel}`")),
        };
    }
    let page = text(web, releases).await?;
    let first = page.lines().next().unwrap_or_default().trim();
    if first.is_empty() || first.len() > 80 {
        return Err(format!("{releases} is not a version"));
    }
    Ok(vec![first.to_owned()])
}

/// What stands before the version in a release's tag (`helm-v` of `helm-v2.19.3`), by the artifact's address.
fn tag_before(artifact: &Artifact) -> String {
    let Origin::Files(urls) = &artifact.origin else {
        return String::new();
    };
    let tag = urls.values().find_map(|url| {
        let (_, rest) = url.split_once("/releases/download/")?;
        rest.split('/').next()
    });
    let tag = percent_decode_str(tag.unwrap_or_default()).decode_utf8_lossy();
    tag.strip_suffix(artifact.version.as_str())
        .unwrap_or_default()
        .to_owned()
}

async fn text(web: &Web, url: &str) -> Result<String, String> {
    let got = web.text(url, "it").await;
    got.map_err(|d| {
        let why = d
            .message
            .strip_prefix("it could not be got: ")
            .unwrap_or(&d.message);
        format!("{why} ({url})")
    })
}

fn json(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|_| "the answer is no JSON".to_owned())
}

/// A version with its numbers left out: what is not of the same form (a release candidate, another variant) does not count.
fn shape(version: &str) -> String {
    let mut out = String::new();
    for c in version.chars() {
        match (c.is_ascii_digit(), out.ends_with('#')) {
            (true, true) => {}
            (true, false) => out.push('#'),
            (false, _) => out.push(c),
        }
    }
    out
}

/// By numbers and words, from left to right.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| {
        let parts = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|p| !p.is_empty());
        parts
            .map(|p| p.parse().unwrap_or(u64::MAX))
            .collect::<Vec<u64>>()
    };
    numbers(a).cmp(&numbers(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        for (older, newer) in [
            ("v1.36.5+k3s1", "v1.36.10+k3s1"),
            ("v1.36.5+k3s1", "v1.36.5+k3s2"),
            ("2.19.3", "2.20.0"),
            ("v4.3.0", "v10.0.0"),
        ] {
            assert_eq!(compare(older, newer), Ordering::Less);
            assert_eq!(shape(older), shape(newer));
        }
        assert_ne!(shape("v1.2.3"), shape("v1.2.4-rc1"));
        assert_ne!(shape("1.2.3"), shape("1.2.3-alpine"));
    }
}
