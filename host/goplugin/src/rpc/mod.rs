//! Go's net/rpc over gob: requests and replies on one stream, matched by a number.
//!
//! Reference: <https://pkg.go.dev/net/rpc>.

mod client;
mod codec;
mod server;

use crate::gob_struct;

pub use self::client::{CallError, Client};
pub use self::server::{Args, Reply, ReplyFuture, Service, no_method, serve};

gob_struct! {
    /// What stands before a call's arguments.
    struct Request = "Request" {
        /// `Service.Method`.
        service_method: String = "ServiceMethod",
        /// Chosen by the client, from 0.
        seq: u64 = "Seq",
    }

    /// What stands before a reply's body.
    struct Response = "Response" {
        /// As asked.
        service_method: String = "ServiceMethod",
        /// As asked.
        seq: u64 = "Seq",
        /// Empty = it went well.
        error: String = "Error",
    }

    /// No arguments, no results, or the body of an error: Go reads it into any struct.
    pub struct Empty = "" {}
}
