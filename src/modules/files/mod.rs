//! Modules about files: what a path holds, its text, its owner; fetching, packing and unpacking.

mod attrs;
mod blockinfile;
mod copy;
mod copy_tree;
pub(in crate::modules) mod digest;
mod edit;
mod file;
mod file_link;
mod file_times;
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
mod stat;
mod template;
mod uri;

use super::Spec;

/// The modules of this folder, sorted by name, one a line.
#[rustfmt::skip]
pub(super) static ALL: &[&Spec] = &[
    &blockinfile::BLOCKINFILE,
    &copy::COPY,
    &file::FILE,
    &get_url::GET_URL,
    &lineinfile::LINEINFILE,
    &replace::REPLACE,
    &stat::STAT,
    &template::TEMPLATE,
    &uri::URI,
];
