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
    ask_for_call(&mut platform, &orders).await?;
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
            let ended = call::join(&mut platform, &orders.channel_id).await?;
            tracing::info!(?ended, "left the call");
            if ended == call::Ended::MediaLost {
                // Perhaps only our part of it: then it is joined again.
                ask_for_call(&mut platform, &orders).await?;
            }
        }
    }
    Ok(())
}

async fn ask_for_call(platform: &mut Platform, orders: &Orders) -> anyhow::Result<()> {
    let data = serde_json::json!({"channelID": orders.channel_id});
    platform.send("call_state", data).await
}
