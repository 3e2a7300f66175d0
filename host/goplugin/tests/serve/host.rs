//! go-plugin's host, as far as a plugin sees it, and what the plugin sent to it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use parley_goplugin::rpc::{CallError, Client};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::UnixStream;
use tokio::sync::{RwLock, oneshot};
use tokio_yamux::{Config, Control, Session, StreamHandle};

pub(crate) const SYN: u16 = 1;
pub(crate) const ACK: u16 = 2;
pub(crate) const FIN: u16 = 4;
pub(crate) const RST: u16 = 8;

type Awaited = Arc<Mutex<HashMap<u32, oneshot::Sender<StreamHandle>>>>;

/// A header that the plugin sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) flags: u16,
    pub(crate) stream: u32,
}

pub(crate) struct Host {
    pub(crate) control: Client,
    session: Control,
    _silent: [StreamHandle; 2],
    awaited: Awaited,
    /// Whoever writes to it keeps dialled streams unanswered.
    pub(crate) answers: Arc<RwLock<()>>,
    next: AtomicU32,
    received: Arc<Mutex<Vec<u8>>>,
    cable: tokio::task::JoinHandle<()>,
}

impl Host {
    pub(crate) async fn connect(socket: &Path) -> Self {
        let (mut plugin_reads, mut plugin_writes) =
            UnixStream::connect(socket).await.unwrap().into_split();
        let (near, far) = duplex(1 << 20);
        let received = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&received);
        let (mut far_reads, mut far_writes) = tokio::io::split(far);
        let cable = tokio::spawn(async move {
            let to_host = async {
                let mut buffer = vec![0; 1 << 16];
                loop {
                    match plugin_reads.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(count) => {
                            record.lock().unwrap().extend(&buffer[..count]);
                            if far_writes.write_all(&buffer[..count]).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            };
            tokio::select! {
                () = to_host => {}
                _ = tokio::io::copy(&mut far_reads, &mut plugin_writes) => {}
            }
        });
        let mut session = Session::new_client(near, Config::default());
        let mut control = session.control();
        let awaited = Awaited::default();
        let slots = Arc::clone(&awaited);
        let answers = Arc::<RwLock<()>>::default();
        let answering = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Some(Ok(mut stream)) = session.next().await {
                let (slots, answering) = (Arc::clone(&slots), Arc::clone(&answering));
                tokio::spawn(async move {
                    let mut number = [0; 4];
                    stream.read_exact(&mut number).await.unwrap();
                    let _answering = answering.read().await;
                    stream.write_all(&number).await.unwrap();
                    let number = u32::from_le_bytes(number);
                    let slot = slots.lock().unwrap().remove(&number);
                    let _ = slot.expect("somebody awaits it").send(stream);
                });
            }
        });
        let first = control.open_stream().await.unwrap();
        let silent = [
            control.open_stream().await.unwrap(),
            control.open_stream().await.unwrap(),
        ];
        Self {
            control: Client::start(first),
            session: control,
            _silent: silent,
            awaited,
            answers,
            next: AtomicU32::new(1),
            received,
            cable,
        }
    }

    pub(crate) async fn dispense(&self, name: &str) -> Result<Client, CallError> {
        let number: u32 = self
            .control
            .call("Dispenser.Dispense", &name.to_owned())
            .await?;
        Ok(Client::start(self.dial(number).await))
    }

    /// The stream of a service, to say on it whatever one likes.
    pub(crate) async fn dispense_raw(&self, name: &str) -> StreamHandle {
        let name = name.to_owned();
        let number: u32 = self
            .control
            .call("Dispenser.Dispense", &name)
            .await
            .unwrap();
        self.dial(number).await
    }

    async fn dial(&self, number: u32) -> StreamHandle {
        let mut stream = self.open().await;
        let bytes = number.to_le_bytes();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, bytes);
        stream
    }

    /// A new stream on which nothing was said.
    pub(crate) async fn open(&self) -> StreamHandle {
        self.session.clone().open_stream().await.unwrap()
    }

    /// A number of the host's, for a stream that the plugin dials.
    pub(crate) fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) async fn accept(&self, number: u32) -> StreamHandle {
        let (came, coming) = oneshot::channel();
        self.awaited.lock().unwrap().insert(number, came);
        coming.await.unwrap()
    }

    /// All headers that the plugin has sent so far.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        frames(&self.received.lock().unwrap())
    }

    /// Cuts the connection; all headers that came.
    pub(crate) async fn end(self) -> Vec<Frame> {
        self.cable.abort();
        let _ = self.cable.await;
        frames(&self.received.lock().unwrap())
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<12>() {
        let [_, kind, f0, f1, s0, s1, s2, s3, l0, l1, l2, l3] = *head;
        found.push(Frame {
            flags: u16::from_be_bytes([f0, f1]),
            stream: u32::from_be_bytes([s0, s1, s2, s3]),
        });
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let body = if kind == 0 { length } else { 0 };
        bytes = rest.get(body..).unwrap_or_default();
    }
    found
}
