//! A cache with bounds in entries and in bytes: keys and values hold names that the client chose.

use std::hash::Hash;
use std::num::NonZeroUsize;

use lru::LruCache;

/// A longer entry is not kept: ids and names are shorter, MLflow's own bound for a model's name is 256 characters.
const LONGEST_ENTRY: usize = 2 * 1024;

/// Bytes that an entry takes beside the text in it, about.
const OVERHEAD: usize = 128;

/// Something that holds text.
pub trait Weigh {
    /// About as many bytes as it takes beside its own size.
    fn weight(&self) -> usize;
}

/// The most recently used entries.
pub struct Bounded<K: Hash + Eq + Weigh, V: Weigh> {
    entries: LruCache<K, V>,
    bytes: usize,
    most_bytes: usize,
}

impl<K: Hash + Eq + Weigh, V: Weigh> Bounded<K, V> {
    /// An empty cache of at most so many entries and about so many bytes.
    pub fn new(most_entries: NonZeroUsize, most_bytes: usize) -> Self {
        Self { entries: LruCache::new(most_entries), bytes: 0, most_bytes }
    }

    /// The value under a key, which counts as used now.
    pub fn get(&mut self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// The value under a key, whose use does not count.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.entries.peek(key)
    }

    /// Keeps a value in the place of an older one, unless it is too long; what was used least recently goes for it.
    pub fn put(&mut self, key: K, value: V) {
        let weight = weigh(&key, &value);
        if weight > LONGEST_ENTRY + OVERHEAD {
            self.pop(&key);
            return;
        }
        self.bytes += weight;
        if let Some((key, value)) = self.entries.push(key, value) {
            self.bytes -= weigh(&key, &value);
        }
        while self.bytes > self.most_bytes {
            let Some((key, value)) = self.entries.pop_lru() else { break };
            self.bytes -= weigh(&key, &value);
        }
    }

    /// Forgets a key.
    pub fn pop(&mut self, key: &K) {
        if let Some((key, value)) = self.entries.pop_entry(key) {
            self.bytes -= weigh(&key, &value);
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    /// Every value, to be changed in what has no weight.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn weigh<K: Weigh, V: Weigh>(key: &K, value: &V) -> usize {
    OVERHEAD + key.weight() + value.weight()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for String {
        fn weight(&self) -> usize {
            self.len()
        }
    }

    fn cache(entries: usize, bytes: usize) -> Bounded<String, String> {
        Bounded::new(NonZeroUsize::new(entries).unwrap(), bytes)
    }

    #[test]
    fn the_oldest_entries_go_when_the_bytes_are_too_many() {
        let mut cache = cache(1000, 10_000);
        for n in 0..100 {
            cache.put(format!("{n}"), "x".repeat(1000));
            assert!(cache.bytes() <= 10_000);
        }
        assert_eq!((cache.len(), cache.get(&"99".into()).is_some(), cache.get(&"0".into())), (8, true, None));
        cache.clear();
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn what_is_too_long_is_not_kept_and_ends_what_was_there() {
        let mut cache = cache(10, 1 << 20);
        cache.put("a".into(), "short".into());
        cache.put("a".into(), "x".repeat(LONGEST_ENTRY + 1));
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }

    #[test]
    fn the_bytes_are_those_of_what_is_there() {
        let mut cache = cache(3, 1 << 20);
        for (key, length) in [("a", 10), ("b", 20), ("a", 5), ("c", 1), ("d", 7), ("b", 9)] {
            cache.put(key.into(), "x".repeat(length));
        }
        cache.pop(&"c".into());
        // "a" was used least recently when "d" came
        let there = ["b", "d"].map(|key| cache.get(&key.into()).map_or(0, |value| OVERHEAD + 1 + value.len()));
        assert_eq!((cache.len(), cache.bytes()), (2, there.iter().sum()));
        assert!(there.iter().all(|weight| *weight > 0));
    }
}
