//! Colours, few and always with a word or a sign beside them: nobody has to see one.
//!
//! Printed through `anstream`, which leaves them out where they would be noise: in a pipe,
//! in a file, with `NO_COLOR`, on a terminal that has none.

use anstyle::{AnsiColor, Style};

/// All is well; what comes in.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Something is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Look here; what goes out.
pub(crate) const NOTE: Style = AnsiColor::Cyan.on_default();
/// What matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();
