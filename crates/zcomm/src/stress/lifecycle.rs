//! One connection from its handshake to its Close frame.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::time::sleep;
use zcomm_core::{ClientSocket, Error};

use super::{
    client::Client,
    echo, fanout,
    run::{Counted, Phase, Run},
    sender::Sender,
    tally::{Tally, record},
};

/// Opens a connection, and waits until the load starts. Then sends or receives messages, and
/// closes the connection at the end of the run.
pub(super) async fn live(run: Arc<Run>, number: usize, tally: Rc<RefCell<Tally>>) {
    let Some(socket) = open_in_time(&run, number, &tally).await else {
        run.failed.fetch_add(1, Relaxed);
        run.changed.notify_one();
        return;
    };
    let _open = Counted::new(&run, &run.open);
    // First count this connection as a sender or a subscriber, then as opened. When all
    // connections are opened, the load starts and uses the counts of senders and subscribers.
    let is_sender = run.plan.is_sender(number);
    let turn = is_sender.then(|| run.turns.fetch_add(1, Relaxed));
    let role = match turn {
        Some(_) => &run.busy,
        None => &run.subscribers,
    };
    let role = Counted::new(&run, role);
    run.opened.fetch_add(1, Relaxed);
    run.changed.notify_one();
    let mut client = Client {
        run: Arc::clone(&run),
        number,
        socket,
        tally,
        first: None,
        place: 0,
    };
    if client.until_start().await {
        let load = async {
            match turn.map(Sender::new) {
                Some(sender) if run.plan.fanout => fanout::publish(&mut client, sender).await,
                Some(sender) => echo::echo(&mut client, sender).await,
                None => fanout::subscribe(&mut client).await,
            }
        };
        tokio::select! {
            // `biased` checks the branches in their order. So no message is sent after the end
            // of the run.
            biased;
            () = run.reached(Phase::Over) => {}
            () = load => {}
        }
    }
    drop(role);
    client.leave().await;
}

/// Opens a connection before the load starts. Counts a failure if the connection fails or is
/// too late.
async fn open_in_time(run: &Run, number: usize, tally: &RefCell<Tally>) -> Option<ClientSocket> {
    tokio::select! {
        opened = open(run, number, tally) => match opened {
            Ok(socket) => return Some(socket),
            Err(error) => tally.borrow_mut().failures.not_opened(&error),
        },
        () = run.reached(Phase::Load) => tally.borrow_mut().failures.too_late(),
    }
    None
}

async fn open(run: &Run, number: usize, tally: &RefCell<Tally>) -> Result<ClientSocket, Error> {
    let share = number as f64 / run.plan.connections as f64;
    sleep(run.plan.ramp_up.mul_f64(share)).await;
    // `acquire` cannot fail, because the semaphore is never closed.
    let _permit = run.handshakes.acquire().await.map_err(|_| Error::Closed)?;
    let begun = run.now();
    let mut socket = ClientSocket::connect_with(&run.options).await?;
    record(&mut tally.borrow_mut().handshakes, run.now() - begun);
    if let Some(hello) = &run.plan.hello {
        let hello = hello.replace("{number}", &number.to_string());
        // Ignore an error: if the server has closed the connection, `leave` counts the failure.
        socket.send(hello).await.ok();
    }
    Ok(socket)
}
