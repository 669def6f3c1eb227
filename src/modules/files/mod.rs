//! Modules about files: what a path holds, its text, its owner; fetching, packing and unpacking.

mod assemble;
mod attrs;
mod blockinfile;
mod copy;
mod copy_tree;
pub(in crate::modules) mod digest;
mod edit;
mod fetch;
mod file;
mod file_link;
mod file_times;
mod find;
mod get_url;
mod http;
mod lineinfile;
mod mode;
mod pattern;
mod place;
mod recurse;
mod remote_copy;
mod replace;
mod setting;
mod slurp;
mod stat;
mod tempfile;
mod template;
mod unarchive;
mod uri;

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
#[rustfmt::skip]
pub(super) static ALL: &[&Spec] = &[
    &assemble::ASSEMBLE,
    &blockinfile::BLOCKINFILE,
    &copy::COPY,
    &fetch::FETCH,
    &file::FILE,
    &find::FIND,
    &get_url::GET_URL,
    &lineinfile::LINEINFILE,
    &replace::REPLACE,
    &slurp::SLURP,
    &stat::STAT,
    &tempfile::TEMPFILE,
    &template::TEMPLATE,
    &unarchive::UNARCHIVE,
    &uri::URI,
];
