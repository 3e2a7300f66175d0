//! Mattermost's plugin host (`tests/mattermost-host`) with one of our executables as its plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};

use crate::common::{PATIENCE, free_tcp_port, free_udp_port, lives, sidecar, signal, until};

/// The id of the ordinary flavour.
pub(crate) const ID: &str = "app.parley.calls";
/// The id of the other one.
pub(crate) const DROP_IN: &str = "com.mattermost.calls";
/// What the harness has from its start.
pub(crate) const ADMIN: &str = "useruseruseruseruseruser01";
pub(crate) const CHANNEL: &str = "chanchanchanchanchanchan01";
pub(crate) const TEAM: &str = "teamteamteamteamteamteam01";

/// The harness' executable, built if need be; `None` = no Go here, and the test cannot be run.
fn mmhost() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let without = std::env::var_os("PARLEY_WITHOUT_GO").is_some();
        if without || Command::new("go").arg("version").output().is_err() {
            // `cargo xtask test` ends as incomplete then.
            eprintln!("incomplete: Go is missing");
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mattermost-host");
        let go = || {
            let mut go = Command::new("go");
            go.current_dir(&source).env("GOFLAGS", "-buildvcs=false");
            go
        };
        let stub = source.join("mmhost/stub_gen.go");
        if !stub.exists() {
            let made = go().args(["run", "./gen"]).output().unwrap();
            assert!(
                made.status.success(),
                "{}",
                String::from_utf8_lossy(&made.stderr)
            );
            fs::write(&stub, made.stdout).unwrap();
        }
        let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mmhost");
        let built = go()
            .args(["build", "-o"])
            .arg(&program)
            .arg("./mmhost")
            .status();
        assert!(built.unwrap().success(), "the harness does not build");
        Some(program)
    };
    BUILT.get_or_init(build).clone()
}

/// An executable to start in the place of the plugin's.
pub(crate) fn host_executable() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_parley"))
}

/// The plugin that shows what its adapter passes on. A run of the whole package's tests has just built
/// it; one of this file alone may find it missing. Never built beside others' tests: a build for one
/// target settles features otherwise, and leaves libraries that the rest of the run does not fit.
pub(crate) fn conformance_plugin() -> PathBuf {
    let plugin = host_executable()
        .with_file_name("examples")
        .join("conformance_plugin");
    if !plugin.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace"])
            .args(["--example", "conformance_plugin"])
            .status()
            .unwrap();
        assert!(built.success(), "the suite does not build");
    }
    plugin
}

/// Makes an unpacked bundle in a server's plugin folder: what an upload leaves there.
fn unpack(plugins: &Path, id: &str, executable: &Path) {
    let dist = plugins.join(id).join("server/dist");
    fs::create_dir_all(&dist).unwrap();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifest.json");
    let manifest = fs::read_to_string(manifest).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    manifest["id"] = id.into();
    let path = plugins.join(id).join("plugin.json");
    fs::write(path, manifest.to_string()).unwrap();
    for (from, name) in [
        (executable, "parley-linux-amd64"),
        (&*sidecar(), "parley-sidecar"),
    ] {
        // A second name for the same file, not a link: an executable asks where it is.
        let to = dist.join(name);
        if fs::hard_link(from, &to).is_err() {
            fs::copy(from, &to).unwrap();
        }
    }
    let web = plugins.join(id).join("webapp/dist");
    fs::create_dir_all(&web).unwrap();
    fs::write(web.join("main.js"), "").unwrap();
}

/// One server at a time: several would compile their plugins beside each other, and be measured by that.
static TURN: Mutex<()> = Mutex::const_new(());

/// A running server.
pub(crate) struct Server {
    turn: Option<MutexGuard<'static, ()>>,
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts one with plugins that are installed but not enabled. `None` = no Go here.
    pub(crate) async fn start(plugins: &[(&str, PathBuf)]) -> Option<Self> {
        Self::start_with(plugins, json!({})).await
    }

    /// As [`Self::start`], with what the admin has set: plugin id to settings.
    pub(crate) async fn start_with(plugins: &[(&str, PathBuf)], settings: Value) -> Option<Self> {
        Self::start_node(plugins, settings, &[], true).await
    }

    /// One with more arguments; beside the others of its test, if it is not their first.
    pub(crate) async fn start_node(
        plugins: &[(&str, PathBuf)],
        settings: Value,
        arguments: &[&str],
        first: bool,
    ) -> Option<Self> {
        Self::start_prepared(plugins, settings, arguments, &[], first).await
    }

