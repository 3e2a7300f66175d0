//! Writes msgpack into a Vec.
