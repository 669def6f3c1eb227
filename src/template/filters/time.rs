//! Dates and times.

use super::Table;
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::ast::{CompareOp, MathOp};
use crate::template::val::{Obj, Val};
use crate::value::Value;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

pub(super) const TABLE: Table = &[("strftime", strftime), ("to_datetime", to_datetime)];

/// The methods of a point in time.
pub(crate) const METHODS: &[&str] = &[
    "date",
    "isoformat",
    "isoweekday",
    "strftime",
    "time",
    "timestamp",
    "weekday",
];

/// `now(utc, fmt)`.
pub(crate) fn now(utc: bool, format: Option<&str>) -> Eval {
    let now = if utc {
        Timestamp::now().to_zoned(TimeZone::UTC)
    } else {
        Zoned::now()
    };
    match format {
        Some(format) => shown(&now, format).map(Val::from),
        None => Ok(Val::obj(Obj::Time(now.datetime()))),
    }
}

fn shown(time: &Zoned, format: &str) -> Eval<String> {
    // Python's %f has six digits, jiff's nine.
    let format = format.replace("%f", &format!("{:06}", time.subsec_nanosecond() / 1000));
    jiff::fmt::strtime::format(&format, time)
        .map_err(|e| Diagnostic::new(format!("`{format}` is not a format for a time: {e}")))
}

/// Python's `str()` of a datetime.
pub(crate) fn show(t: &DateTime) -> String {
    let text = t.strftime("%Y-%m-%d %H:%M:%S").to_string();
    match t.subsec_nanosecond() / 1000 {
        0 => text,
        us => format!("{text}.{us:06}"),
    }
}

/// Python's `str()` of a timedelta.
pub(crate) fn show_elapsed(us: i64) -> String {
    let days = us.div_euclid(86_400_000_000);
    let rest = us.rem_euclid(86_400_000_000);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let mut text = format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    match days {
        0 => text,
        1 | -1 => format!("{days} day, {text}"),
        _ => format!("{days} days, {text}"),
    }
}

/// An attribute of a point in time.
pub(crate) fn attr(t: &DateTime, name: &str) -> Option<Val> {
    Some(match name {
        "year" => Val::from(i64::from(t.year())),
        "month" => Val::from(i64::from(t.month())),
        "day" => Val::from(i64::from(t.day())),
        "hour" => Val::from(i64::from(t.hour())),
        "minute" => Val::from(i64::from(t.minute())),
        "second" => Val::from(i64::from(t.second())),
        "microsecond" => Val::from(i64::from(t.subsec_nanosecond() / 1000)),
        _ => return None,
    })
}

/// An attribute of a difference of times.
pub(crate) fn elapsed_attr(us: i64, name: &str) -> Option<Val> {
    Some(match name {
        "days" => Val::from(us.div_euclid(86_400_000_000)),
        "seconds" => Val::from(us.rem_euclid(86_400_000_000) / 1_000_000),
        "microseconds" => Val::from(us.rem_euclid(1_000_000)),
        _ => return None,
    })
}

/// A method of a point in time.
pub(crate) fn method(t: &DateTime, name: &str, args: &mut Args<'_, '_>) -> Eval {
    let local = || {
        t.to_zoned(TimeZone::system())
            .map_err(|e| Diagnostic::new(format!("this time does not exist here: {e}")))
    };
    Ok(match name {
        "strftime" => Val::from(shown(&local()?, &args.need_text("format")?)?),
        "timestamp" => Val::from(local()?.timestamp().as_microsecond() as f64 / 1e6),
        "isoformat" => Val::from(show(t).replacen(' ', "T", 1)),
        "date" => Val::from(t.date().to_string()),
        "time" => Val::from(
            show(t)
                .split_once(' ')
                .map(|(_, time)| time.to_owned())
                .unwrap_or_default(),
        ),
        "weekday" => Val::from(i64::from(t.weekday().to_monday_zero_offset())),
        _ => Val::from(i64::from(t.weekday().to_monday_one_offset())),
    })
}

