/* SPDX-License-Identifier: MIT
 * What the handlers of the REST API share. The segment with the subject is segments[1], except
 * where a comment says otherwise. */
#ifndef STELE_SERVER_REGISTRY_INSIDE_H
#define STELE_SERVER_REGISTRY_INSIDE_H

#include "registry/kafka_registry.h"
#include "schemas/tree.h"
#include "server/registry_api.h"

enum { STELE_REGISTRY_API_TIMEOUT = -1 }; /* the registry's own */

/** What a call of the registry failed with, in the codes of the Confluent API. */
void stele_registry_api_failure(stele_http_reply *reply, const stele_error *err);

stele_http_handler stele_registry_api_subjects;       /* GET /subjects */
stele_http_handler stele_registry_api_find_schema;    /* POST /subjects/S */
stele_http_handler stele_registry_api_delete_subject; /* DELETE /subjects/S */
stele_http_handler stele_registry_api_versions;       /* GET /subjects/S/versions */
stele_http_handler stele_registry_api_register;       /* POST /subjects/S/versions */
stele_http_handler stele_registry_api_version;        /* GET /subjects/S/versions/V */
stele_http_handler stele_registry_api_version_schema; /* GET /subjects/S/versions/V/schema */
stele_http_handler stele_registry_api_referrers;      /* GET /subjects/S/versions/V/referencedby */
stele_http_handler stele_registry_api_delete_version; /* DELETE /subjects/S/versions/V */
stele_http_handler stele_registry_api_types;          /* GET /schemas/types */
stele_http_handler stele_registry_api_id;             /* GET /schemas/ids/N */
stele_http_handler stele_registry_api_id_schema;      /* GET /schemas/ids/N/schema */
stele_http_handler stele_registry_api_id_subjects;    /* GET /schemas/ids/N/subjects */
stele_http_handler stele_registry_api_id_versions;    /* GET /schemas/ids/N/versions */
stele_http_handler stele_registry_api_check_version; /* POST /compatibility/subjects/S/versions/V */
stele_http_handler stele_registry_api_check_versions; /* POST /compatibility/subjects/S/versions */
stele_http_handler stele_registry_api_level;          /* GET /config[/S] */
stele_http_handler stele_registry_api_set_level;      /* PUT /config[/S] */
stele_http_handler stele_registry_api_unset_level;    /* DELETE /config[/S] */
stele_http_handler stele_registry_api_mode;           /* GET /mode[/S] */
stele_http_handler stele_registry_api_set_mode;       /* PUT /mode[/S] */
stele_http_handler stele_registry_api_unset_mode;     /* DELETE /mode[/S] */

/**
 * The body as a JSON object; replies if it is none, with the codes of Confluent's: 422 for nothing
 * and null, 400 for what is no JSON or another value.
 *
 * @param arena  holds it
 * @return NULL: replied
 */
const stele_tree *stele_registry_api_body(const stele_http_request *request, stele_arena *arena,
                                          stele_http_reply *reply);

/**
 * A text in the body.
 *
 * @param out  NULL if it is absent or null; borrowed from the tree
 * @return false: it is of another kind, or has a NUL; replied with 400
 */
bool stele_registry_api_text(const stele_tree *body, const char *name, const char **out,
                             stele_http_reply *reply);

/** A version in the path: from 1 on, or 0 for "latest" and -1; replies if it is none of them. */
bool stele_registry_api_parse_version(const char *text, int32_t *out, stele_http_reply *reply);

/** A schema as it came in a body. */
typedef struct stele_registry_api_schema {
    stele_arena *arena; /* of the body */
    stele_registry_reference *references;
    stele_proposal proposal; /* borrows from the others, and the subject from the request */
} stele_registry_api_schema;

void stele_registry_api_schema_clear(stele_registry_api_schema *schema);
STELE_VALUE_SCOPE(stele_registry_api_schema, stele_registry_api_schema_clear);

/** Read it; replies if there is none. @param out cleared by the caller */
bool stele_registry_api_schema_read(const stele_http_request *request, const char *subject,
                                    stele_registry_api_schema *out, stele_http_reply *reply);

/** {"schema": …, "references": …} with `extra`'s members before them. @param extra taken over */
json_t *stele_registry_api_schema_json(json_t *extra, const stele_registered *schema);

#endif
