//! Finds names that look like settings, but are not settings.
//!
//! A setting with a typing error in its name has no effect, which is hard to notice: a server
//! with `WEBSOCKET_TOKN` has no token. So each unknown name in the settings file causes a
//! warning, with the most similar setting if there is one.
//!
//! The environment also has names for other programs. So an unknown name in the environment
//! causes a warning only if the name looks like a setting.
//!
//! Three kinds of unknown names stop the program:
//! - A name that looks like a TLS setting. The server would send plain text.
//! - A name that looks like `WEBSOCKET_REQUIRE_AUTH`. Every client could connect.
//! - A name that differs from a setting only in case, `_`, `-` or `.`, e.g.
//!   `WEB_SOCKET_TOKEN`. The user can only mean the setting.

use crate::{
    error::{Error, Result},
    settings::{
        parse::switch,
        table::SETTINGS,
        zenv::{Settings, is_name},
    },
    text::{secrets::HIDDEN, shown::printable},
};

/// The prefix of most settings.
const PREFIX: &str = "WEBSOCKET_";

/// Returns a warning for each name that looks like a setting, but is not in the table of settings.
///
/// # Errors
/// [`Error::SettingMissing`] for an unknown name that stops the program (see the three kinds
/// at the top).
pub(crate) fn unknown_names(settings: &Settings) -> Result<Vec<String>> {
    let unknown = settings
        .names()
        .filter(|name| SETTINGS.iter().all(|known| known.name != *name));
    let warnings = unknown.map(|name| warning(name, settings));
    warnings.filter_map(Result::transpose).collect()
}

fn warning(name: &str, settings: &Settings) -> Result<Option<String>> {
    let upper = name.to_ascii_uppercase();
    let in_file = settings.is_in_file(name);
    let similar = similar(&upper, in_file);
    if !in_file && !upper.starts_with(PREFIX) && similar.is_none() {
        return Ok(None);
    }
    // Other programs use names such as `SSL_CERT` in the environment. In the settings file,
    // every name is meant for a program of this workspace.
    let is_ours = in_file || similar.is_none_or(|known| !is_short(&upper, known));
    let value = settings.get(name).unwrap_or_default();
    if is_ours
        && !value.is_empty()
        && let Some(reason) = stops(&upper, value, similar)
    {
        let name = shown(name, similar);
        return Err(Error::SettingMissing { name, reason });
    }
    let help = match similar {
        Some(known) => format!("did you mean {known}?"),
        None => ".zEnv.example lists all settings".to_owned(),
    };
    let name = shown(name, similar);
    Ok(Some(format!("unknown setting {name}: {help}")))
}

/// Why an unknown name stops the program. `None` if it causes only a warning.
fn stops(upper: &str, value: &str, similar: Option<&str>) -> Option<String> {
    let is_on = switch(value) != Ok(false);
    let of_tls = upper.contains("SSL") || upper.contains("TLS");
    let of_auth = upper.contains("AUTH") || similar == Some("WEBSOCKET_REQUIRE_AUTH");
    let is_meant = |known: &&str| known.starts_with(PREFIX) && letters(known) == letters(upper);
    if of_tls && is_on {
        let reason = "unknown setting, so nothing would be encrypted: set WEBSOCKET_SSL_ENABLED, \
                      WEBSOCKET_SSL_CERT and WEBSOCKET_SSL_KEY";
        Some(reason.into())
    } else if of_auth && is_on {
        Some("unknown setting, so it protects nothing: set WEBSOCKET_REQUIRE_AUTH".into())
    } else {
        let known = similar.filter(is_meant)?;
        Some(format!("unknown setting, so it has no effect: set {known}"))
    }
}

/// Returns the setting with the most similar name. `None` if no name is similar enough. A name
/// without the prefix is similar, e.g. `PORT`. In the settings file, a name without the prefix
/// may also have a typing error, e.g. `PROT`.
fn similar(upper: &str, in_file: bool) -> Option<&'static str> {
    let names = SETTINGS.iter().map(|known| known.name);
    if let Some(known) = names.clone().find(|known| letters(known) == letters(upper)) {
        return Some(known);
    }
    if let Some(known) = names.clone().find(|known| is_short(upper, known)) {
        // Some shells set `HOST` themselves, so ignore `HOST` in the environment.
        return (in_file || upper != "HOST").then_some(known);
    }
    let distance = |known: &str| {
        let whole = strsim::damerau_levenshtein(known, upper);
        match known.strip_prefix(PREFIX).filter(|_| in_file) {
            Some(short) => whole.min(strsim::damerau_levenshtein(short, upper)),
            None => whole,
        }
    };
    let nearest = names.min_by_key(|known| distance(known));
    let limit = (upper.len() / 4).clamp(1, 3);
    nearest.filter(|known| distance(known) <= limit)
}

fn letters(name: &str) -> String {
    name.replace(['_', '-', '.'], "")
}

/// Whether this is the name of a setting without its prefix.
fn is_short(upper: &str, known: &str) -> bool {
    known.strip_prefix(PREFIX) == Some(upper)
}

