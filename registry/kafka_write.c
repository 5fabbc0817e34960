/* SPDX-License-Identifier: MIT
 * How the `kafka:` registry is written to: read to the end, decide, append with the offset that the
 * decision rests on, and see whether the record was admitted; if not, begin again. */
#include "core/alloc.h"
#include "core/message.h"
#include "core/names.h"
#include "core/text.h"
#include "core/uuid.h"
#include "registry/kafka_inside.h"

/* Decides what to write, from the catalog as it is now. The lock is not held.
 * @param record  filled, unless *done: nothing is to be written */
typedef stele_status decide(stele_kafka_registry *registry, void *request,
                            stele_registry_record *record, bool *done, stele_error *err);

static stele_status begin_writing(stele_kafka_registry *registry, stele_deadline until,
                                  stele_error *err)
{
    stele_status status = STELE_OK;
    stele_monitor_lock(&registry->monitor);
    while (registry->writing && status == STELE_OK && !registry->is_interrupted) {
        if (stele_monitor_wait(&registry->monitor, until)) continue;
        status = stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                            "another thread is still writing to the registry");
    }
    if (status == STELE_OK && registry->is_interrupted) {
        status =
            stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "the registry is being closed");
    }
    if (status == STELE_OK) registry->writing = true;
    stele_monitor_unlock(&registry->monitor);
    return status;
}

static void end_writing(stele_kafka_registry *registry)
{
    stele_monitor_lock(&registry->monitor);
    registry->writing = false;
    stele_monitor_wake(&registry->monitor);
    stele_monitor_unlock(&registry->monitor);
}

static stele_status read_to_end(stele_kafka_registry *registry, stele_deadline until,
                                stele_error *err)
{
    stele_follower_lock(registry->follower);
    stele_status status = stele_kafka_catch_up(registry, until, err);
    stele_follower_unlock(registry->follower);
    return status;
}

/* Append a record and read it back. @param admitted  is it what readers admit? */
static stele_status append_record(stele_kafka_registry *registry,
                                  const stele_registry_record *record, stele_deadline until,
                                  bool *admitted, stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) json = {0};
    int64_t offset;
    stele_status status = stele_appender_prepare(registry->appender, until, err);
    if (status < 0) return status;
    stele_registry_record_write(record, &json);
    if (json.size > STELE_REGISTRY_RECORD_MAX) {
        return stele_fail_cause(err, STELE_E_LIMIT, STELE_NEXT_REJECT, STELE_API_BAD_SCHEMA,
                                "subject %s: its record is %zu bytes, the limit is %d",
                                record->subject, json.size, STELE_REGISTRY_RECORD_MAX);
    }
    status = stele_appender_append(registry->appender, record->subject, stele_buffer_view(&json),
                                   until, &offset, err);
    if (status < 0) return status;

    stele_catalog *catalog = stele_follower_lock(registry->follower);
    status = stele_follower_wait_offset(registry->follower, offset, until, err);
    if (status == STELE_OK) *admitted = stele_catalog_was_admitted(catalog, offset);
    stele_follower_unlock(registry->follower);
    return status;
}

static bool has_genesis(stele_kafka_registry *registry)
{
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    bool has = stele_catalog_genesis(catalog)[0] != '\0';
    stele_follower_unlock(registry->follower);
    return has;
}

/* The first record; whoever is first gives the registry its name. */
static stele_status write_genesis(stele_kafka_registry *registry, stele_deadline until,
                                  stele_error *err)
{
    bool admitted;
    stele_log *log = registry->log;
    stele_status status =
        registry->despite_events ? STELE_OK : stele_kafka_may_begin(log, until, err);
    if (status < 0) return status;
    stele_uuid_source source;
    stele_uuid_source_init(&source, registry->base.runtime);
    stele_uuid uuid = stele_uuid_source_next(&source);
    stele_registry_record record = {.kind = STELE_REGISTRY_GENESIS};
    stele_uuid_format(&uuid, record.genesis);
    return append_record(registry, &record, until, &admitted, err);
}

