//! Is the clock right?
//!
//! A certificate is valid between two dates. If the clock is wrong by a month, a browser may
//! refuse a good certificate. Often the browser does not say that the clock is the reason.
//!
//! This check does not ask a time server. The check warns if the time is before the build of
//! this program, or before the first day of a certificate. It reads `certs/ca.pem` and the
//! certificate of the settings.

use std::{path::Path, time::SystemTime};

use time::{Duration, OffsetDateTime, macros::format_description};
use zcomm_core::Certificate;

use super::{
    finding::{Finding, ok, warning},
    situation::Situation,
};

/// The check allows this difference between the clock and the time of the build. File systems
/// round times, and the clocks of two machines that share a folder differ a little.
const TOLERANCE: Duration = Duration::minutes(5);

const SET_CLOCK: &str = if cfg!(windows) {
    "set the clock: Settings, Time & language, Sync now"
} else if cfg!(target_os = "macos") {
    "set the clock: System Settings, General, Date & Time"
} else {
    "set the clock: sudo timedatectl set-ntp true"
};

pub(super) fn check(situation: &Situation) -> Finding {
    let built = std::env::current_exe().and_then(|file| file.metadata()?.modified());
    let mut files = vec![Path::new("certs/ca.pem")];
    if let Some(server) = &situation.settings.tls_files {
        files.push(&server.certificate);
    }
    let chains = files.into_iter().flat_map(Certificate::read_all);
    let begins = chains.flatten().map(|one| one.not_before()).max();
    let built = built.ok().map(SystemTime::into);
    judge(OffsetDateTime::now_utc(), built, begins)
}

/// Warns if `now` is before the build of this program, or before the day `begins`. `begins` is
/// the first day of the newest certificate, as `YYYY-MM-DD`.
fn judge(now: OffsetDateTime, built: Option<OffsetDateTime>, begins: Option<String>) -> Finding {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let shown = |time: OffsetDateTime| time.format(form).unwrap_or_default();
    let today = shown(now);
    let what = if let Some(built) = built.filter(|built| now + TOLERANCE < *built) {
        let built = shown(built);
        format!("{today} is before the build of this program on {built}")
    // These dates can be compared as text, because the year comes first, then the month and the
    // day.
    } else if let Some(begins) = begins.filter(|begins| today < *begins) {
        format!("{today} is before the first day of a certificate here, {begins}")
    } else {
        return ok(today);
    };
    warning(what).fix(SET_CLOCK)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_clock_before_the_build_or_a_certificate_is_wrong() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let verdict =
            |built, begins: Option<&str>| judge(now, built, begins.map(str::to_owned)).verdict;
        assert_eq!(verdict(None, None), Verdict::Ok);
        assert_eq!(verdict(Some(now), Some("2024-10-04")), Verdict::Ok);
        assert_eq!(verdict(Some(now + Duration::minutes(4)), None), Verdict::Ok);
        assert_eq!(
            verdict(Some(now + Duration::minutes(6)), None),
            Verdict::Warning
        );
        assert_eq!(verdict(None, Some("2024-10-05")), Verdict::Warning);
    }
}
