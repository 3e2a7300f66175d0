//! What only real processes can show. Each test starts the binaries that the workspace's build left behind.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test that cannot go on fails

mod privacy;
