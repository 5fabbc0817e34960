/* SPDX-License-Identifier: MIT
 * Looking into the `kafka:` registry: subjects, versions, settings. */
#include "core/alloc.h"
#include "core/text.h"
#include "registry/kafka_inside.h"

/* Looks into the catalog under the lock. Not-found is an answer: it is asked again at the end of
 * the topic. */
typedef stele_status look(const stele_catalog *catalog, void *request, stele_error *err);

static stele_status look_up(stele_registry *self, look *find, void *request, int timeout_ms,
                            stele_error *err)
{
    stele_kafka_registry *registry = (stele_kafka_registry *)self;
    stele_deadline until = stele_kafka_deadline(registry, timeout_ms);
    stele_status status = STELE_OK;
    stele_catalog *catalog = stele_follower_lock(registry->follower);
    bool is_read = stele_catalog_genesis(catalog)[0] != '\0' &&
                   !stele_follower_is_doubtful(registry->follower) &&
                   stele_follower_is_answered(registry->follower, 1);
    if (is_read) status = find(catalog, request, err);
    if (!is_read || status == STELE_E_NOT_FOUND) {
        status = stele_kafka_catch_up(registry, until, err);
        if (status == STELE_OK) status = find(catalog, request, err);
    }
    stele_follower_unlock(registry->follower);
    return status;
}

static stele_status no_subject(const char *subject, stele_error *err)
{
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_SUBJECT,
                            "subject %s does not exist", stele_quote(stele_text(subject)).text);
}

static stele_registry_filter filter_of(bool with_deleted)
{
    return with_deleted ? STELE_REGISTRY_ALL : STELE_REGISTRY_LIVE;
}

static bool is_seen(stele_version_state state, stele_registry_filter filter)
{
    if (state == STELE_VERSION_LIVE) return filter != STELE_REGISTRY_DELETED_ONLY;
    return state == STELE_VERSION_DELETED && filter != STELE_REGISTRY_LIVE;
}

static size_t count_seen(const stele_catalog_subject *subject, stele_registry_filter filter)
{
    size_t count = 0;
    for (size_t i = 0; i < subject->count; i++)
        count += is_seen(subject->versions[i].state, filter);
    return count;
}

/* A subject is deleted if all its versions are. */
static bool is_subject_seen(const stele_catalog_subject *subject, stele_registry_filter filter)
{
    bool is_live = count_seen(subject, STELE_REGISTRY_LIVE) > 0;
    if (is_live) return filter != STELE_REGISTRY_DELETED_ONLY;
    return count_seen(subject, filter) > 0;
}

static stele_registered describe_schema(const stele_catalog_schema *schema)
{
    return (stele_registered){.id = schema->id,
                              .text = stele_bytes_of(schema->text, schema->text_size),
                              .references = schema->links,
                              .reference_count = schema->link_count};
}

static stele_registered describe_version(const stele_catalog *catalog,
                                         const stele_catalog_subject *subject, size_t index)
{
    const stele_catalog_version *version = &subject->versions[index];
    stele_registered described = describe_schema(stele_catalog_schema_of(catalog, version->id));
    described.subject = subject->name;
    described.version = (int32_t)index + 1;
    described.is_deleted = version->state != STELE_VERSION_LIVE;
    return described;
}

/* ---- subjects and their versions ---- */

typedef struct subjects_request {
    stele_registry_filter filter;
    const char **names;
} subjects_request;

static stele_status look_subjects(const stele_catalog *catalog, void *context, stele_error *err)
{
    (void)err;
    subjects_request *request = context;
    const stele_catalog_subject *subject;
    size_t total = 0;
    size_t count = 0;
    while (stele_catalog_subject_at(catalog, total) != NULL)
        total++;
    free(request->names);
    request->names = stele_alloc_array(total + 1, sizeof *request->names);
    for (size_t i = 0; (subject = stele_catalog_subject_at(catalog, i)) != NULL; i++) {
        if (is_subject_seen(subject, request->filter)) request->names[count++] = subject->name;
    }
    return STELE_OK;
}

stele_status stele_kafka_registry_subjects(stele_registry *registry, stele_registry_filter filter,
                                           int timeout_ms, const char ***out, stele_error *err)
{
    subjects_request request = {.filter = filter};
    stele_status status = look_up(registry, look_subjects, &request, timeout_ms, err);
    if (status == STELE_OK) *out = request.names;
    return status;
}