static stele_status write_decided(stele_kafka_registry *registry, decide *decision, void *request,
                                  stele_deadline until, stele_error *err)
{
    for (;;) {
        STELE_AUTO_VALUE(stele_registry_record) record = {0};
        bool admitted = false;
        bool done = false;
        stele_status status = read_to_end(registry, until, err);
        if (status < 0) return status;
        if (!has_genesis(registry)) {
            if ((status = write_genesis(registry, until, err)) < 0) return status;
            continue;
        }
        status = decision(registry, request, &record, &done, err);
        if (status < 0 || done) return status;
        if ((status = append_record(registry, &record, until, &admitted, err)) < 0) return status;
        if (admitted && record.kind != STELE_REGISTRY_SCHEMA) return STELE_OK;
        /* A schema is looked up once more: so its id is given out by one piece of code. */
        if (!admitted && stele_deadline_passed(until)) {
            return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                              "other writers to subject %s were faster every time",
                              record.subject == NULL ? "(global)" : record.subject);
        }
    }
}

static stele_status write_change(stele_registry *self, decide *decision, void *request,
                                 int timeout_ms, stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_deadline until = stele_kafka_deadline(registry, timeout_ms);
    stele_status status = begin_writing(registry, until, err);
    if (status < 0) return status;
    status = write_decided(registry, decision, request, until, err);
    end_writing(registry);
    return status;
}

/* ---- genesis ---- */

static stele_status decide_genesis(stele_kafka_registry *registry, void *request,
                                   stele_registry_record *record, bool *done, stele_error *err)
{
    (void)registry, (void)request, (void)record, (void)err;
    *done = true; /* write_decided has written it */
    return STELE_OK;
}

stele_status stele_kafka_registry_create(stele_registry *self, bool despite_events, int timeout_ms,
                                         char genesis[37], stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_status status = stele_registry_confirm(self, timeout_ms, err);
    if (status < 0) return status;
    if (has_genesis(registry))
        return stele_fail(err, STELE_E_EXISTS, STELE_NEXT_STOP, "the registry %s exists already",
                          STELE_REGISTRY_TOPIC);
    registry->despite_events = despite_events;
    status = stele_kafka_genesis(self, timeout_ms, genesis, err);
    registry->despite_events = false;
    return status;
}

stele_status stele_kafka_genesis(stele_registry *self, int timeout_ms, char out[37],
                                 stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    if (!has_genesis(registry)) {
        stele_status status = write_change(self, decide_genesis, NULL, timeout_ms, err);
        if (status < 0) return status;
    }
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    memcpy(out, stele_catalog_genesis(catalog), 37);
    stele_follower_unlock(registry->follower);
    return STELE_OK;
}

/* ---- schemas ---- */

typedef struct registration {
    stele_proposal proposal;
    int32_t id;
} registration;

/* What the check of a new version rests on. */
typedef struct versions_seen {
    int64_t last;
    int32_t *ids; /* live, oldest first */
    size_t count;
    stele_compatibility level;
    stele_registry_mode mode;
} versions_seen;

static void versions_seen_clear(versions_seen *seen)
{
    free(seen->ids);
}
STELE_VALUE_SCOPE(versions_seen, versions_seen_clear);

static versions_seen see_versions(const stele_catalog *catalog, const char *name)
{
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, name);
    versions_seen seen = {.last = subject == NULL ? -1 : subject->last,
                          .level = stele_catalog_level(catalog, name),
                          .mode = stele_catalog_mode(catalog, name)};
    size_t count = subject == NULL ? 0 : subject->count;
    seen.ids = stele_alloc_array(count, sizeof *seen.ids);
    for (size_t i = 0; i < count; i++) {
        if (subject->versions[i].state == STELE_VERSION_LIVE)
            seen.ids[seen.count++] = subject->versions[i].id;
    }
    return seen;
}

typedef struct first_finding {
    bool has;
    char text[STELE_ERROR_TEXT_MAX + 1];
} first_finding;

