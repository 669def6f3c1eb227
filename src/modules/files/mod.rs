//! Modules about files: what a path holds, its text, its owner; fetching, packing and unpacking.

mod archive;
mod archive_plan;
mod artifact;
mod assemble;
mod attrs;
mod authorized_key;
mod blockinfile;
mod checksum;
mod copy;
mod copy_one;
mod copy_tree;
pub(in crate::modules) mod digest;
mod edit;
mod fetch;
mod file;
mod file_link;
mod file_times;
mod find;
mod find_entry;
mod get_url;
mod git;
mod git_repository;
mod http;
mod ini_file;
mod known_hosts;
mod kubeconfig;
mod label;
mod lineinfile;
mod made;
mod mode;
mod openssl;
mod openssl_csr;
mod openssl_names;
mod openssl_privatekey;
mod pam_limits;
mod pattern;
mod place;
mod recurse;
mod refused;
mod remote_copy;
mod replace;
mod sealed_secret;
mod setting;
mod slurp;
mod stat;
mod synchronize;
mod tempfile;
mod template;
mod unarchive;
mod uri;
mod uri_body;
mod x509_certificate;

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
    &git::GIT,
    &known_hosts::KNOWN_HOSTS,
    &kubeconfig::KUBECONFIG,
    &lineinfile::LINEINFILE,
    &replace::REPLACE,
    &slurp::SLURP,
    &stat::STAT,
    &tempfile::TEMPFILE,
    &template::TEMPLATE,
    &unarchive::UNARCHIVE,
    &uri::URI,
    &authorized_key::AUTHORIZED_KEY,
    &synchronize::SYNCHRONIZE,
    &openssl_csr::OPENSSL_CSR,
    &openssl_privatekey::OPENSSL_PRIVATEKEY,
    &x509_certificate::X509_CERTIFICATE,
    &archive::ARCHIVE,
    &ini_file::INI_FILE,
    &pam_limits::PAM_LIMITS,
    &refused::XML,
    &sealed_secret::SEALED_SECRET,
    &artifact::ARTIFACT,
];
