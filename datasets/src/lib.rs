//! Readers of public formats, ground truth and the simulator.
