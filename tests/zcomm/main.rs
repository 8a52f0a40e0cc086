//! The command `zcomm`, as a user types it.