static void keep_first(void *context, const stele_finding *finding)
{
    first_finding *first = context;
    if (first->has) return;
    first->has = true;
    stele_message_format(first->text, sizeof first->text, "%s%s%s", finding->path,
                         finding->path[0] == '\0' ? "" : ": ", finding->text);
}

static stele_status check_candidate(stele_kafka_registry *registry, const char *subject,
                                    const stele_candidate *candidate, const versions_seen *seen,
                                    stele_error *err)
{
    first_finding first = {0};
    size_t findings;
    stele_status status = stele_candidate_check(registry, candidate, seen->ids, seen->count,
                                                seen->level, keep_first, &first, &findings, err);
    if (status < 0 || findings == 0) return status;
    return stele_fail_cause(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP, STELE_API_INCOMPATIBLE,
                            "subject %s (level %s; `stele schema level` sets another): %s", subject,
                            stele_compatibility_name(seen->level), first.text);
}

static stele_status read_only(const char *subject, stele_error *err)
{
    return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_REJECT, STELE_API_READ_ONLY,
                            "subject %s is in mode READONLY", subject);
}

static stele_status decide_schema(stele_kafka_registry *registry, void *request,
                                  stele_registry_record *record, bool *done, stele_error *err)
{
    registration *wanted = request;
    const char *subject = wanted->proposal.subject;
    STELE_AUTO_VALUE(stele_candidate) candidate = {0};
    stele_status status = stele_candidate_init(registry, &wanted->proposal, &candidate, err);
    if (status < 0) return status;

    stele_catalog *catalog = stele_follower_lock(registry->follower);
    STELE_AUTO_VALUE(versions_seen) seen = see_versions(catalog, subject);
    if (stele_kafka_version_identified(catalog, subject, candidate.identity, STELE_VERSION_LIVE)) {
        wanted->id = stele_catalog_identified(catalog, candidate.identity)->id;
        *done = true;
    }
    stele_follower_unlock(registry->follower);
    if (*done) return STELE_OK;
    if (seen.mode == STELE_MODE_READONLY) return read_only(subject, err);
    if ((status = check_candidate(registry, subject, &candidate, &seen, err)) < 0) return status;

    *record = (stele_registry_record){
        .kind = STELE_REGISTRY_SCHEMA,
        .after = seen.last,
        .subject = stele_strdup(subject),
        .text = stele_strndup((const char *)wanted->proposal.text.data, wanted->proposal.text.size),
        .text_size = wanted->proposal.text.size,
        .links = candidate.links,
        .link_count = candidate.link_count};
    candidate.links = NULL;
    candidate.link_count = 0;
    return STELE_OK;
}

static stele_status check_subject(const char *subject, stele_error *err)
{
    size_t size = strlen(subject);
    bool is_fine =
        size > 0 && size <= STELE_REGISTRY_SUBJECT_MAX && stele_utf8_is_valid(stele_text(subject));
    for (size_t i = 0; i < size; i++)
        is_fine = is_fine && (unsigned char)subject[i] >= ' ';
    if (is_fine) return STELE_OK;
    return stele_fail_cause(
        err, STELE_E_INVALID, STELE_NEXT_REJECT, STELE_API_BAD_SCHEMA,
        "the subject %s is not 1 to %d bytes of UTF-8 without control characters",
        stele_quote(stele_text(subject)).text, STELE_REGISTRY_SUBJECT_MAX);
}

/* Registered already, as far as has been read? An id never changes, so that is enough. */
static bool is_registered(stele_kafka_registry *registry, const stele_proposal *proposal,
                          int32_t *id)
{
    stele_registry_link *links = NULL;
    uint8_t identity[32];
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    bool found =
        !stele_follower_is_doubtful(registry->follower) &&
        stele_kafka_resolve(catalog, proposal, &links, NULL) == STELE_OK &&
        stele_registry_identity(proposal->text, links, proposal->reference_count, identity, NULL) ==
            STELE_OK &&
        stele_kafka_version_identified(catalog, proposal->subject, identity, STELE_VERSION_LIVE);
    if (found) *id = stele_catalog_identified(catalog, identity)->id;
    stele_follower_unlock(registry->follower);
    stele_kafka_links_free(links, proposal->reference_count);
    return found;
}

