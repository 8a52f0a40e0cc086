//! The setting of the X-ray, and where the X-ray writes.

use std::io::{self, IsTerminal};

use crate::{
    error::Result,
    settings::{
        parse::xray,
        zenv::{Settings, no_color},
    },
    xray::{Form, Xray},
};

impl Xray {
    /// Starts an X-ray if `WEBSOCKET_XRAY` or `--xray` switches it on. This function is for a
    /// program without a [`Config`](crate::Config).
    ///
    /// # Errors
    /// - [`Error::Setting`](crate::Error::Setting): a value that is not off, on or json.
    /// - [`Error::SettingsFile`](crate::Error::SettingsFile): a file that cannot be read.
    pub fn from_env() -> Result<Option<Xray>> {
        Xray::from_settings(&Settings::load()?)
    }

    pub(crate) fn from_settings(settings: &Settings) -> Result<Option<Xray>> {
        let form = settings.read("WEBSOCKET_XRAY", xray)?.flatten();
        Ok(form.map(Xray::stdout))
    }

    /// Starts an X-ray that writes to stdout: in colour on a terminal, unless `NO_COLOR` is
    /// set.
    #[must_use]
    pub fn stdout(form: Form) -> Xray {
        let colour = io::stdout().is_terminal() && !no_color();
        Xray::write_to(io::stdout(), form, colour)
    }

    /// Starts an X-ray that writes to stderr: in colour on a terminal, unless `NO_COLOR` is
    /// set.
    #[must_use]
    pub fn stderr(form: Form) -> Xray {
        let colour = io::stderr().is_terminal() && !no_color();
        Xray::write_to(io::stderr(), form, colour)
    }
}