typedef struct versions_request {
    const char *subject;
    stele_registry_filter filter;
    int32_t *versions;
    size_t count;
} versions_request;

static stele_status look_versions(const stele_catalog *catalog, void *context, stele_error *err)
{
    versions_request *request = context;
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, request->subject);
    if (subject == NULL || count_seen(subject, request->filter) == 0)
        return no_subject(request->subject, err);
    request->versions = stele_alloc_array(subject->count, sizeof *request->versions);
    for (size_t i = 0; i < subject->count; i++) {
        if (is_seen(subject->versions[i].state, request->filter))
            request->versions[request->count++] = (int32_t)i + 1;
    }
    return STELE_OK;
}

stele_status stele_kafka_registry_versions(stele_registry *registry, const char *subject,
                                           stele_registry_filter filter, int timeout_ms,
                                           int32_t **out, size_t *count, stele_error *err)
{
    versions_request request = {.subject = subject, .filter = filter};
    stele_status status = look_up(registry, look_versions, &request, timeout_ms, err);
    if (status < 0) return status;
    *out = request.versions;
    *count = request.count;
    return STELE_OK;
}

typedef struct version_request {
    const char *subject;
    int32_t version;
    bool with_deleted;
    stele_registered found;
} version_request;

static stele_status look_version(const stele_catalog *catalog, void *context, stele_error *err)
{
    version_request *request = context;
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, request->subject);
    if (subject == NULL || count_seen(subject, filter_of(request->with_deleted)) == 0)
        return no_subject(request->subject, err);
    for (size_t i = subject->count; i-- > 0;) {
        if (request->version > 0 && i != (size_t)request->version - 1) continue;
        if (!is_seen(subject->versions[i].state, filter_of(request->with_deleted))) continue;
        request->found = describe_version(catalog, subject, i);
        return STELE_OK;
    }
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_VERSION,
                            "subject %s has no version %d", request->subject,
                            (int)request->version);
}

stele_status stele_kafka_registry_version(stele_registry *registry, const char *subject,
                                          int32_t version, bool with_deleted, int timeout_ms,
                                          stele_registered *out, stele_error *err)
{
    version_request request = {subject, version, with_deleted, {0}};
    stele_status status = look_up(registry, look_version, &request, timeout_ms, err);
    if (status == STELE_OK) *out = request.found;
    return status;
}

/* ---- ids ---- */

typedef struct id_request {
    int32_t id;
    stele_registered found;
} id_request;

static stele_status look_id(const stele_catalog *catalog, void *context, stele_error *err)
{
    id_request *request = context;
    const stele_catalog_schema *schema = stele_catalog_schema_of(catalog, request->id);
    if (schema == NULL) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_SCHEMA,
                                "the registry has no schema with id %d", (int)request->id);
    }
    request->found = describe_schema(schema);
    return STELE_OK;
}

stele_status stele_kafka_registry_by_id(stele_registry *registry, int32_t id, int timeout_ms,
                                        stele_registered *out, stele_error *err)
{
    id_request request = {.id = id};
    stele_status status = look_up(registry, look_id, &request, timeout_ms, err);
    if (status == STELE_OK) *out = request.found;
    return status;
}

typedef struct uses_request {
    int32_t id;
    bool with_deleted;
    stele_registered *uses;
    size_t count;
} uses_request;

static void add_use(uses_request *request, stele_registered use)
{
    request->uses = stele_realloc_array(request->uses, request->count + 1, sizeof *request->uses);
    request->uses[request->count++] = use;
}

static stele_status look_uses(const stele_catalog *catalog, void *context, stele_error *err)
{
    uses_request *request = context;
    const stele_catalog_subject *subject;
    if (stele_catalog_schema_of(catalog, request->id) == NULL) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_SCHEMA,
                                "the registry has no schema with id %d", (int)request->id);
    }
    for (size_t i = 0; (subject = stele_catalog_subject_at(catalog, i)) != NULL; i++) {
        for (size_t n = 0; n < subject->count; n++) {
            const stele_catalog_version *version = &subject->versions[n];
            if (version->id == request->id &&
                is_seen(version->state, filter_of(request->with_deleted)))
                add_use(request, describe_version(catalog, subject, n));
        }
    }
    return STELE_OK;
}

