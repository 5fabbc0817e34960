/* SPDX-License-Identifier: MIT
 * Subjects and their versions. */
#include <string.h>
#include <strings.h>

#include "core/alloc.h"
#include "core/text.h"
#include "server/registry_inside.h"

static bool wants_deleted(const stele_http_request *request)
{
    return stele_http_request_is_true(request, "deleted");
}

/* deletedOnly wins over deleted, as in Confluent's. */
static stele_registry_filter filter_of(const stele_http_request *request)
{
    if (stele_http_request_is_true(request, "deletedOnly")) return STELE_REGISTRY_DELETED_ONLY;
    return wants_deleted(request) ? STELE_REGISTRY_ALL : STELE_REGISTRY_LIVE;
}

static json_t *numbers(const int32_t *values, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(values[i]));
    return list;
}

static json_t *describe(const stele_registered *found)
{
    json_t *json = json_pack("{s:s, s:i, s:i}", "subject", found->subject, "version",
                             (int)found->version, "id", (int)found->id);
    return stele_registry_api_schema_json(json, found);
}

bool stele_registry_api_parse_version(const char *text, int32_t *out, stele_http_reply *reply)
{
    int64_t version = 0;
    bool is_latest = strcasecmp(text, "latest") == 0 || strcmp(text, "-1") == 0;
    if (!is_latest && stele_parse_int64(stele_text(text), 1, INT32_MAX, &version, NULL) < 0) {
        stele_http_reply_error(reply, STELE_API_BAD_VERSION,
                               "%s is not a version: expected \"latest\" or a number from 1 on",
                               stele_quote(stele_text(text)).text);
        return false;
    }
    *out = (int32_t)version;
    return true;
}

/* ---- subjects ---- */

/* ":*:a" asks for "a…" in all contexts and ":.:a" in the default one, which is the only one here.
 * @return what names begin with; NULL: it asks for another context, which has none */
static const char *prefix_of(const stele_http_request *request)
{
    const char *prefix = stele_http_request_parameter(request, "subjectPrefix");
    if (prefix == NULL) return "";
    if (strncmp(prefix, ":*:", 3) == 0 || strncmp(prefix, ":.:", 3) == 0) return prefix + 3;
    return strncmp(prefix, ":.", 2) == 0 ? NULL : prefix;
}

void stele_registry_api_subjects(void *registry, const stele_http_request *request,
                                 stele_http_reply *reply)
{
    const char **names;
    stele_error err = {0};
    const char *prefix = prefix_of(request);
    if (stele_kafka_registry_subjects(registry, filter_of(request), STELE_REGISTRY_API_TIMEOUT,
                                      &names, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; names[i] != NULL; i++) {
        if (prefix != NULL && strncmp(names[i], prefix, strlen(prefix)) == 0)
            json_array_append_new(list, json_string(names[i]));
    }
    free(names);
    stele_http_reply_json(reply, list);
}

void stele_registry_api_find_schema(void *registry, const stele_http_request *request,
                                    stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_registry_api_schema) schema = {0};
    stele_registered found;
    stele_error err = {0};
    if (!stele_registry_api_schema_read(request, request->segments[1], &schema, reply)) return;
    if (stele_kafka_registry_find(registry, &schema.proposal, wants_deleted(request),
                                  STELE_REGISTRY_API_TIMEOUT, &found, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, describe(&found));
}

void stele_registry_api_delete_subject(void *registry, const stele_http_request *request,
                                       stele_http_reply *reply)
{
    int32_t *deleted;
    size_t count;
    stele_error err = {0};
    if (stele_kafka_registry_delete(registry, request->segments[1], 0,
                                    stele_http_request_is_true(request, "permanent"),
                                    STELE_REGISTRY_API_TIMEOUT, &deleted, &count, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, numbers(deleted, count));
    free(deleted);
}

/* ---- versions ---- */

void stele_registry_api_versions(void *registry, const stele_http_request *request,
                                 stele_http_reply *reply)
{
    int32_t *versions;
    size_t count;
    stele_error err = {0};
    if (stele_kafka_registry_versions(registry, request->segments[1], filter_of(request),
                                      STELE_REGISTRY_API_TIMEOUT, &versions, &count, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, numbers(versions, count));
    free(versions);
}

void stele_registry_api_register(void *registry, const stele_http_request *request,
                                 stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_registry_api_schema) schema = {0};
    int32_t id;
    stele_error err = {0};
    const char *subject = request->segments[1];
    if (!stele_registry_api_schema_read(request, subject, &schema, reply)) return;
    if (stele_registry_register(registry, subject, schema.proposal.text, schema.references,
                                schema.proposal.reference_count, STELE_REGISTRY_API_TIMEOUT, &id,
                                &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, json_pack("{s:i}", "id", (int)id));
}

/* The version that the path names; 0 is resolved to the number of the latest. */
static bool find_version(void *registry, const stele_http_request *request, bool with_deleted,
                         stele_registered *out, stele_http_reply *reply)
{
    int32_t version;
    stele_error err = {0};
    if (!stele_registry_api_parse_version(request->segments[3], &version, reply)) return false;
    if (stele_kafka_registry_version(registry, request->segments[1], version, with_deleted,
                                     STELE_REGISTRY_API_TIMEOUT, out, &err) == STELE_OK)
        return true;
    stele_registry_api_failure(reply, &err);
    return false;
}

void stele_registry_api_version(void *registry, const stele_http_request *request,
                                stele_http_reply *reply)
{
    stele_registered found;
    if (find_version(registry, request, wants_deleted(request), &found, reply))
        stele_http_reply_json(reply, describe(&found));
}

void stele_registry_api_version_schema(void *registry, const stele_http_request *request,
                                       stele_http_reply *reply)
{
    stele_registered found;
    if (find_version(registry, request, wants_deleted(request), &found, reply))
        stele_http_reply_text(reply, (const char *)found.text.data, found.text.size);
}

void stele_registry_api_referrers(void *registry, const stele_http_request *request,
                                  stele_http_reply *reply)
{
    int32_t *ids;
    size_t count;
    stele_registered found;
    stele_error err = {0};
    if (!find_version(registry, request, false, &found, reply)) return;
    if (stele_kafka_registry_referrers(registry, found.subject, found.version,
                                       STELE_REGISTRY_API_TIMEOUT, &ids, &count, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, numbers(ids, count));
    free(ids);
}

void stele_registry_api_delete_version(void *registry, const stele_http_request *request,
                                       stele_http_reply *reply)
{
    int32_t version;
    int32_t *deleted;
    size_t count;
    stele_error err = {0};
    stele_registered latest;
    if (!stele_registry_api_parse_version(request->segments[3], &version, reply)) return;
    /* Here 0 would mean the whole subject. */
    if (version == 0) {
        if (!find_version(registry, request, false, &latest, reply)) return;
        version = latest.version;
    }
    if (stele_kafka_registry_delete(registry, request->segments[1], version,
                                    stele_http_request_is_true(request, "permanent"),
                                    STELE_REGISTRY_API_TIMEOUT, &deleted, &count, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    free(deleted);
    stele_http_reply_json(reply, json_integer(version));
}
