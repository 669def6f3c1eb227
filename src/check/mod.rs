//! Everything that can be found wrong before the first host is touched.

mod listing;
pub mod tags;
mod walk;

pub use listing::Listing;
