//! Lesson 3: who is there, and who can listen.
