//! Pure pieces of the media plane: no str0m, no clock, no socket. Each module is one idea with its tests.
