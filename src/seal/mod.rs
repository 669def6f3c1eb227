//! Sealing: a Secret becomes a SealedSecret, which may lie in a repository; only the cluster's Sealed Secrets controller can
//! open it. The format is kubeseal's, so that either program's files are the other's too.
//!
//! A [`Certificate`] is the controller's public key. A [`Secret`] is read from a manifest or made of arguments; sealed
//! in a [`Scope`] it becomes a manifest. Sealing is random: the same Secret sealed twice differs. Whether a sealed manifest
//! still holds a Secret is therefore asked of its [`Seal`], a slow salted digest that can be kept in it.

mod certificate;
mod digest;
mod manifest;
mod scope;
mod secret;
#[cfg(test)]
mod tests;

pub use certificate::Certificate;
pub use digest::Seal;
pub use manifest::{ANNOTATION, merged, sealed};
pub use scope::Scope;
pub use secret::{Mistake, Secret};