    async fn start_prepared(
        plugins: &[(&str, PathBuf)],
        settings: Value,
        arguments: &[&str],
        variables: &[(&str, &str)],
        first: bool,
    ) -> Option<Self> {
        let turn = match first {
            true => Some(TURN.lock().await),
            false => None,
        };
        let program = mmhost()?;
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for (id, executable) in plugins {
            unpack(&folder.path().join("plugins"), id, executable);
        }
        fs::write(folder.path().join("settings"), settings.to_string()).unwrap();
        fs::write(folder.path().join("arguments"), arguments.join("\n")).unwrap();
        let variables: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        fs::write(folder.path().join("variables"), variables.join("\n")).unwrap();
        let media_port = free_udp_port();
        Some(Self::start_in(turn, folder, &program, media_port))
    }

    /// One with the plugin enabled and its media server there: commands before that are answered, too, but
    /// not by it.
    pub(crate) async fn with_plugin() -> Option<Self> {
        Self::with_environment(json!({}), &[]).await
    }

    /// As [`Self::with_plugin`], with what the admin has set, and these variables in the server's
    /// environment.
    pub(crate) async fn with_environment(
        settings: Value,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let plugins = [(ID, host_executable())];
        let settings = json!({ID: settings});
        let server = Self::start_prepared(&plugins, settings, &[], variables, true).await?;
        let answer = server.enable(ID).await;
        assert_eq!(answer["activated"], true, "{answer}");
        server.logged("the sidecar is a new one").await;
        Some(server)
    }

