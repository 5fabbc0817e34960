/* SPDX-License-Identifier: MIT
 * The schema registry port: schema ids to schemas and back. Implementations: `kafka:` (topic
 * _stele.schemas), `http(s)://…` (the Confluent API), `dir:PATH` (read-only files). One contract
 * suite.
 *
 * Thread-safe. A request runs in the registry's own thread, one in flight per id, so a caller may
 * ask with time-out 0 and come back: a worker's loop never blocks on a registry that is away. */
#ifndef STELE_REGISTRY_REGISTRY_H
#define STELE_REGISTRY_REGISTRY_H

#include <stele/schema.h>

#include "core/scope.h"
#include "kafka/log.h"

typedef struct stele_registry stele_registry;

/** A schema that another one refers to by name (Confluent API, "references"). Borrowed views. */
typedef struct stele_registry_reference {
    const char *name; /* full name as the referring schema has it */
    const char *subject;
    int32_t version;
} stele_registry_reference;

/**
 * Open the registry that `url` names.
 *
 * @param url  "kafka:", "http://…", "https://…" or "dir:PATH"
 * @param log  where `kafka:` lives; borrowed, must outlive the registry; may be NULL for the others
 * @param out  caller owns; release with stele_registry_close
 * @return STELE_E_INVALID  no such kind of registry; the text lists them
 */
typedef struct stele_registry_options {
    const char *url; /* NULL: "kafka:" */
    stele_log *log;
    int timeout_ms;   /* of one request; 0: 5,000 */
    int replication;  /* of _stele.schemas when it has to be made; 0: that of the topics of events,
                         or, before there are any, the broker's default */
    const char *user; /* http: basic auth; NULL: none */
    const char *password;
    const char *token;            /* http: bearer token; NULL: none */
    const char *ca_file;          /* https: own CA in PEM; NULL: the system's */
    const char *certificate_file; /* https: mutual TLS; NULL: none */
    const char *key_file;
} stele_registry_options;

stele_status stele_registry_open(const stele_registry_options *options, stele_registry **out,
                                 stele_error *err);
void stele_registry_close(stele_registry *registry);

/** The runtime that it waits in: its log's, or the operating system's if it has none. */
stele_runtime stele_registry_runtime(const stele_registry *registry);

/** Its clocks. */
static inline stele_clock stele_registry_clock(const stele_registry *registry)
{
    return stele_runtime_clock(stele_registry_runtime(registry));
}
STELE_SCOPE(stele_registry, stele_registry_close);

/**
 * The schema of an id, parsed, its references resolved.
 *
 * @param timeout_ms  0: start the request if none is in flight, and do not wait
 * @param out  caller owns one reference; release with stele_schema_free
 * @return STELE_E_NOT_FOUND    the registry answered: there is none (kept for a short while) (next
 * = RETRY: it may be registered yet) STELE_E_TIMED_OUT    no answer yet (next = RETRY)
 *         STELE_E_UNAVAILABLE  the registry is away; the text says why (next = RETRY)
 *         STELE_E_INVALID      the registry's answer is not a schema (next = STOP)
 */
stele_status stele_registry_schema(stele_registry *registry, int32_t id, int timeout_ms,
                                   stele_schema **out, stele_error *err);

/** Whoever waits for schemas beside a loop of its own. */
typedef struct stele_registry_listener {
    /** A schema may be there that was not. From any thread; calls nothing of the registry. */
    void (*news)(void *context);
    void *context;
    struct stele_registry_listener *next; /* the registry's */
} stele_registry_listener;

/** Be told from now on. @param listener  borrowed, until it is taken away again */
void stele_registry_listen(stele_registry *registry, stele_registry_listener *listener);

/** No call is under way, and none comes, when it returns. */
void stele_registry_unlisten(stele_registry *registry, stele_registry_listener *listener);

/**
 * Register a schema under a subject, or find it there.
 *
 * @param references  of the schema's text; `count` of them
 * @return STELE_E_INCOMPATIBLE  refused by the subject's compatibility level; the text has the
 * first finding STELE_E_INVALID       not a valid schema STELE_E_UNAVAILABLE, STELE_E_TIMED_OUT
 * (next = RETRY)
 */
stele_status stele_registry_register(stele_registry *registry, const char *subject,
                                     stele_bytes text, const stele_registry_reference *references,
                                     size_t count, int timeout_ms, int32_t *id, stele_error *err);

/**
 * The genesis of the registry: a UUID as text that every checkpoint repeats, so that another
 * registry behind the same topics is noticed. "" where the kind of registry has none.
 */
stele_status stele_registry_genesis(stele_registry *registry, int timeout_ms, char out[37],
                                    stele_error *err);

/**
 * May ids that were found out before still be used? Looks at what is known already: no question, no
 * wait, cheap enough for every batch.
 *
 * @return STELE_E_INVALID      the registry is another one than before (next = STOP)
 *         STELE_E_UNAVAILABLE  it is gone, or not known yet to be the same (next = RETRY)
 */
stele_status stele_registry_check(stele_registry *registry, stele_error *err);

/** The same, asked of the registry after the call began: before what rests on ids is committed.
 * Where the kind of registry has no genesis there is nothing to ask. */
stele_status stele_registry_confirm(stele_registry *registry, int timeout_ms, stele_error *err);

/** A registered schema; registry/entry.h has its inside. */
typedef struct stele_registry_entry stele_registry_entry;

/*
 * For people who look: what is registered, deleted versions apart. In a folder, a subject is the
 * NAME of files ID-NAME.avsc, and its versions are counted by id. Each may also return what
 * stele_registry_schema does; STELE_E_NOT_FOUND: no such subject or version.
 */

/** @param out  NULL-terminated; caller owns, released with one free() */
stele_status stele_registry_subjects(stele_registry *registry, int timeout_ms, char ***out,
                                     stele_error *err);

/** Versions of a subject, ascending. @param out caller owns; free() */
stele_status stele_registry_versions(stele_registry *registry, const char *subject, int timeout_ms,
                                     int32_t **out, size_t *count, stele_error *err);

/** One version. @param version 0: the latest. @param out cleared by the caller */
stele_status stele_registry_version(stele_registry *registry, const char *subject, int32_t version,
                                    int timeout_ms, stele_registry_entry *out, stele_error *err);

/*
 * Compatibility levels: what a new version of a subject is checked for. A folder has none
 * (STELE_E_INVALID, next = STOP).
 */

/**
 * The level that holds for a subject.
 *
 * @param subject  NULL: the default, for subjects without a level of their own
 * @param is_own   is it set for the subject itself? NULL if that does not matter
 */
stele_status stele_registry_level(stele_registry *registry, const char *subject, int timeout_ms,
                                  stele_compatibility *out, bool *is_own, stele_error *err);

/** Set the level of a subject, or with NULL the default. @param level NULL: none of its own */
stele_status stele_registry_set_level(stele_registry *registry, const char *subject,
                                      const stele_compatibility *level, int timeout_ms,
                                      stele_error *err);

/** Subject of an event type by TopicRecordNameStrategy: "<topic>-<record name>". Caller frees. */
char *stele_registry_subject(const char *topic, const char *record_name);

#endif
