//! `Schedule`: the five fields of cron, in UTC.

use jiff::Timestamp;

/// When something is due.
#[derive(Debug, PartialEq)]
pub struct Schedule([Vec<u8>; 5]);

impl Schedule {
    /// Reads `minute hour day month weekday` or `@hourly` and its like; `None` for what is neither.
    pub fn parse(text: &str) -> Option<Schedule> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            text => text,
        };
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts.as_slice() else {
            return None;
        };
        Some(Schedule([
            field(minute, 0, 59)?,
            field(hour, 0, 23)?,
            field(day, 1, 31)?,
            field(month, 1, 12)?,
            field(weekday, 0, 7)?,
        ]))
    }

    /// Whether it is due within the minute of a time.
    pub fn is_due(&self, time: Timestamp) -> bool {
        let time = time.to_zoned(jiff::tz::TimeZone::UTC);
        let number = |it: i8| it.unsigned_abs();
        let [minutes, hours, days, months, weekdays] = &self.0;
        let weekday = number(time.weekday().to_sunday_zero_offset());
        let on_weekday = weekdays.contains(&weekday) || (weekday == 0 && weekdays.contains(&7));
        let on_day = days.contains(&number(time.day()));
        // where both are restricted, either will do
        let restricted = (days.len() < 31, weekdays.len() < 8);
        let day = match restricted {
            (true, true) => on_day || on_weekday,
            _ => on_day && on_weekday,
        };
        minutes.contains(&number(time.minute()))
            && hours.contains(&number(time.hour()))
            && months.contains(&number(time.month()))
            && day
    }
}

fn field(text: &str, least: u8, most: u8) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    for part in text.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: u8 = step.parse().ok().filter(|it| *it > 0)?;
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None if range == "*" || range == "?" => (least, most),
            None if part.contains('/') => (range.parse().ok()?, most),
            None => {
                let only: u8 = range.parse().ok()?;
                (only, only)
            }
        };
        if from < least || to > most || from > to {
            return None;
        }
        found.extend((from..=to).step_by(usize::from(step)));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_or_not() {
        let time: Timestamp = "2026-11-24T10:30:12Z".parse().unwrap(); // a Tuesday
        for (text, due) in [
            ("* * * * *", true),
            ("*/15 * * * *", true),
            ("*/20 * * * *", false),
            ("30 10 * * 2", true),
            ("30 10 1 * 2", true),
            ("30 10 1 * *", false),
            ("0-40 9-11 * 11,12 *", true),
            ("@daily", false),
        ] {
            assert_eq!(Schedule::parse(text).unwrap().is_due(time), due, "{text}");
        }
        assert_eq!(Schedule::parse("61 * * * *"), None);
        assert_eq!(Schedule::parse("* * * *"), None);
    }
}
