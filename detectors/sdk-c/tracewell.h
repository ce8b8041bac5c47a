// Write a Tracewell detector in C: `tw_info` says who it is and when it is called, `tw_detect` what it finds.
//
// `detector_world.h` beside this file holds the contract's types under their full names and says what each field means.
#pragma once

#include "detector_world.h"
#include <stdlib.h>
#include <string.h>

typedef detector_world_string_t tw_text;
typedef exports_tracewell_detector_detector_metadata_t tw_metadata;
typedef exports_tracewell_detector_detector_trigger_t tw_trigger;
typedef exports_tracewell_detector_detector_port_range_t tw_ports;
typedef exports_tracewell_detector_detector_neighbourhood_t tw_neighbourhood;
typedef exports_tracewell_detector_detector_node_t tw_node;
typedef exports_tracewell_detector_detector_process_t tw_process;
typedef exports_tracewell_detector_detector_file_t tw_file;
typedef exports_tracewell_detector_detector_socket_t tw_socket;
typedef exports_tracewell_detector_detector_edge_t tw_edge;
typedef exports_tracewell_detector_detector_finding_t tw_finding;

#define TW_ON(OPERATION) EXPORTS_TRACEWELL_DETECTOR_DETECTOR_OPERATIONS_##OPERATION
#define TW_DID(OPERATION) EXPORTS_TRACEWELL_DETECTOR_DETECTOR_OPERATION_##OPERATION
#define TW_SEVERITY(SEVERITY) EXPORTS_TRACEWELL_DETECTOR_DETECTOR_SEVERITY_##SEVERITY
#define TW_NODES_MAX 32

/// A text that stands in the source.
#define TW_TEXT(LITERAL) ((tw_text){(uint8_t *)(LITERAL), sizeof(LITERAL) - 1})

/// What stands in its lists is static: it has to outlive the function.
void tw_info(tw_metadata *metadata);
/// Adds what it finds by `tw_found`.
void tw_detect(const tw_neighbourhood *seen);

/// The nodes at a place of the neighbourhood; NULL where there is none of the kind.
static inline const tw_node *tw_node_at(const tw_neighbourhood *seen, uint32_t index) {
    return index < seen->nodes.len ? &seen->nodes.ptr[index] : NULL;
}
static inline const tw_process *tw_process_at(const tw_neighbourhood *seen, uint32_t index) {
    const tw_node *node = tw_node_at(seen, index);
    return node && node->entity.tag == EXPORTS_TRACEWELL_DETECTOR_DETECTOR_ENTITY_PROCESS ? &node->entity.val.process : NULL;
}
static inline const tw_file *tw_file_at(const tw_neighbourhood *seen, uint32_t index) {
    const tw_node *node = tw_node_at(seen, index);
    return node && node->entity.tag == EXPORTS_TRACEWELL_DETECTOR_DETECTOR_ENTITY_FILE ? &node->entity.val.file : NULL;
}
static inline const tw_socket *tw_socket_at(const tw_neighbourhood *seen, uint32_t index) {
    const tw_node *node = tw_node_at(seen, index);
    return node && node->entity.tag == EXPORTS_TRACEWELL_DETECTOR_DETECTOR_ENTITY_SOCKET ? &node->entity.val.socket : NULL;
}

static inline bool tw_is(tw_text text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

/// One text after the other.
tw_text tw_join(const tw_text *texts, size_t n);
/// Says that something was found about some nodes, the process that did it first.
void tw_found(exports_tracewell_detector_detector_severity_t severity, tw_text title, tw_text reason, const uint32_t *nodes, size_t n);
