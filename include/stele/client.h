/* SPDX-License-Identifier: MIT
 * A connection to Kafka and to the schema registry, as services of your own use it. */
#ifndef STELE_CLIENT_H
#define STELE_CLIENT_H

#include <stele/error.h>
#include <stele/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** May be shared by threads. */
typedef struct stele_client stele_client;

/** All zero: no file, the environment (STELE_KAFKA, …) and the defaults: localhost:9092, kafka: */
typedef struct stele_client_options {
    const char *config_file;      /* INI as for `run -c`; NULL: none */
    const char *const *overrides; /* "section.key=value", NULL-terminated; NULL: none */
    const char *name; /* of the application, for client.id and ce_source; NULL: "stele" */
} stele_client_options;

/**
 * Read the configuration and make the handles. Nothing is asked of the network yet.
 *
 * @param out  caller owns; release with stele_client_close after all that was opened from it
 * @return STELE_E_INVALID  the configuration; the text names file, line and key
 */
STELE_API stele_status stele_client_open(const stele_client_options *options, stele_client **out,
                                         stele_error *err);
STELE_API void stele_client_close(stele_client *client);

#ifdef __cplusplus
}
#endif

#endif
