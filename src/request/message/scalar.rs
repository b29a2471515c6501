//! Single values: what protobuf takes for one of a type, in every release.

use super::{At, Fault, Reader, Seen};
use crate::json::{Json, Wanted};
use crate::mlflow::messages::{Field, Kind, enumeration};

/// Old clients send these as numbers, and MLflow before 3.4 writes them as text itself.
const IDS_IN_NUMBERS: &[&str] = &["experiment_id", "experiment_ids"];

/// The spellings of floating point numbers that JSON does not have.
const NOT_FINITE: &[&str] = &["NaN", "Infinity", "-Infinity"];

/// An integer of so many digits is in the range of 64 bits, whichever they are.
pub(super) const CERTAIN_DIGITS: usize = 18;

/// The relation of a text to a type.
#[derive(Debug, PartialEq)]
pub enum Fit {
    /// Nothing that it takes.
    Wrong,
    /// A value as it stands.
    Same,
    /// A value of an enumeration that no release knows.
    Unknown,
    /// A value that is to be written like this.
    As(String),
}

impl Reader<'_, '_> {
    /// A value that is neither an object nor a list.
    pub(super) fn scalar(&mut self, field: &Field, wanted: Wanted<'_>, at: At) -> Result<Seen, Fault> {
        let start = self.parser.at;
        let (fit, value) = match self.parser.peek() {
            Some(b'"') => {
                let is_plain = field.kind == Kind::Text;
                let text = self.parser.string(!is_plain || !wanted.is_nothing())?;
                let fit = if is_plain { Fit::Same } else { string(field.kind, &text) };
                (fit, Json::Text(if wanted.is_nothing() { String::new() } else { text.into_owned() }))
            }
            Some(b't' | b'f') if field.kind == Kind::Bool => {
                let word = self.parser.word()?;
                (Fit::Same, Json::Bool(word == "true"))
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = self.parser.number()?;
                let fit = number(field, text);
                (fit, Json::Number(if wanted.is_nothing() { String::new() } else { text.to_owned() }))
            }
            Some(b'N' | b'I') => {
                let word = self.parser.word()?;
                (number(field, word), Json::Number(word.to_owned()))
            }
            _ => (Fit::Wrong, Json::Null),
        };
        self.count(wanted)?;
        Ok(match fit {
            Fit::Wrong => {
                self.parser.at = start;
                return self.wrong(at);
            }
            Fit::Same => value.into(),
            Fit::Unknown => Seen { value, has_unknown: true },
            Fit::As(text) => {
                let value = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                    Some(text) => Json::Text(text.to_owned()),
                    None => Json::Number(text.clone()),
                };
                let end = self.parser.at;
                self.edit(start, end, || text)?;
                value.into()
            }
        })
    }
}

/// A number, or one of the words for what is none.
fn number(field: &Field, text: &str) -> Fit {
    let is_plain = || text.bytes().all(|b| b.is_ascii_digit());
    match field.kind {
        Kind::Text if IDS_IN_NUMBERS.contains(&field.name) && is_plain() => Fit::As(format!("\"{text}\"")),
        Kind::Integer(least, most) => integer(text, least, most),
        Kind::Double | Kind::Float if NOT_FINITE.contains(&text) => Fit::As(format!("\"{text}\"")),
        Kind::Double | Kind::Float if is_finite(field.kind, text) => Fit::Same,
        Kind::Enum(values) => number_in(values, text),
        _ => Fit::Wrong,
    }
}

/// A string for a field that is no text. Query parameters are such strings as well.
pub fn string(kind: Kind, text: &str) -> Fit {
    let is = |fits: bool| if fits { Fit::Same } else { Fit::Wrong };
    match kind {
        Kind::Text => Fit::Same,
        Kind::Bytes => is(is_base64(text)),
        Kind::Integer(least, most) => integer(text, least, most),
        Kind::Double | Kind::Float if NOT_FINITE.contains(&text) => Fit::Same,
        Kind::Double | Kind::Float => is(is_decimal(text) && is_finite(kind, text)),
        Kind::Enum(values) if super::is_identifier(text) => {
            if enumeration(values).iter().any(|(name, _)| *name == text) { Fit::Same } else { Fit::Unknown }
        }
        Kind::Enum(values) => number_in(values, text),
        Kind::Timestamp => is(is_timestamp(text).unwrap_or_default()),
        Kind::Duration => is(is_duration(text).unwrap_or_default()),
        Kind::FieldMask => is(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b','))),
        Kind::Bool | Kind::Struct | Kind::Value | Kind::ListValue | Kind::Message(_) => Fit::Wrong,
    }
}