    fn start_in(
        turn: Option<MutexGuard<'static, ()>>,
        folder: tempfile::TempDir,
        program: &Path,
        media_port: u16,
    ) -> Self {
        let address = format!("127.0.0.1:{}", free_tcp_port());
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.path().join("log"))
            .unwrap();
        let arguments = fs::read_to_string(folder.path().join("arguments")).unwrap();
        let variables = fs::read_to_string(folder.path().join("variables")).unwrap();
        let process = Command::new(program)
            .args(["-quiet", "-listen", &address])
            .args(["-plugins", "plugins", "-webapp", "web"])
            .args(["-pluginconfig", "settings"])
            .args(arguments.lines())
            .current_dir(folder.path())
            .env("PARLEY_DATA_DIR", folder.path().join("data"))
            .env("PARLEY_MEDIA_PORT", media_port.to_string())
            .env("PARLEY_ICE_HOST_OVERRIDE", "127.0.0.1")
            .env("PARLEY_LOG", "info,parley_host=debug")
            .envs(variables.lines().filter_map(|line| line.split_once('=')))
            .env_remove("XDG_RUNTIME_DIR")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        until("the server listens", || {
            std::net::TcpStream::connect(&address).ok()
        });
        Self {
            turn,
            process,
            address,
            folder,
        }
    }

    /// Kills it, as a crash would, and starts it again over the same files.
    pub(crate) fn crash_and_restart(mut self, media_port: u16) -> Self {
        signal(self.process.id(), "KILL");
        self.process.wait().unwrap();
        let plugins = self.plugin_pids();
        until("the plugin ends with its server", || {
            plugins.iter().all(|&pid| !lives(pid)).then_some(())
        });
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        let turn = self.turn.take();
        Self::start_in(turn, folder, &mmhost().unwrap(), media_port)
    }

    /// Lets the next server start beside this one.
    pub(crate) fn leave_the_turn(&mut self) {
        self.turn = None;
    }

    /// Processes of plugins, from the server's log.
    pub(crate) fn plugin_pids(&self) -> Vec<u32> {
        let log = self.log();
        let started = log.lines().filter(|line| line.contains("plugin started"));
        let pid = |line: &str| {
            let digits: String = line
                .rsplit("pid")
                .next()?
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            digits.parse().ok()
        };
        started.filter_map(pid).collect()
    }

    /// Where the sidecar's socket and lock are.
    pub(crate) fn runtime_dir(&self) -> PathBuf {
        parley_host::sidecar::runtime_dir(&self.folder.path().join("data"), None).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Nothing was lost between server and plugin: Go's yamux says so of broken rules (a second end of a
    /// stream, an overrun window), the plugin host of calls that failed.
    pub(crate) fn assert_healthy(&self) {
        let log = self.log();
        for sign in ["[ERR] yamux", "RPC call", "MISSED"] {
            assert!(!log.contains(sign), "{log}");
        }
        assert_eq!(self.plugin_pids().len(), 1, "restarted\n{log}");
    }

    /// Waits until the log has this.
    pub(crate) async fn logged(&self, what: &str) {
        self.logged_times(what, 1).await;
    }

    /// Waits until the log has this so often.
    pub(crate) async fn logged_times(&self, what: &str, times: usize) {
        let start = std::time::Instant::now();
        while self.log().matches(what).count() < times {
            assert!(
                start.elapsed() < PATIENCE,
                "never logged: {what}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One request; status and body. `token` may be empty.
    pub(crate) async fn http(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let headers = match token {
            "" => String::new(),
            token => format!("authorization: Bearer {token}\r\n"),
        };
        let (status, _, body) = self.request(method, path, headers.as_bytes(), body).await;
        (status, body)
    }

    /// One request with these header lines; status, the answer's header lines, body.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[u8],
        body: &[u8],
    ) -> (u16, Vec<String>, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        // Of version 1.0, so that the answer ends with the connection.
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: {}\r\ncontent-length: {}\r\n",
            self.address,
            body.len()
        );
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        let sending = async {
            for part in [head.as_bytes(), headers, b"\r\n", body] {
                let _ = write.write_all(part).await;
            }
        };
        let (read, ()) = tokio::join!(read.read_to_end(&mut answer), sending);
        // A server that does not want the rest of a body may end so, after its answer.
        if let Err(error) = read {
            assert!(!answer.is_empty(), "{method} {path}: {error}");
        }
        let end = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        let lines = head.lines().skip(1).map(str::to_owned).collect();
        (status, lines, answer[end + 4..].to_vec())
    }

    /// A request of the harness' own, with its JSON answer.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let body = body.to_string();
        let (_, answer) = self.http("POST", path, "", body.as_bytes()).await;
        serde_json::from_slice(&answer)
            .unwrap_or_else(|_| panic!("{path}: {}", String::from_utf8_lossy(&answer)))
    }

    pub(crate) async fn enable(&self, id: &str) -> Value {
        self.control(&format!("/host/enable/{id}"), json!({})).await
    }

    pub(crate) async fn disable(&self, id: &str) {
        self.control(&format!("/host/disable/{id}"), json!({}))
            .await;
    }

    /// The text of the answer to a command of the admin's.
    pub(crate) async fn command(&self, text: &str) -> String {
        let answer = self
            .control("/host/execute", json!({"command": text}))
            .await;
        answer["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{text}: {answer}"))
            .to_owned()
    }

    /// Makes the server call a hook.
    pub(crate) async fn hook(&self, hook: &str, mut body: Value) -> Value {
        body["plugin"] = ID.into();
        self.control(&format!("/host/hook/{hook}"), body).await
    }

    /// What the admin sets from now on.
    pub(crate) async fn set(&self, settings: Value) {
        let body = json!({"settings": settings});
        let answer = self.hook("OnConfigurationChange", body).await;
        assert_eq!(answer, json!({}));
    }

    /// A new user and the token of a session.
    pub(crate) async fn user(&self, name: &str) -> (String, String) {
        let body = json!({"username": name, "password": "secret"});
        let user = self.control("/api/v4/users", body).await;
        let token = self.sign_in(name, "secret").await;
        (user["id"].as_str().unwrap().to_owned(), token)
    }

    /// The token of a new session.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> String {
        let body = json!({"login_id": name, "password": password}).to_string();
        let path = "/api/v4/users/login";
        let (_, lines, _) = self.request("POST", path, b"", body.as_bytes()).await;
        let token = lines.iter().find_map(|line| line.strip_prefix("Token: "));
        token.unwrap_or_else(|| panic!("{lines:?}")).to_owned()
    }

    /// Puts the session's user into a channel.
    pub(crate) async fn join(&self, token: &str, channel: &str) {
        let path = format!("/api/v4/channels/{channel}/members");
        let (status, _) = self.http("POST", &path, token, b"{}").await;
        assert_eq!(status, 201);
    }

    /// The socket of the session's user.
    pub(crate) async fn socket(
        &self,
        token: &str,
    ) -> tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<TcpStream>> {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
        let url = format!("ws://{}/api/v4/websocket", self.address);
        let mut request = url.into_client_request().unwrap();
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
        tokio_tungstenite::connect_async(request).await.unwrap().0
    }
}

impl Drop for Server {
    /// The plugin ends with its server; the sidecar, which would live on, is ended here.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let data = self.folder.path().join("data");
        let runtime = parley_host::sidecar::runtime_dir(&data, None).ok();
        if let Some(info) = runtime.and_then(|runtime| crate::common::launched(&runtime))
            && lives(info.pid)
        {
            signal(info.pid, "KILL");
        }
    }
}
