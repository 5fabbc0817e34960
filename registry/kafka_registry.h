/* SPDX-License-Identifier: MIT
 * The `kafka:` registry beyond the port: what the Confluent REST API asks for. The error code of
 * that API, where it has one, is in the error's `cause`. The writer checks, the reader
 * only compares; docs/registry-format.md has the records. Thread-safe.
 *
 * Looking answers from what has been read, which is milliseconds behind; only "it does not exist"
 * is said after the topic has been read to its end. Every call also returns what
 * stele_registry_schema does when the registry is away. */
#ifndef STELE_REGISTRY_KAFKA_REGISTRY_H
#define STELE_REGISTRY_KAFKA_REGISTRY_H

#include "registry/catalog.h"
#include "registry/registry.h"

/** Codes of the Confluent Schema Registry's API. */
enum {
    STELE_API_NO_SUBJECT = 40401,
    STELE_API_NO_VERSION = 40402,
    STELE_API_NO_SCHEMA = 40403,
    STELE_API_SUBJECT_DELETED = 40404,
    STELE_API_SUBJECT_NOT_DELETED = 40405,
    STELE_API_VERSION_DELETED = 40406,
    STELE_API_VERSION_NOT_DELETED = 40407,
    STELE_API_NO_LEVEL = 40408,
    STELE_API_NO_MODE = 40409,
    STELE_API_INCOMPATIBLE = 409,
    STELE_API_BAD_SCHEMA = 42201,
    STELE_API_BAD_VERSION = 42202,
    STELE_API_READ_ONLY = 42205,
    STELE_API_REFERENCED = 42206
};

/**
 * Let all calls that wait return soon, with STELE_E_INTERRUPTED, and every later one that would
 * have to wait. Any thread. Only closing is left then.
 */
void stele_kafka_registry_interrupt(stele_registry *registry);

/** A registered schema. Texts and references are borrowed and valid until the registry closes. */
typedef struct stele_registered {
    const char *subject; /* NULL where it was asked by id */
    int32_t version;     /* 0 where it was asked by id */
    int32_t id;
    bool is_deleted;
    stele_bytes text; /* as it was given when the id came to be */
    const stele_registry_link *references;
    size_t reference_count;
} stele_registered;

/** A schema as a client sends it. Borrowed for the call. Version -1 of a reference is the latest.
 */
typedef struct stele_proposal {
    const char *subject;
    stele_bytes text;
    const stele_registry_reference *references;
    size_t reference_count;
} stele_proposal;

/** What a list shows of what has been deleted softly. A subject is deleted if all its versions are.
 */
typedef enum stele_registry_filter {
    STELE_REGISTRY_LIVE = 0,
    STELE_REGISTRY_ALL,         /* deleted=true */
    STELE_REGISTRY_DELETED_ONLY /* deletedOnly=true */
} stele_registry_filter;

/**
 * Begin a registry: make its topic, and give it a name.
 *
 * @param despite_events  also where events or snapshots hold ids of another one, which no one
 *                        can read from then on
 * @return STELE_E_EXISTS   there is one (next = STOP)
 *         STELE_E_INVALID  as said; without `despite_events` (next = STOP)
 */
stele_status stele_kafka_registry_create(stele_registry *registry, bool despite_events,
                                         int timeout_ms, char genesis[37], stele_error *err);

/** Names of subjects, in order of their first registration. @param out NULL-terminated; one free()
 */
stele_status stele_kafka_registry_subjects(stele_registry *registry, stele_registry_filter filter,
                                           int timeout_ms, const char ***out, stele_error *err);

/** Versions of a subject, ascending. @param out caller owns; free() */
stele_status stele_kafka_registry_versions(stele_registry *registry, const char *subject,
                                           stele_registry_filter filter, int timeout_ms,
                                           int32_t **out, size_t *count, stele_error *err);

/** One version. @param version  0: the latest */
stele_status stele_kafka_registry_version(stele_registry *registry, const char *subject,
                                          int32_t version, bool with_deleted, int timeout_ms,
                                          stele_registered *out, stele_error *err);

/** The schema of an id, deleted or not. */
stele_status stele_kafka_registry_by_id(stele_registry *registry, int32_t id, int timeout_ms,
                                        stele_registered *out, stele_error *err);

/** Where an id is in use. @param out caller owns; free() */
stele_status stele_kafka_registry_uses(stele_registry *registry, int32_t id, bool with_deleted,
                                       int timeout_ms, stele_registered **out, size_t *count,
                                       stele_error *err);

/** Ids of the schemas that refer to a version and are in use. @param out caller owns; free() */
stele_status stele_kafka_registry_referrers(stele_registry *registry, const char *subject,
                                            int32_t version, int timeout_ms, int32_t **out,
                                            size_t *count, stele_error *err);

/** Is this schema registered under its subject? */
stele_status stele_kafka_registry_find(stele_registry *registry, const stele_proposal *proposal,
                                       bool with_deleted, int timeout_ms, stele_registered *out,
                                       stele_error *err);

/**
 * Would it be compatible, by the subject's level?
 *
 * @param version   with one version only; 0: with those that the level looks at
 * @param each      called for each finding, in this thread; NULL to count only
 * @param findings  how many; 0 is compatible
 */
stele_status stele_kafka_registry_check(stele_registry *registry, const stele_proposal *proposal,
                                        int32_t version, int timeout_ms, stele_finding_each *each,
                                        void *context, size_t *findings, stele_error *err);

/** What is set for a subject (NULL: for all). @param effective  also what holds without being set
 */
stele_status stele_kafka_registry_level(stele_registry *registry, const char *subject,
                                        bool effective, int timeout_ms, stele_compatibility *out,
                                        stele_error *err);
stele_status stele_kafka_registry_mode(stele_registry *registry, const char *subject,
                                       bool effective, int timeout_ms, stele_registry_mode *out,
                                       stele_error *err);

/** Set it, or with NULL go back to what holds without. */
stele_status stele_kafka_registry_set_level(stele_registry *registry, const char *subject,
                                            const stele_compatibility *level, int timeout_ms,
                                            stele_error *err);
stele_status stele_kafka_registry_set_mode(stele_registry *registry, const char *subject,
                                           const stele_registry_mode *mode, int timeout_ms,
                                           stele_error *err);

/**
 * Delete a version, or a subject. First softly; then, with `permanent`, for good. The id stays, and
 * so does what was written with it. What another schema refers to cannot be deleted.
 *
 * @param version  0: the whole subject, its settings included
 * @param out      the versions that were deleted; caller owns; free()
 */
stele_status stele_kafka_registry_delete(stele_registry *registry, const char *subject,
                                         int32_t version, bool permanent, int timeout_ms,
                                         int32_t **out, size_t *count, stele_error *err);

#endif
