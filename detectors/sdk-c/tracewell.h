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
typedef exports_tracewell_detector_detector_entity_t tw_entity;
typedef exports_tracewell_detector_detector_finding_t tw_finding;

#define TW_ON(OPERATION) EXPORTS_TRACEWELL_DETECTOR_DETECTOR_OPERATIONS_##OPERATION
#define TW_DID(OPERATION) EXPORTS_TRACEWELL_DETECTOR_DETECTOR_OPERATION_##OPERATION
#define TW_SEVERITY(SEVERITY) EXPORTS_TRACEWELL_DETECTOR_DETECTOR_SEVERITY_##SEVERITY
#define TW_NODES_MAX 32
#define TW_NONE UINT32_MAX

/// A text that stands in the source.
#define TW_TEXT(LITERAL) ((tw_text){(uint8_t *)(LITERAL), sizeof(LITERAL) - 1})

/// What stands in its lists is static: it has to outlive the function.
void tw_info(tw_metadata *metadata);
/// Adds what it finds by `tw_found`.
void tw_detect(const tw_neighbourhood *seen);

/// The row of a node in the table of processes, files or sockets, as in `seen->files.kind.ptr[row]`; TW_NONE where it is none of the kind.
static inline uint32_t tw_row(const tw_neighbourhood *seen, uint32_t node, tw_entity entity) {
    return node < seen->nodes.entity.len && seen->nodes.entity.ptr[node] == entity ? seen->nodes.row.ptr[node] : TW_NONE;
}
static inline uint32_t tw_process_at(const tw_neighbourhood *seen, uint32_t node) {
    return tw_row(seen, node, EXPORTS_TRACEWELL_DETECTOR_DETECTOR_ENTITY_PROCESS);
}
static inline uint32_t tw_file_at(const tw_neighbourhood *seen, uint32_t node) {
    return tw_row(seen, node, EXPORTS_TRACEWELL_DETECTOR_DETECTOR_ENTITY_FILE);
}
static inline uint32_t tw_socket_at(const tw_neighbourhood *seen, uint32_t node) {
    return tw_row(seen, node, EXPORTS_TRACEWELL_DETECTOR_DETECTOR_ENTITY_SOCKET);
}

/// A text by its number, as in `tw_text_at(seen, seen->files.path.ptr[row])`; the empty one for 0, which is none.
static inline tw_text tw_text_at(const tw_neighbourhood *seen, uint32_t number) {
    if (number == 0 || number >= seen->texts.ends.len) return (tw_text){seen->texts.joined.ptr, 0};
    uint32_t start = seen->texts.ends.ptr[number - 1];
    return (tw_text){seen->texts.joined.ptr + start, seen->texts.ends.ptr[number] - start};
}

/// The executable of an ancestor of the process in a row, the parent being number 0; the empty text where there is none.
static inline tw_text tw_ancestor(const tw_neighbourhood *seen, uint32_t row, uint32_t number) {
    const uint32_t *ends = seen->processes.ancestors_end.ptr, start = row > 0 ? ends[row - 1] : 0;
    return tw_text_at(seen, number < ends[row] - start ? seen->processes.ancestors.ptr[start + number] : 0);
}

static inline bool tw_is(tw_text text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

/// One text after the other.
tw_text tw_join(const tw_text *texts, size_t n);
/// Says that something was found about some nodes, the process that did it first.
void tw_found(exports_tracewell_detector_detector_severity_t severity, tw_text title, tw_text reason, const uint32_t *nodes, size_t n);
