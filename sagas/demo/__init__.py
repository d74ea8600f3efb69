"""The trip that `sagas demo` plays, with partners that need no network."""
