//! Holds no code: its manifest makes all ways to build the gateway share their compiled dependencies.
