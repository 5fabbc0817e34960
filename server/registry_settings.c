/* SPDX-License-Identifier: MIT
 * Compatibility levels and modes, of one subject or of all. */
#include "server/registry_inside.h"

enum { BAD_LEVEL = 42203, BAD_MODE = 42204 };

/* NULL: all of them. */
static const char *subject_of(const stele_http_request *request)
{
    return request->segment_count > 1 ? request->segments[1] : NULL;
}

/* ---- compatibility ---- */

void stele_registry_api_level(void *registry, const stele_http_request *request,
                              stele_http_reply *reply)
{
    stele_compatibility level;
    stele_error err = {0};
    if (stele_kafka_registry_level(registry, subject_of(request),
                                   stele_http_request_is_true(request, "defaultToGlobal"),
                                   STELE_REGISTRY_API_TIMEOUT, &level, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(
        reply, json_pack("{s:s}", "compatibilityLevel", stele_compatibility_name(level)));
}

void stele_registry_api_set_level(void *registry, const stele_http_request *request,
                                  stele_http_reply *reply)
{
    stele_compatibility level;
    stele_error err = {0};
    STELE_AUTO(json_t) body = stele_registry_api_body(request, reply);
    if (body == NULL) return;
    const char *name = json_string_value(json_object_get(body, "compatibility"));
    if (name == NULL) {
        stele_http_reply_error(reply, BAD_LEVEL, "the body has no \"compatibility\"");
        return;
    }
    if (stele_compatibility_parse(stele_text(name), &level, &err) < 0) {
        stele_http_reply_error(reply, BAD_LEVEL, "%s", err.text);
        return;
    }
    if (stele_kafka_registry_set_level(registry, subject_of(request), &level,
                                       STELE_REGISTRY_API_TIMEOUT, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply,
                          json_pack("{s:s}", "compatibility", stele_compatibility_name(level)));
}

void stele_registry_api_unset_level(void *registry, const stele_http_request *request,
                                    stele_http_reply *reply)
{
    stele_compatibility level;
    stele_error err = {0};
    const char *subject = subject_of(request);
    if (stele_kafka_registry_level(registry, subject, false, STELE_REGISTRY_API_TIMEOUT, &level,
                                   &err) < 0 ||
        stele_kafka_registry_set_level(registry, subject, NULL, STELE_REGISTRY_API_TIMEOUT, &err) <
            0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(
        reply, json_pack("{s:s}", "compatibilityLevel", stele_compatibility_name(level)));
}

/* ---- mode ---- */

void stele_registry_api_mode(void *registry, const stele_http_request *request,
                             stele_http_reply *reply)
{
    stele_registry_mode mode;
    stele_error err = {0};
    if (stele_kafka_registry_mode(registry, subject_of(request),
                                  stele_http_request_is_true(request, "defaultToGlobal"),
                                  STELE_REGISTRY_API_TIMEOUT, &mode, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}

void stele_registry_api_set_mode(void *registry, const stele_http_request *request,
                                 stele_http_reply *reply)
{
    stele_registry_mode mode;
    stele_error err = {0};
    STELE_AUTO(json_t) body = stele_registry_api_body(request, reply);
    if (body == NULL) return;
    const char *name = json_string_value(json_object_get(body, "mode"));
    if (name == NULL || stele_registry_mode_parse(name, &mode, &err) < 0) {
        stele_http_reply_error(reply, BAD_MODE, "\"mode\" must be READWRITE or READONLY");
        return;
    }
    if (stele_kafka_registry_set_mode(registry, subject_of(request), &mode,
                                      STELE_REGISTRY_API_TIMEOUT, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}

void stele_registry_api_unset_mode(void *registry, const stele_http_request *request,
                                   stele_http_reply *reply)
{
    stele_registry_mode mode;
    stele_error err = {0};
    const char *subject = subject_of(request);
    if (stele_kafka_registry_mode(registry, subject, false, STELE_REGISTRY_API_TIMEOUT, &mode,
                                  &err) < 0 ||
        stele_kafka_registry_set_mode(registry, subject, NULL, STELE_REGISTRY_API_TIMEOUT, &err) <
            0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}
