/* SPDX-License-Identifier: MIT
 * What a topic has to be, and two things to do with that: make the topic, and compare one that
 * exists. Every topic that Stele makes is made through here. */
#ifndef STELE_KAFKA_TOPIC_SPEC_H
#define STELE_KAFKA_TOPIC_SPEC_H

#include "kafka/log.h"

/** A setting of a topic. */
typedef struct stele_topic_setting {
    const char *name;
    const char *value;  /* what the topic is made with */
    const char *danger; /* what another value would do, for the message: "snapshots would be
                           deleted"; NULL: another value is fine */
    bool at_least;      /* a number, and a greater one is fine, too */
} stele_topic_setting;

/** Borrowed for the call. */
typedef struct stele_topic_spec {
    const char *name;
    int32_t partitions;
    int16_t replication; /* used when it is made; 0: the broker's default */
    const stele_topic_setting *settings;
    size_t setting_count;
} stele_topic_spec;

/** @return STELE_E_EXISTS  it is there, with whatever settings (next = STOP) */
stele_status stele_topic_create(stele_log *log, const stele_topic_spec *spec, int timeout_ms,
                                stele_error *err);

/**
 * Compare one setting of a topic that exists.
 * @param out  NULL if the setting is as wanted, else what the topic has; caller owns, free()
 */
stele_status stele_topic_compare(stele_log *log, const char *topic,
                                 const stele_topic_setting *wanted, int timeout_ms, char **out,
                                 stele_error *err);

/**
 * Compare every setting whose other values are dangerous.
 * @return STELE_E_INCOMPATIBLE  one differs; the text has the command that sets it (next = STOP)
 */
stele_status stele_topic_check(stele_log *log, const stele_topic_spec *spec, int timeout_ms,
                               stele_error *err);

/**
 * Make the topic if it does not exist, and check it if it does. The partition count is the caller's
 * to compare: what another one means differs.
 *
 * @param timeout_ms  of one question to the broker
 * @return STELE_E_INCOMPATIBLE  as stele_topic_check
 *         STELE_E_NOT_FOUND     it was made and is not known to every broker yet (next = RETRY)
 */
stele_status stele_topic_ensure(stele_log *log, const stele_topic_spec *spec, int timeout_ms,
                                stele_log_topic *out, stele_error *err);

#endif
