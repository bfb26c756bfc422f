//! What only the Redis back end has.