stele_status stele_kafka_register(stele_registry *self, const char *subject, stele_bytes text,
                                  const stele_registry_reference *references, size_t count,
                                  int timeout_ms, int32_t *id, stele_error *err)
{
    registration wanted = {.proposal = {subject, text, references, count}};
    stele_status status = check_subject(subject, err);
    if (status < 0) return status;
    if (text.size > STELE_REGISTRY_RECORD_MAX) {
        return stele_fail_cause(err, STELE_E_LIMIT, STELE_NEXT_REJECT, STELE_API_BAD_SCHEMA,
                                "the schema is %zu bytes, the limit is %d", text.size,
                                STELE_REGISTRY_RECORD_MAX);
    }
    if (!is_registered((stele_kafka_registry *)self, &wanted.proposal, &wanted.id)) {
        status = write_change(self, decide_schema, &wanted, timeout_ms, err);
        if (status < 0) return status;
    }
    *id = wanted.id;
    return STELE_OK;
}

/* ---- settings ---- */

typedef struct setting {
    stele_registry_kind kind;
    const char *subject;
    const stele_compatibility *level;
    const stele_registry_mode *mode;
} setting;

static int64_t last_of(const stele_catalog *catalog, const char *name)
{
    int64_t last = -1;
    if (name == NULL) {
        stele_catalog_global(catalog, &last);
        return last;
    }
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, name);
    return subject == NULL ? -1 : subject->last;
}

static stele_status decide_setting(stele_kafka_registry *registry, void *request,
                                   stele_registry_record *record, bool *done, stele_error *err)
{
    (void)done, (void)err;
    const setting *wanted = request;
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    *record = (stele_registry_record){.kind = wanted->kind,
                                      .after = last_of(catalog, wanted->subject),
                                      .subject = stele_strdup(wanted->subject),
                                      .is_set = wanted->level != NULL || wanted->mode != NULL,
                                      .level = wanted->level == NULL ? 0 : *wanted->level,
                                      .mode = wanted->mode == NULL ? 0 : *wanted->mode};
    stele_follower_unlock(registry->follower);
    return STELE_OK;
}

static stele_status write_setting(stele_registry *registry, setting *wanted, int timeout_ms,
                                  stele_error *err)
{
    stele_status status = wanted->subject == NULL ? STELE_OK : check_subject(wanted->subject, err);
    if (status < 0) return status;
    return write_change(registry, decide_setting, wanted, timeout_ms, err);
}

stele_status stele_kafka_registry_set_level(stele_registry *registry, const char *subject,
                                            const stele_compatibility *level, int timeout_ms,
                                            stele_error *err)
{
    setting wanted = {.kind = STELE_REGISTRY_CONFIG, .subject = subject, .level = level};
    return write_setting(registry, &wanted, timeout_ms, err);
}

stele_status stele_kafka_registry_set_mode(stele_registry *registry, const char *subject,
                                           const stele_registry_mode *mode, int timeout_ms,
                                           stele_error *err)
{
    setting wanted = {.kind = STELE_REGISTRY_MODE, .subject = subject, .mode = mode};
    return write_setting(registry, &wanted, timeout_ms, err);
}

/* ---- deleting ---- */

typedef struct deletion {
    const char *subject;
    int32_t version;
    bool permanent;
    int32_t *deleted;
    size_t count;
} deletion;

static stele_status no_version(const deletion *wanted, int code, const char *why, stele_error *err)
{
    if (wanted->version == 0) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_REJECT, code, "subject %s %s",
                                wanted->subject, why);
    }
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_REJECT, code,
                            "subject %s: version %d %s", wanted->subject, (int)wanted->version,
                            why);
}

