/* SPDX-License-Identifier: MIT
 * Routes of the API, errors in its codes, and what fits no other file. */
#include "server/registry_inside.h"

/* ---- errors ---- */

enum { STORE_FAILED = 50001, STORE_TIMED_OUT = 50002 };

static int code_of(const stele_error *err)
{
    bool is_api = err->cause == STELE_API_INCOMPATIBLE ||
                  (err->cause >= STELE_API_NO_SUBJECT && err->cause < STORE_FAILED);
    switch (err->status) {
    case STELE_E_TIMED_OUT:
        return STORE_TIMED_OUT;
    case STELE_E_NOT_FOUND:
    case STELE_E_INCOMPATIBLE:
    case STELE_E_INVALID:
    case STELE_E_LIMIT:
        if (is_api) return err->cause;
        return err->next == STELE_NEXT_REJECT ? STELE_API_BAD_SCHEMA : STORE_FAILED;
    default:
        return STORE_FAILED;
    }
}

void stele_registry_api_failure(stele_http_reply *reply, const stele_error *err)
{
    stele_http_reply_error(reply, code_of(err), "%s", err->text);
}

/* ---- routes ---- */

static void say_hello(void *registry, const stele_http_request *request, stele_http_reply *reply)
{
    (void)registry, (void)request;
    stele_http_reply_json(reply, json_object());
}

/* One context, the default one. */
static void list_contexts(void *registry, const stele_http_request *request,
                          stele_http_reply *reply)
{
    (void)registry, (void)request;
    stele_http_reply_json(reply, json_pack("[s]", "."));
}

/* The registry's name: so that a client over HTTP notices another one, as one on Kafka does. */
static void give_genesis(void *registry, const stele_http_request *request, stele_http_reply *reply)
{
    (void)request;
    char genesis[37];
    stele_error err = {0};
    if (stele_registry_genesis(registry, STELE_REGISTRY_API_TIMEOUT, genesis, &err) < 0) {
        stele_registry_api_failure(reply, &err);
        return;
    }
    stele_http_reply_json(reply,
                          json_pack("{s:s, s:{s:[], s:{s:s}}}", "id", genesis, "scope", "path",
                                    "clusters", "schema-registry-cluster", "schema-registry"));
}

/* Who writes waits for Kafka. */

static const stele_http_route routes[] = {
    {STELE_HTTP_GET, {NULL}, say_hello, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"contexts"}, list_contexts, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"v1", "metadata", "id"}, give_genesis, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"subjects"}, stele_registry_api_subjects, STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"subjects", "*"}, stele_registry_api_find_schema, STELE_HTTP_COMPUTES},
    {STELE_HTTP_DELETE, {"subjects", "*"}, stele_registry_api_delete_subject, STELE_HTTP_WAITS},
    {STELE_HTTP_GET,
     {"subjects", "*", "versions"},
     stele_registry_api_versions,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST, {"subjects", "*", "versions"}, stele_registry_api_register, STELE_HTTP_WAITS},
    {STELE_HTTP_GET,
     {"subjects", "*", "versions", "*"},
     stele_registry_api_version,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_DELETE,
     {"subjects", "*", "versions", "*"},
     stele_registry_api_delete_version,
     STELE_HTTP_WAITS},
    {STELE_HTTP_GET,
     {"subjects", "*", "versions", "*", "schema"},
     stele_registry_api_version_schema,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET,
     {"subjects", "*", "versions", "*", "referencedby"},
     stele_registry_api_referrers,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"schemas", "types"}, stele_registry_api_types, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"schemas", "ids", "*"}, stele_registry_api_id, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET,
     {"schemas", "ids", "*", "schema"},
     stele_registry_api_id_schema,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET,
     {"schemas", "ids", "*", "subjects"},
     stele_registry_api_id_subjects,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET,
     {"schemas", "ids", "*", "versions"},
     stele_registry_api_id_versions,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST,
     {"compatibility", "subjects", "*", "versions"},
     stele_registry_api_check_versions,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_POST,
     {"compatibility", "subjects", "*", "versions", "*"},
     stele_registry_api_check_version,
     STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"config"}, stele_registry_api_level, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"config", "*"}, stele_registry_api_level, STELE_HTTP_COMPUTES},
    {STELE_HTTP_PUT, {"config"}, stele_registry_api_set_level, STELE_HTTP_WAITS},
    {STELE_HTTP_PUT, {"config", "*"}, stele_registry_api_set_level, STELE_HTTP_WAITS},
    {STELE_HTTP_DELETE, {"config"}, stele_registry_api_unset_level, STELE_HTTP_WAITS},
    {STELE_HTTP_DELETE, {"config", "*"}, stele_registry_api_unset_level, STELE_HTTP_WAITS},
    {STELE_HTTP_GET, {"mode"}, stele_registry_api_mode, STELE_HTTP_COMPUTES},
    {STELE_HTTP_GET, {"mode", "*"}, stele_registry_api_mode, STELE_HTTP_COMPUTES},
    {STELE_HTTP_PUT, {"mode"}, stele_registry_api_set_mode, STELE_HTTP_WAITS},
    {STELE_HTTP_PUT, {"mode", "*"}, stele_registry_api_set_mode, STELE_HTTP_WAITS},
    {STELE_HTTP_DELETE, {"mode"}, stele_registry_api_unset_mode, STELE_HTTP_WAITS},
    {STELE_HTTP_DELETE, {"mode", "*"}, stele_registry_api_unset_mode, STELE_HTTP_WAITS},
};

static void interrupt(void *registry)
{
    stele_kafka_registry_interrupt(registry);
}

stele_http_api stele_registry_api(stele_registry *registry)
{
    return (stele_http_api){.routes = routes,
                            .count = sizeof routes / sizeof routes[0],
                            .content_type = "application/vnd.schemaregistry.v1+json",
                            .context = registry,
                            .interrupt = interrupt};
}
