//! A client as far as tests without media need one: it negotiates, and sends datagrams.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use parley_proto::v1::SignalRequest;
use parley_proto::v1::event::Kind;
use parley_proto::v1::signal_request::Message;

use super::{Host, next_id, session_ref};

/// How long an answer is awaited.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// What the server's answer told a client.
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

/// Joins a session and negotiates as far as SDP goes.
pub async fn negotiate(host: &Host, room: &str, session: &str) -> Credentials {
    let mut watch = host.watch(&format!("w-{session}")).await;
    host.open(room).await;
    host.join(room, session).await;
    let fingerprint = vec!["AB"; 32].join(":");
    let sdp = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:clnt\r\na=ice-pwd:clientclientclientclient\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n\
         a=max-message-size:262144\r\n"
    );
    let request = SignalRequest {
        request_id: next_id(),
        session: Some(session_ref(room, session)),
        message: Some(Message::SdpJson(
            serde_json::json!({"type": "offer", "sdp": sdp}).to_string(),
        )),
        ..Default::default()
    };
    host.sessions().signal(request).await.unwrap();
    loop {
        // A new host is told what was not acknowledged of other rooms, too.
        if let Some(Kind::Signal(signal)) = watch.event().await.kind
            && signal.session_id == session
        {
            let answer: serde_json::Value = serde_json::from_str(&signal.json).unwrap();
            let sdp = answer["sdp"].as_str().unwrap();
            let value = |name: &str| {
                let line = sdp.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap().to_owned()
            };
            return Credentials {
                ufrag: value("a=ice-ufrag:"),
                password: value("a=ice-pwd:"),
            };
        }
    }
}

/// A socket of its own that only hears the sidecar.
pub fn socket(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}
