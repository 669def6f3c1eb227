//! `artifact`: what is known of a file that the site installs from outside.

use super::{Table, texts};
use crate::artifacts::Kind;
use crate::template::args::{Args, Eval};
use crate::value::Value;

pub(super) const TABLE: Table = &[("artifact", artifact)];

/// A mapping for each name: version, digests, an image's whole name, a chart's place on this machine.
fn artifact(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let site = args.cx.templar.artifacts().site()?;
    let mut out = Vec::new();
    for name in texts(&mut args)? {
        out.push(site.describe(&name)?);
        let artifact = site.artifact(&name)?;
        if artifact.kind == Kind::Image && site.locked(artifact).is_err() {
            args.cx.scope.outside().warn(format!(
                "the image `{name}` is not locked, so its tag is all that says what it is; run `hoist artifacts lock {name}`"
            ));
        }
    }
    args.end()?;
    Ok(out)
}
