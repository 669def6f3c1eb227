//! The marks and whitespace rules of a template.

use crate::error::Diagnostic;
use minijinja::syntax::SyntaxConfig;

/// What the `template` module's options and a `#jinja2:` first line can change. Defaults are Ansible's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Syntax {
    /// `{%` and `%}`.
    pub block: (String, String),
    /// `{{` and `}}`.
    pub variable: (String, String),
    /// `{#` and `#}`.
    pub comment: (String, String),
    /// Lines that begin with this are statements.
    pub line_statement_prefix: Option<String>,
    /// What follows this on a line is a comment.
    pub line_comment_prefix: Option<String>,
    /// The line end after a block is dropped; on by default, as in Ansible.
    pub trim_blocks: bool,
    /// Blanks before a block at the start of a line are dropped.
    pub lstrip_blocks: bool,
    /// What ends a line: `\n`, `\r\n` or `\r`.
    pub newline_sequence: String,
    /// A line end at the very end is kept even where a template includes this one.
    pub keep_trailing_newline: bool,
}

impl Default for Syntax {
    fn default() -> Self {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        Self {
            block: pair("{%", "%}"),
            variable: pair("{{", "}}"),
            comment: pair("{#", "#}"),
            line_statement_prefix: None,
            line_comment_prefix: None,
            trim_blocks: true,
            lstrip_blocks: false,
            newline_sequence: "\n".to_owned(),
            keep_trailing_newline: false,
        }
    }
}

/// The mark that begins a first line of overrides.
pub(crate) const HEADER: &str = "#jinja2:";

impl Syntax {
    /// minijinja's form of it; the error says which marks clash.
    pub(crate) fn config(&self) -> Result<SyntaxConfig, String> {
        let mut b = SyntaxConfig::builder();
        b.block_delimiters(self.block.0.clone(), self.block.1.clone())
            .variable_delimiters(self.variable.0.clone(), self.variable.1.clone())
            .comment_delimiters(self.comment.0.clone(), self.comment.1.clone())
            .trim_blocks(self.trim_blocks)
            .lstrip_blocks(self.lstrip_blocks)
            .keep_trailing_newline(self.keep_trailing_newline);
        if let Some(prefix) = &self.line_statement_prefix {
            b.line_statement_prefix(prefix.clone());
        }
        if let Some(prefix) = &self.line_comment_prefix {
            b.line_comment_prefix(prefix.clone());
        }
        b.build().map_err(|_| {
            "the start marks of blocks, variables and comments must differ and not be empty"
                .to_owned()
        })
    }

    /// Takes a `#jinja2: key:value, …` first line off `text` and applies it (Ansible's template overrides).
    /// Errors: an unknown key, a value of the wrong kind, a missing line end.
    pub fn with_header<'t>(&self, text: &'t str) -> Result<(Self, &'t str), Diagnostic> {
        let Some(rest) = text.strip_prefix(HEADER) else {
            return Ok((self.clone(), text));
        };
        let Some((line, body)) = rest.split_once('\n') else {
            return Err(Diagnostic::new(
                "a `#jinja2:` line must be followed by the template on the next line",
            ));
        };
        let mut syntax = self.clone();
        for pair in line.split(',') {
            let Some((key, value)) = pair.split_once(':') else {
                return Err(Diagnostic::new(format!(
                    "`{}` in the `#jinja2:` line is not of the form `key:value`",
                    pair.trim()
                )));
            };
            syntax.set(key.trim(), value.trim())?;
        }
        Ok((syntax, body))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Diagnostic> {
        const KEYS: [&str; 12] = [
            "block_start_string",
            "block_end_string",
            "variable_start_string",
            "variable_end_string",
            "comment_start_string",
            "comment_end_string",
            "line_statement_prefix",
            "line_comment_prefix",
            "trim_blocks",
            "lstrip_blocks",
            "newline_sequence",
            "keep_trailing_newline",
        ];
        let wrong = |kind: &str| {
            Diagnostic::new(format!(
                "`{key}` in the `#jinja2:` line takes {kind}, not `{value}`"
            ))
        };
        let text = || -> Result<String, Diagnostic> {
            let quoted =
                value.len() >= 2 && value.starts_with(['\'', '"']) && value.ends_with(&value[..1]);
            if quoted {
                Ok(super::literal::decode(value, false))
            } else {
                Err(wrong("a quoted string"))
            }
        };
        let flag = || match value {
            "True" | "true" | "1" => Ok(true),
            "False" | "false" | "0" => Ok(false),
            _ => Err(wrong("`True` or `False`")),
        };
        let optional = || {
            if value == "None" {
                Ok(None)
            } else {
                text().map(Some)
            }
        };
        match key {
            "block_start_string" => self.block.0 = text()?,
            "block_end_string" => self.block.1 = text()?,
            "variable_start_string" => self.variable.0 = text()?,
            "variable_end_string" => self.variable.1 = text()?,
            "comment_start_string" => self.comment.0 = text()?,
            "comment_end_string" => self.comment.1 = text()?,
            "line_statement_prefix" => self.line_statement_prefix = optional()?,
            "line_comment_prefix" => self.line_comment_prefix = optional()?,
            "trim_blocks" => self.trim_blocks = flag()?,
            "lstrip_blocks" => self.lstrip_blocks = flag()?,
            "newline_sequence" => self.newline_sequence = text()?,
            "keep_trailing_newline" => self.keep_trailing_newline = flag()?,
            _ => {
                return Err(
                    Diagnostic::new(format!("unknown key `{key}` in the `#jinja2:` line"))
                        .with_nearest(key, KEYS),
                );
            }
        }
        Ok(())
    }
}
