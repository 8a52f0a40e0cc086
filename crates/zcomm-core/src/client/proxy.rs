//! Finds the proxy that the environment names. This client does not use a proxy.
//!
//! Programs such as curl connect through the proxy that `HTTPS_PROXY` or `ALL_PROXY` names. This
//! client always connects directly. If a network allows only connections through the proxy, this
//! client fails, and the user must learn why.

use crate::{
    client::{address::Target, options::ConnectOptions},
    error::connect::ConnectError,
    settings::zenv::Settings,
};

/// The variables for `ws://` and for `wss://`, in the order in which other programs read them.
const PLAIN: [&str; 3] = ["ws_proxy", "http_proxy", "all_proxy"];
const TLS: [&str; 3] = ["wss_proxy", "https_proxy", "all_proxy"];

impl ConnectOptions {
    /// The environment variable that names a proxy for this address. The client ignores this
    /// proxy. `None` if no variable names a proxy, or if `NO_PROXY` excludes the host.
    ///
    /// # Errors
    /// [`ConnectError::Url`] if the address is not valid.
    pub fn ignored_proxy(&self) -> Result<Option<String>, ConnectError> {
        let target = Target::parse(&self.url)?;
        let settings = Settings::readable();
        Ok(ignored(&target.host, target.tls, &settings))
    }
}

fn ignored(host: &str, tls: bool, settings: &Settings) -> Option<String> {
    let spelled = |name: &str| [name.to_owned(), name.to_ascii_uppercase()];
    let set = |name: &String| settings.get(name).is_some_and(|value| !value.is_empty());
    let names = if tls { TLS } else { PLAIN };
    let found = names.into_iter().flat_map(spelled).find(set)?;
    let mut exceptions = spelled("no_proxy").into_iter();
    let excluded = exceptions.any(|name| excludes(settings.get(&name).unwrap_or_default(), host));
    (!excluded).then_some(found)
}

/// Whether a list such as `localhost, .example.com` excludes a host. `*` excludes every host.
fn excludes(list: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    list.split(',').any(|entry| {
        let entry = entry.trim().trim_start_matches('.').to_ascii_lowercase();
        let parent = host.strip_suffix(&entry);
        !entry.is_empty() && (entry == "*" || parent.is_some_and(is_whole_name))
    })
}

/// `rest` is the part of a host name before the excluded name. The excluded name must be the
/// whole host (`rest` is empty) or follow a dot (`rest` is, for example, `a.`).
fn is_whole_name(rest: &str) -> bool {
    rest.is_empty() || rest.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_of_the_scheme_is_named() {
        let found =
            |tls, pairs: &[(&str, &str)]| ignored("a.example", tls, &Settings::from_pairs(pairs));
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(found(false, &[("HTTP_PROXY", "p:1")]), named("HTTP_PROXY"));
        assert_eq!(found(true, &[("HTTP_PROXY", "p:1")]), None);
        assert_eq!(found(true, &[("https_proxy", "p:1")]), named("https_proxy"));
        for tls in [false, true] {
            assert_eq!(found(tls, &[("ALL_PROXY", "p:1")]), named("ALL_PROXY"));
            assert_eq!(found(tls, &[("ALL_PROXY", "")]), None);
            assert_eq!(found(tls, &[]), None);
        }
    }

    #[test]
    fn no_proxy_excludes_a_host_and_its_subdomains() {
        for list in ["*", "a.example", "x, .example", "EXAMPLE", ".a.example"] {
            assert!(excludes(list, "a.example"), "{list}");
        }
        for list in ["", ",", "ample", "b.example", "a.example.org", "xa.example"] {
            assert!(!excludes(list, "a.example"), "{list}");
        }
    }
}
