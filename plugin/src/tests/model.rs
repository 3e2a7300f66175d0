//! Authorisation as a whole (P11): random histories of people, roles and changes, against a reference model
//! that is written down independently of the access table. No false allow, and no false refusal.

use proptest::prelude::*;
use serde_json::json as j;

use crate::env::{Env, PlatformEvent, Value};
use crate::testing::*;

const USERS: [&str; 4] = ["alice", "bob", "eve", "root"];
const CHANNELS: [&str; 2] = ["town", "other"];
/// Each user's connections.
const CONNECTIONS: usize = 2;

type User = usize;
type Place = usize;

#[derive(Debug, Clone)]
enum Op {
    Start(User, Place),
    Join(User, usize, Place),
    /// A user speaks on the connection of a (maybe other) user.
    Unmute(User, User, usize),
    LeaveCommand(User, Place),
    End(User, Place, bool),
    /// Starts recording (else stops), by HTTP (else by command).
    Record(User, Place, bool, bool),
    Read(User, Place),
    /// With the n-th token that was ever given to anybody.
    Resume(User, usize, Place, prop::sample::Index),
    /// Claims the n-th session that there is.
    Reconnect(User, usize, prop::sample::Index),
    Member(User, Place, bool, bool),
    Active(User, bool, bool),
    Archived(Place, bool, bool),
    Revoke(User),
    Minute,
}

