//! Where a core puts its orders. A list and nothing more: no callback, no channel.

/// The orders of one step, in the order in which they must be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox<T>(Vec<T>);

impl<T> Outbox<T> {
    /// An empty outbox.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one order at the end.
    pub fn push(&mut self, order: T) {
        self.0.push(order);
    }

    /// Takes every order out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.0.drain(..)
    }

    /// Takes every order out as a list, oldest first.
    #[must_use]
    pub fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }

    /// The orders so far, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// Whether nothing was ordered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self::new()
    }
}
