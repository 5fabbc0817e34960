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
/* Of a sender that numbers what it sends, and may send it again: its name, and a number that
 * ascends in each partition. */
#define STELE_COMMAND_SENDER   "stele_sender"
#define STELE_COMMAND_SEQUENCE "stele_sequence"

/* What a dead letter has beside the headers of its command. */
#define STELE_DEAD_PREFIX "stele_dead_"
#define STELE_DEAD_CODE   "stele_dead_code"
#define STELE_DEAD_REASON "stele_dead_reason"
#define STELE_DEAD_POSITION                                                                        \
    "stele_dead_position" /* of the command: "<topic>/<partition>/<offset>" */
#define STELE_DEAD_TIME     "stele_dead_time"
#define STELE_DEAD_LEFT_OUT "stele_dead_value_left_out" /* how much; of one that is too large */

/**
 * Make the topic, where it is not there, with the partition count and the replication of the
 * events, and check what is there.
 *
 * @return STELE_E_CONFLICT      it has another partition count than the events (next = STOP)
 *         STELE_E_INCOMPATIBLE  a setting under which commands would be lost (next = STOP)
 */
stele_status stele_commands_ensure(stele_log *log, const char *aggregate, int timeout_ms,
                                   stele_error *err);
stele_status stele_commands_dead_ensure(stele_log *log, const char *aggregate, int timeout_ms,
                                        stele_error *err);

/** Say that an aggregate has no topic of commands. @return STELE_E_NOT_FOUND */
stele_status stele_commands_fail_missing(const char *aggregate, stele_next next, stele_error *err);

/** Say that a topic of commands, or of their dead letters, has another number of partitions than
 * the events. @return STELE_E_CONFLICT (next = STOP) */
stele_status stele_commands_fail_count(const char *topic, int32_t count, const char *events,
                                       int32_t event_count, stele_error *err);

#endif
