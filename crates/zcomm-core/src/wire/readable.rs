//! Whether a TCP connection has new input, and what reading it costs a task of its turn.
//!
//! To be woken at the next input, a task gives its waker to tokio, which takes a lock. Each delivery
//! runs the task of a client that sends nothing. So the waker is given once, and the next checks
//! only load an atomic number.

use std::task::{Context, Poll, Waker};

use tokio::{
    io::Interest,
    net::TcpStream,
    task::coop::{has_budget_remaining, poll_proceed},
};

/// Whether a TCP connection has new input.
#[derive(Default)]
pub(crate) struct Readable {
    /// Whether tokio has the waker. Tokio keeps it until input comes.
    waits: bool,
}

impl Readable {
    /// Whether there is new input. If not, tokio calls `waker` when there is. Call this only after a
    /// read that found no data, and with the same waker or after
    /// [`forget_waker`](Readable::forget_waker).
    pub(crate) fn check(&mut self, tcp: &TcpStream, waker: &Waker) -> bool {
        if self.waits {
            self.waits = tcp.try_io(Interest::READABLE, || Ok(())).is_err();
            return !self.waits;
        }
        // A task that has used up its turn is only run again: then tokio does not keep the waker.
        let keeps = has_budget_remaining();
        let ready = tcp.poll_read_ready(&mut Context::from_waker(waker));
        self.waits = keeps && ready.is_pending();
        ready.is_ready()
    }

    /// Makes the next check give the waker to tokio. Call this when the task has a new waker.
    pub(crate) fn forget_waker(&mut self) {
        self.waits = false;
    }
}

/// The number of bytes for which one operation is counted, see [`spend_turn`].
const OPERATION: usize = 1024;

/// Counts a large read as several operations. tokio limits the operations of a task in one turn,
/// and a client that floods us must not get a longer turn than others.
pub(crate) fn spend_turn(count: usize, context: &mut Context<'_>) {
    for _ in 0..count / OPERATION {
        if let Poll::Ready(operation) = poll_proceed(context) {
            operation.made_progress();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::poll_fn,
        io::ErrorKind,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    /// Counts the calls of a waker.
    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Calls {
        fn number(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    /// A connection without input, and its other side.
    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (accepted, client) = tokio::join!(listener.accept(), client);
        let server = accepted.unwrap().0;
        server.try_read(&mut [0]).unwrap_err();
        (server, client.unwrap())
    }

    #[tokio::test]
    async fn each_input_calls_the_waker_once() {
        let (server, mut client) = connection().await;
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        let mut readable = Readable::default();
        for n in 0..3 {
            // The first check gives the waker to tokio, and the others find that it is still there.
            for _ in 0..3 {
                assert!(!readable.check(&server, &waker));
                assert!(readable.waits);
            }
            client.write_all(&[1]).await.unwrap();
            while calls.number() == n {
                tokio::task::yield_now().await;
            }
            assert!(readable.check(&server, &waker));
            assert_eq!(server.try_read(&mut [0]).unwrap(), 1);
            let empty = server.try_read(&mut [0]).unwrap_err();
            assert_eq!(empty.kind(), ErrorKind::WouldBlock);
        }
        assert_eq!(calls.number(), 3);
    }

    #[tokio::test]
    async fn a_new_waker_is_called_instead_of_the_old_one() {
        let (server, mut client) = connection().await;
        let calls = [(); 2].map(|()| Arc::new(Calls::default()));
        let mut readable = Readable::default();
        for calls in &calls {
            readable.forget_waker();
            assert!(!readable.check(&server, &Waker::from(Arc::clone(calls))));
        }
        client.write_all(&[1]).await.unwrap();
        while calls[1].number() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(calls[0].number(), 0);
    }

    /// Then tokio does not keep the waker: it calls the waker at the end of the turn.
    #[tokio::test]
    async fn a_task_that_has_used_up_its_turn_waits_for_no_input() {
        let (server, _client) = connection().await;
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        let mut readable = Readable::default();
        poll_fn(|context| {
            while let Poll::Ready(operation) = poll_proceed(context) {
                operation.made_progress();
            }
            assert!(!readable.check(&server, &waker));
            assert!(!readable.waits);
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
        assert_eq!(calls.number(), 1);
    }
}
