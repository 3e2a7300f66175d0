//! Answers the host on one connection: its control stream, and the services that it asks for.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, Stream};
use crate::handshake::Listener;
use crate::rpc::{self, Args, Reply, ReplyFuture, Service, no_method};

/// After the wish to quit, the host closes the connection; it kills after 2 s.
const QUIT_PATIENCE: Duration = Duration::from_millis(500);

/// What the host may ask for.
pub trait Plugin: Send + Sync + 'static {
    /// The service of this name, for one stream; `None` = there is none.
    fn dispense(&self, name: &str, broker: &Broker) -> Option<Arc<dyn Service>>;
}

/// Why the host needs this process no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It said so.
    Quit,
    /// Its connection is gone: it died, or gave us up.
    Disconnected,
}

/// Serves the host's one connection until it ends.
pub async fn serve(listener: &Listener, plugin: impl Plugin) -> std::io::Result<Ended> {
    let (broker, mut inbound) = Broker::start(listener.accept().await?);
    let quit = CancellationToken::new();
    let control = Arc::new(Control {
        plugin,
        broker: broker.clone(),
        quit: quit.clone(),
    });
    let streams = async {
        // The host opens control, standard output and standard error, then what it dials.
        let Some(stream) = inbound.recv().await else {
            return;
        };
        tokio::spawn(rpc::serve(stream, control as _));
        for _ in 0..2 {
            if let Some(stream) = inbound.recv().await {
                tokio::spawn(silence(stream));
            }
        }
        while let Some(stream) = inbound.recv().await {
            let broker = broker.clone();
            tokio::spawn(async move { broker.deliver(stream).await });
        }
    };
    let ended = tokio::select! {
        () = streams => Ended::Disconnected,
        () = quit.cancelled() => Ended::Quit,
    };
    if ended == Ended::Quit {
        // The answer has to leave first.
        let _ = tokio::time::timeout(QUIT_PATIENCE, broker.closed()).await;
    }
    Ok(ended)
}

/// Keeps a stream on which nothing is ever said, as standard output and error are.
async fn silence(mut stream: Stream) {
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

struct Control<P> {
    plugin: P,
    broker: Broker,
    quit: CancellationToken,
}

impl<P: Plugin> Service for Control<P> {
    fn call<'a>(&'a self, method: &'a str, args: Args) -> ReplyFuture<'a> {
        Box::pin(async move {
            match method {
                "Control.Ping" => Ok(Reply::empty()),
                "Control.Quit" => {
                    self.quit.cancel();
                    Ok(Reply::empty())
                }
                "Dispenser.Dispense" => {
                    let name: String = args.read()?;
                    let service = self
                        .plugin
                        .dispense(&name, &self.broker)
                        .ok_or_else(|| format!("unknown plugin type: {name}"))?;
                    let (broker, number) = (self.broker.clone(), self.broker.number());
                    tokio::spawn(async move {
                        match broker.accept(number).await {
                            Ok(stream) => rpc::serve(stream, service).await,
                            Err(error) => tracing::warn!(%error, name, "nobody took the service"),
                        }
                    });
                    Ok(Reply::new(number))
                }
                _ => Err(no_method(method)),
            }
        })
    }
}
