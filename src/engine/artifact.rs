//! Artifacts whose names were not known before the run: they are got when their task comes.

use super::files::TaskFiles;
use super::ordinary::Work;
use crate::artifacts::{Kind, Patience, Unwatched, Web, fetch};
use crate::modules::{Args, ControlFiles as _, Fail};
use crate::report::EventKind;

impl Work<'_> {
    /// Gets what the module `artifact` is about to put on the host, where it is locked and not in the cache. What else may be
    /// wrong with it, the module says.
    pub(super) async fn stock(&self, args: &Args, files: &TaskFiles<'_>) -> Result<(), Fail> {
        let name = args.str("name");
        let Ok((site, from_host)) = files.artifacts() else {
            return Ok(());
        };
        let (Ok(artifact), Ok(needs)) = (site.artifact(name), site.needs(name, &[])) else {
            return Ok(());
        };
        if from_host && !matches!(artifact.kind, Kind::Archive | Kind::Image) {
            return Ok(());
        }
        let missing: Vec<_> = needs
            .into_iter()
            .filter(|need| !need.path(&site.cache).exists())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let labels: Vec<String> = missing.iter().map(|need| need.label()).collect();
        self.play.run.emitter.emit(EventKind::Progress {
            task: self.id,
            host: self.host.to_string(),
            text: format!("getting {}", labels.join(", ")),
        });
        let web = Web::new(site.mirror.clone(), Patience::default())?;
        match fetch(&site.cache, &web, missing, &Unwatched).await {
            Ok(_) => Ok(()),
            Err(problems) => {
                let told = problems.to_string();
                Err(Fail::new(told.trim_start_matches("error: ")))
            }
        }
    }
}