fn op() -> impl Strategy<Value = Op> {
    let user = 0..USERS.len();
    let place = 0..CHANNELS.len();
    let connection = 0..CONNECTIONS;
    prop_oneof![
        2 => (user.clone(), place.clone()).prop_map(|(u, p)| Op::Start(u, p)),
        6 => (user.clone(), connection.clone(), place.clone()).prop_map(|(u, c, p)| Op::Join(u, c, p)),
        3 => (user.clone(), user.clone(), connection.clone()).prop_map(|(u, v, c)| Op::Unmute(u, v, c)),
        1 => (user.clone(), place.clone()).prop_map(|(u, p)| Op::LeaveCommand(u, p)),
        2 => (user.clone(), place.clone(), any::<bool>()).prop_map(|(u, p, h)| Op::End(u, p, h)),
        3 => (user.clone(), place.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(u, p, start, http)| Op::Record(u, p, start, http)),
        1 => (user.clone(), place.clone()).prop_map(|(u, p)| Op::Read(u, p)),
        3 => (user.clone(), connection.clone(), place.clone(), any::<prop::sample::Index>())
            .prop_map(|(u, c, p, i)| Op::Resume(u, c, p, i)),
        2 => (user.clone(), connection, any::<prop::sample::Index>())
            .prop_map(|(u, c, i)| Op::Reconnect(u, c, i)),
        2 => (user.clone(), place.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(u, p, on, told)| Op::Member(u, p, on, told)),
        1 => (user.clone(), any::<bool>(), any::<bool>()).prop_map(|(u, on, told)| Op::Active(u, on, told)),
        1 => (place, any::<bool>(), any::<bool>()).prop_map(|(p, on, told)| Op::Archived(p, on, told)),
        1 => user.prop_map(Op::Revoke),
        1 => Just(Op::Minute),
    ]
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ModelSession {
    id: String,
    user: User,
    place: Place,
    connection: String,
    unmuted: bool,
}

#[derive(Debug, Default)]
struct Model {
    members: [[bool; 4]; 2],
    inactive: [bool; 4],
    archived: [bool; 2],
    /// The owner of each channel's call, and its id.
    calls: [Option<(User, String)>; 2],
    /// Each channel's call is being recorded.
    recorded: [bool; 2],
    /// In the order of joining.
    sessions: Vec<ModelSession>,
    /// (user, session id, call id, token)
    tokens: Vec<(User, String, String, String)>,
}

impl Model {
    fn may_take_part(&self, user: User, place: Place) -> bool {
        !self.inactive[user] && self.members[place][user] && !self.archived[place]
    }

    fn may_read(&self, user: User, place: Place) -> bool {
        let reads = self.members[place][user] || USERS[user] == "root";
        !self.inactive[user] && reads && !self.archived[place]
    }

    fn may_end(&self, user: User, place: Place) -> bool {
        let Some((owner, _)) = &self.calls[place] else {
            return false;
        };
        let host = self
            .sessions
            .iter()
            .find(|s| s.place == place)
            .map_or(*owner, |s| s.user);
        let as_host = host == user && self.members[place][user];
        !self.inactive[user] && (USERS[user] == "root" || as_host)
    }

    fn may_record(&self, user: User, place: Place, start: bool) -> bool {
        let possible = start && !self.archived[place] && !self.recorded[place];
        self.may_end(user, place) && (possible || !start && self.recorded[place])
    }

    fn drop_sessions(&mut self, gone: impl Fn(&Self, &ModelSession) -> bool) {
        let (out, stay): (Vec<_>, Vec<_>) = self
            .sessions
            .clone()
            .into_iter()
            .partition(|session| gone(self, session));
        self.sessions = stay;
        for place in out.iter().map(|session| session.place) {
            if !self.sessions.iter().any(|session| session.place == place) {
                self.calls[place] = None;
            }
        }
    }
}

fn connection(user: User, n: usize) -> String {
    format!("c{}x{n}", USERS[user])
}

struct Run {
    world: World,
    model: Model,
}

impl Run {
    fn new() -> Self {
        let world = World::new();
        let mut model = Model::default();
        for (place, name) in CHANNELS.iter().enumerate() {
            for (n, person) in USERS.iter().enumerate() {
                model.members[place][n] =
                    world.env.is_member(&channel(name), &user(person)).unwrap();
            }
        }
        Self { world, model }
    }

    fn apply(&mut self, op: &Op) {
        self.world.advance_ms(7);
        match op {
            Op::Start(u, p) => self.start(*u, *p),
            Op::Join(u, c, p) => self.join(*u, *c, *p),
            Op::Unmute(u, v, c) => {
                let on = connection(*v, *c);
                self.world.send(USERS[*u], &on, "unmute", &[]);
                let may = |m: &Model, s: &ModelSession| {
                    s.user == *u && s.connection == id(&on) && m.may_take_part(*u, s.place)
                };
                let hit = self.model.sessions.iter().position(|s| may(&self.model, s));
                if let Some(hit) = hit {
                    self.model.sessions[hit].unmuted = true;
                }
            }
            Op::LeaveCommand(u, p) => {
                self.world.command(USERS[*u], CHANNELS[*p], "/call leave");
                self.model
                    .drop_sessions(|_, s| s.user == *u && s.place == *p);
            }
            Op::End(u, p, http) => {
                let may = self.model.may_end(*u, *p);
                let done = if *http {
                    self.world.advance_ms(60_000);
                    let path = format!("/calls/{}/end", id(CHANNELS[*p]));
                    self.world.http(USERS[*u], "POST", &path, "").status == 200
                } else {
                    let answer = self.world.command(USERS[*u], CHANNELS[*p], "/call end");
                    answer == "You ended the call for everyone."
                };
                assert_eq!(done, may, "{op:?}");
                if may {
                    self.model.sessions.retain(|s| s.place != *p);
                    self.model.calls[*p] = None;
                }
            }
            Op::Record(u, p, start, http) => self.record(*u, *p, *start, *http),
            Op::Read(u, p) => {
                self.world.advance_ms(60_000);
                let answer =
                    self.world
                        .http(USERS[*u], "GET", &format!("/{}", id(CHANNELS[*p])), "");
                assert_eq!(answer.status == 200, self.model.may_read(*u, *p), "{op:?}");
                let link =
                    self.world
                        .http(USERS[*u], "GET", &format!("/join/{}", id(CHANNELS[*p])), "");
                assert_eq!(link.status == 303, self.model.may_read(*u, *p), "{op:?}");
            }
            Op::Resume(u, c, p, which) => self.resume(*u, *c, *p, which),
            Op::Reconnect(u, c, which) => self.reconnect(*u, *c, which),
            Op::Member(u, p, on, told) => {
                self.model.members[*p][*u] = *on;
                let key = (channel(CHANNELS[*p]), user(USERS[*u]));
                if *on {
                    self.world.env.members.borrow_mut().insert(key);
                } else {
                    self.world.env.members.borrow_mut().remove(&key);
                    if *told {
                        let (channel_id, user_id) = key;
                        self.world.platform(PlatformEvent::LeftChannel {
                            channel_id,
                            user_id,
                        });
                        self.model.drop_sessions(|m, s| {
                            s.user == *u && s.place == *p && !m.may_take_part(*u, *p)
                        });
                    }
                }
            }
            Op::Active(u, on, told) => {
                self.model.inactive[*u] = !on;
                self.world
                    .env
                    .edit_user(USERS[*u], |user| user.delete_at = i64::from(!on));
                if !on && *told {
                    self.world.platform(PlatformEvent::UserDeactivated {
                        user_id: user(USERS[*u]),
                    });
                    self.model.drop_sessions(|_, s| s.user == *u);
                }
            }
            Op::Archived(p, on, told) => {
                self.model.archived[*p] = *on;
                let key = channel(CHANNELS[*p]);
                let mut channels = self.world.env.channels.borrow_mut();
                channels.get_mut(&key).unwrap().delete_at = i64::from(*on);
                drop(channels);
                if *on && *told {
                    self.world
                        .platform(PlatformEvent::ChannelArchived { channel_id: key });
                    self.model.sessions.retain(|s| s.place != *p);
                    self.model.calls[*p] = None;
                }
            }
            Op::Revoke(u) => {
                self.world.platform(PlatformEvent::LoginRevoked {
                    login_session_id: format!("login-{}", USERS[*u]),
                    user_id: user(USERS[*u]),
                });
                self.model.drop_sessions(|_, s| s.user == *u);
            }
            Op::Minute => self.minute(),
        }
        for (p, call) in self.model.calls.iter().enumerate() {
            self.model.recorded[p] &= call.is_some();
        }
        self.compare(op);
    }

    fn record(&mut self, u: User, p: Place, start: bool, http: bool) {
        let may = self.model.may_record(u, p, start);
        let verb = if start { "start" } else { "stop" };
        let done = if http {
            self.world.advance_ms(60_000);
            let path = format!("/calls/{}/recording/{verb}", id(CHANNELS[p]));
            let answer = self.world.http(USERS[u], "POST", &path, "");
            assert!(matches!(answer.status, 200 | 403), "{}", answer.status);
            answer.status == 200
        } else {
            let command = format!("/call recording {verb}");
            let answer = self.world.command(USERS[u], CHANNELS[p], &command);
            answer.starts_with("The recording has")
        };
        assert_eq!(done, may, "{verb} by {} in {}", USERS[u], CHANNELS[p]);
        if may {
            self.model.recorded[p] = start;
        }
    }

    fn start(&mut self, u: User, p: Place) {
        let running = self.model.calls[p].is_some();
        let answer = self.world.command(USERS[u], CHANNELS[p], "/call start");
        let may = self.model.may_take_part(u, p);
        assert_eq!(
            answer.starts_with("You started a call"),
            may && !running,
            "{answer}"
        );
        assert_eq!(answer.contains("/join/"), may, "{answer}");
        if may && !running {
            self.model.calls[p] = Some((u, self.call_id(p)));
        }
    }

    fn join(&mut self, u: User, c: usize, p: Place) {
        let name = connection(u, c);
        let taken = self
            .model
            .sessions
            .iter()
            .any(|s| s.connection == id(&name) || (s.id == id(&name) && s.place == p));
        let running = self.model.calls[p].is_some();
        self.world.join(USERS[u], &name, CHANNELS[p]);
        if !self.model.may_take_part(u, p) || taken {
            // A connection with a session elsewhere starts nothing either.
            if !running && self.world.record(CHANNELS[p]).is_some() {
                assert!(self.model.may_take_part(u, p));
                self.model.calls[p] = Some((u, self.call_id(p)));
            }
            return;
        }
        if !running {
            self.model.calls[p] = Some((u, self.call_id(p)));
        }
        self.model.sessions.push(ModelSession {
            id: id(&name),
            user: u,
            place: p,
            connection: id(&name),
            unmuted: false,
        });
        self.note_token(u);
    }

    fn resume(&mut self, u: User, c: usize, p: Place, which: &prop::sample::Index) {
        if self.model.tokens.is_empty() {
            return;
        }
        let (owner, session, call, token) =
            self.model.tokens[which.index(self.model.tokens.len())].clone();
        let name = connection(u, c);
        let parley = j!({"v": 1, "resume": {"session": session, "token": token}});
        let data = [
            ("channelID", Value::Text(id(CHANNELS[p]))),
            ("parley", Value::Json(parley.to_string())),
        ];
        self.world.send(USERS[u], &name, "join", &data);
        let of_this_call = self.model.calls[p]
            .as_ref()
            .is_some_and(|(_, id)| *id == call);
        let busy = self
            .model
            .sessions
            .iter()
            .any(|s| s.connection == id(&name) && s.id != session);
        if owner != u || !of_this_call || busy || !self.model.may_take_part(u, p) {
            return;
        }
        let present = self
            .model
            .sessions
            .iter_mut()
            .find(|s| s.id == session && s.place == p);
        if let Some(present) = present {
            present.connection = id(&name);
        } else {
            // It had left; the token is still its own right to be there.
            self.model.sessions.push(ModelSession {
                id: session,
                user: u,
                place: p,
                connection: id(&name),
                unmuted: false,
            });
        }
        self.note_token(u);
    }

    fn reconnect(&mut self, u: User, c: usize, which: &prop::sample::Index) {
        if self.model.sessions.is_empty() {
            return;
        }
        let at = which.index(self.model.sessions.len());
        let session = self.model.sessions[at].clone();
        let name = connection(u, c);
        let data = [
            ("channelID", Value::Text(id(CHANNELS[session.place]))),
            ("originalConnID", Value::Text(session.id.clone())),
            ("prevConnID", Value::Text(session.connection.clone())),
        ];
        self.world.send(USERS[u], &name, "reconnect", &data);
        let busy = |s: &ModelSession| s.connection == id(&name) && s.id != session.id;
        let busy = self.model.sessions.iter().any(busy);
        if session.user == u && !busy && self.model.may_take_part(u, session.place) {
            self.model.sessions[at].connection = id(&name);
        }
    }

    fn minute(&mut self) {
        use parley_proto::v1;
        let rooms: Vec<_> = self.world.sidecar.state().rooms.keys().cloned().collect();
        for room in rooms {
            let timer = v1::TimerFired {
                name: "stats".to_owned(),
                payload: Vec::new(),
            };
            self.world
                .sidecar
                .emit(&room, v1::event::Kind::TimerFired(timer));
            self.world.pump();
        }
        self.model
            .drop_sessions(|m, s| !m.may_take_part(s.user, s.place));
    }

    fn call_id(&self, p: Place) -> String {
        self.world
            .record(CHANNELS[p])
            .expect("a call")
            .call_id
            .to_string()
    }

    /// Remembers the resume token of the last `join` event.
    fn note_token(&mut self, u: User) {
        for event in self.world.events() {
            if event.name == "join" {
                let parley = &event.data["parley"];
                let text = |key: &str| parley[key].as_str().unwrap().to_owned();
                self.model
                    .tokens
                    .push((u, text("session"), text("call_id"), text("resume")));
            }
        }
    }

    fn compare(&self, op: &Op) {
        let state = self.world.sidecar.state();
        let mut there = Vec::new();
        for room in state.rooms.values() {
            let at = CHANNELS
                .iter()
                .position(|c| id(c) == room.room.labels["channel_id"]);
            for session in &room.room.sessions {
                let who = USERS.iter().position(|u| id(u) == session.participant_id);
                there.push(ModelSession {
                    id: session.session_id.clone(),
                    user: who.unwrap(),
                    place: at.unwrap(),
                    connection: session.connection_id.clone(),
                    unmuted: session.unmuted,
                });
            }
        }
        drop(state);
        there.sort();
        let mut wanted = self.model.sessions.clone();
        wanted.sort();
        assert_eq!(there, wanted, "sessions after {op:?}");
        for (p, name) in CHANNELS.iter().enumerate() {
            let call = self
                .world
                .record(name)
                .map(|record| record.call_id.to_string());
            let wanted = self.model.calls[p].as_ref().map(|(_, id)| id.clone());
            assert_eq!(call, wanted, "call in {name} after {op:?}");
            let record = self.world.record(name);
            let kept = record.is_some_and(|record| record.recording.is_some());
            assert_eq!(kept, self.model.recorded[p], "{name} after {op:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_what_the_model_does_not_grant(ops in prop::collection::vec(op(), 1..60)) {
        let mut run = Run::new();
        for op in &ops {
            run.apply(op);
        }
    }
}
