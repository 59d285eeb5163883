//! A cache with a limit: what is used stays, what is not used for a while goes, at no cost per entry.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: new and used entries are young; when the young ones weigh too much, they become the old ones, and the old ones go.
#[derive(Debug)]
pub struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    young_weight: usize,
    most_weight: usize,
}

impl<K: Hash + Eq, V: Clone> Generations<K, V> {
    /// An empty cache; both generations together weigh at most twice `most_weight`, in whatever unit [`Generations::put`] is told.
    #[must_use]
    pub fn new(most_weight: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), young_weight: 0, most_weight }
    }

    /// The entry of that key, which is young again.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, (value, weight)) = self.old.remove_entry(key)?;
        self.put(key, value.clone(), weight);
        Some(value)
    }

    /// Keeps an entry in place of one of the same key.
    pub fn put(&mut self, key: K, value: V, weight: usize) {
        if self.young_weight.saturating_add(weight) > self.most_weight {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
        self.old.remove(&key);
        let former = self.young.insert(key, (value, weight)).map_or(0, |(_, weight)| weight);
        self.young_weight = self.young_weight.saturating_sub(former).saturating_add(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_used_goes() {
        let mut cache = Generations::new(4);
        cache.put(0, 'a', 1);
        for n in 1..100 {
            cache.put(n, 'x', 1);
            assert_eq!(cache.get(&0), Some('a'), "after {n}");
        }
        assert_eq!(cache.get(&1), None);
        assert!(cache.young.len() + cache.old.len() <= 8);
    }

    #[test]
    fn an_entry_that_takes_anothers_place_weighs_once() {
        let mut cache = Generations::new(4);
        cache.put(1, 'a', 1);
        for _ in 0..100 {
            cache.put(2, 'b', 2);
        }
        assert_eq!((cache.get(&1), cache.get(&2)), (Some('a'), Some('b')));
        cache.put(3, 'c', 400);
        assert_eq!(cache.get(&2), Some('b'), "a heavy entry makes a generation of its own");
    }
}
