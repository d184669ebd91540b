//! Ctrl-C and SIGTERM.

use tokio::sync::mpsc;

/// The wish to stop, as often as it is repeated.
#[derive(Debug)]
pub(crate) struct Signals {
    wishes: mpsc::Receiver<()>,
}

impl Signals {
    /// Listens from here on; the process no longer dies of these signals by itself.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (wish, wishes) = mpsc::channel(4);
        relay(wish)?;
        Ok(Self { wishes })
    }

    /// Waits for the next wish. May be dropped and called again.
    pub(crate) async fn next(&mut self) {
        if self.wishes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
fn relay(wish: mpsc::Sender<()>) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if wish.send(()).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn relay(wish: mpsc::Sender<()>) -> anyhow::Result<()> {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() && wish.send(()).await.is_ok() {}
    });
    Ok(())
}
