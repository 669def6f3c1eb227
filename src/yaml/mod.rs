//! YAML as Ansible's loader reads and writes it: every node with its place, YAML 1.1 scalars, `!unsafe` and `!vault`,
//! mistakes explained in words, and a writer whose text equals that of `to_yaml` and `to_nice_yaml`.

mod document;
mod dump;
mod emit;
mod explain;
mod mapping;
mod margin;
mod node;
mod scalar;

pub use document::{Document, parse, parse_all, parse_hidden};
pub use dump::{Flow, Style, dump};
pub use node::{Kind, Node};
pub use scalar::resolve as resolve_plain;

#[cfg(test)]
mod tests;
