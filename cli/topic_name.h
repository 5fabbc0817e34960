/* SPDX-License-Identifier: MIT
 * The topic that a person means, and positions in it. */
#ifndef STELE_CLI_TOPIC_NAME_H
#define STELE_CLI_TOPIC_NAME_H

#include "cli/command.h"

/** A topic that is there. */
typedef struct stele_cli_topic {
    char *name; /* owned */
    int32_t partitions;
} stele_cli_topic;

void stele_cli_topic_clear(stele_cli_topic *topic);
STELE_VALUE_SCOPE(stele_cli_topic, stele_cli_topic_clear);

/**
 * The topic of an aggregate's events, or, where there is none, the topic of that very name.
 * @return STELE_E_NOT_FOUND  there is neither; the text has the line that makes the first
 */
stele_status stele_cli_find_topic(stele_cli *cli, const char *name, stele_cli_topic *out,
                                  stele_error *err);

#endif
