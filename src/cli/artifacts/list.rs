//! `hoist artifacts list` and `outdated`.

use super::{SiteFlags, chosen, web};
use crate::artifacts::{Arch, Artifact, Content, News, Site, news};
use crate::cli::output::print;
use crate::error::Problems;
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Show what there is, what is locked and what is in the cache.
#[derive(Args, Clone, Debug)]
pub struct ListCommand {
    /// Also where each digest is from
    #[arg(short, long)]
    verbose: bool,
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    site: SiteFlags,
}

/// One file or image of an artifact.
struct Row {
    name: String,
    kind: &'static str,
    version: String,
    arch: Arch,
    digest: Option<String>,
    from: Option<String>,
    cached: bool,
    /// What is locked is not what is wanted.
    stray: Option<String>,
}

fn rows(site: &Site, artifact: &Artifact) -> Vec<Row> {
    let row = |arch: Arch| Row {
        name: artifact.name.clone(),
        kind: artifact.kind.name(),
        version: artifact.version.clone(),
        arch,
        digest: None,
        from: None,
        cached: false,
        stray: None,
    };
    let stray = site.lock.entries.get(&artifact.name);
    let stray = stray.and_then(|entry| entry.strays_from(artifact));
    let entry = site.locked(artifact).ok();
    if let Some(image) = entry.and_then(|entry| entry.image()) {
        let here = image
            .platforms
            .values()
            .any(|d| site.cache.image(d).is_file());
        return vec![Row {
            digest: Some(image.digest.clone()),
            from: Some(image.from.clone()),
            cached: here,
            ..row(Arch::Any)
        }];
    }
    let mut arches = artifact.arches();
    if arches.is_empty() {
        arches.push(Arch::Any);
    }
    let rows = arches.into_iter().map(|arch| {
        let file = entry.and_then(|entry| match &entry.content {
            Content::Files(files) => files.get(&arch),
            Content::Image(_) => None,
        });
        Row {
            digest: file.map(|f| f.sha256.clone()),
            from: file.map(|f| f.from.clone()),
            cached: file.is_some_and(|f| site.cache.blob(&f.sha256).is_file()),
            stray: stray.clone(),
            ..row(arch)
        }
    });
    rows.collect()
}

pub(super) async fn run(command: &ListCommand) -> Result<ExitCode, Problems> {
    let site = command.site.read()?;
    let rows: Vec<Row> = site
        .wanted
        .artifacts
        .values()
        .flat_map(|artifact| rows(&site, artifact))
        .collect();
    if command.json {
        let all: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name, "kind": row.kind, "version": row.version, "arch": row.arch.name(),
                    "digest": row.digest, "from": row.from, "cached": row.cached, "stale": row.stray,
                })
            })
            .collect();
        print(&format!("{}\n", serde_json::Value::from(all)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let wide = |of: &dyn Fn(&Row) -> usize, least: usize| {
        rows.iter().map(of).max().unwrap_or(0).max(least)
    };
    let (name, version) = (wide(&|r| r.name.len(), 4), wide(&|r| r.version.len(), 7));
    let mut text = format!(
        "{:name$}  {:8}  {:version$}  {:5}  STATE\n",
        "NAME", "KIND", "VERSION", "FOR"
    );
    for row in &rows {
        let state = match (&row.digest, &row.stray) {
            (Some(digest), _) => {
                let short = digest.strip_prefix("sha256:").unwrap_or(digest);
                let short = short.get(..16).unwrap_or(short);
                let here = if row.cached { "in the cache" } else { "locked" };
                format!("{here:12}  {short}…")
            }
            (None, Some(stray)) => format!("to be locked anew: {stray}"),
            (None, None) => "to be locked on first use".to_owned(),
        };
        text += &format!(
            "{:name$}  {:8}  {:version$}  {:5}  {state}\n",
            row.name, row.kind, row.version, row.arch
        );
        if let (Some(from), true) = (&row.from, command.verbose) {
            text += &format!("{:name$}    digest from: {from}\n", "");
        }
    }
    let locked = rows.iter().filter(|row| row.digest.is_some()).count();
    let open = rows.len() - locked;
    let cached = rows.iter().filter(|row| row.cached).count();
    text += &format!("\n{locked} locked, {cached} of them in the cache");
    if open > 0 {
        text += &format!(
            "; {open} to be locked on first use: `hoist artifacts lock` does it, with the internet or a mirror, \
             and nothing is installed before it"
        );
    }
    text.push('\n');
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Ask publishers for newer versions.
#[derive(Args, Clone, Debug)]
pub struct OutdatedCommand {
    /// Only these [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    site: SiteFlags,
}

pub(super) async fn outdated(command: &OutdatedCommand) -> Result<ExitCode, Problems> {
    let site = command.site.read()?;
    let mut artifacts = Vec::new();
    for name in chosen(&site, &command.names)? {
        artifacts.push(site.artifact(&name)?.clone());
    }
    let asked: Vec<&Artifact> = artifacts.iter().collect();
    let answers = news(&asked, &web(&site)?).await?;
    let wide = artifacts.iter().map(|a| a.name.len()).max().unwrap_or(0);
    let (mut newer, mut unasked, mut text) = (0, 0, String::new());
    for (artifact, answer) in artifacts.iter().zip(&answers) {
        let said = match answer {
            News::Newer(version) => {
                newer += 1;
                format!("there is {version}")
            }
            News::Current => "newest".to_owned(),
            News::Unasked(why) => {
                unasked += 1;
                format!("could not be asked: {why}")
            }
        };
        text += &format!("{:wide$}  {:16}  {said}\n", artifact.name, artifact.version);
    }
    text += &format!("\n{newer} of {} have a newer version", artifacts.len());
    if unasked > 0 {
        text += &format!(", {unasked} could not be asked");
    }
    if newer > 0 {
        text += "; change `version` in artifacts.yml, then run `hoist artifacts lock`";
    }
    text.push('\n');
    print(&text)?;
    Ok(if unasked > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
