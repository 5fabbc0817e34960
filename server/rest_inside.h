/* SPDX-License-Identifier: MIT
 * What the handlers of the REST API share. The segment with the subject is segments[1] but where a
 * comment says otherwise. */
#ifndef STELE_SERVER_REST_INSIDE_H
#define STELE_SERVER_REST_INSIDE_H

#include "registry/kafka_registry.h"
#include "server/rest.h"

enum { STELE_REST_REGISTRY_TIMEOUT = -1 }; /* the registry's own */

typedef void stele_rest_handler(stele_registry *registry, const stele_rest_request *request,
                                stele_rest_reply *reply);

stele_rest_handler stele_rest_subjects;       /* GET /subjects */
stele_rest_handler stele_rest_find_schema;    /* POST /subjects/S */
stele_rest_handler stele_rest_delete_subject; /* DELETE /subjects/S */
stele_rest_handler stele_rest_versions;       /* GET /subjects/S/versions */
stele_rest_handler stele_rest_register;       /* POST /subjects/S/versions */
stele_rest_handler stele_rest_version;        /* GET /subjects/S/versions/V */
stele_rest_handler stele_rest_version_schema; /* GET /subjects/S/versions/V/schema */
stele_rest_handler stele_rest_referrers;      /* GET /subjects/S/versions/V/referencedby */
stele_rest_handler stele_rest_delete_version; /* DELETE /subjects/S/versions/V */
stele_rest_handler stele_rest_types;          /* GET /schemas/types */
stele_rest_handler stele_rest_id;             /* GET /schemas/ids/N */
stele_rest_handler stele_rest_id_schema;      /* GET /schemas/ids/N/schema */
stele_rest_handler stele_rest_id_subjects;    /* GET /schemas/ids/N/subjects */
stele_rest_handler stele_rest_id_versions;    /* GET /schemas/ids/N/versions */
stele_rest_handler stele_rest_check_version;  /* POST /compatibility/subjects/S/versions/V */
stele_rest_handler stele_rest_check_versions; /* POST /compatibility/subjects/S/versions */
stele_rest_handler stele_rest_level;          /* GET /config[/S] */
stele_rest_handler stele_rest_set_level;      /* PUT /config[/S] */
stele_rest_handler stele_rest_unset_level;    /* DELETE /config[/S] */
stele_rest_handler stele_rest_mode;           /* GET /mode[/S] */
stele_rest_handler stele_rest_set_mode;       /* PUT /mode[/S] */
stele_rest_handler stele_rest_unset_mode;     /* DELETE /mode[/S] */

/** The body as a JSON object; replies if it is none. @return owned, or NULL */
json_t *stele_rest_body(const stele_rest_request *request, stele_rest_reply *reply);

/** A version in the path: from 1 on, or 0 for "latest" and -1; replies if it is none of them. */
bool stele_rest_parse_version(const char *text, int32_t *out, stele_rest_reply *reply);

/** A schema as it came in a body. */
typedef struct stele_rest_schema {
    json_t *body;
    stele_registry_reference *references;
    stele_proposal proposal; /* borrows from the others, and the subject from the request */
} stele_rest_schema;

void stele_rest_schema_clear(stele_rest_schema *schema);
STELE_VALUE_SCOPE(stele_rest_schema, stele_rest_schema_clear);

/** Read it; replies if there is none. @param out cleared by the caller */
bool stele_rest_schema_read(const stele_rest_request *request, const char *subject,
                            stele_rest_schema *out, stele_rest_reply *reply);

/** {"schema": …, "references": …} with `extra`'s members before them. @param extra taken over */
json_t *stele_rest_schema_json(json_t *extra, const stele_registered *schema);

#endif
