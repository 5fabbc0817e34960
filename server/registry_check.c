/* SPDX-License-Identifier: MIT
 * Would a schema be compatible? The subject is segments[2]. */
#include "server/registry_inside.h"

static void add_message(void *context, const stele_finding *finding)
{
    json_t *text = json_sprintf("%s: %s: %s", finding->kind,
                                finding->path[0] == '\0' ? "/" : finding->path, finding->text);
    if (text != NULL) json_array_append_new(context, text);
}

static void answer(const stele_http_request *request, bool is_compatible, json_t *messages,
                   stele_http_reply *reply)
{
    json_t *json = json_pack("{s:b}", "is_compatible", is_compatible);
    if (stele_http_request_is_true(request, "verbose")) json_object_set(json, "messages", messages);
    stele_http_reply_json(reply, json);
}

static void check(void *registry, const stele_http_request *request,
                  const stele_registry_api_schema *schema, int32_t version, stele_http_reply *reply)
{
    STELE_AUTO(json_t) messages = json_array();
    size_t findings;
    stele_error err = {0};
    if (stele_kafka_registry_check(registry, &schema->proposal, version, STELE_REGISTRY_API_TIMEOUT,
                                   add_message, messages, &findings, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    answer(request, findings == 0, messages, reply);
}

void stele_registry_api_check_versions(void *registry, const stele_http_request *request,
                                       stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_registry_api_schema) schema = {0};
    if (stele_registry_api_schema_read(request, request->segments[2], &schema, reply))
        check(registry, request, &schema, 0, reply);
}

void stele_registry_api_check_version(void *registry, const stele_http_request *request,
                                      stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_registry_api_schema) schema = {0};
    int32_t version;
    stele_registered latest;
    stele_error err = {0};
    const char *subject = request->segments[2];
    if (!stele_registry_api_parse_version(request->segments[4], &version, reply)) return;
    if (!stele_registry_api_schema_read(request, subject, &schema, reply)) return;
    if (version == 0) {
        stele_status status = stele_kafka_registry_version(
            registry, subject, 0, false, STELE_REGISTRY_API_TIMEOUT, &latest, &err);
        if (status == STELE_OK) version = latest.version;
        if (status < 0 && status != STELE_E_NOT_FOUND) {
            stele_registry_api_failure(reply, &err);
            return;
        }
    }
    /* With nothing registered everything is compatible: version 0 compares with what there is. */
    check(registry, request, &schema, version, reply);
}
