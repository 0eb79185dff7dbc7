//! Storage with keys in it.

use edge_core::api_key::KeyHash;
use edge_core::key_record::KeyRecord;
use edge_core::key_state::KeyState;
use edge_core::ports::UnixMs;
use edge_core::testing::{Memory, record};

use crate::api::NOW;

/// The id of the key number `n`.
pub(crate) fn id(n: usize) -> String {
    format!("key_{n:020}")
}

/// Puts a key where the API finds it: in its object, and in KV.
pub(crate) fn put(memory: &Memory, key: KeyRecord) {
    let now = UnixMs(NOW * 1_000);
    let hash = KeyHash::of(&key.id).to_hex();
    let state = KeyState::of_record(key, hash);
    for entry in state.entries(now).unwrap() {
        let value = (entry.value.unwrap(), entry.metadata);
        memory.kv.borrow_mut().insert(entry.name, value);
    }
    let limiter = state.limiter(now);
    let id = state.record.id.clone();
    memory.keys.borrow_mut().insert(id, (state, limiter));
}

/// Storage with `count` keys, every other one of `acme`.
pub(crate) fn memory_with(count: usize) -> Memory {
    memory_of(count, |_, _| {})
}

/// The same, each key changed by its number.
pub(crate) fn memory_of(count: usize, change: impl Fn(usize, &mut KeyRecord)) -> Memory {
    let memory = Memory::default();
    for n in 0..count {
        let mut key = record(&id(n));
        key.owner = n.is_multiple_of(2).then(|| "acme".to_owned());
        change(n, &mut key);
        put(&memory, key);
    }
    memory
}
