/* SPDX-License-Identifier: MIT
 * What the files of the `kafka:` registry share. */
#ifndef STELE_REGISTRY_KAFKA_INSIDE_H
#define STELE_REGISTRY_KAFKA_INSIDE_H

#include "core/monitor.h"
#include "registry/appender.h"
#include "registry/follower.h"
#include "registry/kafka_registry.h"
#include "registry/registry_port.h"

enum { STELE_ABSENT_COUNT = 256, STELE_ABSENT_MS = 1000 };

/* An id that was asked for and is not there: asked again only after a while. */
typedef struct stele_absent_id {
    int32_t id; /* 0: none */
    int64_t question;
    int64_t answered_ns; /* when the answer was seen; 0: not yet */
} stele_absent_id;

typedef struct stele_kafka_registry {
    stele_registry base;
    stele_log *log;
    int timeout_ms;
    stele_follower *follower;
    stele_absent_id absent[STELE_ABSENT_COUNT]; /* under the follower's lock; by id modulo count */

    stele_monitor monitor; /* one writer at a time in this process */
    bool writing;
    bool is_interrupted;
    bool despite_events;      /* it may be begun where ids of another one are */
    stele_appender *appender; /* of the one who writes */
} stele_kafka_registry;

/** The deadline of a call; negative: the registry's own time-out. */
stele_deadline stele_kafka_deadline(const stele_kafka_registry *registry, int timeout_ms);

/** Read to the end as of now; the follower's lock is held, and given up meanwhile. */
stele_status stele_kafka_catch_up(stele_kafka_registry *registry, stele_deadline until,
                                  stele_error *err);

/**
 * The parsed schema of an id that is in the catalog; the lock is not held.
 *
 * @param out caller owns; release with stele_schema_free
 */
stele_status stele_kafka_parse_id(stele_kafka_registry *registry, int32_t id, stele_schema **out,
                                  stele_error *err);

/** Parse a text whose references are `links`. */
stele_status stele_kafka_parse_text(stele_kafka_registry *registry, stele_bytes text,
                                    const char *name, const stele_registry_link *links,
                                    size_t count, stele_schema **out, stele_error *err);

/** Find the versions that references name, with their ids; the lock is held. Owned by `out`. */
stele_status stele_kafka_resolve(const stele_catalog *catalog, const stele_proposal *proposal,
                                 stele_registry_link **out, stele_error *err);
void stele_kafka_links_free(stele_registry_link *links, size_t count);

/** Its version with this identity in one of the states up to `worst`, the latest; 0: none. */
int32_t stele_kafka_version_identified(const stele_catalog *catalog, const char *subject,
                                       const uint8_t identity[32], stele_version_state worst);

/** Ids in use that refer to a version. @return how many there are, at most `max` of them filled */
size_t stele_kafka_referrers(const stele_catalog *catalog, const char *subject, int32_t version,
                             int32_t *ids, size_t max);

/** The schema is checked and written; see stele_registry_register. */
stele_status stele_kafka_register(stele_registry *registry, const char *subject, stele_bytes text,
                                  const stele_registry_reference *references, size_t count,
                                  int timeout_ms, int32_t *id, stele_error *err);

/** The genesis; written if there is none. */
stele_status stele_kafka_genesis(stele_registry *registry, int timeout_ms, char out[37],
                                 stele_error *err);

/**
 * May a registry be begun in this cluster?
 *
 * @return STELE_E_INVALID  events or snapshots hold ids of another one; the text names a topic
 *                          (next = STOP)
 */
stele_status stele_kafka_may_begin(stele_log *log, stele_deadline until, stele_error *err);

/** The replication of the topics that hold ids, the highest of all. @param out 0: there are none */
stele_status stele_kafka_replication(stele_log *log, stele_deadline until, int16_t *out,
                                     stele_error *err);

/** A schema that is to be compared with versions of its subject. Owns its parts. */
typedef struct stele_candidate {
    stele_registry_link *links;
    size_t link_count;
    uint8_t identity[32];
    stele_schema *schema;
} stele_candidate;

/** Resolve, identify and parse a proposal; the lock is not held. */
stele_status stele_candidate_init(stele_kafka_registry *registry, const stele_proposal *proposal,
                                  stele_candidate *out, stele_error *err);
void stele_candidate_clear(stele_candidate *candidate);
STELE_VALUE_SCOPE(stele_candidate, stele_candidate_clear);

/** Check a candidate against versions (ids, oldest first). @param findings how many there are */
stele_status stele_candidate_check(stele_kafka_registry *registry, const stele_candidate *candidate,
                                   const int32_t *ids, size_t count, stele_compatibility level,
                                   stele_finding_each *each, void *context, size_t *findings,
                                   stele_error *err);

#endif
