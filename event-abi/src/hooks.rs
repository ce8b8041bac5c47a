/// Threads that may be in a hooked call at once. For further ones the call is told without its hook, and counted.
pub const PLACES_MAX: u32 = 256;
