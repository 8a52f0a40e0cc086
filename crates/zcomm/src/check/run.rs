//! Plays the cases: several at a time, each on a connection of its own.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};
use zcomm_core::xray::Event;

use super::{
    attack::attack,
    bytes::Frames,
    case::{Answer, Case, Play, Setting},
    judge::judge,
    link::Link,
    opening::{self, answer},
    server::Server,
    verdict::{Seen, Verdict},
};

/// The result of one case.
pub(super) struct Outcome {
    pub(super) case: &'static Case,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
    /// What the case sent.
    pub(super) sent: Vec<Event>,
}

impl Outcome {
    pub(super) fn skipped(case: &'static Case, why: impl Into<String>) -> Outcome {
        Outcome {
            case,
            verdict: Verdict::Skipped(why.into()),
            took: Duration::ZERO,
            sent: Vec::new(),
        }
    }
}

/// The verdict of a case, and what the case sent.
pub(super) type Played = (Verdict, Vec<Event>);

/// Plays these cases, at most `jobs` at a time.
pub(super) async fn play_all<F>(
    cases: Vec<&'static Case>,
    jobs: usize,
    play: impl Fn(&'static Case) -> F,
) -> Vec<Outcome>
where
    F: Future<Output = Played> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(jobs));
    let mut playing = JoinSet::new();
    for case in cases {
        let (free, played) = (Arc::clone(&free), play(case));
        playing.spawn(async move {
            // This cannot fail: the semaphore is never closed.
            let _place = free.acquire_owned().await;
            let start = Instant::now();
            let (verdict, sent) = played.await;
            let took = start.elapsed();
            Outcome {
                case,
                verdict,
                took,
                sent,
            }
        });
    }
    playing.join_all().await
}

/// Plays a case against a server.
pub(super) async fn play(case: &'static Case, server: Arc<Server>, setting: Setting) -> Played {
    let setting = &setting;
    let mut link = match server.connect().await {
        Ok(link) => link,
        Err(error) => {
            let mut seen = Seen::new(error.to_string());
            seen.gone = true;
            return (seen.failed(), Vec::new());
        }
    };
    let verdict = match &case.play {
        Play::Opening(change, accepted) => {
            let mut request = server.request();
            change(&mut request);
            open(&mut link, &request.pieces(), accepted, setting).await
        }
        Play::Frames(send, want) => {
            let pieces = server.request().pieces();
            match open(&mut link, &pieces, &Answer::Opens, setting).await {
                Verdict::Passed(_) => {
                    link.sent.clear();
                    let frames = Frames::of_client(setting.talk.text());
                    link.send(&send(&frames), setting.limit).await;
                    judge(&mut link, want, &frames, setting).await
                }
                not_open => not_open,
            }
        }
        Play::Attack(one) => attack(one, &server, setting).await,
        Play::Asks(_) | Play::Answering(..) => Verdict::Skipped("for clients".into()),
    };
    let sent = std::mem::take(&mut link.sent);
    link.leave().await;
    (verdict, sent)
}

async fn open(
    link: &mut Link,
    pieces: &[Vec<u8>],
    accepted: &Answer,
    setting: &Setting,
) -> Verdict {
    link.send(pieces, setting.limit).await;
    let came = answer(link, setting.limit).await;
    opening::judge(came, accepted, setting.limit)
}
