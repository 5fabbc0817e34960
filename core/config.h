/* SPDX-License-Identifier: MIT
 * The configuration of a process: from -o, the environment, a file and the defaults, in this order.
 * All of it is checked when it is loaded. */
#ifndef STELE_CORE_CONFIG_H
#define STELE_CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stele/buffer.h>
#include <stele/error.h>

#include "core/scope.h"

typedef struct stele_config stele_config;

/** All zero: nothing but the defaults. Everything is borrowed for the call. */
typedef struct stele_config_options {
    const char *file; /* INI; NULL: none */
    /** "section.key=value", the later wins; "projection.NAME.key=value" for a repeated section.
     * NULL-terminated; NULL: none */
    const char *const *overrides;
    /** As environ: STELE_WORKER_THREADS=4, STELE_PROJECTION_CUSTOMERS_SNAPSHOT_EVENTS=5,
     * STELE_KAFKA for kafka.bootstrap.servers. What is empty counts as not set. NULL: none */
    const char *const *environment;
} stele_config_options;

/**
 * Load and check a configuration. It does not change afterwards; threads may share it.
 *
 * @param out  caller owns; release with stele_config_free
 * @return STELE_E_INVALID    an unknown section or key, a value that cannot be (next = STOP); the
 *                            text says where it is
 *         STELE_E_NOT_FOUND  the file, or the file of a secret, cannot be read (next = STOP)
 *         STELE_E_LIMIT      the file is too large (next = STOP)
 */
stele_status stele_config_load(const stele_config_options *options, stele_config **out,
                               stele_error *err);

/** Release it. NULL is fine. */
void stele_config_free(stele_config *config);

STELE_SCOPE(stele_config, stele_config_free);

/**
 * The value of a text, choice or secret; NULL if it has none. Borrowed from the configuration.
 *
 * To ask for a key that is not in core/config_keys.c is a bug and aborts.
 *
 * @param name  of a repeated section: which one, whether or not it is configured; otherwise NULL
 */
const char *stele_config_text(const stele_config *config, const char *section, const char *name,
                              const char *key);

/** The value of a number. */
int64_t stele_config_int(const stele_config *config, const char *section, const char *name,
                         const char *key);

/** Is this choice made? `choice` must be one of the table's. */
bool stele_config_is(const stele_config *config, const char *section, const char *name,
                     const char *key, const char *choice);

/** Where the value comes from: "worker.ini:12", "STELE_WORKER_THREADS", "-o", "default". */
const char *stele_config_origin(const stele_config *config, const char *section, const char *name,
                                const char *key);

/**
 * The names of a repeated section in the file and in -o, each once, so that the application can say
 * which of them it does not know. (The environment has no exact names.)
 *
 * @return the name number `index`, borrowed; NULL past the last
 */
const char *stele_config_name(const stele_config *config, const char *section, size_t index);

/** Where that name is, as stele_config_origin; `index` must be that of a name. */
const char *stele_config_name_origin(const stele_config *config, const char *section, size_t index);

/** One key of librdkafka. */
typedef struct stele_config_pair {
    const char *key, *value;
    const char *origin; /* as stele_config_origin */
    bool is_secret;     /* not to be shown */
} stele_config_pair;

/** All of [kafka], defaults included, each key once. Borrowed. */
const stele_config_pair *stele_config_kafka(const stele_config *config, size_t *count);

/** Append docs/configuration.md. */
void stele_config_write_markdown(stele_buffer *out);

/** Append the keys with their help, for a terminal. */
void stele_config_write_help(stele_buffer *out);

#endif
