//! Plugins from servers that behave and from servers that do not.
