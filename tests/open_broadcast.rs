//! One to many.
