/* SPDX-License-Identifier: MIT
 * Compatibility levels and modes, of one subject or of all. */
#include <strings.h>

#include "core/alloc.h"
#include "server/registry_inside.h"

enum { BAD_LEVEL = 42203, BAD_MODE = 42204 };

/* NULL: all of them. */
static const char *subject_of(const stele_http_request *request)
{
    return request->segment_count > 1 ? request->segments[1] : NULL;
}

/* The one text that the body of a setting has. @param out NULL: absent. @return false: replied */
static bool read_name(const stele_http_request *request, const char *member, stele_arena *arena,
                      const char **out, stele_http_reply *reply)
{
    const stele_tree *body = stele_registry_api_body(request, arena, reply);
    return body != NULL && stele_registry_api_text(body, member, out, reply);
}

/* As stele_registry_api_failure; but a setting that is to be removed and is not there has the code
 * of a subject that is not there, in Confluent's registry. */
static void removal_failed(stele_http_reply *reply, stele_error *err)
{
    if (err->cause == STELE_API_NO_LEVEL || err->cause == STELE_API_NO_MODE)
        err->cause = STELE_API_NO_SUBJECT;
    stele_registry_api_failure(reply, err);
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
    const char *name;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    if (!read_name(request, "compatibility", arena, &name, reply)) return;
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
        removal_failed(reply, &err);
        return;
    }
    stele_http_reply_json(
        reply, json_pack("{s:s}", "compatibilityLevel", stele_compatibility_name(level)));
}

/* ---- mode ---- */

static bool parse_mode(const char *name, stele_registry_mode *out)
{
    static const stele_registry_mode modes[] = {STELE_MODE_READWRITE, STELE_MODE_READONLY};
    for (size_t i = 0; name != NULL && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcasecmp(name, stele_registry_mode_name(modes[i])) != 0) continue;
        *out = modes[i];
        return true;
    }
    return false;
}

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
    const char *name;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    if (!read_name(request, "mode", arena, &name, reply)) return;
    if (!parse_mode(name, &mode)) {
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
        removal_failed(reply, &err);
        return;
    }
    stele_http_reply_json(reply, json_pack("{s:s}", "mode", stele_registry_mode_name(mode)));
}
