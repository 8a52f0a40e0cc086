//! Is the clock plausible?
//!
//! A certificate is good between two dates, so a clock that is wrong by a month refuses
//! every one of them, and no browser says that it is the clock. Nobody is asked for the
//! time here; but it cannot be earlier than when this program was built, nor than when the
//! certificates here were made.

use std::{path::Path, time::SystemTime};

use time::{Duration, OffsetDateTime, macros::format_description};
use zcomm_core::Certificate;

use super::{
    Situation,
    finding::{Finding, look, ok},
};

const TOPIC: &str = "clock";
/// File systems round, and machines that share a folder differ a little.
const SLACK: Duration = Duration::minutes(5);

pub(super) fn check(situation: &Situation) -> Vec<Finding> {
    let built = std::env::current_exe().and_then(|file| file.metadata()?.modified());
    let files = situation.settings.tls_files.as_ref();
    let server = files.map(|files| files.certificate.as_path());
    let made = [Some(Path::new("certs/ca.pem")), server]
        .into_iter()
        .flatten();
    let chains = made.filter_map(|file| Certificate::read_all(file).ok());
    let first_days = chains.flatten().map(|one| one.not_before());
    vec![judge(
        OffsetDateTime::now_utc(),
        built.ok().map(SystemTime::into),
        first_days.max(),
    )]
}

/// The last day of all on which a certificate here begins, as year, month, day.
fn judge(now: OffsetDateTime, built: Option<OffsetDateTime>, begins: Option<String>) -> Finding {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let shown = |time: OffsetDateTime| time.format(form).unwrap_or_default();
    let today = shown(now);
    let set = match () {
        () if cfg!(windows) => "set it: Settings, Time & language, Sync now",
        () if cfg!(target_os = "macos") => "set it: System Settings, General, Date & Time",
        () => "set it: sudo timedatectl set-ntp true",
    };
    if let Some(built) = built.filter(|built| now + SLACK < *built) {
        let what = format!("{today}: this program was built later, on {}", shown(built));
        return look(TOPIC, what).fix(set);
    }
    // As text, days are in the order of time.
    if let Some(begins) = begins.filter(|begins| today.as_str() < begins.as_str()) {
        let what = format!("{today}: a certificate here begins later, on {begins}");
        return look(TOPIC, what).fix(set);
    }
    ok(TOPIC, today)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_clock_behind_what_was_made_here_is_wrong() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let verdict =
            |built, begins: Option<&str>| judge(now, built, begins.map(str::to_owned)).verdict;
        assert_eq!(verdict(None, None), Verdict::Ok);
        assert_eq!(verdict(Some(now), Some("2024-10-04")), Verdict::Ok);
        assert_eq!(verdict(Some(now + Duration::minutes(4)), None), Verdict::Ok);
        assert_eq!(
            verdict(Some(now + Duration::minutes(6)), None),
            Verdict::Look
        );
        assert_eq!(verdict(None, Some("2024-10-05")), Verdict::Look);
    }
}