/// Returns the name, or `***` if the name may be a token. In a file, a token that ends with `=`
/// looks like a name without a value.
fn shown(name: &str, similar: Option<&str>) -> String {
    match similar.is_some() || is_name(name) {
        true => printable(name),
        false => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn in_file(line: &str) -> Result<Vec<String>> {
        let mut settings = Settings::default();
        settings.read_file(Path::new(".zEnv"), line.as_bytes())?;
        unknown_names(&settings)
    }

    fn in_environment(name: &str, value: &str) -> Result<Vec<String>> {
        unknown_names(&Settings::from_pairs(&[(name, value)]))
    }

    #[test]
    fn a_similar_name_gets_a_warning_whatever_its_case_or_prefix() {
        for (name, meant) in [
            ("WEBSOCKET_TOKN", "WEBSOCKET_TOKEN"),
            ("WEBSOCKET_PORTS", "WEBSOCKET_PORT"),
            ("Websocket_Prot", "WEBSOCKET_PORT"),
            ("WEBSOKET_PORT", "WEBSOCKET_PORT"),
            ("WEB_SOKET_TOKEN", "WEBSOCKET_TOKEN"),
            ("PORT", "WEBSOCKET_PORT"),
            ("max_connections", "WEBSOCKET_MAX_CONNECTIONS"),
            ("ECHO_PREFX", "ECHO_PREFIX"),
            ("echo_prefix", "ECHO_PREFIX"),
            ("RUST_LOGG", "RUST_LOG"),
            ("rust_log", "RUST_LOG"),
            ("NO_COLOUR", "NO_COLOR"),
        ] {
            let expected = format!("unknown setting {name}: did you mean {meant}?");
            assert_eq!(in_environment(name, "x").unwrap(), [expected.as_str()]);
            assert_eq!(in_file(&format!("{name}=x")).unwrap(), [expected]);
        }
    }

    #[test]
    fn the_file_is_for_these_programs_and_the_environment_for_all() {
        for name in ["EDITOR", "LOG_LEVEL", "HOST", "RATE_LIMTI"] {
            assert_eq!(in_environment(name, "x").unwrap(), [""; 0], "{name}");
            assert_eq!(in_file(&format!("{name}=x")).unwrap().len(), 1, "{name}");
        }
        assert!(in_file("RATE_LIMTI=1").unwrap()[0].ends_with("WEBSOCKET_RATE_LIMIT?"));
        for known in SETTINGS {
            assert_eq!(in_file(&format!("{}=x", known.name)).unwrap(), [""; 0]);
        }
    }

    #[test]
    fn a_token_that_is_read_as_a_name_is_not_shown() {
        let warnings = in_file("c2VjcmV0c2VjcmV0c2Vj=").unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(!warnings[0].contains("c2V"), "{warnings:?}");
    }

    #[test]
    fn a_misspelt_name_of_the_setting_that_asks_for_a_token_stops_the_program() {
        for name in [
            "WEBSOCKET_REQUIREAUTH",
            "WEBSOCKET_REQUIRE_AUHT",
            "WEBSOCKET_AUTH",
            "WEBSOCKET_REQUIRE_AUTHENTICATION",
            "websocket_require_auth",
        ] {
            let error = in_environment(name, "true").unwrap_err().to_string();
            let expected = format!("{name}: unknown setting, so it protects nothing: set");
            assert!(error.starts_with(&expected), "{error}");
            in_file(&format!("{name}=yes")).unwrap_err();
            // An empty value is like no value.
            assert_eq!(in_environment(name, "").unwrap().len(), 1);
        }
        for name in ["REQUIRE_AUTH", "require_auth", "REQUIRE_AUHT", "AUTH"] {
            in_file(&format!("{name}=1")).unwrap_err();
        }
        // `off` asks for no protection, so a warning is enough.
        assert_eq!(in_environment("WEBSOCKET_AUTH", "off").unwrap().len(), 1);
        // Other programs read these names in the environment.
        assert_eq!(in_environment("REQUIRE_AUTH", "1").unwrap().len(), 1);
        for name in ["SSH_AUTH_SOCK", "XAUTHORITY", "AUTH"] {
            assert_eq!(in_environment(name, "x").unwrap(), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_name_with_the_letters_of_a_setting_stops_the_program() {
        for (name, known) in [
            ("WEB_SOCKET_TOKEN", "WEBSOCKET_TOKEN"),
            ("websocket_port", "WEBSOCKET_PORT"),
            ("WEBSOCKET_ALLOWEDORIGINS", "WEBSOCKET_ALLOWED_ORIGINS"),
            ("WEBSOCKET_RATELIMIT", "WEBSOCKET_RATE_LIMIT"),
            (
                "WebSocketMaxConnectionsPerIp",
                "WEBSOCKET_MAX_CONNECTIONS_PER_IP",
            ),
        ] {
            let expected = format!("{name}: unknown setting, so it has no effect: set {known}");
            let error = in_environment(name, "x").unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(
                in_file(&format!("{name}=x")).unwrap_err().to_string(),
                expected
            );
        }
        assert_eq!(in_environment("WEBSOCKET_TOKN", "x").unwrap().len(), 1);
    }

    #[test]
    fn a_misspelt_name_of_a_tls_setting_stops_the_program() {
        assert_eq!(
            in_environment("WEBSOCKET_SSL_ENABLED", "true").unwrap(),
            [""; 0]
        );
        assert_eq!(in_environment("WEBSOCKET_TLS", "off").unwrap().len(), 1);
        for name in [
            "WEBSOCKET_SSL_ENABLE",
            "WEBSOCKET_TLS",
            "websocket_ssl_enabled",
            "WEBSOCKET_TLS_CERT",
            "WEBSOKET_SSL_ENABLED",
        ] {
            let error = in_environment(name, "true").unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{name}: unknown setting")),
                "{error}"
            );
            in_file(&format!("{name}=true")).unwrap_err();
        }
        // Other programs read these names in the environment.
        for name in ["SSL_ENABLED", "SSL_CERT", "ssl_key"] {
            assert_eq!(in_environment(name, "x").unwrap().len(), 1);
            in_file(&format!("{name}=x")).unwrap_err();
        }
        assert_eq!(in_environment("SSL_CERT_FILE", "x").unwrap(), [""; 0]);
    }
}
