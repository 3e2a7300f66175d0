//! Commands, messages of clients and events for them.

use std::collections::BTreeMap;

use parley_goplugin::gob::Any;
use parley_goplugin::gob_struct;

use super::server::Session;

gob_struct! {
    pub(crate) struct CommandArgs = "CommandArgs" {
        user_id: String = "UserId",
        channel_id: String = "ChannelId",
        team_id: String = "TeamId",
        root_id: String = "RootId",
        command: String = "Command",
    }

    pub(crate) struct CommandResponse = "CommandResponse" {
        response_type: String = "ResponseType",
        text: String = "Text",
        goto_location: String = "GotoLocation",
    }

    pub(crate) struct WebSocketRequest = "WebSocketRequest" {
        action: String = "Action",
        data: BTreeMap<String, Any> = "Data",
        session: Session = "Session",
    }

    pub(crate) struct Broadcast = "WebsocketBroadcast" {
        omit_users: Option<BTreeMap<String, bool>> = "OmitUsers",
        user_id: String = "UserId",
        channel_id: String = "ChannelId",
        connection_id: String = "ConnectionId",
        /// To the other nodes of a cluster: over a way that loses nothing.
        reliable_cluster_send: bool = "ReliableClusterSend",
    }
}
