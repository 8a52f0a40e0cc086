//! The setting of the X-ray, and where its text goes.

use std::io::{self, IsTerminal};

use crate::{
    error::Result,
    settings::{
        parse::read,
        parse::xray,
        zenv::{Settings, no_color},
    },
    xray::{Form, Xray},
};

impl Xray {
    /// The X-ray that `WEBSOCKET_XRAY` or `--xray` asks for, for a program that is no server.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for another value,
    /// [`Error::SettingsFile`](crate::Error::SettingsFile).
    pub fn from_env() -> Result<Option<Xray>> {
        Xray::from_settings(&Settings::load()?)
    }

    pub(crate) fn from_settings(settings: &Settings) -> Result<Option<Xray>> {
        let form = read(settings, "WEBSOCKET_XRAY", xray)?.flatten();
        Ok(form.map(Xray::stdout))
    }

    /// Writes to stdout: in colour on a terminal, unless `NO_COLOR` is set.
    #[must_use]
    pub fn stdout(form: Form) -> Xray {
        let colour = io::stdout().is_terminal() && !no_color();
        Xray::write_to(io::stdout(), form, colour)
    }

    /// Writes to stderr: in colour on a terminal, unless `NO_COLOR` is set.
    #[must_use]
    pub fn stderr(form: Form) -> Xray {
        let colour = io::stderr().is_terminal() && !no_color();
        Xray::write_to(io::stderr(), form, colour)
    }
}
