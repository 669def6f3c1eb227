//! Templates that take others in: `include`, `import`, and `extends` with its blocks.
//!
//! As in Jinja2, a template that extends another is run first for what it sets, defines and gives blocks; then its parent
//! is run in the same variables, with the youngest block of each name in place of its own.

use super::args::Eval;
use super::ast::{Block, Expr, Unit};
use super::origin::Origin;
use super::run::Run;
use super::syntax::Syntax;
use super::val::{Layer, Obj, Val};
use crate::error::{Diagnostic, Source};
use crate::value::Value;
use indexmap::IndexMap;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The blocks of a template and of those it extends, by name, the youngest first.
pub(crate) type Blocks = Rc<RefCell<IndexMap<Arc<str>, Vec<Piece>>>>;

/// A block where it was written.
#[derive(Clone)]
pub(crate) struct Piece {
    block: Arc<Block>,
    unit: Arc<Unit>,
    origin: Origin,
}

/// What the template that was asked for says of those that it takes in.
pub(crate) struct Root {
    /// The folder that it lies in.
    folder: Option<PathBuf>,
    /// How it is read; they are read likewise.
    syntax: Syntax,
}

impl Root {
    pub(crate) fn of(unit: &Unit, origin: &Origin) -> Rc<Self> {
        let folder = match origin {
            Origin::File(source) => source.path.parent().map(Path::to_owned),
            Origin::Scalar(_) => None,
        };
        Rc::new(Self {
            folder,
            syntax: unit.syntax.clone(),
        })
    }
}

/// What a template can say of being extended while it runs.
#[derive(Clone, Default)]
pub(crate) struct Family {
    blocks: Blocks,
    /// How many of the scopes are the template's own: what a block sees.
    floor: usize,
    /// What is to run next in its place.
    parent: Option<(Arc<Unit>, Origin)>,
    /// The files of the templates that led here, the youngest first.
    line: Vec<PathBuf>,
}

impl Run<'_, '_> {
    /// Runs the template as a whole, and then what it extends.
    pub(crate) fn template(&mut self, out: &mut Vec<Val>) -> Eval<()> {
        self.family = Family {
            floor: self.scopes.len(),
            ..Family::default()
        };
        self.adopt(&self.unit.clone(), &self.origin.clone())?;
        loop {
            self.muted = false;
            self.body(&self.unit.clone().body, out)?;
            let Some((unit, origin)) = self.family.parent.take() else {
                return Ok(());
            };
            (self.unit, self.origin) = (unit, origin);
        }
    }

    /// Takes in the blocks of a template.
    fn adopt(&mut self, unit: &Arc<Unit>, origin: &Origin) -> Eval<()> {
        if let Origin::File(source) = origin {
            let circle = self.family.line.iter().position(|p| *p == source.path);
            if let Some(start) = circle {
                let mut names: Vec<String> = self.family.line[start..]
                    .iter()
                    .map(|p| p.display().to_string())
                    .collect();
                names.push(source.path.display().to_string());
                return Err(Diagnostic::new(format!(
                    "these templates extend one another in a circle: {}",
                    names.join(" -> ")
                )));
            }
            self.family.line.push(source.path.clone());
        }
        if unit.blocks.is_empty() {
            return Ok(());
        }
        let mut names = IndexMap::new();
        {
            let mut all = self.family.blocks.borrow_mut();
            for block in &unit.blocks {
                all.entry(block.name.clone()).or_default().push(Piece {
                    block: block.clone(),
                    unit: unit.clone(),
                    origin: origin.clone(),
                });
            }
            for name in all.keys() {
                names.insert(name.clone(), Val::obj(Obj::Block(name.clone(), 0)));
            }
        }
        if let Some(layer) = self.scopes.get(self.family.floor.saturating_sub(1)) {
            layer
                .borrow_mut()
                .insert(Arc::from("self"), Val::obj(Obj::Module(names)));
        }
        Ok(())
    }

    /// `{% extends %}`: from here on only blocks, names and what is included count.
    pub(super) fn extend(&mut self, name: &Expr) -> Eval<()> {
        if self.family.parent.is_some() {
            let d = Diagnostic::new("a template can extend only one other");
            return Err(self.located(d, name));
        }
        let (unit, origin) = self.first_found(name)?;
        self.adopt(&unit, &origin)
            .map_err(|d| self.located(d, name))?;
        self.family.parent = Some((unit, origin));
        self.muted = true;
        Ok(())
    }

