//! The course as web pages. Every lesson serves these pages under `/course/`.
//!
//! The chapters are the Markdown files of `docs/`. A forge shows these files, mdBook makes a book
//! of them, and this crate makes pages of them. A page is made when a browser first asks for it.
//!
//! The program contains all files, so the pages work offline and from any folder. A request is
//! compared with the list of pages. No request opens a file, so no path leads out of the course.
//!
//! This is a crate of its own, so that `zcomm-core` contains no reader of Markdown.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
mod files;

mod contents;

mod block;
mod quiz;

mod markdown;

mod search;

mod page;

mod slides;

mod site;

pub use site::course;
