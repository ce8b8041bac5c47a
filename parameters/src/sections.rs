//! One struct per section of `default.toml`, where each field is explained with unit, range and source.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphParameters {
    pub window_bytes: usize,
    pub node_edges_hot_max: u32,
    pub spilled_filter_bytes: usize,
    pub future_slack_ns: u64,
    pub retention_days: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileParameters {
    pub half_life_days: u32,
    pub bytes_max: usize,
    pub count_quantum_ns: u64,
    pub evidence_quantum_ns: u64,
    pub evidence_usual_from: u8,
    pub surprise_max_millibits: u32,
    pub label_bytes_max: usize,
    pub depth_max: usize,
    pub scopes_max: usize,
    pub fold_children: u32,
    pub fold_children_max: u32,
    pub period_ns: u64,
    pub period_observations_min: u64,
    pub settled_new_ppm: u32,
    pub settled_periods: u32,
    pub drift_new_ppm: u32,
    pub contribution_bytes_max: usize,
    pub vote_days: u32,
    pub vote_hosts_min: u32,
    pub sudden_hosts_min: u32,
    pub sudden_share_permille: u32,
    pub view_bytes_max: usize,
    pub tail_days: u32,
    pub tail_scores_per_day: usize,
    pub tail_exceedances_min: usize,
    pub tail_extrapolation_max: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureParameters {
    pub ran_own_write_millibits: u32,
    pub serves_network_millibits: u32,
    pub calls_out_millibits: u32,
    pub commands_from_socket_millibits: u32,
    pub gained_privilege_millibits: u32,
    pub deleted_own_executable_millibits: u32,
    pub ran_unlinked_millibits: u32,
    pub entered_process_millibits: u32,
    pub entered_kernel_millibits: u32,
    pub mass_change_millibits: u32,
    pub mass_change_files: u32,
    pub mass_change_window_ns: u64,
    pub collected_and_sent_millibits: u32,
    pub collected_min_bytes: u64,
    pub followed_millibits: u32,
    pub rare_min_millibits: u32,
    pub rare_discount_millibits: u32,
    pub rare_max_millibits: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkParameters {
    pub window_ns: u64,
    pub terminal_min_millibits: u32,
    pub alert_min_millibits: u32,
    pub alarms_per_kiloday: u32,
    pub step_cost_millibits: u32,
    pub radius_millibits: u32,
    pub visited_max: u32,
    pub degree_max: u32,
    pub members_max: u32,
    pub hopsets_max: u32,
    pub energy_half_life_ns: u64,
    pub alert_nodes_max: u32,
    pub loss_near_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreParameters {
    pub shown_min: u32,
    pub followed_min: u32,
    pub medium_min: u32,
    pub high_min: u32,
    pub critical_min: u32,
    pub half_score_millibits: u32,
    pub growth_millibits: u32,
    pub growth_doublings_max: u32,
    pub rare_full_millibits: u32,
    pub joint_divisor: u32,
    pub joint_millibits_max: u32,
    pub tactic_step_millibits: u32,
    pub reach_millibits: u32,
    pub fleet_rarity_millibits_max: u32,
    pub spread_millibits: u32,
    pub detector_millibits: u32,
    pub forked_host: u32,
    pub silent_host: u32,
    pub sudden: u32,
    pub fact_millibits: FactMillibits,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactMillibits {
    pub rare_operation: u32,
    pub rare_child: u32,
    pub ran_own_write: u32,
    pub serves_network: u32,
    pub calls_out: u32,
    pub commands_from_socket: u32,
    pub gained_privilege: u32,
    pub deleted_own_executable: u32,
    pub ran_unlinked: u32,
    pub entered_process: u32,
    pub entered_kernel: u32,
    pub mass_change: u32,
    pub collected_and_sent: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoldParameters {
    pub similarity_permille: u32,
    pub hub_alerts_max: u32,
    pub join_slack_ns: u64,
    pub shown_per_host_day_unsettled: u32,
    pub shown_per_host_day_settled: u32,
    pub shown_per_class_day: u32,
    pub alerts_per_host_max: u32,
    pub view_nodes_max: u32,
}
