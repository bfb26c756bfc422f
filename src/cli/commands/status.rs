//! `rcelery status`.
