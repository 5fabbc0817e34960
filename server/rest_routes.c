/* SPDX-License-Identifier: MIT
 * Which handler answers which request. */
#include <string.h>

#include "server/rest_inside.h"

static void say_hello(stele_registry *registry, const stele_rest_request *request,
                      stele_rest_reply *reply)
{
    (void)registry, (void)request;
    stele_rest_reply_json(reply, json_object());
}

/* One context, the default one. */
static void list_contexts(stele_registry *registry, const stele_rest_request *request,
                          stele_rest_reply *reply)
{
    (void)registry, (void)request;
    stele_rest_reply_json(reply, json_pack("[s]", "."));
}

/* The registry's name: so that a client over HTTP notices another one, as one on Kafka does. */
static void tell_genesis(stele_registry *registry, const stele_rest_request *request,
                         stele_rest_reply *reply)
{
    (void)request;
    char genesis[37];
    stele_error err = {0};
    if (stele_registry_genesis(registry, STELE_REST_REGISTRY_TIMEOUT, genesis, &err) < 0) {
        stele_rest_reply_failure(reply, &err);
        return;
    }
    stele_rest_reply_json(reply,
                          json_pack("{s:s, s:{s:[], s:{s:s}}}", "id", genesis, "scope", "path",
                                    "clusters", "schema-registry-cluster", "schema-registry"));
}

/* "*" stands for any one segment. */
static const struct {
    stele_rest_method method;
    const char *segments[STELE_REST_SEGMENTS_MAX];
    stele_rest_handler *handler;
} routes[] = {
    {STELE_REST_GET, {NULL}, say_hello},
    {STELE_REST_GET, {"contexts"}, list_contexts},
    {STELE_REST_GET, {"v1", "metadata", "id"}, tell_genesis},
    {STELE_REST_GET, {"subjects"}, stele_rest_subjects},
    {STELE_REST_POST, {"subjects", "*"}, stele_rest_find_schema},
    {STELE_REST_DELETE, {"subjects", "*"}, stele_rest_delete_subject},
    {STELE_REST_GET, {"subjects", "*", "versions"}, stele_rest_versions},
    {STELE_REST_POST, {"subjects", "*", "versions"}, stele_rest_register},
    {STELE_REST_GET, {"subjects", "*", "versions", "*"}, stele_rest_version},
    {STELE_REST_DELETE, {"subjects", "*", "versions", "*"}, stele_rest_delete_version},
    {STELE_REST_GET, {"subjects", "*", "versions", "*", "schema"}, stele_rest_version_schema},
    {STELE_REST_GET, {"subjects", "*", "versions", "*", "referencedby"}, stele_rest_referrers},
    {STELE_REST_GET, {"schemas", "types"}, stele_rest_types},
    {STELE_REST_GET, {"schemas", "ids", "*"}, stele_rest_id},
    {STELE_REST_GET, {"schemas", "ids", "*", "schema"}, stele_rest_id_schema},
    {STELE_REST_GET, {"schemas", "ids", "*", "subjects"}, stele_rest_id_subjects},
    {STELE_REST_GET, {"schemas", "ids", "*", "versions"}, stele_rest_id_versions},
    {STELE_REST_POST, {"compatibility", "subjects", "*", "versions"}, stele_rest_check_versions},
    {STELE_REST_POST,
     {"compatibility", "subjects", "*", "versions", "*"},
     stele_rest_check_version},
    {STELE_REST_GET, {"config"}, stele_rest_level},
    {STELE_REST_GET, {"config", "*"}, stele_rest_level},
    {STELE_REST_PUT, {"config"}, stele_rest_set_level},
    {STELE_REST_PUT, {"config", "*"}, stele_rest_set_level},
    {STELE_REST_DELETE, {"config"}, stele_rest_unset_level},
    {STELE_REST_DELETE, {"config", "*"}, stele_rest_unset_level},
    {STELE_REST_GET, {"mode"}, stele_rest_mode},
    {STELE_REST_GET, {"mode", "*"}, stele_rest_mode},
    {STELE_REST_PUT, {"mode"}, stele_rest_set_mode},
    {STELE_REST_PUT, {"mode", "*"}, stele_rest_set_mode},
    {STELE_REST_DELETE, {"mode"}, stele_rest_unset_mode},
    {STELE_REST_DELETE, {"mode", "*"}, stele_rest_unset_mode},
};

static bool fits(const char *const *pattern, const stele_rest_request *request)
{
    for (size_t i = 0; i < STELE_REST_SEGMENTS_MAX; i++) {
        if (i == request->segment_count) return pattern[i] == NULL;
        if (pattern[i] == NULL) return false;
        if (strcmp(pattern[i], "*") != 0 && strcmp(pattern[i], request->segments[i]) != 0)
            return false;
    }
    return true;
}

void stele_rest_answer(stele_registry *registry, const stele_rest_request *request,
                       stele_rest_reply *reply)
{
    bool is_path = false;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!fits(routes[i].segments, request)) continue;
        is_path = true;
        if (routes[i].method != request->method) continue;
        routes[i].handler(registry, request, reply);
        return;
    }
    if (is_path) {
        stele_rest_reply_error(reply, 405, "HTTP 405 Method Not Allowed");
    } else {
        stele_rest_reply_error(reply, 404, "HTTP 404 Not Found");
    }
}
