//! Which objects a task is about: `definition`, `src`, `template`, or the arguments alone.

use super::answer::wrong;
use crate::cluster::manifest::{self, Item};
use crate::cluster::{Json, object};
use crate::error::Source;
use crate::host::{Answer, Query};
use crate::modules::{Arg, Args, Context, Fail, Kind, Remote};
use crate::value::{Map, Value};

/// Arguments that name an object.
pub(super) static NAMES: &[Arg] = &[
    Arg::str("api_version", "the version of its kind")
        .alias(&["api", "version"])
        .default("v1"),
    Arg::str("kind", "its kind"),
    Arg::str("name", "its name"),
    Arg::str(
        "namespace",
        "its namespace; default: that of the kubeconfig",
    ),
];

/// Arguments that hold objects.
pub(super) static DEFINITION: &[Arg] = &[
    Arg::of(
        "resource_definition",
        Kind::Raw,
        "the objects: a mapping, YAML text of any number of documents, or a list of such",
    )
    .alias(&["definition", "inline"]),
    Arg::str(
        "src",
        "a file with the objects: of the role's `files` on this machine, or else on the host",
    ),
];

/// Where the objects come from.
#[derive(Clone)]
pub(super) enum Definition {
    /// They are known.
    Items(Vec<Item>),
    /// A file of the host.
    OnHost(String),
}

impl Definition {
    /// Of the arguments; a `template` is rendered.
    pub(super) fn of(args: &Args, ctx: &Context<'_>) -> Result<Self, Fail> {
        if let Some(src) = args.opt_str("src") {
            if ["http://", "https://", "ftp://"]
                .iter()
                .any(|p| src.starts_with(p))
            {
                return Err(Fail::new(format!(
                    "`src` is the address `{src}`, and nothing is downloaded that is not in the lock: name it in artifacts.yml as a manifest, and fetch it with `artifact`, or with `get_url` and a checksum"
                )));
            }
            let Ok(path) = ctx.files.find("files", src) else {
                return Ok(Self::OnHost(src.to_owned()));
            };
            let bytes = ctx.files.read(&path, true)?;
            return from_bytes(&bytes, &path.display().to_string()).map(Self::Items);
        }
        if let Some(template) = args.raw("template").filter(|t| **t != Value::Null) {
            return Self::of_templates(template, ctx);
        }
        match args
            .raw("resource_definition")
            .filter(|d| **d != Value::Null)
        {
            Some(definition) => manifest::of_json(&definition.to_json(), "definition")
                .map(Self::Items)
                .map_err(wrong),
            None => Ok(Self::Items(vec![Item {
                object: serde_json::json!({}),
                at: None,
            }])),
        }
    }

    fn of_templates(template: &Value, ctx: &Context<'_>) -> Result<Self, Fail> {
        let templates = match template {
            Value::List(all) => all.to_vec(),
            one => vec![one.clone()],
        };
        let mut items = Vec::new();
        for template in templates {
            let (name, options) = match &template {
                Value::Str(name) => (name.to_string(), Map::new()),
                Value::Map(options) => {
                    let path = options.get("path").map(ToString::to_string);
                    let path = path
                        .filter(|p| !p.is_empty())
                        .ok_or_else(|| Fail::new("`template` needs `path`"))?;
                    (path, (**options).clone())
                }
                other => {
                    return Err(Fail::new(format!(
                        "`template` must be a path or a mapping with `path`, not {}",
                        other.kind()
                    )));
                }
            };
            known_options(&options)?;
            let path = ctx.files.find("templates", &name)?;
            let text = ctx.files.render(&path, &options)?;
            // what was rendered may hold secrets, and its lines are not those of the file
            let source = Source::new(format!("{} (rendered)", path.display()), text);
            items.extend(manifest::read(&source).map_err(wrong)?);
        }
        Ok(Self::Items(items))
    }

    /// The objects, with what the arguments add.
    pub(super) async fn items(
        &self,
        host: &mut dyn Remote,
        names: &Names,
    ) -> Result<Vec<Item>, Fail> {
        let mut items = match self {
            Self::Items(items) => items.clone(),
            Self::OnHost(path) => {
                let query = Query::Content { path: path.clone() };
                match host.ask(vec![query]).await?.into_iter().next() {
                    Some(Answer::Bytes(Some(bytes))) => from_bytes(&bytes, path)?,
                    _ => {
                        return Err(Fail::new(format!(
                            "`src`: `{path}` is neither among the role's files nor a readable file on the host"
                        )));
                    }
                }
            }
        };
        for item in &mut items {
            names.add_to(&mut item.object);
        }
        Ok(items)
    }
}

fn from_bytes(bytes: &[u8], name: &str) -> Result<Vec<Item>, Fail> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Fail::new(format!("`{name}` is not UTF-8 text")))?;
    manifest::read(&Source::new(name, text)).map_err(wrong)
}

/// The options of `template` that are not those of its module.
fn known_options(options: &Map) -> Result<(), Fail> {
    let known = [
        "path",
        "newline_sequence",
        "block_start_string",
        "block_end_string",
        "variable_start_string",
        "variable_end_string",
        "trim_blocks",
        "lstrip_blocks",
    ];
    match options.keys().find(|k| !known.contains(&k.as_str())) {
        Some(other) => Err(Fail::new(format!("`template` has no option `{other}`"))),
        None => Ok(()),
    }
}

/// `kind`, `api_version`, `name`, `namespace`, `generate_name`: what an object lacks is taken from them.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) api_version: String,
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) generate_name: Option<String>,
}

impl Names {
    pub(super) fn of(args: &Args) -> Self {
        let own = |name: &str| {
            args.opt_str(name)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        Self {
            api_version: args.str("api_version").to_owned(),
            kind: own("kind"),
            name: own("name"),
            namespace: own("namespace"),
            generate_name: own("generate_name"),
        }
    }

    fn add_to(&self, object: &mut Json) {
        let Some(map) = object.as_object_mut() else {
            return;
        };
        if !map.contains_key("apiVersion") {
            map.insert("apiVersion".into(), self.api_version.as_str().into());
        }
        if let Some(kind) = &self.kind
            && !map.contains_key("kind")
        {
            map.insert("kind".into(), kind.as_str().into());
        }
        if let Some(namespace) = &self.namespace {
            object::default_meta(object, "namespace", namespace);
        }
        if let Some(name) = &self.name {
            object::default_meta(object, "name", name);
        } else if let Some(prefix) = &self.generate_name
            && object::name(object).is_empty()
        {
            object::default_meta(object, "generateName", prefix);
        }
    }
}
