//! The settings, looked at without using them.
//!
//! A server reads its settings to start: what is odd goes into its log, and what is wrong
//! ends it. A tool that is asked *what is wrong here?* needs the same reading, by the same
//! rules, and everything handed back. So this file has no rules of its own.
//!
//! Files with certificates are named and not opened: whether they are good is a question of
//! its own, and a bad one must not hide what else the settings say.
//!
//! Production checks a new configuration like this before it is rolled out.

use std::path::{Path, PathBuf};

use crate::{
    error::Result,
    settings::{
        config::Config,
        tls_files::{TlsFiles, tls_files},
        zenv::{FILE, Settings},
    },
};

/// What the settings say, and what is wrong with them.
#[derive(Debug)]
pub struct SettingsReview {
    /// The settings file, when there is one in the working directory; it may be the problem.
    pub file: Option<PathBuf>,
    /// Whether the file holds a secret: a token other than the course's, or, where it cannot
    /// be understood, perhaps.
    pub holds_secret: bool,
    /// What stops nothing: names that are unknown, or stand there twice.
    pub warnings: Vec<String>,
    /// The settings without their TLS, or the first thing that stops a server.
    pub config: Result<Config>,
    /// The files of TLS, when it is on.
    pub tls_files: Option<TlsFiles>,
}

impl SettingsReview {
    /// Reads the environment and `.zEnv` in the working directory, as
    /// [`Config::from_env_over`] does.
    #[must_use]
    pub fn new(default: Config) -> SettingsReview {
        let path = Path::new(FILE);
        let mut review = SettingsReview {
            file: path.symlink_metadata().is_ok().then(|| path.to_owned()),
            holds_secret: true,
            warnings: Vec::new(),
            config: Ok(default.clone()),
            tls_files: None,
        };
        review.config = Settings::load().and_then(|settings| review.read(settings, default));
        review
    }

    fn read(&mut self, settings: Settings, default: Config) -> Result<Config> {
        self.holds_secret = settings.secret_in_file;
        self.warnings = Config::warnings(&settings)?;
        self.tls_files = tls_files(&settings)?;
        Config::from_settings(&settings.without_tls(), default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(pairs: &[(&str, &str)]) -> SettingsReview {
        let mut review = SettingsReview {
            file: None,
            holds_secret: true,
            warnings: Vec::new(),
            config: Ok(Config::default()),
            tls_files: None,
        };
        review.config = review.read(Settings::from_pairs(pairs), Config::default());
        review
    }

    #[test]
    fn a_warning_stops_nothing_and_is_handed_back() {
        let review = review(&[("WEBSOCKET_PROT", "9000")]);
        assert_eq!(
            review.warnings,
            ["unknown setting WEBSOCKET_PROT: did you mean WEBSOCKET_PORT?"]
        );
        assert_eq!(review.config.unwrap().port, 8765);
    }

    #[test]
    fn a_wrong_value_is_handed_back_beside_the_warnings() {
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
