/* SPDX-License-Identifier: MIT
 * The `kafka:` registry: opening it, and schemas by their ids. Writing is in kafka_write.c, looking
 * at subjects in kafka_read.c. */
#include "core/alloc.h"
#include "core/text.h"
#include "registry/kafka_inside.h"

enum { DEFAULT_TIMEOUT_MS = 5000, REFERENCE_DEPTH_MAX = 32 };

stele_deadline stele_kafka_deadline(const stele_kafka_registry *registry, int timeout_ms)
{
    return stele_deadline_after(stele_registry_clock(&registry->base),
                                timeout_ms < 0 ? registry->timeout_ms : timeout_ms);
}

stele_status stele_kafka_catch_up(stele_kafka_registry *registry, stele_deadline until,
                                  stele_error *err)
{
    return stele_follower_wait_answer(registry->follower, stele_follower_ask(registry->follower),
                                      until, err);
}

/* ---- schemas by id ---- */

static stele_status parse_id(stele_kafka_registry *registry, int32_t id, unsigned depth,
                             stele_schema **out, stele_error *err);

typedef struct parsed_links {
    stele_schema **schemas; /* NULL-terminated */
} parsed_links;

static void parsed_links_clear(parsed_links *links)
{
    for (size_t i = 0; links->schemas != NULL && links->schemas[i] != NULL; i++)
        stele_schema_free(links->schemas[i]);
    free(links->schemas);
}
STELE_VALUE_SCOPE(parsed_links, parsed_links_clear);

static stele_status parse_text(stele_kafka_registry *registry, stele_bytes text, const char *name,
                               const stele_registry_link *links, size_t count, unsigned depth,
                               stele_schema **out, stele_error *err)
{
    if (depth > REFERENCE_DEPTH_MAX) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                          "%s: more than %d schemas refer one to the next", name,
                          REFERENCE_DEPTH_MAX);
    }
    STELE_AUTO_VALUE(parsed_links) with = {stele_alloc_array(count + 1, sizeof *with.schemas)};
    for (size_t i = 0; i < count; i++) {
        stele_status status = parse_id(registry, links[i].id, depth + 1, &with.schemas[i], err);
        if (status < 0) return status;
    }
    stele_schema_options options = {.name = name,
                                    .with = (const stele_schema *const *)with.schemas};
    return stele_schema_parse(text, &options, out, err);
}

stele_status stele_kafka_parse_text(stele_kafka_registry *registry, stele_bytes text,
                                    const char *name, const stele_registry_link *links,
                                    size_t count, stele_schema **out, stele_error *err)
{
    return parse_text(registry, text, name, links, count, 1, out, err);
}

/* The catalog's schemas stay where they are and do not change, but for `parsed`: so the text is
 * parsed without the lock. */
static stele_status parse_id(stele_kafka_registry *registry, int32_t id, unsigned depth,
                             stele_schema **out, stele_error *err)
{
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    stele_catalog_schema *known = stele_catalog_schema_of(catalog, id);
    stele_schema *parsed =
        known == NULL || known->parsed == NULL ? NULL : stele_schema_retain(known->parsed);
    stele_follower_unlock(registry->follower);
    if (known == NULL) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_SCHEMA,
                                "the registry has no schema with id %d", (int)id);
    }
    if (parsed != NULL) {
        *out = parsed;
        return STELE_OK;
    }

    char name[48];
    snprintf(name, sizeof name, "schema %d of the registry", (int)id);
    stele_status status = parse_text(registry, stele_bytes_of(known->text, known->text_size), name,
                                     known->links, known->link_count, depth, &parsed, err);
    if (status < 0) return status;
    stele_follower_lock(registry->follower);
    if (known->parsed == NULL) known->parsed = stele_schema_retain(parsed);
    stele_follower_unlock(registry->follower);
    *out = parsed;
    return STELE_OK;
}

stele_status stele_kafka_parse_id(stele_kafka_registry *registry, int32_t id, stele_schema **out,
                                  stele_error *err)
{
    return parse_id(registry, id, 0, out, err);
}

/* Read to the end on behalf of an id that is not known; the lock is held.
 * @return STELE_OK: look again */