    /// `{% block %}` where it stands.
    pub(super) fn block(&mut self, name: &Arc<str>, out: &mut Vec<Val>) -> Eval<()> {
        // In a template that extends another, its parent says where the block goes.
        if self.muted && self.scopes.len() == self.family.floor {
            return Ok(());
        }
        self.piece(name, 0, out)
    }

    /// What `self.name()` and `super()` print.
    pub(crate) fn call_block(&mut self, name: &Arc<str>, age: usize) -> Eval {
        let mut out = Vec::new();
        self.piece(name, age, &mut out)?;
        self.concat(out)
    }

    fn piece(&mut self, name: &Arc<str>, age: usize, out: &mut Vec<Val>) -> Eval<()> {
        let (piece, older) = {
            let all = self.family.blocks.borrow();
            let pieces = all.get(name).map(Vec::as_slice).unwrap_or_default();
            (pieces.get(age).cloned(), pieces.len() > age + 1)
        };
        let Some(Piece {
            block,
            unit,
            origin,
        }) = piece
        else {
            return Err(Diagnostic::new(format!("there is no block `{name}` here")));
        };
        if block.required {
            return Err(Diagnostic::new(format!(
                "no template gives the block `{name}`, which must be given"
            )));
        }
        let mut scopes = self.scopes.clone();
        if !block.scoped {
            scopes.truncate(self.family.floor);
        }
        let layer = Layer::default();
        layer.borrow_mut().insert(
            Arc::from("super"),
            if older {
                Val::obj(Obj::Block(name.clone(), age + 1))
            } else {
                Val::undef(format!(
                    "`super()`: no template that this one extends has a block `{name}`"
                ))
            },
        );
        scopes.push(layer);
        let mut run = self.inner(unit, origin, scopes)?;
        run.body(&block.body, out)?;
        Ok(())
    }

    pub(super) fn include(&mut self, name: &Expr, optional: bool, out: &mut Vec<Val>) -> Eval<()> {
        let (unit, origin) = match self.first_found(name) {
            Ok(found) => found,
            Err(_) if optional => return Ok(()),
            Err(d) => return Err(d),
        };
        let mut scopes = self.scopes.clone();
        scopes.push(Layer::default());
        self.inner(unit, origin, scopes)
            .map_err(|d| self.located(d, name))?
            .template(out)
    }

    pub(super) fn import(&mut self, from: &Expr) -> Eval<IndexMap<Arc<str>, Val>> {
        let (unit, origin) = self.first_found(from)?;
        let root = Layer::default();
        self.inner(unit, origin, vec![root.clone()])
            .map_err(|d| self.located(d, from))?
            .template(&mut Vec::new())?;
        let names = root.borrow().clone();
        Ok(names)
    }

    /// The first of the templates that `expr` names that is there.
    fn first_found(&mut self, expr: &Expr) -> Eval<(Arc<Unit>, Origin)> {
        let names = match self.eval_data(expr)? {
            Value::List(items) => items.iter().map(Value::to_string).collect(),
            Value::Str(s) => vec![s.to_string()],
            other => {
                let d = Diagnostic::new(format!(
                    "a template's name must be a string, not {}",
                    super::args::a(other.kind())
                ));
                return Err(self.located(d, expr));
            }
        };
        let mut problem = Diagnostic::new("no template is named here");
        for name in &names {
            match self.find(name) {
                Ok(path) => return self.compile_file(&path),
                Err(d) => problem = d,
            }
        }
        Err(self.located(problem, expr))
    }

    /// Ansible's search first, then beside the template that was asked for.
    fn find(&self, name: &str) -> Eval<PathBuf> {
        let found = self.cx.scope.outside().find_file("templates", name);
        let Some(folder) = found
            .is_err()
            .then_some(self.root.folder.as_ref())
            .flatten()
        else {
            return found;
        };
        [folder.join("templates").join(name), folder.join(name)]
            .into_iter()
            .find(|p| p.is_file())
            .map_or(found, Ok)
    }

    fn compile_file(&self, path: &Path) -> Eval<(Arc<Unit>, Origin)> {
        let bytes = self.cx.scope.outside().read_file(path)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Diagnostic::new(format!(
                "the template `{}` is not UTF-8 text",
                path.display()
            ))
        })?;
        let source = Source::new(path, text);
        let origin = Origin::File(source.clone());
        let unit = self
            .cx
            .templar
            .compile_file(&source.text, &self.root.syntax, &origin)?;
        Ok((unit, origin))
    }
}
