//! Fakes for native tests.
