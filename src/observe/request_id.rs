//! The id by which a request is found in the log.

use crate::http::Headers;
use crate::password::to_hex;

/// Characters of a ray that is believed to be one; Cloudflare's have twenty.
const LONGEST_RAY: usize = 40;

/// The id of a request: Cloudflare's ray, or else a random one, which is the empty text where
/// the platform has no randomness. It holds letters, digits and hyphens.
pub fn request_id(headers: &Headers, random: fn(&mut [u8]) -> bool) -> String {
    let is_ray = |ray: &&str| {
        (1..=LONGEST_RAY).contains(&ray.len()) && ray.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if let Some(ray) = headers.get("cf-ray").filter(is_ray) {
        return ray.to_owned();
    }
    let mut id = [0; 8];
    if random(&mut id) { to_hex(&id) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_its_ray_or_by_chance() {
        let seven = |buffer: &mut [u8]| {
            buffer.fill(7);
            true
        };
        let id = |ray: &str| request_id(&[("CF-Ray", ray)].into_iter().collect(), seven);
        assert_eq!(id("230b030023ae2822-SJC"), "230b030023ae2822-SJC");
        for forged in ["", "a b", "a\"b", "a\nb", &"a".repeat(LONGEST_RAY + 1)] {
            assert_eq!(id(forged), "0707070707070707");
        }
        assert_eq!(request_id(&Headers::default(), |_| false), "");
    }
}
