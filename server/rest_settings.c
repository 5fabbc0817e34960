/* SPDX-License-Identifier: MIT
 * Compatibility levels and modes, of one subject or of all. */
#include "server/rest_inside.h"

enum { BAD_LEVEL = 42203, BAD_MODE = 42204 };

/* NULL: all of them. */
static const char *subject_of(const stele_rest_request *request)
{
    return request->segment_count > 1 ? request->segments[1] : NULL;
}

/* ---- compatibility ---- */

void stele_rest_level(stele_registry *registry, const stele_rest_request *request,
                      stele_rest_reply *reply)
{
    stele_compatibility level;
    stele_error err = {0};
    if (stele_kafka_registry_level(registry, subject_of(request),
                                   stele_rest_is_true(request, "defaultToGlobal"),
                                   STELE_REST_REGISTRY_TIMEOUT, &level, &err) < 0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(
        reply, json_pack("{s:s}", "compatibilityLevel", stele_compatibility_name(level)));
}

void stele_rest_set_level(stele_registry *registry, const stele_rest_request *request,
                          stele_rest_reply *reply)
{
    stele_compatibility level;
    stele_error err = {0};
    STELE_AUTO(json_t) body = stele_rest_body(request, reply);
    if (body == NULL) return;
    const char *name = json_string_value(json_object_get(body, "compatibility"));
    if (name == NULL) {
        stele_rest_reply_error(reply, BAD_LEVEL, "the body has no \"compatibility\"");
        return;
    }
    if (stele_compatibility_parse(stele_text(name), &level, &err) < 0) {
        stele_rest_reply_error(reply, BAD_LEVEL, "%s", err.text);
        return;
    }
    if (stele_kafka_registry_set_level(registry, subject_of(request), &level,
                                       STELE_REST_REGISTRY_TIMEOUT, &err) < 0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(reply,
                          json_pack("{s:s}", "compatibility", stele_compatibility_name(level)));
}

void stele_rest_unset_level(stele_registry *registry, const stele_rest_request *request,
                            stele_rest_reply *reply)
{
    stele_compatibility level;
    stele_error err = {0};
    const char *subject = subject_of(request);
    if (stele_kafka_registry_level(registry, subject, false, STELE_REST_REGISTRY_TIMEOUT, &level,
                                   &err) < 0 ||
        stele_kafka_registry_set_level(registry, subject, NULL, STELE_REST_REGISTRY_TIMEOUT, &err) <
            0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(
        reply, json_pack("{s:s}", "compatibilityLevel", stele_compatibility_name(level)));
}

/* ---- mode ---- */

void stele_rest_mode(stele_registry *registry, const stele_rest_request *request,
                     stele_rest_reply *reply)
{
    stele_registry_mode mode;
    stele_error err = {0};
    if (stele_kafka_registry_mode(registry, subject_of(request),
                                  stele_rest_is_true(request, "defaultToGlobal"),
                                  STELE_REST_REGISTRY_TIMEOUT, &mode, &err) < 0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}

void stele_rest_set_mode(stele_registry *registry, const stele_rest_request *request,
                         stele_rest_reply *reply)
{
    stele_registry_mode mode;
    stele_error err = {0};
    STELE_AUTO(json_t) body = stele_rest_body(request, reply);
    if (body == NULL) return;
    const char *name = json_string_value(json_object_get(body, "mode"));
    if (name == NULL || stele_registry_mode_parse(name, &mode, &err) < 0) {
        stele_rest_reply_error(reply, BAD_MODE, "\"mode\" must be READWRITE or READONLY");
        return;
    }
    if (stele_kafka_registry_set_mode(registry, subject_of(request), &mode,
                                      STELE_REST_REGISTRY_TIMEOUT, &err) < 0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}

void stele_rest_unset_mode(stele_registry *registry, const stele_rest_request *request,
                           stele_rest_reply *reply)
{
    stele_registry_mode mode;
    stele_error err = {0};
    const char *subject = subject_of(request);
    if (stele_kafka_registry_mode(registry, subject, false, STELE_REST_REGISTRY_TIMEOUT, &mode,
                                  &err) < 0 ||
        stele_kafka_registry_set_mode(registry, subject, NULL, STELE_REST_REGISTRY_TIMEOUT, &err) <
            0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}
