//! `Quantity`: amounts as Kubernetes writes them (`500m`, `1Gi`), exact to the thousandth.

use std::fmt;
use std::ops::Add;

/// An amount, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    thousandths: i128,
    binary: bool,
}

impl From<i64> for Quantity {
    fn from(number: i64) -> Quantity {
        Quantity {
            thousandths: i128::from(number) * 1000,
            binary: false,
        }
    }
}

impl Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Quantity) -> Quantity {
        Quantity {
            thousandths: self.thousandths.saturating_add(other.thousandths),
            binary: self.binary || other.binary,
        }
    }
}

const SUFFIXES: &[(&str, i128)] = &[
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
];

impl Quantity {
    /// Reads an amount; `None` for what is none.
    pub fn parse(text: &str) -> Option<Quantity> {
        let (number, factor) = match text.strip_suffix('m') {
            Some(number) => (number, 1),
            None => match SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix)) {
                Some((suffix, factor)) => (
                    &text[..text.len() - suffix.len()],
                    factor.checked_mul(1000)?,
                ),
                None => (text, 1000),
            },
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let part = &part[..part.len().min(9)];
        let unit = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        Some(Quantity {
            thousandths: digits.checked_mul(factor)? / unit,
            binary: text.ends_with('i'),
        })
    }

    /// The whole number, rounded up.
    pub fn whole(self) -> i128 {
        (self.thousandths + 999).div_euclid(1000)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.thousandths % 1000 != 0 {
            return write!(f, "{}m", self.thousandths);
        }
        let whole = self.thousandths / 1000;
        let suffixes = SUFFIXES
            .iter()
            .rev()
            .filter(|(suffix, _)| suffix.ends_with('i') == self.binary);
        for (suffix, factor) in suffixes {
            if whole != 0 && whole % factor == 0 {
                return write!(f, "{}{suffix}", whole / factor);
            }
        }
        write!(f, "{whole}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, shown) in [
            ("500m", "500m"),
            ("1", "1"),
            ("0.5", "500m"),
            ("1Gi", "1Gi"),
            ("1024Mi", "1Gi"),
            ("2k", "2k"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), shown);
        }
        let sum = Quantity::parse("1Gi").unwrap() + Quantity::parse("512Mi").unwrap();
        assert_eq!(sum.to_string(), "1536Mi");
        assert_eq!(Quantity::parse("x"), None);
    }
}
