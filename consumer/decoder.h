/* SPDX-License-Identifier: MIT
 * From a record's value to a struct: wire format, schema id, plan. What an id means is found out
 * once; after that a value costs one look into a small cache and the decoding itself. Knows no
 * topics: the caller says in its messages where a value stood. */
#ifndef STELE_CONSUMER_DECODER_H
#define STELE_CONSUMER_DECODER_H

#include <stele/upcaster.h>

#include "core/clock.h"
#include "registry/registry.h"

typedef struct stele_decoder stele_decoder;

/** All of it is borrowed and must outlive the decoder. */
typedef struct stele_decoder_options {
    stele_registry *registry;
    const stele_type *const *types; /* NULL-terminated: what values are decoded to */
    const bool *by_name; /* for each type: its values are known by their name and not decoded, so it
                            does not matter whether they can be. NULL: all are decoded */
    const stele_upcaster *upcasters; /* ends with .from == NULL; NULL: none */
    int missing_timeout_ms; /* how long an id that the registry does not know is waited for;
                               0: 60,000 */
} stele_decoder_options;

/** A decoded value. */
typedef struct stele_decoded {
    const stele_type *type; /* one of the options' types; NULL: the record is of none of them */
    size_t index;           /* of `type` among the types */
    const void *data;       /* the struct of that type; valid until the next decode; not filled
                               for a type that is known by its name */
    const char *name;       /* the writer's record name; valid as long as the decoder */
} stele_decoded;

/** @param out  caller owns; release with stele_decoder_free; used by one thread at a time */
void stele_decoder_new(const stele_decoder_options *options, stele_decoder **out);
void stele_decoder_free(stele_decoder *decoder);
STELE_SCOPE(stele_decoder, stele_decoder_free);

/**
 * Decode a value in Confluent's wire format. Never waits: a schema that is not here yet is asked
 * for, and the same call is made again later.
 *
 * An id that the registry answers not to know may have been registered a moment ago by somebody
 * who reached it by another way, so it is asked for again until `missing_timeout_ms` have passed.
 * While the registry is away that time does not run.
 *
 * @param value  not null; views of it are in the struct, so it must outlive its use
 * @return STELE_E_INVALID  not the wire format, or bytes that are not of their schema
 *                          (next = REJECT)
 *         STELE_E_LIMIT    past a limit of decoding (next = REJECT)
 *         STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT, STELE_E_NOT_FOUND  waiting for the schema
 *                          (next = RETRY); NOT_FOUND with next = STOP: it was waited for in vain
 *         STELE_E_INCOMPATIBLE  the schema cannot be read as the type of its name (next = STOP)
 */
stele_status stele_decoder_decode(stele_decoder *decoder, stele_bytes value, stele_decoded *out,
                                  stele_error *err);

/** Was the schema of the last STELE_E_INCOMPATIBLE made after the type that it has the name of?
 * Then a newer program reads it. */
bool stele_decoder_met_newer(const stele_decoder *decoder);

#endif
