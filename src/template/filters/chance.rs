//! Filters that throw dice.

use super::Table;
use crate::template::args::{Args, Eval, a};
use crate::template::attr;
use crate::template::val::Val;
use crate::value::Value;

pub(super) const TABLE: Table = &[("random", random), ("shuffle", shuffle)];

/// Numbers by chance, or always the same ones for a seed.
pub(crate) struct Dice(Option<u64>);

impl Dice {
    /// From the system, or from a seed.
    pub(crate) fn new(seed: Option<&str>) -> Self {
        use sha2::Digest as _;
        Self(seed.map(|s| {
            let digest = sha2::Sha256::digest(s.as_bytes());
            let mut first = [0; 8];
            first.copy_from_slice(&digest[..8]);
            u64::from_le_bytes(first)
        }))
    }

    /// The next number below `n`. Errors: the system has no randomness.
    pub(crate) fn below(&mut self, n: u64) -> Eval<u64> {
        let word = match &mut self.0 {
            // SplitMix64.
            Some(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            None => getrandom::u64().map_err(|e| {
                crate::error::Diagnostic::new(format!("no random numbers from the system: {e}"))
            })?,
        };
        // The bias of a 64-bit word over a short list is beyond noticing.
        Ok(((u128::from(word) * u128::from(n.max(1))) >> 64) as u64)
    }
}

/// `random(end=none, start=0, step=1, seed=none)`: a number below the value, or one of its items.
fn random(value: Val, mut args: Args<'_, '_>) -> Eval {
    let value = args.cx.data(&value)?;
    // For a number Ansible's first argument is `start`; `end` only goes by name.
    let start = args.int("start", 0)?;
    let step = args.int("step", 1)?;
    let seed = args.maybe_text("seed")?;
    let mut dice = Dice::new(seed.as_deref());
    let result = match &value {
        Value::Int(end) => {
            let len = attr::range_len(start, *end, step);
            if len == 0 {
                return args.fail("there is no number to choose from");
            }
            Value::Int(start + dice.below(len as u64)? as i64 * step)
        }
        Value::List(items) if items.is_empty() => {
            args.end()?;
            return Ok(Val::undef(
                "there is no item to choose from, the list is empty",
            ));
        }
        Value::List(items) => items[dice.below(items.len() as u64)? as usize].clone(),
        Value::Str(s) if !s.is_empty() => {
            let chars: Vec<char> = s.chars().collect();
            Value::from(chars[dice.below(chars.len() as u64)? as usize].to_string())
        }
        other => {
            return args.fail(format!(
                "a number or list is needed, not {}",
                a(other.kind())
            ));
        }
    };
    args.done(result)
}

/// `shuffle(seed=none)`.
fn shuffle(value: Val, mut args: Args<'_, '_>) -> Eval {
    let seed = args.maybe_text("seed")?;
    let mut dice = Dice::new(seed.as_deref());
    let mut items = args.cx.iterate_values(&value)?;
    for i in (1..items.len()).rev() {
        items.swap(i, dice.below(i as u64 + 1)? as usize);
    }
    args.done(items)
}
