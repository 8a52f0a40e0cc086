//! HTTP on the same port: the page, `/stats`, `/metrics`, `/why`, and the upgrade.

// Each file uses only files listed before it. Blank lines stop rustfmt from sorting the list.
pub(crate) mod accepted;
pub(crate) mod head;
pub(crate) mod response;

pub(crate) mod page;
pub(crate) mod viewers;

pub(crate) mod router;

pub(crate) mod refuse;

pub(crate) mod front;
