//! What only the Redis transport has.
