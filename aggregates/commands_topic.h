/* SPDX-License-Identifier: MIT
 * The topic of an aggregate's commands and that of its dead letters: how they are made, and which
 * headers their records have. */
#ifndef STELE_AGGREGATES_COMMANDS_TOPIC_H
#define STELE_AGGREGATES_COMMANDS_TOPIC_H

#include "kafka/log.h"

/* Headers of a command. */
#define STELE_COMMAND_ID               "ce_id"
#define STELE_COMMAND_CORRELATION      "ce_correlationid"
#define STELE_COMMAND_TRACEPARENT      "traceparent"
#define STELE_COMMAND_EXPECTED_VERSION "stele_expected_version"

/* What a dead letter has beside the headers of its command. */
#define STELE_DEAD_CODE     "stele_dead_code"
#define STELE_DEAD_REASON   "stele_dead_reason"
#define STELE_DEAD_POSITION "stele_dead_position" /* "<topic>/<partition>/<offset>" */
#define STELE_DEAD_TIME     "stele_dead_time"

/** @param topic  view of "<topic>/<partition>" @return false: it is none */
bool stele_dead_position_parse(stele_bytes position, stele_bytes *topic, int64_t *offset);

/**
 * Make both topics, where they are not there, with the partition count and the replication of the
 * events, and check what is there.
 *
 * @return STELE_E_CONFLICT      one has another partition count than the events (next = STOP)
 *         STELE_E_INCOMPATIBLE  a setting under which commands would be lost (next = STOP)
 */
stele_status stele_commands_topics_ensure(stele_log *log, const char *aggregate, int timeout_ms,
                                          stele_error *err);

#endif
