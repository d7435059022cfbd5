//! The guest's memory.

use wasmtime::ResourceLimiter;

use crate::Limits;

/// Bounds all memories and tables of a store together, as [`Limits::memory`]
/// says; wasmtime's own `StoreLimits` bounds each one of them.
///
/// To grow beyond it fails as an allocation does that the system refuses; the
/// guest decides what then.
///
/// ```
/// use capsock_host::{Limits, MemoryLimiter};
///
/// struct Guest {
///     memory: MemoryLimiter,
/// }
///
/// let memory = MemoryLimiter::new(&Limits::default());
/// let mut store = wasmtime::Store::new(&wasmtime::Engine::default(), Guest { memory });
/// store.limiter(|guest| &mut guest.memory);
/// ```
#[derive(Debug)]
pub struct MemoryLimiter {
    left: u64,
    /// What the growth that was allowed last has taken, if it fails yet.
    taken: u64,
}

/// How many instances, memories and tables there may be, each for each: a
/// component of many languages has some dozens.
const EACH: usize = 1000;

/// What an element of a table takes in wasmtime at most, in bytes.
const ELEMENT: usize = 16;

impl MemoryLimiter {
    /// A limiter for one store.
    pub fn new(limits: &Limits) -> Self {
        Self {
            left: limits.memory,
            taken: 0,
        }
    }

    fn take(&mut self, current: usize, desired: usize, unit: usize) -> bool {
        let more = desired.saturating_sub(current).saturating_mul(unit) as u64;
        let left = self.left.checked_sub(more);
        self.taken = if left.is_some() { more } else { 0 };
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    fn give_back(&mut self) {
        self.left += std::mem::take(&mut self.taken);
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.take(current, desired, 1))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "growing a memory");
        self.give_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.take(current, desired, ELEMENT))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        tracing::debug!(%error, "growing a table");
        self.give_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        EACH
    }

    fn tables(&self) -> usize {
        EACH
    }

    fn memories(&self) -> usize {
        EACH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_the_limit_and_a_failure_gives_back() {
        let mut limits = Limits::default();
        limits.memory = 1 << 20;
        let mut memory = MemoryLimiter::new(&limits);
        let error = || wasmtime::format_err!("no memory");
        assert!(memory.memory_growing(0, 1 << 19, None).expect("a verdict"));
        assert!(!memory.table_growing(0, 1 << 16, None).expect("a verdict"));
        // A denial gives nothing back.
        memory.table_grow_failed(error()).expect("nothing");
        assert!(memory.table_growing(0, 1 << 15, None).expect("a verdict"));
        assert!(
            !memory
                .memory_growing(1 << 19, (1 << 19) + 1, None)
                .expect("a verdict")
        );
        assert!(
            !memory
                .memory_growing(0, usize::MAX, None)
                .expect("a verdict")
        );
        assert_eq!(memory.left, 0);

        let mut memory = MemoryLimiter::new(&limits);
        assert!(memory.memory_growing(0, 1 << 20, None).expect("a verdict"));
        memory.memory_grow_failed(error()).expect("nothing");
        assert!(memory.memory_growing(0, 1 << 20, None).expect("a verdict"));
    }
}
