//! Everything that can be found wrong before the first host is touched.
//!
//! [`check`] takes a loaded playbook and tells every mistake in it at once; [`tags`] says which tasks a selection runs;
//! [`Listing`] prints what would be run.

mod arguments;
mod artifacts;
mod checker;
mod findings;
mod handlers;
mod includes;
mod listing;
mod made;
mod needs;
mod overview;
mod selection;
mod sources;
pub mod tags;
mod templates;
mod unknown;
mod unsupported;
mod walk;

pub use checker::{check, check_parts};
pub use findings::Findings;
pub use listing::Listing;
pub use needs::start_among_roles;
pub use overview::{Overview, Step};
pub use unsupported::{BECOME, CONNECTIONS, ORDERS, STRATEGIES, missing_modules};

#[cfg(test)]
mod tests;
