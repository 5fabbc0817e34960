/* SPDX-License-Identifier: MIT
 * Schemas in bodies and by their ids. */
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "registry/record.h"
#include "server/registry_inside.h"

/* ---- schemas as they come and go ---- */

json_t *stele_registry_api_body(const stele_http_request *request, stele_http_reply *reply)
{
    json_error_t where;
    json_t *json = json_loadb((const char *)request->body.data, request->body.size,
                              JSON_REJECT_DUPLICATES, &where);
    if (json_is_object(json)) return json;
    stele_http_reply_error(reply, json == NULL ? 400 : 422,
                           "the body must be a JSON object: line %d: %s", where.line,
                           json == NULL ? where.text : "it is another value");
    json_decref(json);
    return NULL;
}

void stele_registry_api_schema_clear(stele_registry_api_schema *schema)
{
    json_decref(schema->body);
    free(schema->references);
    *schema = (stele_registry_api_schema){0};
}

static bool bad_schema(stele_http_reply *reply, const char *why)
{
    stele_http_reply_error(reply, STELE_API_BAD_SCHEMA, "%s", why);
    return false;
}

static bool read_references(stele_registry_api_schema *schema, stele_http_reply *reply)
{
    const json_t *list = json_object_get(schema->body, "references");
    if (list == NULL || json_is_null(list)) return true;
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > STELE_REGISTRY_REFERENCE_MAX)
        return bad_schema(reply, "\"references\" must be a list of at most 256");
    schema->references = stele_alloc_array(count, sizeof *schema->references);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        json_int_t version = json_integer_value(json_object_get(item, "version"));
        stele_registry_reference *reference = &schema->references[i];
        reference->name = json_string_value(json_object_get(item, "name"));
        reference->subject = json_string_value(json_object_get(item, "subject"));
        if (reference->name == NULL || reference->subject == NULL || version < -1 || version == 0 ||
            version > INT32_MAX)
            return bad_schema(reply, "a reference has a name, a subject and a version, -1 for the "
                                     "latest");
        reference->version = (int32_t)version;
    }
    schema->proposal.references = schema->references;
    schema->proposal.reference_count = count;
    return true;
}

/* What would be lost without a word is refused. */
static bool check_rest(const json_t *body, stele_http_reply *reply)
{
    const json_t *type = json_object_get(body, "schemaType");
    if (type != NULL && !json_is_null(type) &&
        (!json_is_string(type) || strcmp(json_string_value(type), "AVRO") != 0))
        return bad_schema(reply, "\"schemaType\" must be AVRO: this registry has no other");
    const char *const unknown[] = {"metadata", "ruleSet"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        const json_t *value = json_object_get(body, unknown[i]);
        if (value != NULL && !json_is_null(value))
            return bad_schema(reply, "metadata and rule sets are not kept by this registry");
    }
    if (json_integer_value(json_object_get(body, "id")) > 0) {
        stele_http_reply_error(reply, STELE_API_READ_ONLY,
                               "an id cannot be chosen: there is no mode IMPORT");
        return false;
    }
    return true;
}

bool stele_registry_api_schema_read(const stele_http_request *request, const char *subject,
                                    stele_registry_api_schema *out, stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_registry_api_schema)
    schema = {.body = stele_registry_api_body(request, reply), .proposal = {.subject = subject}};
    if (schema.body == NULL) return false;
    const json_t *text = json_object_get(schema.body, "schema");
    if (!json_is_string(text)) return bad_schema(reply, "the body has no \"schema\"");
    schema.proposal.text = stele_bytes_of(json_string_value(text), json_string_length(text));
    if (!check_rest(schema.body, reply) || !read_references(&schema, reply)) return false;
    *out = schema;
    schema = (stele_registry_api_schema){0};
    return true;
}

json_t *stele_registry_api_schema_json(json_t *extra, const stele_registered *schema)
{
    json_object_set_new(extra, "schema",
                        json_stringn((const char *)schema->text.data, schema->text.size));
    if (schema->reference_count == 0) return extra;
    json_t *references = json_array();
    for (size_t i = 0; i < schema->reference_count; i++) {
        const stele_registry_link *link = &schema->references[i];
        json_array_append_new(references,
                              json_pack("{s:s, s:s, s:i}", "name", link->name, "subject",
                                        link->subject, "version", (int)link->version));
    }
    json_object_set_new(extra, "references", references);
    return extra;
}

/* ---- /schemas ---- */

void stele_registry_api_types(void *registry, const stele_http_request *request,
                              stele_http_reply *reply)
{
    (void)registry, (void)request;
    stele_http_reply_json(reply, json_pack("[s]", "AVRO"));
}

static bool parse_id(const stele_http_request *request, int32_t *out, stele_http_reply *reply)
{
    int64_t id;
    const char *text = request->segments[2];
    if (stele_parse_int64(stele_text(text), 0, INT32_MAX, &id, NULL) < 0) {
        stele_http_reply_error(reply, STELE_API_NO_SCHEMA, "%s is not an id",
                               stele_quote(stele_text(text)).text);
        return false;
    }
    *out = (int32_t)id;
    return true;
}

static bool find_id(void *registry, const stele_http_request *request, stele_registered *out,
                    stele_http_reply *reply)
{
    int32_t id;
    stele_error err = {0};
    if (!parse_id(request, &id, reply)) return false;
    if (stele_kafka_registry_by_id(registry, id, STELE_REGISTRY_API_TIMEOUT, out, &err) == STELE_OK)
        return true;
    stele_registry_api_failure(reply, &err);
    return false;
}

void stele_registry_api_id(void *registry, const stele_http_request *request,
                           stele_http_reply *reply)
{
    stele_registered found;
    if (!find_id(registry, request, &found, reply)) return;
    stele_http_reply_json(reply, stele_registry_api_schema_json(json_object(), &found));
}

void stele_registry_api_id_schema(void *registry, const stele_http_request *request,
                                  stele_http_reply *reply)
{
    stele_registered found;
    if (!find_id(registry, request, &found, reply)) return;
    stele_http_reply_text(reply, (const char *)found.text.data, found.text.size);
}

static bool find_uses(void *registry, const stele_http_request *request, stele_registered **out,
                      size_t *count, stele_http_reply *reply)
{
    int32_t id;
    stele_error err = {0};
    if (!parse_id(request, &id, reply)) return false;
    if (stele_kafka_registry_uses(registry, id, stele_http_request_is_true(request, "deleted"),
                                  STELE_REGISTRY_API_TIMEOUT, out, count, &err) == STELE_OK)
        return true;
    stele_registry_api_failure(reply, &err);
    return false;
}

void stele_registry_api_id_subjects(void *registry, const stele_http_request *request,
                                    stele_http_reply *reply)
{
    stele_registered *uses;
    size_t count;
    if (!find_uses(registry, request, &uses, &count, reply)) return;
    json_t *subjects = json_array();
    for (size_t i = 0; i < count; i++) { /* those of one subject stand together */
        if (i == 0 || strcmp(uses[i].subject, uses[i - 1].subject) != 0)
            json_array_append_new(subjects, json_string(uses[i].subject));
    }
    free(uses);
    stele_http_reply_json(reply, subjects);
}

void stele_registry_api_id_versions(void *registry, const stele_http_request *request,
                                    stele_http_reply *reply)
{
    stele_registered *uses;
    size_t count;
    if (!find_uses(registry, request, &uses, &count, reply)) return;
    json_t *versions = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(versions, json_pack("{s:s, s:i}", "subject", uses[i].subject,
                                                  "version", (int)uses[i].version));
    }
    free(uses);
    stele_http_reply_json(reply, versions);
}
