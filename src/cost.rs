//! The things that a request costs, counted while it goes its way.

use std::cell::Cell;

/// A count, and the milliseconds that were waited for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Statements, of which a batch is one, or calls.
    pub count: u32,
    /// Milliseconds by the platform's clock; what waits side by side is counted each.
    pub ms: u64,
}

/// The costs of one request so far.
pub struct Cost {
    /// Milliseconds since 1970.
    clock: fn() -> u64,
    begun: u64,
    database: Cell<Spent>,
    origin: Cell<Spent>,
    hashes: Cell<u32>,
}

impl Cost {
    /// Nothing is spent; the clock gives milliseconds since 1970.
    pub fn new(clock: fn() -> u64) -> Self {
        let (database, origin) = (Cell::default(), Cell::default());
        Self { clock, begun: clock(), database, origin, hashes: Cell::default() }
    }

    /// Milliseconds since the request came.
    pub fn elapsed(&self) -> u64 {
        self.now().saturating_sub(self.begun)
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        (self.clock)()
    }

    /// Counts a statement to D1, or a batch of them, that was sent at this time and has been answered.
    pub fn add_statement(&self, sent: u64) {
        self.add(&self.database, 1, self.now().saturating_sub(sent));
    }

    /// Counts a call to the origin that is sent now.
    pub fn add_call(&self) {
        self.add(&self.origin, 1, 0);
    }

    /// Adds the time for which a call that was sent then has been waited for.
    pub fn add_wait(&self, sent: u64) {
        self.add(&self.origin, 0, self.now().saturating_sub(sent));
    }

    /// Counts a password hash.
    pub fn add_hash(&self) {
        self.hashes.set(self.hashes.get().saturating_add(1));
    }

    /// D1's statements.
    pub fn database(&self) -> Spent {
        self.database.get()
    }

    /// Calls to the origin.
    pub fn origin(&self) -> Spent {
        self.origin.get()
    }

    /// Password hashes.
    pub fn hashes(&self) -> u32 {
        self.hashes.get()
    }

    fn add(&self, to: &Cell<Spent>, count: u32, ms: u64) {
        let before = to.get();
        to.set(Spent { count: before.count.saturating_add(count), ms: before.ms.saturating_add(ms) });
    }
}
