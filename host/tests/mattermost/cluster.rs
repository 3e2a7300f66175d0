//! Several nodes of one server over one database and one media server.

use serde_json::{Value, json};

use crate::common::remote::{RemoteSidecar, TOKEN};
use crate::common::{lives, signal, until};
use crate::people::{Connection, Person};
use crate::postgres::Postgres;
use crate::server::{ID, Server, host_executable};

/// Two nodes with the plugin, connected to the media server. In the order in which they are dropped.
struct Cluster {
    nodes: Vec<Server>,
    media: RemoteSidecar,
    _database: Postgres,
}

impl Cluster {
    /// `None` = Go or PostgreSQL is missing here.
    async fn start() -> Option<Self> {
        let media = RemoteSidecar::start(&[]);
        let mut nodes: Vec<Server> = Vec::new();
        let database = Postgres::start()?;
        let dsn = database.dsn();
        for _ in 0..2 {
            let settings = json!({ID: {
                "sidecarmode": "remote",
                "sidecaraddress": media.address(),
                "sidecartoken": TOKEN,
            }});
            let arguments = ["-cluster", "-dsn", &dsn];
            let plugins = [(ID, host_executable())];
            let first = nodes.is_empty();
            let node = Server::start_node(&plugins, settings, &arguments, first).await?;
            nodes.push(node);
        }
        for node in &nodes {
            let answer = node.enable(ID).await;
            assert_eq!(answer["activated"], true, "{answer}");
        }
        for node in &nodes {
            node.logged("connected to the remote media server").await;
        }
        Some(Self {
            nodes,
            media,
            _database: database,
        })
    }

    /// A group message of these people.
    async fn group(&self, people: &[&Person]) -> String {
        let members: Vec<&str> = people.iter().map(|person| &*person.id).collect();
        let body = json!({"channel": {"type": "G"}, "members": members});
        let channel = self.nodes[0].control("/host/channels", body).await;
        channel["id"].as_str().unwrap().to_owned()
    }
}

/// Ends and last words of the call, from the one post that it has: who took part.
async fn ended(server: &Server) -> Value {
    let posts = server.until_effects("UpdatePost", 1).await;
    let props = &posts[0]["props"];
    assert!(
        props["end_at"].as_i64() > props["start_at"].as_i64(),
        "{props}"
    );
    props["participants"].clone()
}

