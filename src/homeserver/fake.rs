//! A working homeserver in memory, for tests of logic.
