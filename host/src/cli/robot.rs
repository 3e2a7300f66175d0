//! The demo's third participant: an executable of its own that signs in as anybody would.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::failure::Failure;
use super::serve::{PLUGIN_ID, Running};
use crate::platform::local::{Account, DemoLinks};
use crate::platform::{Platform as _, PlatformError};

/// Where the account's id is kept: a demo that is shown again has it already.
const ACCOUNT_KEY: &str = "host_demo_robot";

/// Makes the robot's account and starts it. It ends when the returned handle is dropped.
pub(super) async fn invite(
    executable: &Path,
    running: &Running,
    links: &DemoLinks,
) -> Result<Child, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::internal("robot", error);
    let link = sign_in(running, links)
        .await
        .map_err(|error| failed(&error))?;
    // The link signs in as the robot: on standard input, where nobody else can read it.
    let orders = serde_json::json!({
        "sign_in": format!("http://127.0.0.1:{}{link}", running.port),
        "channel_id": links.channel_id,
        "plugin_id": PLUGIN_ID,
    });
    let mut robot = Command::new(executable)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::system(format!("robot {}", executable.display()), error))?;
    if let Some(mut stdin) = robot.stdin.take() {
        stdin
            .write_all(orders.to_string().as_bytes())
            .await
            .map_err(|error| failed(&error))?;
    }
    Ok(robot)
}

/// A one-time sign-in of the robot's account, which is made at the first time.
async fn sign_in(running: &Running, links: &DemoLinks) -> Result<String, PlatformError> {
    let local = &running.local;
    let known = local
        .kv_get(ACCOUNT_KEY)
        .await?
        .and_then(|id| String::from_utf8(id).ok());
    let id = match known {
        Some(id) => id,
        None => {
            let account = Account {
                username: "robot".to_owned(),
                first_name: "Robot".to_owned(),
                ..Account::default()
            };
            let id = local.create_user(account).await?;
            local.add_to_channel(&links.channel_id, &id).await?;
            let value = Some(id.clone().into_bytes());
            local
                .kv_compare_and_set(ACCOUNT_KEY, None, value, 0)
                .await?;
            id
        }
    };
    local.create_sign_in_link(&id, "/").await
}
