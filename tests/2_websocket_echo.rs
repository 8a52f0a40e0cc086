//! Lesson 2: both directions.
