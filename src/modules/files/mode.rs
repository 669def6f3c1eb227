//! File modes as Ansible's `mode` argument writes them.

use crate::modules::Fail;
use crate::value::Value;

/// What `mode` asks for. Follows "Controlling how Ansible behaves with file modes" of the `file` module's page and chmod(1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These permission bits.
    Bits(u32),
    /// Clauses such as `u=rwX,g-w`, applied to what is there.
    Symbolic(Vec<Clause>),
    /// The bits of the source file (`preserve`).
    Preserve,
}

/// One clause of a symbolic mode: who, and the operations in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    who: Vec<char>,
    masked: bool,
    steps: Vec<(char, String)>,
}

impl Mode {
    /// Reads an argument: a number is the bits themselves, text is octal or symbolic.
    ///
    /// # Errors
    /// Text that is neither, or bits beyond `07777`.
    pub fn parse(value: &Value) -> Result<Self, Fail> {
        let text = match value {
            Value::Int(bits) => return Self::bits(u32::try_from(*bits).ok(), &value.to_string()),
            other => other.to_string(),
        };
        let text = text.trim();
        if text == "preserve" {
            return Ok(Self::Preserve);
        }
        let octal = text.strip_prefix("0o").unwrap_or(text);
        if !octal.is_empty() && octal.chars().all(|c| c.is_ascii_digit()) {
            return Self::bits(u32::from_str_radix(octal, 8).ok(), text);
        }
        let clauses: Option<Vec<Clause>> = text.split(',').map(Clause::parse).collect();
        clauses.map(Self::Symbolic).ok_or_else(|| {
            Fail::new(format!(
                "mode must be in octal or symbolic form, not `{text}`"
            ))
        })
    }

    fn bits(bits: Option<u32>, shown: &str) -> Result<Self, Fail> {
        bits.filter(|b| *b <= 0o7777)
            .map(Self::Bits)
            .ok_or_else(|| Fail::new(format!("`{shown}` is not a file mode: it has more than permission bits; quote octal modes, as in '0644'")))
    }

    /// Whether the answer depends on the umask.
    pub fn needs_umask(&self) -> bool {
        matches!(self, Self::Symbolic(clauses) if clauses.iter().any(|c| c.masked))
    }

    /// The bits this means for something that has `now`. `Preserve` leaves them.
    pub fn applied(&self, now: u32, directory: bool, umask: u32) -> u32 {
        match self {
            Self::Bits(bits) => *bits,
            Self::Preserve => now,
            Self::Symbolic(clauses) => clauses
                .iter()
                .fold(now, |bits, clause| clause.applied(bits, directory, umask)),
        }
    }
}

impl std::fmt::Display for Mode {
    /// As chmod(1) reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bits(bits) => write!(f, "{bits:o}"),
            Self::Preserve => f.write_str("preserve"),
            Self::Symbolic(clauses) => {
                for (i, clause) in clauses.iter().enumerate() {
                    let who: String = if clause.masked {
                        String::new()
                    } else {
                        clause.who.iter().collect()
                    };
                    write!(f, "{}{who}", if i > 0 { "," } else { "" })?;
                    for (operator, perms) in &clause.steps {
                        write!(f, "{operator}{perms}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Self> {
        let start = text.find(['+', '-', '='])?;
        let (who, rest) = text.split_at(start);
        let masked = who.is_empty();
        let who = if masked || who == "a" { "ugo" } else { who };
        if !who.chars().all(|c| "ugoa".contains(c)) {
            return None;
        }
        let mut steps: Vec<(char, String)> = Vec::new();
        for c in rest.chars() {
            match c {
                '+' | '-' | '=' => steps.push((c, String::new())),
                'r' | 'w' | 'x' | 'X' | 's' | 't' | 'u' | 'g' | 'o' => steps.last_mut()?.1.push(c),
                _ => return None,
            }
        }
        let who = who.chars().flat_map(|c| {
            if c == 'a' {
                vec!['u', 'g', 'o']
            } else {
                vec![c]
            }
        });
        Some(Self {
            who: who.collect(),
            masked,
            steps,
        })
    }

    fn applied(&self, mut now: u32, directory: bool, umask: u32) -> u32 {
        for (operator, perms) in &self.steps {
            for who in &self.who {
                let (shift, special) = match who {
                    'u' => (6, 0o4000),
                    'g' => (3, 0o2000),
                    _ => (0, 0o1000),
                };
                let mask = (0o7 << shift) | special;
                let searchable = directory || now & 0o111 != 0;
                let bits = perms.chars().fold(0, |bits, c| {
                    bits | match c {
                        'r' | 'w' | 'x' => {
                            let bit = match c {
                                'r' => 4,
                                'w' => 2,
                                _ => 1,
                            } << shift;
                            if self.masked { bit & !umask } else { bit }
                        }
                        'X' if searchable => 1 << shift,
                        's' if *who != 'o' => special,
                        't' if *who == 'o' => special,
                        'u' => (now >> 6 & 7) << shift,
                        'g' => (now >> 3 & 7) << shift,
                        'o' => (now & 7) << shift,
                        _ => 0,
                    }
                });
                now = match operator {
                    '=' => now & !mask | bits,
                    '+' => now | bits,
                    _ => now & !bits,
                };
            }
        }
        now
    }
}

/// Bits as Ansible shows them: `0644`, `01777`.
pub fn octal(bits: u32) -> String {
    format!("0{bits:03o}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_bits_and_text_is_octal_or_symbolic() {
        for (value, now, directory, wanted) in [
            (Value::Int(420), 0, false, 0o644),
            (Value::from("420"), 0, false, 0o420),
            (Value::from("0644"), 0, false, 0o644),
            (Value::from("1777"), 0, true, 0o1777),
            (Value::from("u=rwX,g=rX,o="), 0o600, false, 0o640),
            (Value::from("u=rwX,g=rX,o="), 0o700, false, 0o750),
            (Value::from("u=rwX,g=rX,o="), 0o600, true, 0o750),
            (Value::from("a+x"), 0o644, false, 0o755),
            (Value::from("+x"), 0o644, false, 0o755),
            (Value::from("+w"), 0o444, false, 0o644),
            (Value::from("u+s,g+s,o+t"), 0o755, false, 0o7755),
            (Value::from("g=u,o=g"), 0o750, false, 0o777),
            (Value::from("u=rw-x+X,g=r-x+X,o=r-x+X"), 0o755, true, 0o755),
            (Value::from("u-rwx+r"), 0o755, false, 0o455),
            (Value::from("g=s"), 0o770, false, 0o2700),
        ] {
            let mode = Mode::parse(&value).unwrap();
            assert_eq!(
                octal(mode.applied(now, directory, 0o022)),
                octal(wanted),
                "{value} on {now:o}"
            );
        }
    }

    #[test]
    fn what_is_no_mode_is_said() {
        let said = |v: Value| Mode::parse(&v).unwrap_err().msg;
        insta::assert_snapshot!(said(Value::from("rw-r--r--")), @"mode must be in octal or symbolic form, not `rw-r--r--`");
        insta::assert_snapshot!(said(Value::Int(100644)), @"`100644` is not a file mode: it has more than permission bits; quote octal modes, as in '0644'");
    }
}
