//! Reads msgpack without allocating.
