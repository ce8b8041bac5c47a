//! How large a message and its parts may be. Both sides check: the sender to fail early, the receiver to stay bounded.

/// Bytes of one frame, the envelope included.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Bytes of one text. A longer one is cut by the sender and ends in [`CUT_MARK`]. Linux paths end at 4096.
pub const TEXT_BYTES_MAX: usize = 4096;
/// What a cut text ends in.
pub const CUT_MARK: &str = "…";
/// Nodes of one alert update. Shown graphs have 50 at most; this is room for whole graphs that grew for days.
pub const NODES_MAX: usize = 4096;
/// Edges of one alert update.
pub const EDGES_MAX: usize = 16_384;
/// Different texts of one alert update: label, executable, command line and container for each node, and reasons.
pub const TEXTS_MAX: usize = 32_768;
/// Node keys of one alert update: its nodes and those that its edges and reasons name.
pub const KEYS_MAX: usize = 65_536;
/// Reasons of one node or edge.
pub const REASONS_MAX: usize = 64;
/// Techniques, and nodes, of one finding.
pub const FINDING_PARTS_MAX: usize = 64;
/// Labels of one profile delta. A contribution has 200 KB at most, and a label takes 3 bytes and up.
pub const LABELS_MAX: usize = 65_536;
/// Leaves, and removed paths, of one profile delta.
pub const LEAVES_MAX: usize = 65_536;
/// Steps of one path of a profile: workload, executable, class, operation, parent, and an object's own.
pub const PATH_STEPS_MAX: usize = 48;
/// Nodes of the fleet's view.
pub const VIEW_NODES_MAX: usize = 131_072;
/// Detectors, and complaints, of one inventory.
pub const INVENTORY_ENTRIES_MAX: usize = 256;
/// Connections that one message has followed.
pub const FAR_ENDS_MAX: usize = 64;