stele_status stele_kafka_registry_uses(stele_registry *registry, int32_t id, bool with_deleted,
                                       int timeout_ms, stele_registered **out, size_t *count,
                                       stele_error *err)
{
    uses_request request = {.id = id, .with_deleted = with_deleted};
    stele_status status = look_up(registry, look_uses, &request, timeout_ms, err);
    if (status < 0) return status;
    *out = request.uses;
    *count = request.count;
    return STELE_OK;
}

/* ---- references ---- */

static bool refers_to(const stele_catalog_schema *schema, const char *subject, int32_t version)
{
    for (size_t i = 0; i < schema->link_count; i++) {
        const stele_registry_link *link = &schema->links[i];
        if (link->version == version && strcmp(link->subject, subject) == 0) return true;
    }
    return false;
}

static bool is_in_use(const stele_catalog *catalog, int32_t id)
{
    const stele_catalog_subject *subject;
    for (size_t i = 0; (subject = stele_catalog_subject_at(catalog, i)) != NULL; i++) {
        for (size_t n = 0; n < subject->count; n++) {
            if (subject->versions[n].id == id && subject->versions[n].state == STELE_VERSION_LIVE)
                return true;
        }
    }
    return false;
}

size_t stele_kafka_referrers(const stele_catalog *catalog, const char *subject, int32_t version,
                             int32_t *ids, size_t max)
{
    size_t count = 0;
    const stele_catalog_schema *schema;
    for (size_t i = 0; (schema = stele_catalog_schema_at(catalog, i)) != NULL; i++) {
        if (!refers_to(schema, subject, version) || !is_in_use(catalog, schema->id)) continue;
        if (count < max) ids[count] = schema->id;
        count++;
    }
    return count;
}

typedef struct referrers_request {
    const char *subject;
    int32_t version;
    int32_t *ids;
    size_t count;
} referrers_request;

static stele_status look_referrers(const stele_catalog *catalog, void *context, stele_error *err)
{
    referrers_request *request = context;
    version_request version = {request->subject, request->version, false, {0}};
    stele_status status = look_version(catalog, &version, err);
    if (status < 0) return status;
    request->version = version.found.version;
    request->count = stele_kafka_referrers(catalog, request->subject, request->version, NULL, 0);
    request->ids = stele_alloc_array(request->count, sizeof *request->ids);
    stele_kafka_referrers(catalog, request->subject, request->version, request->ids,
                          request->count);
    return STELE_OK;
}

stele_status stele_kafka_registry_referrers(stele_registry *registry, const char *subject,
                                            int32_t version, int timeout_ms, int32_t **out,
                                            size_t *count, stele_error *err)
{
    referrers_request request = {.subject = subject, .version = version};
    stele_status status = look_up(registry, look_referrers, &request, timeout_ms, err);
    if (status < 0) return status;
    *out = request.ids;
    *count = request.count;
    return STELE_OK;
}

/* ---- finding and checking a schema ---- */

int32_t stele_kafka_version_identified(const stele_catalog *catalog, const char *name,
                                       const uint8_t identity[32], stele_version_state worst)
{
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, name);
    const stele_catalog_schema *schema = stele_catalog_identified(catalog, identity);
    if (subject == NULL || schema == NULL) return 0;
    for (size_t i = subject->count; i-- > 0;) {
        if (subject->versions[i].id == schema->id && subject->versions[i].state <= worst)
            return (int32_t)i + 1;
    }
    return 0;
}

typedef struct find_request {
    const stele_proposal *proposal;
    bool with_deleted;
    stele_registered found;
} find_request;

static stele_status identify(const stele_catalog *catalog, const stele_proposal *proposal,
                             uint8_t identity[32], stele_error *err)
{
    stele_registry_link *links = NULL;
    stele_status status = stele_kafka_resolve(catalog, proposal, &links, err);
    if (status < 0) return status;
    status =
        stele_registry_identity(proposal->text, links, proposal->reference_count, identity, err);
    stele_kafka_links_free(links, proposal->reference_count);
    return status;
}

