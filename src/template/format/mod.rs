//! Python's two ways to format text: `'%s' % x` and `'{}'.format(x)`.

mod brace;
mod percent;

use crate::value::Value;

pub(crate) use brace::brace;
pub(crate) use percent::{percent, percent_tuple};

/// Python's `repr()`.
pub(crate) fn repr(value: &Value) -> String {
    let list = Value::list([value.clone()]).to_string();
    list[1..list.len() - 1].to_owned()
}
