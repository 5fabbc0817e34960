/* SPDX-License-Identifier: MIT
 * One record of the topic _stele.schemas, as JSON and as a value. The format is described in
 * docs/registry-format.md; what a record means is the catalog's. */
#ifndef STELE_REGISTRY_RECORD_H
#define STELE_REGISTRY_RECORD_H

#include <stele/buffer.h>
#include <stele/schema.h>

#include "core/scope.h"

enum {
    STELE_REGISTRY_FORMAT = 1,
    STELE_REGISTRY_RECORD_MAX = 1000000, /* bytes; fits the broker's default message.max.bytes */
    STELE_REGISTRY_SUBJECT_MAX = 1024,   /* bytes */
    STELE_REGISTRY_REFERENCE_MAX = 256   /* references of one schema */
};

/** What may be done with a subject. */
typedef enum stele_registry_mode {
    STELE_MODE_READWRITE = 0,
    STELE_MODE_READONLY
} stele_registry_mode;

typedef enum stele_registry_kind {
    STELE_REGISTRY_GENESIS = 0, /* the registry's UUID; the first record */
    STELE_REGISTRY_SCHEMA,      /* a new version of a subject */
    STELE_REGISTRY_CONFIG,      /* a compatibility level, or that there is none of its own */
    STELE_REGISTRY_MODE,        /* likewise a mode */
    STELE_REGISTRY_DELETE       /* versions of a subject, softly or for good */
} stele_registry_kind;

/** A schema that another one refers to, with the id that it had when that one was registered. */
typedef struct stele_registry_link {
    char *name;
    char *subject;
    int32_t version;
    int32_t id;
} stele_registry_link;

/** Owns all it points to; all zero is valid. */
typedef struct stele_registry_record {
    stele_registry_kind kind;
    int64_t after;    /* last admitted record of the subject that the writer had read; -1: none */
    char *subject;    /* NULL: the global setting */
    char genesis[37]; /* GENESIS */
    char *text;       /* SCHEMA: as it was given */
    size_t text_size;
    stele_registry_link *links; /* SCHEMA */
    size_t link_count;
    bool is_set;               /* CONFIG, MODE: false: go back to the global one, or the default */
    stele_compatibility level; /* CONFIG */
    stele_registry_mode mode;  /* MODE */
    int32_t version;           /* DELETE; 0: all */
    bool permanent;            /* DELETE */
} stele_registry_record;

/** Append its JSON. */
void stele_registry_record_write(const stele_registry_record *record, stele_buffer *out);

/**
 * Read a record.
 *
 * @param out  caller owns what it points to; release with stele_registry_record_clear
 * @return STELE_E_INVALID       it is no record of this format (next = REJECT)
 *         STELE_E_INCOMPATIBLE  it is of a later format than this program knows (next = STOP)
 */
stele_status stele_registry_record_read(stele_bytes value, stele_registry_record *out,
                                        stele_error *err);

/** Release what it points to, and make it all zero. */
void stele_registry_record_clear(stele_registry_record *record);
STELE_VALUE_SCOPE(stele_registry_record, stele_registry_record_clear);

/** "READWRITE" or "READONLY". */
const char *stele_registry_mode_name(stele_registry_mode mode);

/** @return STELE_E_INVALID  neither of them */
stele_status stele_registry_mode_parse(const char *text, stele_registry_mode *out,
                                       stele_error *err);

/**
 * What makes two schemas one: SHA-256 of the JSON with sorted keys and no white space, followed by
 * name and id of each reference, sorted by name.
 *
 * @return STELE_E_INVALID  the text is not JSON
 */
stele_status stele_registry_identity(stele_bytes text, const stele_registry_link *links,
                                     size_t count, uint8_t identity[32], stele_error *err);

#endif
