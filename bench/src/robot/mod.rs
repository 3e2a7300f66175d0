//! The robot of `demo --with-robot`: a participant with a tune and a test picture, for who is alone.
//!
//! It signs in and joins as anybody would, over the platform's REST and WebSocket, and has no other way in.

mod call;
mod clips;
mod platform;

use serde::Deserialize;

use platform::{Incoming, Platform};

/// What the robot is told on standard input, one line of JSON: a one-time sign-in is a secret and belongs
/// neither into arguments nor into the environment.
#[derive(Deserialize)]
pub struct Orders {
    /// One-time sign-in link of the robot's account.
    pub sign_in: String,
    /// The channel whose calls it joins.
    pub channel_id: String,
    /// The plugin's id on this platform.
    pub plugin_id: String,
}

/// Joins each call of the channel and leaves it when it is alone; ends with the platform's connection.
pub async fn run(orders: Orders) -> anyhow::Result<()> {
    let mut platform = Platform::sign_in(&orders).await?;
    // A call may be on already.
    platform
        .send(
            "call_state",
            serde_json::json!({"channelID": orders.channel_id}),
        )
        .await?;
    while let Some(event) = platform.next().await? {
        let begins = match event {
            Incoming::CallStart { channel_id } => channel_id == orders.channel_id,
            Incoming::CallState {
                channel_id,
                sessions,
            } => channel_id == orders.channel_id && sessions > 0,
            _ => false,
        };
        if begins {
            tracing::info!("a call is on: joining");
            call::join(&mut platform, &orders.channel_id).await?;
            tracing::info!("left the call");
        }
    }
    Ok(())
}
