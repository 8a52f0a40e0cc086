//! The input of the checks: the settings of this folder, and the ports of the lessons.

use zcomm_core::{Config, SettingsReview};

pub(super) struct Situation {
    pub(super) settings: SettingsReview,
    /// The settings, or the defaults if the settings have an error.
    pub(super) config: Config,
    pub(super) ports: Vec<u16>,
}

impl Situation {
    pub(super) fn new(port: Option<u16>) -> Situation {
        let settings = SettingsReview::new(Config::default());
        let config = settings.config.as_ref().ok().cloned().unwrap_or_default();
        let ports = match (port, config.port) {
            (Some(port), _) => vec![port],
            // Lesson 3 has its own port, so that it can run together with another lesson.
            (None, 8765) => vec![8765, 8766],
            (None, port) => vec![port],
        };
        Situation {
            settings,
            config,
            ports,
        }
    }
}
