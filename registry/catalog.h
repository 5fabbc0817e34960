/* SPDX-License-Identifier: MIT
 * What the records of _stele.schemas add up to: subjects with their versions, and ids with their
 * schemas. A fold: the same records give the same catalog, as only the order of the
 * log decides. It knows neither log nor threads, and does not parse schemas. */
#ifndef STELE_REGISTRY_CATALOG_H
#define STELE_REGISTRY_CATALOG_H

#include "registry/record.h"

typedef struct stele_catalog stele_catalog;

/** A schema that has an id. Lives as long as the catalog and stays at its address. */
typedef struct stele_catalog_schema {
    int32_t id; /* 1 + offset of the first admitted record with this identity */
    uint8_t identity[32];
    char *text; /* of that record */
    size_t text_size;
    stele_registry_link *links;
    size_t link_count;
    stele_schema *parsed; /* once it has been asked for */
} stele_catalog_schema;

typedef enum stele_version_state {
    STELE_VERSION_LIVE = 0,
    STELE_VERSION_DELETED, /* softly: found when asked for deleted ones */
    STELE_VERSION_GONE     /* for good; its number is not given again */
} stele_version_state;

typedef struct stele_catalog_version {
    int32_t id;
    stele_version_state state;
} stele_catalog_version;

/** What may be set for a subject and for all of them. */
typedef struct stele_catalog_settings {
    bool has_level;
    bool has_mode;
    stele_compatibility level;
    stele_registry_mode mode;
} stele_catalog_settings;

/** One subject. Lives as long as the catalog and stays at its address. */
typedef struct stele_catalog_subject {
    const char *name;
    int64_t last;                    /* offset of its last admitted record */
    stele_catalog_version *versions; /* version n is at n - 1 */
    size_t count;
    size_t capacity;
    stele_catalog_settings settings;
} stele_catalog_subject;

/** Caller owns; release with stele_catalog_free. */
stele_catalog *stele_catalog_new(void);
void stele_catalog_free(stele_catalog *catalog);

/**
 * Apply the record at `offset`; offsets ascend. A record is admitted if it is one, and if no other
 * one of its subject was admitted since its writer looked.
 *
 * @param admitted  may be NULL
 * @return STELE_OK  also when it was refused
 *         STELE_E_INCOMPATIBLE  the registry is of a later format (next = STOP)
 */
stele_status stele_catalog_apply(stele_catalog *catalog, int64_t offset, stele_bytes value,
                                 bool *admitted, stele_error *err);

/** Was the record at that offset, which has been applied, admitted? */
bool stele_catalog_was_admitted(const stele_catalog *catalog, int64_t offset);

/** The UUID of the registry; "" before the first record. */
const char *stele_catalog_genesis(const stele_catalog *catalog);

/** @return borrowed, or NULL */
stele_catalog_schema *stele_catalog_schema_of(const stele_catalog *catalog, int32_t id);

/** The schemas in order of their ids; a walk from index 0 until NULL. */
const stele_catalog_schema *stele_catalog_schema_at(const stele_catalog *catalog, size_t index);

/** The schema of an identity. @return borrowed, or NULL */
stele_catalog_schema *stele_catalog_identified(const stele_catalog *catalog,
                                               const uint8_t identity[32]);

/** @return borrowed, or NULL if nothing of it was ever admitted */
const stele_catalog_subject *stele_catalog_subject_of(const stele_catalog *catalog,
                                                      const char *name);

/** The subjects in order of their first record; a walk from index 0 until NULL. */
const stele_catalog_subject *stele_catalog_subject_at(const stele_catalog *catalog, size_t index);

/** The global settings, and the offset that changed them last (-1: none). */
const stele_catalog_settings *stele_catalog_global(const stele_catalog *catalog, int64_t *last);

/** What holds for a subject: its own setting, else the global one, else BACKWARD and READWRITE.
 * @param name  NULL: the global ones */
stele_compatibility stele_catalog_level(const stele_catalog *catalog, const char *name);
stele_registry_mode stele_catalog_mode(const stele_catalog *catalog, const char *name);

#endif
