//! What only real processes can show. Each test starts the binaries that the workspace's build left behind.

mod privacy;
