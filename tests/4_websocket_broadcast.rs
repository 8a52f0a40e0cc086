//! Lesson 4: who may connect.
