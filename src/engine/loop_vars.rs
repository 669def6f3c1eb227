//! What a loop calls its variables, and their values for one item.

use super::settings::Keywords;
use crate::error::Diagnostic;
use crate::playbook::{Located, Loop};
use crate::value::{Map, Value};

/// The names and wishes of a `loop_control`, rendered. Tasks, includes and reading ahead all take them from here.
pub(super) struct LoopVars {
    loop_var: String,
    index_var: Option<String>,
    extended: bool,
    all_items: bool,
}

impl LoopVars {
    /// Renders what the loop says.
    ///
    /// # Errors
    /// A name or flag that cannot be rendered.
    pub(super) fn of(each: &Loop, keywords: &Keywords<'_>) -> Result<Self, Diagnostic> {
        let control = &each.control;
        let value = |l: &Option<Located>| l.as_ref().map(|l| keywords.resolve(l)).transpose();
        let text = |l| Ok::<_, Diagnostic>(value(l)?.map(|v| v.to_string()));
        let flag = |l| Ok::<_, Diagnostic>(value(l)?.and_then(|v| v.to_bool()));
        Ok(Self {
            loop_var: text(&control.loop_var)?.unwrap_or_else(|| "item".to_owned()),
            index_var: text(&control.index_var)?,
            extended: flag(&control.extended)? == Some(true),
            all_items: flag(&control.extended_allitems)? != Some(false),
        })
    }

    /// The variables of item number `index`.
    pub(super) fn item(&self, items: &[Value], index: usize) -> Map {
        let name = |n: &str| Value::from(n);
        let mut own = Map::from_iter([
            (
                self.loop_var.clone(),
                items.get(index).cloned().unwrap_or_default(),
            ),
            ("ansible_loop_var".to_owned(), name(&self.loop_var)),
        ]);
        if let Some(index_var) = &self.index_var {
            own.insert(index_var.clone(), index.into());
            own.insert("ansible_index_var".to_owned(), name(index_var));
        }
        if self.extended {
            own.insert(
                "ansible_loop".to_owned(),
                extended_loop(items, index, self.all_items),
            );
        }
        own
    }
}

/// `ansible_loop`.
fn extended_loop(items: &[Value], index: usize, all_items: bool) -> Value {
    let length = items.len();
    let mut map = Map::from_iter([
        ("index".to_owned(), Value::from(index + 1)),
        ("index0".to_owned(), Value::from(index)),
        ("revindex".to_owned(), Value::from(length - index)),
        ("revindex0".to_owned(), Value::from(length - index - 1)),
        ("first".to_owned(), Value::from(index == 0)),
        ("last".to_owned(), Value::from(index + 1 == length)),
        ("length".to_owned(), Value::from(length)),
    ]);
    if all_items {
        map.insert("allitems".to_owned(), Value::from(items.to_vec()));
    }
    if let Some(next) = items.get(index + 1) {
        map.insert("nextitem".to_owned(), next.clone());
    }
    if index > 0 {
        map.insert("previtem".to_owned(), items[index - 1].clone());
    }
    Value::from(map)
}
