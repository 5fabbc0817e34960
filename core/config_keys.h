/* SPDX-License-Identifier: MIT
 * The table of configuration keys: the one place where a key is added. It makes the file parser,
 * the environment, -o, the help and docs/configuration.md. */
#ifndef STELE_CORE_CONFIG_KEYS_H
#define STELE_CORE_CONFIG_KEYS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum stele_config_type {
    STELE_CONFIG_TEXT = 0,
    STELE_CONFIG_INT,
    STELE_CONFIG_CHOICE,
    STELE_CONFIG_SECRET /* the text itself or file:PATH; never shown */
} stele_config_type;

typedef struct stele_config_key {
    const char *section;
    const char *key;
    stele_config_type type;
    const char *initial; /* the value where nothing is set; NULL: none */
    int64_t min, max;    /* of an INT */
    const char *unit;    /* of an INT, as people read it */
    const char *choices; /* of a CHOICE: "a|b" */
    const char *help;    /* one sentence */
} stele_config_key;

typedef struct stele_config_section {
    const char *name;
    bool is_repeated; /* [projection NAME] */
    bool is_free;     /* keys that are not in the table are passed on */
    const char *help;
} stele_config_section;

/** A key of librdkafka that Stele sets itself, and why it cannot be set. */
typedef struct stele_config_owned {
    const char *key, *reason;
} stele_config_owned;

/* Each ends with an all-zero element. */
extern const stele_config_section stele_config_sections[];
extern const stele_config_key stele_config_keys[];
extern const stele_config_owned stele_config_owned_keys[];

/** Why this key of librdkafka cannot be set; NULL: it can. */
const char *stele_config_owned_reason(const char *key);

#endif
