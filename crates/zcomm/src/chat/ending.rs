//! What the end of the last connection means: success, or an error that names the side that
//! closed.

use zcomm_core::{CloseReason, End, Error, Result};

/// Checks how the last connection ended, after which the client does not reconnect. `all_read` is
/// whether all lines of the input were read.
///
/// Fails if the connection did not end with a normal close, or if lines of the input were not read.
pub(super) fn check(end: Option<&End>, all_read: bool) -> Result<()> {
    let (what, help) = match end {
        Some(end) if end.is_goodbye() && all_read => return Ok(()),
        Some(end) if end.is_goodbye() => (
            "the server closed the connection before the end of the input".to_owned(),
            Some("the rest of the input was not sent"),
        ),
        Some(End::ByUs(why)) => (
            format!("this program closed the connection with {why}"),
            help_for_our_close(why.code()),
        ),
        end => (
            "the server closed the connection, and its close code forbids a reconnect".to_owned(),
            end.and_then(End::help),
        ),
    };
    Err(Error::Ended { what, help })
}

/// Returns what to do after this program has closed the connection with this code.
fn help_for_our_close(code: u16) -> Option<&'static str> {
    match code {
        CloseReason::PROTOCOL | CloseReason::INVALID_TEXT => {
            Some("the server broke a rule of RFC 6455: zcomm check tests a server, rule by rule")
        }
        CloseReason::TOO_BIG => Some("the server sent a larger message than this program accepts"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(end: &End, all_read: bool) -> String {
        check(Some(end), all_read).map_or_else(|error| error.with_help(), |()| "ok".to_owned())
    }

    #[test]
    fn only_a_normal_close_after_the_whole_input_is_a_success() {
        let by_peer = |code| End::ByPeer(CloseReason::new(code, ""));
        let before = "the server closed the connection before the end of the input";
        let forbids = "the server closed the connection, and its close code forbids a reconnect";
        assert_eq!(said(&by_peer(1000), true), "ok");
        assert!(said(&by_peer(1000), false).starts_with(before));
        for code in [1002, 1008, 4000] {
            assert_eq!(said(&by_peer(code), true), forbids, "{code}");
        }
    }

    #[test]
    fn a_close_by_this_program_is_not_called_a_close_by_the_server() {
        for (code, help) in [
            (1002, "; the server broke a rule of RFC 6455"),
            (1007, "; the server broke a rule of RFC 6455"),
            (1009, "; the server sent a larger message"),
            (1011, ""),
        ] {
            let said = said(&End::ByUs(CloseReason::new(code, "why")), true);
            let words = format!("this program closed the connection with {code} (why){help}");
            assert!(said.starts_with(&words), "{said}");
        }
    }
}
