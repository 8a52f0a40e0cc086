//! Names that look like a setting of ours and are none.
//!
//! A misspelt setting does nothing, and nothing is hard to see: `WEBSOCKET_TOKN` protects
//! nobody. So each gets a warning with the nearest name. Where the misspelt name promises
//! encryption a warning is not enough: the server would start, in plain text.
//!
//! Production treats every unknown name as an error; a class has lines of other lessons in
//! its file.

use crate::{
    error::{Error, Result},
    settings::{parse::switch, zenv::Settings},
};

/// A warning for each name with our prefix that is not among the known ones.
///
/// # Errors
/// [`Error::SettingMissing`] for one that would switch TLS on, were it known.
pub(crate) fn unknown_names(settings: &Settings, known: &[&str]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let unknown = settings.names("WEBSOCKET_");
    for name in unknown.filter(|name| !known.contains(name)) {
        refuse_false_protection(name, settings)?;
        let distance = |known: &&&str| strsim::damerau_levenshtein(known, name);
        let nearest = known.iter().min_by_key(distance);
        let help = match nearest.filter(|known| distance(known) <= 3) {
            Some(known) => format!("did you mean {known}?"),
            None => ".zEnv.example lists all there are".to_owned(),
        };
        warnings.push(format!("unknown setting {name}: {help}"));
    }
    Ok(warnings)
}

/// Who misspells the settings of TLS and is served plain text was promised more than was
/// given.
fn refuse_false_protection(name: &str, settings: &Settings) -> Result<()> {
    let (mut prefixes, upper) = (
        ["WEBSOCKET_SSL", "WEBSOCKET_TLS"].iter(),
        name.to_ascii_uppercase(),
    );
    let promises = prefixes.any(|prefix| upper.starts_with(prefix));
    let value = settings.get(name).unwrap_or_default();
    if !promises || value.is_empty() || switch(value) == Ok(false) {
        return Ok(());
    }
    Err(Error::SettingMissing {
        name: name.to_owned(),
        reason: "is no setting, so it would encrypt nothing: set WEBSOCKET_SSL_ENABLED, \
                 WEBSOCKET_SSL_CERT and WEBSOCKET_SSL_KEY"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_that_promises_encryption_stops_the_program() {
        let check = |name, value| {
            let settings = Settings::from_pairs(&[(name, value)]);
            unknown_names(&settings, &["WEBSOCKET_SSL_ENABLED"])
        };
        assert_eq!(check("WEBSOCKET_TOKN", "x").unwrap().len(), 1);
        assert_eq!(check("WEBSOCKET_SSL_ENABLED", "true").unwrap().len(), 0);
        assert_eq!(check("WEBSOCKET_TLS", "off").unwrap().len(), 1);
        let error = check("WEBSOCKET_SSL_ENABLE", "true").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("WEBSOCKET_SSL_ENABLE: is no setting"),
            "{error}"
        );
        check("WEBSOCKET_TLS", "on").unwrap_err();
        check("websocket_ssl_enabled", "true").unwrap_err();
        check("WEBSOCKET_TLS_CERT", "certs/x.pem").unwrap_err();
    }
}
