//! Values: what variables, arguments, facts and results are made of.
//!
//! A string that a *user's file* holds and that contains `{{`, `{%` or `{#` is a [`Value::Template`]; any other string,
//! and every string that comes from a host, is a [`Value::Str`] and is never rendered.

mod secrets;
mod value;

pub use secrets::{MASK, Secrets};
pub use value::{Map, Template, Value, Vaulted, python_float};
