//! A host's connection: what it said so far, and how many of them are attached.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::sync::watch;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service;

/// State of one connection; clones are the same connection. It is attached from `GetInfo` until
/// `Goodbye` or until the last clone is gone.
#[derive(Debug, Clone)]
pub struct Connection(Arc<State>);

#[derive(Debug)]
struct State {
    attachments: Attachments,
    introduced: AtomicBool,
    attached: AtomicBool,
    refused: AtomicU32,
}

impl Connection {
    /// A connection that said nothing yet.
    #[must_use]
    pub fn new(attachments: &Attachments) -> Self {
        Self(Arc::new(State {
            attachments: attachments.clone(),
            introduced: AtomicBool::new(false),
            attached: AtomicBool::new(false),
            refused: AtomicU32::new(0),
        }))
    }

    /// Whether `GetInfo` succeeded here.
    pub(crate) fn is_introduced(&self) -> bool {
        self.0.introduced.load(Ordering::Acquire)
    }

    /// Calls here that did not show the token.
    pub(crate) fn refused(&self) -> u32 {
        self.0.refused.load(Ordering::Relaxed)
    }

    pub(super) fn refuse(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn introduce(&self) {
        self.0.introduced.store(true, Ordering::Release);
        if !self.0.attached.swap(true, Ordering::AcqRel) {
            self.0.attachments.change(|a| {
                a.attached += 1;
                a.said_goodbye = false;
            });
        }
    }

    pub(super) fn say_goodbye(&self) {
        let was_attached = self.0.attached.swap(false, Ordering::AcqRel);
        self.0.attachments.change(|a| {
            a.attached -= usize::from(was_attached);
            a.said_goodbye = true;
        });
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.attached.load(Ordering::Acquire) {
            self.attachments.change(|a| a.attached -= 1);
        }
    }
}

/// The attached connections of all hosts, as the lease needs them.
#[derive(Debug, Clone, Default)]
pub struct Attachments(watch::Sender<Attached>);

/// See [`Attachments`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attached {
    /// Connections that said GetInfo.
    pub attached: usize,
    /// The last word of a host was `Goodbye`.
    pub said_goodbye: bool,
}

impl Attachments {
    /// As of now, and changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Attached> {
        self.0.subscribe()
    }

    fn change(&self, how: impl FnOnce(&mut Attached)) {
        self.0.send_modify(how);
    }
}

/// The services on a connection of their own, without a socket.
#[derive(Debug, Clone)]
pub struct Local {
    routes: Routes,
    connection: Connection,
}

impl Local {
    pub(super) fn new(routes: Routes, connection: Connection) -> Self {
        Self { routes, connection }
    }
}

impl Service<http::Request<Body>> for Local {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <Routes as Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<http::Request<Body>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        self.routes.call(request)
    }
}
