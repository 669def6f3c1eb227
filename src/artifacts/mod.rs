//! Artifacts: every file from outside that a site installs is named once, locked by its digest, and kept by its digest.
//!
//! `artifacts.yml` ([`Wanted`]) says what is wanted, `artifacts.lock` ([`Lock`]) what that is, byte for byte; together they
//! are a [`Site`]. Files lie in the [`Cache`] under their digests. A [`Mirror`] may stand for the internet. The [`Shelf`] is
//! what one run has of all this.

mod arch;
mod artifact;
mod bundle;
mod cache;
mod charts;
mod checksums;
mod describe;
mod download;
#[cfg(test)]
mod download_tests;
mod image;
#[cfg(test)]
mod image_tests;
mod lock;
mod mirror;
mod needs;
mod news;
mod registry;
mod resolve;
#[cfg(test)]
mod resolve_tests;
mod shelf;
mod site;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod unpack;
mod verify;
mod wanted;
mod web;

pub use arch::Arch;
pub use artifact::{Artifact, Kind, Origin, file_name};
pub use bundle::{Unbundled, bundle, unbundle};
pub use cache::{Cache, State};
pub use download::{Unwatched, Watch};
pub use lock::{Content, Entry, LOCK, Lock, LockedFile, LockedImage};
pub use mirror::{Mirror, Place};
pub use needs::{Fetched, Item, Need, fetch, states, throw_out};
pub use news::{News, news};
pub use resolve::{Change, Resolved, Told, resolve};
pub use shelf::{Shelf, Use};
pub use site::{Pick, Site};
pub use verify::{Spoilt, Verified, verify};
pub use wanted::{WANTED, Wanted};
pub use web::{Patience, Web};