static stele_status look_for(stele_kafka_registry *registry, int32_t id, stele_deadline until,
                             stele_error *err)
{
    stele_absent_id *absent = &registry->absent[(uint32_t)id % STELE_ABSENT_COUNT];
    int64_t now = stele_clock_monotonic_ns(stele_registry_clock(&registry->base));
    bool is_old =
        absent->answered_ns != 0 && now - absent->answered_ns > (int64_t)STELE_ABSENT_MS * 1000000;
    bool is_free =
        absent->id != id && stele_follower_is_answered(registry->follower, absent->question);
    if (is_free || is_old)
        *absent = (stele_absent_id){id, stele_follower_ask(registry->follower), 0};

    int64_t question = absent->question; /* of another id in the same place: it ends soon */
    if (absent->id == id && stele_follower_is_answered(registry->follower, question)) {
        if (absent->answered_ns == 0) absent->answered_ns = now;
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_SCHEMA,
                                "the registry has no schema with id %d", (int)id);
    }
    return stele_follower_wait_answer(registry->follower, question, until, err);
}

static stele_status schema_of_id(stele_registry *self, int32_t id, int timeout_ms,
                                 stele_schema **out, stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_deadline until = stele_kafka_deadline(registry, timeout_ms);
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    stele_status status = stele_follower_check(registry->follower, err);
    while (status == STELE_OK && stele_catalog_schema_of(catalog, id) == NULL)
        status = look_for(registry, id, until, err);
    stele_follower_unlock(registry->follower);
    if (status < 0) return status;

    status = stele_kafka_parse_id(registry, id, out, err);
    if (status == STELE_E_INVALID && err != NULL) err->next = STELE_NEXT_STOP;
    return status;
}

/* ---- references and candidates ---- */

void stele_kafka_links_free(stele_registry_link *links, size_t count)
{
    for (size_t i = 0; links != NULL && i < count; i++) {
        free(links[i].name);
        free(links[i].subject);
    }
    free(links);
}

/* The number of a live version of a subject; -1 is the latest. 0: there is none. */
static int32_t live_version(const stele_catalog_subject *subject, int32_t version)
{
    if (subject == NULL || version == 0 || version < -1) return 0;
    for (size_t i = subject->count; i-- > 0;) {
        if (version > 0 && i != (size_t)version - 1) continue;
        if (subject->versions[i].state == STELE_VERSION_LIVE) return (int32_t)i + 1;
    }
    return 0;
}

stele_status stele_kafka_resolve(const stele_catalog *catalog, const stele_proposal *proposal,
                                 stele_registry_link **out, stele_error *err)
{
    if (proposal->reference_count > STELE_REGISTRY_REFERENCE_MAX) {
        return stele_fail_cause(err, STELE_E_LIMIT, STELE_NEXT_REJECT, STELE_API_BAD_SCHEMA,
                                "a schema has %zu references, the limit is %d",
                                proposal->reference_count, STELE_REGISTRY_REFERENCE_MAX);
    }
    size_t count = proposal->reference_count;
    stele_registry_link *links = stele_alloc_array(count, sizeof *links);
    for (size_t i = 0; i < count; i++) {
        const stele_registry_reference *reference = &proposal->references[i];
        const stele_catalog_subject *subject =
            stele_catalog_subject_of(catalog, reference->subject);
        int32_t version = live_version(subject, reference->version);
        if (version == 0) {
            stele_kafka_links_free(links, count);
            return stele_fail_cause(
                err, STELE_E_INVALID, STELE_NEXT_REJECT, STELE_API_BAD_SCHEMA,
                "reference \"%s\": subject %s has no version %d", reference->name,
                stele_quote(stele_text(reference->subject)).text, (int)reference->version);
        }
        links[i] =
            (stele_registry_link){stele_strdup(reference->name), stele_strdup(reference->subject),
                                  version, subject->versions[version - 1].id};
    }
    *out = links;
    return STELE_OK;
}

void stele_candidate_clear(stele_candidate *candidate)
{
    stele_kafka_links_free(candidate->links, candidate->link_count);
    stele_schema_free(candidate->schema);
    *candidate = (stele_candidate){0};
}