/* May this one version be deleted? */
static stele_status may_delete(const stele_catalog *catalog, const deletion *wanted,
                               const stele_catalog_subject *subject, size_t index, stele_error *err)
{
    stele_version_state state = subject->versions[index].state;
    bool whole = wanted->version == 0;
    if (wanted->permanent && state == STELE_VERSION_LIVE) {
        return no_version(wanted,
                          whole ? STELE_API_SUBJECT_NOT_DELETED : STELE_API_VERSION_NOT_DELETED,
                          "must be deleted softly first", err);
    }
    if (!wanted->permanent && state == STELE_VERSION_DELETED) {
        return no_version(wanted, whole ? STELE_API_SUBJECT_DELETED : STELE_API_VERSION_DELETED,
                          "is deleted softly already; delete it with permanent=true", err);
    }
    int32_t referrer;
    if (stele_kafka_referrers(catalog, subject->name, (int32_t)index + 1, &referrer, 1) == 0)
        return STELE_OK;
    return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_REJECT, STELE_API_REFERENCED,
                            "subject %s: version %zu is referred to by schema %d", subject->name,
                            index + 1, (int)referrer);
}

static stele_status choose_versions(const stele_catalog *catalog, deletion *wanted,
                                    stele_error *err)
{
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, wanted->subject);
    size_t gone = 0;
    size_t deleted = 0;
    if (subject == NULL) return no_version(wanted, STELE_API_NO_SUBJECT, "does not exist", err);
    free(wanted->deleted);
    wanted->deleted = stele_alloc_array(subject->count, sizeof *wanted->deleted);
    wanted->count = 0;
    for (size_t i = 0; i < subject->count; i++) {
        stele_version_state state = subject->versions[i].state;
        gone += state == STELE_VERSION_GONE;
        deleted += state == STELE_VERSION_DELETED;
        if (state == STELE_VERSION_GONE) continue;
        if (wanted->version > 0 && i != (size_t)wanted->version - 1) continue;
        /* Deleting a subject softly deletes the versions that are left. */
        if (wanted->version == 0 && !wanted->permanent && state == STELE_VERSION_DELETED) continue;
        stele_status status = may_delete(catalog, wanted, subject, i, err);
        if (status < 0) return status;
        wanted->deleted[wanted->count++] = (int32_t)i + 1;
    }
    if (wanted->count > 0) return STELE_OK;
    if (gone == subject->count)
        return no_version(wanted, STELE_API_NO_SUBJECT, "does not exist", err);
    if (wanted->version == 0 && deleted > 0) {
        return no_version(wanted, STELE_API_SUBJECT_DELETED,
                          "is deleted softly already; delete it with permanent=true", err);
    }
    return no_version(wanted, STELE_API_NO_VERSION, "does not exist", err);
}

static stele_status decide_deletion(stele_kafka_registry *registry, void *request,
                                    stele_registry_record *record, bool *done, stele_error *err)
{
    (void)done;
    deletion *wanted = request;
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    stele_status status = choose_versions(catalog, wanted, err);
    if (status == STELE_OK && stele_catalog_mode(catalog, wanted->subject) == STELE_MODE_READONLY)
        status = read_only(wanted->subject, err);
    if (status == STELE_OK) {
        *record = (stele_registry_record){.kind = STELE_REGISTRY_DELETE,
                                          .after = last_of(catalog, wanted->subject),
                                          .subject = stele_strdup(wanted->subject),
                                          .version = wanted->version,
                                          .permanent = wanted->permanent};
    }
    stele_follower_unlock(registry->follower);
    return status;
}

stele_status stele_kafka_registry_delete(stele_registry *registry, const char *subject,
                                         int32_t version, bool permanent, int timeout_ms,
                                         int32_t **out, size_t *count, stele_error *err)
{
    deletion wanted = {.subject = subject, .version = version, .permanent = permanent};
    stele_status status = write_change(registry, decide_deletion, &wanted, timeout_ms, err);
    if (status < 0) {
        free(wanted.deleted);
        return status;
    }
    *out = wanted.deleted;
    *count = wanted.count;
    return STELE_OK;
}
