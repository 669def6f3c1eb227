//! A release as Helm keeps it: a Secret of the type `helm.sh/release.v1` with the release as JSON, gzip and base64 (twice:
//! Helm's own, and that of every Secret). Follows Helm's pkg/storage/driver.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::read::GzDecoder;
use serde_json::{Value as Json, json};
use std::io::Read as _;

/// A Secret holds at most 1 MiB; what grows beyond this out of one was made to.
const LIMIT: u64 = 256 * 1024 * 1024;

/// One revision of a release.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Release(Json);

impl Release {
    /// Of the Secret that holds it.
    ///
    /// # Errors
    /// It holds no release.
    pub(super) fn read(secret: &Json) -> Result<Self, String> {
        let name = secret["metadata"]["name"].as_str().unwrap_or("?");
        let damaged = |what: &dyn std::fmt::Display| {
            format!("the Secret `{name}` holds no release of Helm: {what}")
        };
        let text = secret["data"]["release"]
            .as_str()
            .ok_or_else(|| damaged(&"it has no key `release`"))?;
        let inner = BASE64_STANDARD.decode(text).map_err(|e| damaged(&e))?;
        let packed = BASE64_STANDARD.decode(inner).map_err(|e| damaged(&e))?;
        // releases of the first days are not compressed
        let json = if packed.starts_with(&[0x1f, 0x8b]) {
            let mut out = Vec::new();
            let mut unpacker = GzDecoder::new(&packed[..]).take(LIMIT);
            unpacker.read_to_end(&mut out).map_err(|e| damaged(&e))?;
            out
        } else {
            packed
        };
        serde_json::from_slice(&json)
            .map(Self)
            .map_err(|e| damaged(&e))
    }

    /// Of what `helm … --output json` prints.
    pub(super) fn printed(json: Json) -> Self {
        Self(json)
    }

    /// The newest of these revisions.
    pub(super) fn newest(all: Vec<Self>) -> Option<Self> {
        all.into_iter().max_by_key(Self::revision)
    }

    /// 1, 2, 3 …
    pub(super) fn revision(&self) -> i64 {
        self.0["version"].as_i64().unwrap_or(0)
    }

    /// `deployed`, `failed`, `superseded`, `pending-install` …
    pub(super) fn status(&self) -> &str {
        self.0["info"]["status"].as_str().unwrap_or("unknown")
    }

    /// When it was made, as Helm writes it.
    pub(super) fn when(&self) -> &str {
        self.0["info"]["last_deployed"]
            .as_str()
            .unwrap_or("an unknown time")
    }

    /// What Helm says of it.
    pub(super) fn description(&self) -> &str {
        self.0["info"]["description"].as_str().unwrap_or_default()
    }

    /// The chart's name and version.
    pub(super) fn chart(&self) -> (&str, &str) {
        let metadata = &self.0["chart"]["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default();
        (text("name"), text("version"))
    }

    /// The values that were given, without the chart's own; `{}` for none.
    pub(super) fn values(&self) -> Json {
        match &self.0["config"] {
            Json::Null => json!({}),
            values => values.clone(),
        }
    }

    /// The chart's templates and, unless `reused`, its own values, as far as they make the objects. With `--reuse-values` Helm
    /// keeps the values of the last revision in place of the chart's.
    pub(super) fn chart_parts(&self, reused: bool) -> Vec<Json> {
        let chart = &self.0["chart"];
        let mut templates: Vec<Json> = chart["templates"].as_array().cloned().unwrap_or_default();
        for template in &mut templates {
            // when a file was changed says nothing
            if let Some(template) = template.as_object_mut() {
                template.retain(|key, _| key == "name" || key == "data");
            }
        }
        templates.sort_by_key(|t| t["name"].to_string());
        if !reused {
            templates.push(chart["values"].clone());
        }
        templates
    }

    /// The manifest of its objects.
    pub(super) fn manifest(&self) -> &str {
        self.0["manifest"].as_str().unwrap_or_default()
    }

    /// The chart's notes, rendered.
    pub(super) fn notes(&self) -> &str {
        self.0["info"]["notes"].as_str().unwrap_or_default()
    }

    /// Its hooks.
    pub(super) fn hooks(&self) -> &Json {
        &self.0["hooks"]
    }

    /// Somebody is at it, or was killed at it: Helm refuses to touch it.
    pub(super) fn is_pending(&self) -> bool {
        self.status().starts_with("pending-")
    }

    /// The result key `status` of `helm` and `helm_info`.
    pub(super) fn story(&self) -> Json {
        let (chart, version) = self.chart();
        json!({
            "name": self.0["name"],
            "namespace": self.0["namespace"],
            "revision": self.revision().to_string(),
            "status": self.status(),
            "updated": self.when(),
            "chart": format!("{chart}-{version}"),
            "app_version": self.0["chart"]["metadata"]["appVersion"],
            "values": self.values(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn secret(release: &Json, packed: bool) -> Json {
        let mut bytes = release.to_string().into_bytes();
        if packed {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&bytes).unwrap();
            bytes = gzip.finish().unwrap();
        }
        let inner = BASE64_STANDARD.encode(bytes);
        json!({"metadata": {"name": "sh.helm.release.v1.web.v2"}, "data": {"release": BASE64_STANDARD.encode(inner)}})
    }

    #[test]
    fn releases_are_read_and_damage_is_told() {
        let json = json!({
            "name": "web", "namespace": "shop", "version": 2,
            "info": {"status": "pending-upgrade", "last_deployed": "2026-11-24T20:00:00Z"},
            "chart": {"metadata": {"name": "web", "version": "1.2.3", "appVersion": "9"}},
        });
        for packed in [true, false] {
            let release = Release::read(&secret(&json, packed)).unwrap();
            assert_eq!(release.chart(), ("web", "1.2.3"));
            assert!(release.is_pending());
            assert_eq!(release.values(), json!({}));
            assert_eq!(release.story()["chart"], "web-1.2.3");
        }
        let mut bad = secret(&json, true);
        bad["data"]["release"] = BASE64_STANDARD.encode("H4sI").into();
        let told = Release::read(&bad).unwrap_err();
        assert!(
            told.starts_with("the Secret `sh.helm.release.v1.web.v2` holds no release of Helm: "),
            "{told}"
        );
        insta::assert_snapshot!(Release::read(&json!({})).unwrap_err(), @"the Secret `?` holds no release of Helm: it has no key `release`");
    }
}
