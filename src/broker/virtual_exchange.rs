//! kombu's routing for transports without exchanges of their own.
