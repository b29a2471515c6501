//! Looks for the end of a string, of a number and of a name by many bytes at once.
//!
//! Eight bytes are one number with the first of them in its lowest place. In each mask here the lowest bit that is set
//! belongs to the first byte that was looked for; what is set above it may be wrong, since a subtraction borrows upwards.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Returns the place of the first quote, backslash or control character from `at` on, or the end.
pub fn string_end(bytes: &[u8], at: usize) -> usize {
    end(
        bytes,
        at,
        |eight| is_zero(eight ^ (ONES * 0x22)) | is_zero(eight ^ (ONES * 0x5c)) | is_control(eight),
        |byte| matches!(byte, b'"' | b'\\' | 0..=0x1f),
    )
}

/// Returns the place of the first byte from `at` on that is no digit, or the end.
pub fn digits_end(bytes: &[u8], at: usize) -> usize {
    end(bytes, at, is_no_digit, |byte| !byte.is_ascii_digit())
}

/// Returns the place of the first byte from `at` on that is no white space, or the end.
pub fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Returns the place behind a string in which nothing is escaped, if one begins at `at`.
pub fn behind_string(bytes: &[u8], at: usize) -> Option<usize> {
    let end = if bytes.get(at) == Some(&b'"') { string_end(bytes, at + 1) } else { return None };
    (bytes.get(end) == Some(&b'"')).then_some(end + 1)
}

/// Returns the place behind an integer of at least 0 and at most `most` digits, if one begins at `at`.
pub fn behind_integer(bytes: &[u8], at: usize, most: usize) -> Option<usize> {
    let end = behind_whole(bytes, at).filter(|end| end - at <= most)?;
    (!matches!(bytes.get(end), Some(b'.' | b'e' | b'E'))).then_some(end)
}

/// Returns the place behind a number without an exponent of at most `most` characters, if one begins at `at`.
pub fn behind_decimal(bytes: &[u8], at: usize, most: usize) -> Option<usize> {
    let mut end = behind_whole(bytes, at + usize::from(bytes.get(at) == Some(&b'-')))?;
    if bytes.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = Some(digits_end(bytes, fraction)).filter(|end| *end > fraction)?;
    }
    (end - at <= most && !matches!(bytes.get(end), Some(b'e' | b'E'))).then_some(end)
}

/// Returns the place behind digits, of which the first of several is no 0.
fn behind_whole(bytes: &[u8], at: usize) -> Option<usize> {
    let end = digits_end(bytes, at);
    (end == at + 1 || (end > at && bytes.get(at) != Some(&b'0'))).then_some(end)
}

#[inline(always)]
fn end(bytes: &[u8], mut at: usize, in_eight: impl Fn(u64) -> u64, is_end: impl Fn(u8) -> bool) -> usize {
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = in_eight(u64::from_le_bytes(*eight));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len())
}

fn is_zero(eight: u64) -> u64 {
    eight.wrapping_sub(ONES) & !eight & HIGHS
}

fn is_control(eight: u64) -> u64 {
    eight.wrapping_sub(ONES * 0x20) & !eight & HIGHS
}

/// Exact in every byte: nothing is carried from one to the next.
fn is_no_digit(eight: u64) -> u64 {
    let digits = eight ^ (ONES * 0x30);
    (((digits & !HIGHS) + ONES * 0x76) | digits) & HIGHS
}

/// A name with quotes around it and a colon behind it. If it is short enough, it is compared with a text at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    bytes: u128,
    mask: u128,
    length: usize,
}

impl Key {
    /// Returns the key of a name of letters, digits and underscores. `None` if it is too long for this.
    pub fn new(name: &str) -> Option<Self> {
        let (mut bytes, mut mask) = ([0; 16], [0; 16]);
        for (place, byte) in [b'"'].into_iter().chain(name.bytes()).chain(*b"\":").enumerate() {
            *bytes.get_mut(place)? = byte;
            *mask.get_mut(place)? = 0xff;
        }
        let [bytes, mask] = [bytes, mask].map(u128::from_le_bytes);
        Some(Self { bytes, mask, length: name.len() + 3 })
    }

    /// Returns the place behind it if it stands at `at`. In the last fifteen bytes of a text it is not found.
    #[inline]
    pub fn end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let sixteen = bytes.get(at..)?.first_chunk()?;
        (u128::from_le_bytes(*sixteen) & self.mask == self.bytes).then_some(at + self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place of texts of each length up to three times eight.
    fn each(check: impl Fn(&[u8], usize)) {
        for length in 0..25 {
            for (around, place) in
                [b'7', b'x', b'\x80', b'!', b' '].iter().flat_map(|b| (0..length).map(move |n| (b, n)))
            {
                let mut text = vec![*around; length];
                for byte in 0..=u8::MAX {
                    if let Some(changed) = text.get_mut(place) {
                        *changed = byte;
                    }
                    for at in [0, 1, place, length] {
                        check(&text, at);
                    }
                }
            }
        }
    }

    #[test]
    fn eight_bytes_at_once_are_seen_as_one_by_one() {
        let one_by_one = |text: &[u8], at: usize, is_end: fn(&u8) -> bool| {
            text.get(at..).and_then(|rest| rest.iter().position(is_end)).map_or(text.len().max(at), |n| at + n)
        };
        each(|text, at| {
            let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
            assert_eq!(string_end(text, at), one_by_one(text, at, ends), "{text:?} from {at}");
            assert_eq!(digits_end(text, at), one_by_one(text, at, |byte| !byte.is_ascii_digit()), "{text:?} from {at}");
        });
    }

    #[test]
    fn what_is_passed_is_a_value_as_it_stands() {
        let strings = [r#""""#, r#""a""#, r#""a longer text, with é in it""#];
        let none = [r#""a"#, r#""a\n""#, r#""a\"b""#, "\"a\nb\"", "a", "1", ""];
        assert!(strings.iter().all(|text| behind_string(text.as_bytes(), 0) == Some(text.len())));
        assert!(none.iter().all(|text| behind_string(text.as_bytes(), 0).is_none()));
        for (text, integer, decimal) in [
            ("0", true, true),
            ("7,", true, true),
            ("123456789012345678", true, true),
            ("1234567890123456789", false, true),
            ("-1", false, true),
            ("-0.50}", false, true),
            ("1.25", false, true),
            ("00", false, false),
            ("-01", false, false),
            ("1.", false, false),
            (".5", false, false),
            ("-", false, false),
            ("1e3", false, false),
            ("1.5E3", false, false),
            ("+1", false, false),
            ("NaN", false, false),
            ("\"1\"", false, false),
            ("", false, false),
        ] {
            let end = text.trim_end_matches([',', '}']).len();
            assert_eq!(behind_integer(text.as_bytes(), 0, 18), integer.then_some(end), "{text}");
            assert_eq!(behind_decimal(text.as_bytes(), 0, 30), decimal.then_some(end), "{text}");
        }
        assert_eq!(behind_decimal(b"-1.25", 0, 4), None);
    }

    #[test]
    fn a_key_is_found_where_it_stands_whole() {
        let text = br#"{"step":1,"steps":2,"ste":"step","step" :3,"step":4}, and something"#;
        let step = Key::new("step").unwrap();
        let found: Vec<_> = (0..text.len() + 2).filter_map(|at| step.end(text, at)).collect();
        assert_eq!(found, [8, 50]);
        assert_eq!((step.end(&text[..16], 1), step.end(&text[..17], 1)), (None, Some(8)));
        assert!(Key::new("thirteen__byt").is_some() && Key::new("fourteen_bytes").is_none());
    }
}