/// Goes on with a session by another connection.
async fn move_to(connection: &mut Connection, channel: &str, session: &str) {
    let data = json!({
        "channelID": channel, "originalConnID": session, "prevConnID": session,
    });
    connection.send("reconnect", data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_hold_one_call() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let [here, there] = &cluster.nodes[..] else {
        panic!("not two nodes");
    };
    let alice = Person::new(here, "alice").await;
    let bob = Person::new(there, "bob").await;
    let carol = Person::new(there, "carol").await;
    let channel = cluster.group(&[&alice, &bob, &carol]).await;
    let mut a = alice.connect(here).await;
    let mut b = bob.connect(there).await;
    let mut c = carol.connect(here).await;
    // Both want to start it, each on another node.
    tokio::join!(a.join(&channel), b.join(&channel));
    // People on both nodes hear of those on the other.
    let (session_a, session_b) = (a.id.clone(), b.id.clone());
    for connection in [&mut a, &mut b, &mut c] {
        connection.ours("call_start").await;
        connection.about("user_joined", &session_a).await;
        connection.about("user_joined", &session_b).await;
    }
    b.send("unmute", json!({})).await;
    a.about("user_unmuted", &session_b).await;
    a.send("unmute", json!({})).await;
    b.about("user_unmuted", &session_a).await;
    b.send("mute", json!({})).await;
    a.about("user_muted", &session_b).await;
    // One call, and all that comes of its start once.
    let posts = here.until_effects("CreatePost", 1).await;
    let owner = &posts[0]["user_id"];
    let pushes = here.until_effects("Push", 2).await;
    here.until_effects("PushRefused", 2).await;
    assert!(
        pushes.iter().all(|push| push["user"] != *owner),
        "{pushes:?}"
    );

    // Bob's socket comes back on the other node: the session is the same.
    let mut moved = bob.connect(here).await;
    move_to(&mut moved, &channel, &session_b).await;
    moved.send("raise_hand", json!({})).await;
    a.about("user_raise_hand", &session_b).await;
    drop(b);
    moved.send("unraise_hand", json!({})).await;
    a.about("user_unraise_hand", &session_b).await;
    assert_eq!(c.count("user_left"), 0);

    moved.send("leave", json!({})).await;
    c.about("user_left", &session_b).await;
    a.send("leave", json!({})).await;
    c.about("user_left", &session_a).await;
    let mut took_part = ended(here).await;
    let mut wanted = json!([alice.id, bob.id]);
    for list in [&mut took_part, &mut wanted] {
        let list = list.as_array_mut().unwrap();
        list.sort_by_key(ToString::to_string);
    }
    assert_eq!(took_part, wanted);
    // The next one is another call.
    a.join(&channel).await;
    here.until_effects("CreatePost", 2).await;
    here.until_effects("Push", 4).await;
    here.until_effects("UpdatePost", 1).await;
    for node in &cluster.nodes {
        node.assert_healthy();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_outlives_the_node_that_served_it() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let alice = Person::new(&cluster.nodes[0], "alice").await;
    let bob = Person::new(&cluster.nodes[0], "bob").await;
    let channel = cluster.group(&[&alice, &bob]).await;
    let mut connections = Vec::new();
    for (person, node) in [&alice, &bob].into_iter().zip(&cluster.nodes) {
        let mut connection = person.connect(node).await;
        connection.join(&channel).await;
        connections.push(connection);
    }
    let last = connections[1].id.clone();
    connections[0].about("user_joined", &last).await;
    // The node that handles the call's events is the one that dies.
    let joined = format!("custom_{ID}_user_joined");
    let mut dies = 0;
    for (n, node) in cluster.nodes.iter().enumerate() {
        let (_, status) = node.http("GET", "/host/status", "", b"").await;
        let status: Value = serde_json::from_slice(&status).unwrap();
        if status["event_counts"][&joined].as_u64() > Some(0) {
            dies = n;
        }
    }
    let node = cluster.nodes.remove(dies);
    let gone = connections.remove(dies);
    let (mut stays, survivor) = (connections.remove(0), &cluster.nodes[0]);
    let plugin = node.plugin_pids()[0];
    signal(plugin, "KILL");
    drop(node);
    until("the node's end", || (!lives(plugin)).then_some(()));

    // Nobody left, and what happens is told by the other node.
    stays.send("unmute", json!({})).await;
    let session = stays.id.clone();
    stays.about("user_unmuted", &session).await;
    assert_eq!(stays.count("user_left"), 0);
    assert_eq!(stays.count("call_end"), 0);
    // Who was on the dead node comes back on this one.
    let person = if dies == 0 { &alice } else { &bob };
    let mut back = person.connect(survivor).await;
    move_to(&mut back, &channel, &gone.id).await;
    back.send("raise_hand", json!({})).await;
    stays.about("user_raise_hand", &gone.id).await;
    back.send("leave", json!({})).await;
    stays.about("user_left", &gone.id).await;
    stays.send("leave", json!({})).await;
    assert_eq!(ended(survivor).await.as_array().unwrap().len(), 2);
    survivor.until_effects("CreatePost", 1).await;
    survivor.until_effects("Push", 1).await;
    survivor.assert_healthy();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_media_server_takes_the_call_of_both_nodes_once() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let alice = Person::new(&cluster.nodes[0], "alice").await;
    let bob = Person::new(&cluster.nodes[0], "bob").await;
    let channel = cluster.group(&[&alice, &bob]).await;
    let mut connections = Vec::new();
    let mut resumes = Vec::new();
    for (person, node) in [&alice, &bob].into_iter().zip(&cluster.nodes) {
        let mut connection = person.connect(node).await;
        let data = json!({"channelID": channel, "parley": {"v": 1}});
        connection.send("join", data).await;
        let parley = connection.ours("join").await["parley"].take();
        resumes.push(json!({"session": parley["session"], "token": parley["resume"]}));
        connections.push(connection);
    }
    // Both nodes find out and see to it; the call moves once.
    cluster.media.kill();
    cluster.media.start_again(&[]);
    for connection in &mut connections {
        connection.ours("parley_media_moved").await;
    }
    for (connection, resume) in connections.iter_mut().zip(resumes) {
        connection.resume(&channel, &resume).await;
    }
    let sessions: Vec<String> = connections.iter().map(|one| one.id.clone()).collect();
    for connection in &mut connections {
        for session in &sessions {
            let back = |event: &Value| {
                let data = &event["data"];
                data["session_id"] == *session && data["parley"]["resumed"] == true
            };
            connection.event(back).await;
        }
        assert_eq!(connection.count("parley_media_moved"), 1);
        assert_eq!(connection.count("call_end"), 0);
    }
    for connection in &mut connections {
        connection.send("leave", json!({})).await;
    }
    let node = &cluster.nodes[0];
    assert_eq!(ended(node).await.as_array().unwrap().len(), 2);
    node.until_effects("CreatePost", 1).await;
    node.until_effects("Push", 1).await;
    for node in &cluster.nodes {
        node.assert_healthy();
    }
}