fn microseconds(d: SignedDuration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

/// `+` and `-` where a time is involved.
pub(crate) fn arithmetic(op: MathOp, left: &Val, right: &Val) -> Option<Eval> {
    let (Val::Obj(x), Val::Obj(y)) = (left, right) else {
        return None;
    };
    let far = |e: jiff::Error| Diagnostic::new(format!("the result is not a time: {e}"));
    Some(match (op, &**x, &**y) {
        (MathOp::Sub, Obj::Time(x), Obj::Time(y)) => {
            Ok(Val::obj(Obj::Elapsed(microseconds(x.duration_since(*y)))))
        }
        (MathOp::Add, Obj::Time(t), Obj::Elapsed(us))
        | (MathOp::Add, Obj::Elapsed(us), Obj::Time(t)) => t
            .checked_add(SignedDuration::from_micros(*us))
            .map(|t| Val::obj(Obj::Time(t)))
            .map_err(far),
        (MathOp::Sub, Obj::Time(t), Obj::Elapsed(us)) => t
            .checked_sub(SignedDuration::from_micros(*us))
            .map(|t| Val::obj(Obj::Time(t)))
            .map_err(far),
        (MathOp::Add, Obj::Elapsed(x), Obj::Elapsed(y)) => {
            Ok(Val::obj(Obj::Elapsed(x.saturating_add(*y))))
        }
        (MathOp::Sub, Obj::Elapsed(x), Obj::Elapsed(y)) => {
            Ok(Val::obj(Obj::Elapsed(x.saturating_sub(*y))))
        }
        _ => return None,
    })
}

/// Comparisons of two times, or of two differences.
pub(crate) fn compare(op: CompareOp, left: &Val, right: &Val) -> Option<bool> {
    let (Val::Obj(x), Val::Obj(y)) = (left, right) else {
        return None;
    };
    let order = match (&**x, &**y) {
        (Obj::Time(x), Obj::Time(y)) => x.cmp(y),
        (Obj::Elapsed(x), Obj::Elapsed(y)) => x.cmp(y),
        _ => return None,
    };
    Some(match op {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Ne => order.is_ne(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Ge => order.is_ge(),
        CompareOp::In | CompareOp::NotIn => return None,
    })
}

/// `'%Y-%m-%d' | strftime(second=now, utc=false)`.
fn strftime(value: Val, mut args: Args<'_, '_>) -> Eval {
    let format = args.cx.text(&value)?;
    let second = args.data("second")?;
    let utc = args.flag("utc", false)?;
    let zone = if utc {
        TimeZone::UTC
    } else {
        TimeZone::system()
    };
    let stamp = match second {
        None | Some(Value::Null) => Ok(Timestamp::now()),
        Some(v) => match v.to_string().trim().parse::<f64>() {
            Ok(s) if s.abs() < 1e12 => Timestamp::from_microsecond((s * 1e6) as i64),
            _ => return args.fail(format!("`{v}` is not a number of seconds")),
        },
    };
    match stamp {
        Ok(stamp) => {
            let text = shown(&stamp.to_zoned(zone), &format)?;
            args.done(text)
        }
        Err(e) => args.fail(e),
    }
}

/// `to_datetime(format='%Y-%m-%d %H:%M:%S')`.
fn to_datetime(value: Val, mut args: Args<'_, '_>) -> Eval {
    let text = args.cx.text(&value)?;
    let format = args.text("format", "%Y-%m-%d %H:%M:%S")?;
    let parsed = match jiff::fmt::strtime::parse(&format, &text) {
        Ok(parsed) => parsed,
        Err(e) => return args.fail(format!("`{text}` does not have the form `{format}`: {e}")),
    };
    let time = parsed.to_time().unwrap_or_default();
    match parsed.to_date() {
        Ok(date) => {
            args.end()?;
            Ok(Val::obj(Obj::Time(date.to_datetime(time))))
        }
        Err(e) => args.fail(format!("`{text}` is not a date: {e}")),
    }
}