static stele_status look_schema(const stele_catalog *catalog, void *context, stele_error *err)
{
    find_request *request = context;
    const char *name = request->proposal->subject;
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, name);
    if (subject == NULL || count_seen(subject, filter_of(request->with_deleted)) == 0)
        return no_subject(name, err);

    uint8_t identity[32];
    stele_status status = identify(catalog, request->proposal, identity, err);
    if (status < 0) return status;
    int32_t version = stele_kafka_version_identified(catalog, name, identity,
                                                     request->with_deleted ? STELE_VERSION_DELETED
                                                                           : STELE_VERSION_LIVE);
    if (version == 0) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_SCHEMA,
                                "subject %s does not have this schema", name);
    }
    request->found = describe_version(catalog, subject, (size_t)version - 1);
    return STELE_OK;
}

stele_status stele_kafka_registry_find(stele_registry *registry, const stele_proposal *proposal,
                                       bool with_deleted, int timeout_ms, stele_registered *out,
                                       stele_error *err)
{
    find_request request = {.proposal = proposal, .with_deleted = with_deleted};
    stele_status status = look_up(registry, look_schema, &request, timeout_ms, err);
    if (status == STELE_OK) *out = request.found;
    return status;
}

typedef struct check_request {
    const char *subject;
    int32_t version;
    int32_t *ids;
    size_t count;
    stele_compatibility level;
} check_request;

static stele_status look_compared(const stele_catalog *catalog, void *context, stele_error *err)
{
    check_request *request = context;
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, request->subject);
    request->level = stele_catalog_level(catalog, request->subject);
    request->ids = stele_alloc_array(subject == NULL ? 0 : subject->count, sizeof *request->ids);
    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        if (subject->versions[i].state != STELE_VERSION_LIVE) continue;
        if (request->version > 0 && i != (size_t)request->version - 1) continue;
        request->ids[request->count++] = subject->versions[i].id;
    }
    if (request->count > 0 || request->version == 0) return STELE_OK;
    free(request->ids);
    request->ids = NULL;
    if (subject == NULL) return no_subject(request->subject, err);
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, STELE_API_NO_VERSION,
                            "subject %s has no version %d", request->subject,
                            (int)request->version);
}

stele_status stele_kafka_registry_check(stele_registry *registry, const stele_proposal *proposal,
                                        int32_t version, int timeout_ms, stele_finding_each *each,
                                        void *context, size_t *findings, stele_error *err)
{
    check_request request = {.subject = proposal->subject, .version = version};
    stele_status status = look_up(registry, look_compared, &request, timeout_ms, err);
    if (status < 0) return status;
    STELE_AUTO_VALUE(stele_candidate) candidate = {0};
    stele_kafka_registry *inside = (stele_kafka_registry *)registry;
    status = stele_candidate_init(inside, proposal, &candidate, err);
    if (status == STELE_OK) {
        status = stele_candidate_check(inside, &candidate, request.ids, request.count,
                                       request.level, each, context, findings, err);
    }
    free(request.ids);
    return status;
}

/* ---- settings ---- */

typedef struct settings_request {
    const char *subject;
    bool effective;
    bool wants_level;
    stele_compatibility level;
    stele_registry_mode mode;
} settings_request;

static stele_status look_settings(const stele_catalog *catalog, void *context, stele_error *err)
{
    settings_request *request = context;
    request->level = stele_catalog_level(catalog, request->subject);
    request->mode = stele_catalog_mode(catalog, request->subject);
    if (request->effective || request->subject == NULL) return STELE_OK;

    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, request->subject);
    bool is_set = subject != NULL &&
                  (request->wants_level ? subject->settings.has_level : subject->settings.has_mode);
    if (is_set) return STELE_OK;
    return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY,
                            request->wants_level ? STELE_API_NO_LEVEL : STELE_API_NO_MODE,
                            "subject %s has no %s of its own", request->subject,
                            request->wants_level ? "compatibility level" : "mode");
}

stele_status stele_kafka_registry_level(stele_registry *registry, const char *subject,
                                        bool effective, int timeout_ms, stele_compatibility *out,
                                        stele_error *err)
{
    settings_request request = {.subject = subject, .effective = effective, .wants_level = true};
    stele_status status = look_up(registry, look_settings, &request, timeout_ms, err);
    if (status == STELE_OK) *out = request.level;
    return status;
}

stele_status stele_kafka_registry_mode(stele_registry *registry, const char *subject,
                                       bool effective, int timeout_ms, stele_registry_mode *out,
                                       stele_error *err)
{
    settings_request request = {.subject = subject, .effective = effective};
    stele_status status = look_up(registry, look_settings, &request, timeout_ms, err);
    if (status == STELE_OK) *out = request.mode;
    return status;
}
