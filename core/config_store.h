/* SPDX-License-Identifier: MIT
 * Inside of the configuration: what was set where. Only core/config*.c include this. */
#ifndef STELE_CORE_CONFIG_STORE_H
#define STELE_CORE_CONFIG_STORE_H

#include <stele/bytes.h>

#include "core/config.h"
#include "core/config_keys.h"

/** In the order of precedence. */
typedef enum stele_config_rank {
    STELE_CONFIG_FROM_FILE = 1,
    STELE_CONFIG_FROM_ENVIRONMENT,
    STELE_CONFIG_FROM_OVERRIDE
} stele_config_rank;

/** One value that someone set, or (key == NULL, free_key == NULL) a section that someone opened.
 */
typedef struct stele_config_setting {
    stele_config_rank rank;
    const stele_config_section *section;
    const stele_config_key *key;
    char *free_key; /* owned: of a free section, where it is not in the table */
    char *name;     /* owned: of a repeated section; from the environment as A_Z_0_9 */
    char *value;    /* owned */
    char *origin;   /* owned */
    int64_t number; /* of an INT */
} stele_config_setting;

struct stele_config {
    stele_config_setting *settings; /* owned, in the order of loading */
    size_t count, capacity;
    stele_config_pair *kafka; /* owned; its texts are the settings' and the table's */
    size_t kafka_count;
};

/** What is to be set. Views for the call. */
typedef struct stele_config_entry {
    stele_config_rank rank;
    const char *origin;
    stele_bytes section, name, key, value; /* name null: none; key null: opens the section */
} stele_config_entry;

/** Check an entry against the table and store it. */
stele_status stele_config_add(stele_config *config, const stele_config_entry *entry,
                              stele_error *err);

/** The section or key of that name, or NULL. */
const stele_config_section *stele_config_find_section(stele_bytes name);
const stele_config_key *stele_config_find_key(const stele_config_section *section, stele_bytes key);

/** Append `word` as it is in the name of an environment variable: A-Z, 0-9, the rest as _. */
void stele_config_environment_word(stele_buffer *out, stele_bytes word);

/** Make config->kafka, after the last stele_config_add. */
void stele_config_collect_kafka(stele_config *config);

#endif
