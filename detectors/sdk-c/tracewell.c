// Between the contract and the functions that an author writes.

#include "tracewell.h"

enum { FINDINGS_MAX = 8 };
static tw_finding found[FINDINGS_MAX];
static size_t n_found;

static void *room(size_t size) {
    void *block = malloc(size);
    if (!block) abort();
    return block;
}

tw_text tw_join(const tw_text *texts, size_t n) {
    tw_text joined = {NULL, 0};
    for (size_t i = 0; i < n; i++) joined.len += texts[i].len;
    joined.ptr = room(joined.len);
    for (size_t i = 0, at = 0; i < n; at += texts[i++].len) memcpy(joined.ptr + at, texts[i].ptr, texts[i].len);
    return joined;
}

void tw_found(exports_tracewell_detector_detector_severity_t severity, tw_text title, tw_text reason, const uint32_t *nodes, size_t n) {
    if (n_found == FINDINGS_MAX || n > TW_NODES_MAX) abort();
    uint32_t *kept = room(n * sizeof *nodes);
    memcpy(kept, nodes, n * sizeof *nodes);
    found[n_found++] = (tw_finding){.severity = severity, .title = title, .reason = reason, .nodes = {kept, n}};
}

void exports_tracewell_detector_detector_info(tw_metadata *metadata) { tw_info(metadata); }

void exports_tracewell_detector_detector_detect(
    tw_neighbourhood *seen, exports_tracewell_detector_detector_list_finding_t *findings) {
    tw_detect(seen);
    findings->ptr = found;
    findings->len = n_found;
}