/// An integer, as such or as a floating point number without a fraction, which becomes one.
fn integer(text: &str, least: i128, most: i128) -> Fit {
    let is_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if is_digits && text.len() <= CERTAIN_DIGITS && most >= i64::MAX.into() {
        return Fit::Same; // most are a step or a time
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.len() <= 30 && digits.bytes().all(|b| b.is_ascii_digit()) {
        let value =
            if digits.len() <= CERTAIN_DIGITS { text.parse::<i64>().map(i128::from) } else { text.parse::<i128>() };
        let fits = value.is_ok_and(|value| (least..=most).contains(&value));
        return if fits { Fit::Same } else { Fit::Wrong };
    }
    match text.parse::<f64>() {
        // exactly what Python's int() makes of it
        #[allow(clippy::cast_possible_truncation)]
        Ok(value) if is_decimal(text) && value.abs() < 1e30 && value.fract() == 0.0 => {
            let value = value as i128;
            if (least..=most).contains(&value) { Fit::As(value.to_string()) } else { Fit::Wrong }
        }
        _ => Fit::Wrong,
    }
}

fn number_in(values: usize, text: &str) -> Fit {
    let is_known = text.parse().is_ok_and(|number: i64| enumeration(values).iter().any(|(_, known)| *known == number));
    let is_plain = !text.starts_with('+');
    if is_known && is_plain { Fit::Same } else { Fit::Wrong }
}

/// A number as JSON writes one, if perhaps with other zeros.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let only = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    only && digits.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

fn is_finite(kind: Kind, text: &str) -> bool {
    let is_short = kind == Kind::Double && text.len() <= 300 && !text.bytes().any(|b| matches!(b, b'e' | b'E'));
    let is_in_range = |value: f64| value.is_finite() && (kind == Kind::Double || value.abs() <= f64::from(f32::MAX));
    is_short || text.parse::<f64>().is_ok_and(is_in_range)
}

/// In either alphabet, with or without the padding.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    body.len() % 4 != 1 && text.len() - body.len() <= 2 && body.bytes().all(is_letter)
}

/// `2025-04-15T08:49:18.699Z`, or with an offset such as `+02:00`.
fn is_timestamp(text: &str) -> Option<bool> {
    let (date, time) = text.split_once('T')?;
    let (time, offset) = match time.strip_suffix('Z') {
        Some(time) => (time, None),
        None => time.split_at_checked(time.len().checked_sub(6)?).map(|(time, offset)| (time, Some(offset)))?,
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (whole, fraction) = time.split_once('.').map_or((time, None), |(whole, fraction)| (whole, Some(fraction)));
    let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
    let is_offset = |offset: &str| {
        let digits = offset.strip_prefix(['+', '-']).and_then(|digits| numbers(digits, ':', [2, 2]));
        digits.is_some_and(|[hour, minute]| hour < 24 && minute < 60) && (2..9999).contains(&year)
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    Some(
        year > 0
            && (1..=days).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && fraction.is_none_or(is_fraction)
            && offset.is_none_or(is_offset),
    )
}

/// `-1.5s`
fn is_duration(text: &str) -> Option<bool> {
    let text = text.strip_suffix('s')?;
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_whole = (1..=12).contains(&whole.len()) && whole.bytes().all(|b| b.is_ascii_digit());
    let seconds: u64 = if is_whole { whole.parse().ok()? } else { return None };
    Some(seconds < 315_576_000_000 && fraction.is_none_or(is_fraction))
}

fn is_fraction(digits: &str) -> bool {
    (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u32; N]> {
    let mut parts = text.split(separator);
    let mut out = [0; N];
    for (number, width) in out.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}