stele_status stele_candidate_init(stele_kafka_registry *registry, const stele_proposal *proposal,
                                  stele_candidate *out, stele_error *err)
{
    STELE_AUTO_VALUE(stele_candidate) candidate = {0};
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    stele_status status = stele_kafka_resolve(catalog, proposal, &candidate.links, err);
    stele_follower_unlock(registry->follower);
    if (status < 0) return status;
    candidate.link_count = proposal->reference_count;

    status = stele_kafka_parse_text(registry, proposal->text, proposal->subject, candidate.links,
                                    candidate.link_count, &candidate.schema, err);
    if (status == STELE_OK) {
        status = stele_registry_identity(proposal->text, candidate.links, candidate.link_count,
                                         candidate.identity, err);
    }
    if (status < 0) {
        if (status == STELE_E_INVALID && err != NULL) err->cause = STELE_API_BAD_SCHEMA;
        return status;
    }
    *out = candidate;
    candidate = (stele_candidate){0};
    return STELE_OK;
}

stele_status stele_candidate_check(stele_kafka_registry *registry, const stele_candidate *candidate,
                                   const int32_t *ids, size_t count, stele_compatibility level,
                                   stele_finding_each *each, void *context, size_t *findings,
                                   stele_error *err)
{
    STELE_AUTO_VALUE(parsed_links) old = {stele_alloc_array(count + 1, sizeof *old.schemas)};
    for (size_t i = 0; i < count; i++) {
        stele_status status = stele_kafka_parse_id(registry, ids[i], &old.schemas[i], err);
        if (status < 0) return status;
    }
    *findings = stele_schema_check(candidate->schema, (const stele_schema *const *)old.schemas,
                                   count, level, each, context);
    return STELE_OK;
}

/* ---- is it the same? ---- */

static stele_status check_registry(stele_registry *self, stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_follower_rely(registry->follower);
    if (!stele_follower_is_doubtful(registry->follower)) return STELE_OK;
    stele_follower_lock(registry->follower);
    stele_status status = stele_follower_check(registry->follower, err);
    stele_follower_unlock(registry->follower);
    return status;
}

static stele_status confirm_registry(stele_registry *self, int timeout_ms, stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_deadline until = stele_kafka_deadline(registry, timeout_ms);
    stele_follower_lock(registry->follower);
    stele_status status = stele_kafka_catch_up(registry, until, err);
    stele_follower_unlock(registry->follower);
    return status;
}

/* ---- opening and closing ---- */

static void tell(void *registry)
{
    stele_registry_tell(registry);
}

void stele_kafka_registry_interrupt(stele_registry *self)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_appender_interrupt(registry->appender);
    stele_follower_interrupt(registry->follower);
    stele_monitor_lock(&registry->monitor);
    registry->is_interrupted = true;
    stele_monitor_wake(&registry->monitor);
    stele_monitor_unlock(&registry->monitor);
}

static void close_registry(stele_registry *self)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_follower_free(registry->follower);
    stele_appender_free(registry->appender);
    stele_monitor_clear(&registry->monitor);
    free(registry);
}

stele_status stele_kafka_registry_open(const stele_registry_options *options, stele_registry **out,
                                       stele_error *err)
{
    static const stele_registry_ops ops = {.close = close_registry,
                                           .schema = schema_of_id,
                                           .register_schema = stele_kafka_register,
                                           .genesis = stele_kafka_genesis,
                                           .check = check_registry,
                                           .confirm = confirm_registry,
                                           .subjects = stele_kafka_list_subjects,
                                           .versions = stele_kafka_list_versions,
                                           .version = stele_kafka_find_version,
                                           .level = stele_kafka_find_level,
                                           .set_level = stele_kafka_registry_set_level};
    if (strcmp(options->url, "kafka:") != 0) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "registry %s: nothing may follow kafka:, it is the cluster of [kafka]",
                          stele_quote(stele_text(options->url)).text);
    }
    if (options->log == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "registry kafka: needs a log to live in");
    }
    stele_kafka_registry *registry = stele_alloc(sizeof *registry);
    registry->base.ops = &ops;
    registry->base.runtime = stele_registry_options_runtime(options);
    registry->timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : options->timeout_ms;
    registry->log = options->log;
    registry->follower = stele_follower_new(options->log, tell, registry);
    registry->appender = stele_appender_new(options->log, options->replication);
    stele_monitor_init(&registry->monitor, registry->base.runtime);
    *out = &registry->base;
    return STELE_OK;
}
