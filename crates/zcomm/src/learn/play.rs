//! Plays one step: starts the program, and does what the lines of the step say.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{
    certificate::Certificate,
    program::Target,
    script::{Data, Expected, Kind, Step, Way, What},
    stage::{But, PAUSE, Stage},
};
use crate::{
    check::{Heard, LEAST, first_failed},
    shared::text::{cut, visible},
};

/// The time limit for a program to end.
const END: Duration = Duration::from_secs(6);

/// Why a step has failed.
pub(super) struct Failed {
    /// The number of the line that failed.
    pub(super) at: usize,
    pub(super) but: But,
    /// What the program wrote about it.
    pub(super) wrote: Option<String>,
}

/// Plays a step. The program and its connections end with the step.
pub(super) async fn play(step: &Step, kind: Kind, target: &Target) -> Result<(), Failed> {
    let mut stage = Stage::new(target);
    let mut result = stage.prepare(kind).await.map_err(|but| (0, but));
    for (at, action) in step.actions.iter().enumerate() {
        if result.is_ok() {
            result = stage.act(&action.what).await.map_err(|but| (at, but));
        }
    }
    let wrote = match result {
        Ok(()) => None,
        Err(_) => stage.wrote().await,
    };
    if let Some(program) = stage.program.take() {
        program.end().await;
    }
    result.map_err(|(at, but)| Failed { at, but, wrote })
}

impl Stage<'_> {
    async fn act(&mut self, what: &What) -> Result<(), But> {
        match what {
            What::Set(name, value) => self.settings.push((name.clone(), value.clone())),
            What::Certificate => self.certificate = Some(Certificate::new()?),
            _ => {
                self.start()?;
                self.in_words(what).await?;
            }
        }
        Ok(())
    }

    async fn in_words(&mut self, what: &What) -> Result<(), But> {
        match what {
            What::Connects(who, way) => self.connects(who, way).await?,
            What::Refused(who, way, status) => self.refused(who, way, *status).await?,
            What::Accepts(who, pause) => self.accepts(who, *pause).await?,
            What::Check(names, echo) => self.check(names, *echo).await?,
            What::Stop => self.program()?.interrupt(),
            What::Ends(well) => self.ends(*well).await?,
            What::Prints(expected) => self.prints(expected).await?,
            What::Stalls => self.stalls().await?,
            What::Sends(who, data) => self.sends(who, data).await?,
            What::Gets(who, expected) => self.gets(who, expected).await?,
            What::GetsNothing(who) => match self.actor(who)?.rest().await {
                None => {}
                Some(Heard::Late) => return Err(format!("{who} got no pong").into()),
                Some(other) => return Err(self.got(who, &other).into()),
            },
            What::IsClosed(who, code) => match self.actor(who)?.next().await {
                Heard::Close(other, _) if other == *code => {}
                other => return Err(self.got(who, &other).into()),
            },
            What::Closes(who, code, reason) => {
                self.ended = Instant::now();
                self.actor(who)?.close(*code, reason).await;
                self.actors.remove(who);
            }
            What::Disappears(who) => {
                self.ended = Instant::now();
                if let Some(actor) = self.actors.remove(who) {
                    actor.disappear().await;
                }
            }
            What::IsDown(who, pause) => self.is_down(who, *pause).await?,
            What::Waits(pause) => sleep(*pause).await,
            What::Set(..) | What::Certificate => {}
        }
        Ok(())
    }

    async fn sends(&mut self, who: &str, data: &Data) -> Result<(), But> {
        let actor = self.actor(who)?;
        match data {
            Data::Text(text) => actor.send_text(text).await,
            Data::Bytes(bytes) => actor.send_bytes(bytes).await,
            Data::First(number, text) => actor.send_first(*number, text).await,
            Data::Rest => actor.send_rest().await,
        }
        Ok(())
    }

    async fn check(&mut self, names: &[String], echo: bool) -> Result<(), But> {
        // Waits until the program listens.
        self.connects("check", &Way::default()).await?;
        self.actors.remove("check");
        match first_failed(self.options(&Way::default())?, names, echo).await? {
            None => Ok(()),
            Some((id, block)) => Err(But {
                what: format!("the case {id} failed"),
                case: Some((id, block)),
            }),
        }
    }

    async fn ends(&mut self, well: Option<bool>) -> Result<(), But> {
        let program = self.program()?;
        if timeout(END, program.ended()).await.is_err() {
            return Err(format!("the program still runs after {} s", END.as_secs()).into());
        }
        let code = program.exit_code();
        match well {
            Some(well) if (code == Some(0)) != well => {
                let code = code.map_or("a signal".into(), |code| format!("exit code {code}"));
                Err(format!("the program ended with {code}").into())
            }
            _ => Ok(()),
        }
    }

    /// Looks at the last line on stdout, after the end of the program.
    async fn prints(&mut self, expected: &Expected) -> Result<(), But> {
        self.ends(None).await?;
        sleep(PAUSE).await;
        let printed = self.program()?.printed();
        let line = printed.lines().last().unwrap_or_default().trim();
        match expected.fits(line) {
            true => Ok(()),
            false => Err(format!("the last line is {:?}", cut(&visible(line))).into()),
        }
    }

    async fn gets(&mut self, who: &str, expected: &Expected) -> Result<(), But> {
        let heard = self.actor(who)?.next().await;
        match (&heard, expected) {
            (Heard::Text(text), expected) if expected.fits(text) => Ok(()),
            (Heard::Bytes(bytes), Expected::Bytes(expected)) if bytes == expected => Ok(()),
            _ => Err(self.got(who, &heard).into()),
        }
    }

    fn got(&self, who: &str, heard: &Heard) -> String {
        let limit = self.actors.get(who).map_or(LEAST, |actor| actor.limit);
        let what = match heard {
            Heard::Text(text) => as_in_steps(&visible(text)),
            Heard::Bytes(bytes) => format!(
                "{} bytes: {:02x?}",
                bytes.len(),
                &bytes[..bytes.len().min(16)]
            ),
            Heard::Close(code, reason) => {
                format!(
                    "a Close frame, code {code}, reason {:?}",
                    cut(&visible(reason))
                )
            }
            Heard::End(end) => (*end).to_owned(),
            Heard::Broken(rule) => format!("a wrong frame {rule}"),
            Heard::Pong(_) => "a pong without a ping".to_owned(),
            Heard::Late => format!("nothing within {:.1} s", limit.as_secs_f64()),
        };
        format!("{who} got {what}")
    }
}

/// Shows a text as a line of the steps has it, so that both can be compared. Quotes show what is
/// empty, and spaces at an end.
fn as_in_steps(text: &str) -> String {
    match text.is_empty() || text.trim() != text {
        true => format!("{:?}", cut(text)),
        false => cut(text),
    }
}
