//! Before the first host is touched: everything that a run puts on hosts must be here, and be what is locked.

use super::bars::Bars;
use crate::artifacts::{Kind, Need, Patience, Shelf, Site, State, Web, fetch, states};
use crate::cli::complain::warn;
use crate::error::{Diagnostic, Problems};
use crate::inventory::Inventory;
use crate::value::{Map, Value};

/// Gets what is missing, and proves the rest.
///
/// # Errors
/// Everything that is not locked, cannot be got, or is another than the locked; each with what mends it.
pub async fn stock(shelf: &Shelf, inventory: &Inventory, extra: &Map) -> Result<(), Problems> {
    let site = match shelf.site() {
        Ok(site) => site,
        Err(_) if shelf.replacements().is_empty() => return Ok(()),
        Err(no_site) => return Err(no_site.into()),
    };
    let by_hosts = hosts_download(inventory, extra);
    let mut problems = Problems::new();
    let (mut firm, mut wishes) = (Vec::new(), Vec::new());
    for (name, used) in shelf.used() {
        let artifact = site.artifact(&name)?;
        if used.placed {
            let needs = problems.take(site.needs(&name, &[]).map_err(|d| placed(d, &used)));
            if !by_hosts || matches!(artifact.kind, Kind::Archive | Kind::Image) {
                firm.extend(needs.into_iter().flatten());
            }
        } else if artifact.kind.is_read_here() && site.locked(artifact).is_ok() {
            wishes.extend(site.needs(&name, &[])?);
        }
    }
    let missing = missing(&site, firm, &mut problems).await;
    let wished = self::missing(&site, wishes, &mut problems).await;
    if !problems.0.is_empty() || missing.is_empty() && wished.is_empty() {
        return problems.or_ok(());
    }
    let web = Web::new(site.mirror.clone(), Patience::default())?;
    let bars = Bars::new();
    if let Err(failed) = fetch(&site.cache, &web, missing, &bars).await {
        problems.extend(Problems(
            failed.0.into_iter().map(|d| mend(d, &site)).collect(),
        ));
        return Err(problems);
    }
    // whether they are needed, the run will see
    if let Err(failed) = fetch(&site.cache, &web, wished, &bars).await {
        failed.0.iter().for_each(warn);
    }
    Ok(())
}

/// What tasks put on hosts and a run would stop for, since it is not locked.
pub fn unlocked(shelf: &Shelf) -> Vec<Diagnostic> {
    let Ok(site) = shelf.site() else {
        return Vec::new();
    };
    let used = shelf.used();
    let placed = used.iter().filter(|(_, used)| used.placed);
    placed
        .filter_map(|(name, used)| {
            let problem = site.needs(name, &[]).err()?;
            Some(self::placed(problem, used))
        })
        .collect()
}

/// Where the task stands that an artifact is wanted by.
fn placed(problem: Diagnostic, used: &crate::artifacts::Use) -> Diagnostic {
    match &used.span {
        Some(span) => problem.with_note(format!("a task puts it on hosts: {span}")),
        None => problem,
    }
}

/// What is not in the cache; what is spoilt there is a problem.
async fn missing(site: &Site, needs: Vec<Need>, problems: &mut Problems) -> Vec<Need> {
    let mut missing = Vec::new();
    for (need, state) in states(&site.cache, needs).await {
        match state {
            Ok(State::Good) => {}
            Ok(State::Missing) => missing.push(need),
            Ok(State::Wrong { found, size }) => {
                problems.push(need.spoilt(&site.cache, &found, size));
            }
            Err(problem) => problems.push(problem),
        }
    }
    missing
}

fn mend(problem: Diagnostic, site: &Site) -> Diagnostic {
    if problem.help.is_some() {
        return problem;
    }
    let other = if site.mirror.is_none() {
        "`--mirror` takes it from elsewhere, `hoist artifacts unbundle FILE` brings it without the internet"
    } else {
        "see whether the mirror has it"
    };
    problem.with_help(format!("`hoist artifacts fetch` tries again; {other}"))
}

/// Whether every host of the inventory is to download for itself, so that the files need not be here.
fn hosts_download(inventory: &Inventory, extra: &Map) -> bool {
    let is_host = |value: &Value| value.as_str() == Some("host");
    if let Some(value) = extra.get("hoist_artifacts_from") {
        return is_host(value);
    }
    let mut hosts = inventory.hosts.keys().peekable();
    hosts.peek().is_some()
        && hosts.all(|host| {
            let layers = inventory.layers(host, None);
            let set = layers
                .iter()
                .rev()
                .find_map(|l| l.vars.get("hoist_artifacts_from"));
            set.is_some_and(is_host)
        })
}
