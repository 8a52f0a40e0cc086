//! A review of the settings, for a tool that shows mistakes in the settings.
//!
//! A server reads its settings at the start: it logs each warning, and stops at the first
//! error. A review follows the same rules, but returns the warnings and the error. A review
//! does not open the certificate files, so an error in these files cannot hide other mistakes.

use std::path::{Path, PathBuf};

use crate::{
    error::Result,
    settings::{
        config::Config,
        tls_files::{TlsFiles, tls_files},
        zenv::{FILE, Settings},
    },
};

/// The settings, and what is wrong with them.
#[derive(Debug)]
pub struct SettingsReview {
    /// The settings file, if it exists in the working directory, even if it cannot be read.
    pub file: Option<PathBuf>,
    /// Whether the file contains a secret, e.g. a token other than the course's public token.
    /// Also true if the file cannot be read.
    pub holds_secret: bool,
    /// Mistakes that do not stop a server: unknown names, and names that are set twice.
    pub warnings: Vec<String>,
    /// All settings except those of TLS, or the first error that stops a server.
    pub config: Result<Config>,
    /// The files of the certificate and the key, if TLS is on.
    pub tls_files: Option<TlsFiles>,
}

impl SettingsReview {
    /// Reads the environment and `.zEnv` as [`Config::from_env_over`] does.
    #[must_use]
    pub fn new(default: Config) -> SettingsReview {
        let path = Path::new(FILE);
        let mut review = SettingsReview::empty();
        review.file = path.symlink_metadata().is_ok().then(|| path.to_owned());
        review.config = Settings::load().and_then(|settings| review.read(&settings, default));
        review
    }

    fn empty() -> SettingsReview {
        SettingsReview {
            file: None,
            holds_secret: true,
            warnings: Vec::new(),
            config: Ok(Config::default()),
            tls_files: None,
        }
    }

    fn read(&mut self, settings: &Settings, default: Config) -> Result<Config> {
        self.holds_secret = settings.secret_in_file;
        self.warnings = Config::warnings(settings)?;
        self.tls_files = tls_files(settings)?;
        Config::without_tls(settings, default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(pairs: &[(&str, &str)]) -> SettingsReview {
        let mut review = SettingsReview::empty();
        review.config = review.read(&Settings::from_pairs(pairs), Config::default());
        review
    }

    #[test]
    fn a_warning_is_returned_and_stops_nothing() {
        let review = review(&[("WEBSOCKET_PROT", "9000")]);
        assert_eq!(
            review.warnings,
            ["unknown setting WEBSOCKET_PROT: did you mean WEBSOCKET_PORT?"]
        );
        assert_eq!(review.config.unwrap().port, 8765);
    }

    #[test]
    fn a_wrong_value_is_returned_beside_the_warnings() {
        let review = review(&[("WEBSOCKET_PROT", "1"), ("WEBSOCKET_PORT", "eighty")]);
        assert_eq!(review.warnings.len(), 1);
        let error = review.config.unwrap_err().to_string();
        assert!(error.starts_with("WEBSOCKET_PORT=\"eighty\""), "{error}");
    }

    #[test]
    fn files_of_tls_are_named_and_hide_nothing() {
        let review = review(&[
            ("WEBSOCKET_SSL_ENABLED", "true"),
            ("WEBSOCKET_SSL_CERT", "missing.pem"),
            ("WEBSOCKET_SSL_KEY", "missing.key"),
            ("WEBSOCKET_PORT", "9000"),
        ]);
        assert_eq!(review.config.unwrap().port, 9000);
        let files = review.tls_files.unwrap();
        assert_eq!(files.certificate, Path::new("missing.pem"));
        assert_eq!(files.key, Path::new("missing.key"));
    }

    #[test]
    fn half_of_tls_stops_a_server() {
        let review = review(&[("WEBSOCKET_SSL_ENABLED", "true")]);
        let error = review.config.unwrap_err().to_string();
        assert!(error.starts_with("WEBSOCKET_SSL_CERT: needed"), "{error}");
        assert_eq!(review.tls_files, None);
    }
}
