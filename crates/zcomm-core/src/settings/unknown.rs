//! Finds names that look like settings, but are not settings.
//!
//! A setting with a typing error in its name has no effect, which is hard to notice: a server
//! with `WEBSOCKET_TOKN` has no token. So each unknown name causes a warning with the most
//! similar name. An unknown name that begins like a TLS setting stops the program. Otherwise
//! the server would send plain text.

use crate::{
    error::{Error, Result},
    settings::{parse::switch, table::SETTINGS, zenv::Settings},
};

/// A warning for each name with the prefix `WEBSOCKET_` that is not in the table of settings.
///
/// # Errors
/// [`Error::SettingMissing`] for an unknown name that seems to switch TLS on.
pub(crate) fn unknown_names(settings: &Settings) -> Result<Vec<String>> {
    let names = settings.names("WEBSOCKET_");
    let unknown = names.filter(|name| !SETTINGS.iter().any(|known| known.name == *name));
    unknown.map(|name| warning(name, settings)).collect()
}

fn warning(name: &str, settings: &Settings) -> Result<String> {
    let upper = name.to_ascii_uppercase();
    let of_tls = upper.starts_with("WEBSOCKET_SSL") || upper.starts_with("WEBSOCKET_TLS");
    let value = settings.get(name).unwrap_or_default();
    if of_tls && !value.is_empty() && switch(value) != Ok(false) {
        return Err(Error::SettingMissing {
            name: name.to_owned(),
            reason: "unknown setting, so nothing would be encrypted: set WEBSOCKET_SSL_ENABLED, \
                     WEBSOCKET_SSL_CERT and WEBSOCKET_SSL_KEY"
                .into(),
        });
    }
    let distance = |known: &&str| strsim::damerau_levenshtein(known, name);
    let nearest = SETTINGS.iter().map(|known| known.name).min_by_key(distance);
    let help = match nearest.filter(|known| distance(known) <= 3) {
        Some(known) => format!("did you mean {known}?"),
        None => ".zEnv.example lists all settings".to_owned(),
    };
    Ok(format!("unknown setting {name}: {help}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_of_a_tls_setting_stops_the_program() {
        let check = |name, value| {
            let settings = Settings::from_pairs(&[(name, value)]);
            unknown_names(&settings)
        };
        assert_eq!(check("WEBSOCKET_TOKN", "x").unwrap().len(), 1);
        assert_eq!(check("WEBSOCKET_SSL_ENABLED", "true").unwrap().len(), 0);
        assert_eq!(check("WEBSOCKET_TLS", "off").unwrap().len(), 1);
        let error = check("WEBSOCKET_SSL_ENABLE", "true").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("WEBSOCKET_SSL_ENABLE: unknown setting"),
            "{error}"
        );
        check("WEBSOCKET_TLS", "on").unwrap_err();
        check("websocket_ssl_enabled", "true").unwrap_err();
        check("WEBSOCKET_TLS_CERT", "certs/x.pem").unwrap_err();
    }
}
