/* SPDX-License-Identifier: MIT
 * Schemas in bodies and by their ids. */
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "registry/record.h"
#include "server/registry_inside.h"

/* ---- schemas as they come and go ---- */

const stele_tree *stele_registry_api_body(const stele_http_request *request, stele_arena *arena,
                                          stele_http_reply *reply)
{
    stele_tree_problem problem;
    const stele_tree *body =
        request->body.size == 0 ? NULL : stele_tree_parse(request->body, NULL, arena, &problem);
    if (stele_tree_is(body, STELE_TREE_OBJECT)) return body;
    if (request->body.size == 0 || stele_tree_is(body, STELE_TREE_NULL)) {
        stele_http_reply_error(reply, 422, "the body must be a JSON object: there is none");
    } else if (body != NULL) {
        stele_http_reply_error(reply, 400, "the body must be a JSON object: it is another value");
    } else {
        stele_http_reply_error(reply, 400, "the body must be a JSON object: line %zu: %s",
                               problem.line, problem.why);
    }
    return NULL;
}

static bool wrong_kind(stele_http_reply *reply, const char *name, const char *wanted)
{
    stele_http_reply_error(reply, 400, "\"%s\" must be %s", name, wanted);
    return false;
}

/* Of a member that is absent or null, as Confluent's registry sees no difference. */
static bool is_absent(const stele_tree *value)
{
    return value == NULL || stele_tree_is(value, STELE_TREE_NULL);
}

bool stele_registry_api_text(const stele_tree *body, const char *name, const char **out,
                             stele_http_reply *reply)
{
    const stele_tree *value = stele_tree_get(body, name);
    const char *text = stele_tree_string(value);
    if (text == NULL && !is_absent(value)) return wrong_kind(reply, name, "a text");
    *out = text;
    return true;
}

/* @param out  0: absent */
static bool read_number(const stele_tree *body, const char *name, int32_t *out,
                        stele_http_reply *reply)
{
    int64_t number = 0;
    const stele_tree *value = stele_tree_get(body, name);
    if (!is_absent(value) &&
        (!stele_tree_integer(value, &number) || number < INT32_MIN || number > INT32_MAX))
        return wrong_kind(reply, name, "a whole number of 32 bits");
    *out = (int32_t)number;
    return true;
}

void stele_registry_api_schema_clear(stele_registry_api_schema *schema)
{
    stele_arena_free(schema->arena);
    free(schema->references);
    *schema = (stele_registry_api_schema){0};
}

static bool bad_schema(stele_http_reply *reply, const char *why)
{
    stele_http_reply_error(reply, STELE_API_BAD_SCHEMA, "%s", why);
    return false;
}

static bool read_reference(const stele_tree *item, stele_registry_reference *out,
                           stele_http_reply *reply)
{
    if (!stele_tree_is(item, STELE_TREE_OBJECT))
        return wrong_kind(reply, "references", "a list of objects");
    if (!stele_registry_api_text(item, "name", &out->name, reply) ||
        !stele_registry_api_text(item, "subject", &out->subject, reply) ||
        !read_number(item, "version", &out->version, reply))
        return false;
    if (out->name == NULL || out->subject == NULL || out->version < -1 || out->version == 0)
        return bad_schema(reply, "a reference has a name, a subject and a version, -1 for the "
                                 "latest");
    return true;
}

static bool read_references(const stele_tree *body, stele_registry_api_schema *schema,
                            stele_http_reply *reply)
{
    const stele_tree *list = stele_tree_get(body, "references");
    if (is_absent(list)) return true;
    if (!stele_tree_is(list, STELE_TREE_ARRAY))
        return wrong_kind(reply, "references", "a list of objects");
    if (list->count > STELE_REGISTRY_REFERENCE_MAX)
        return bad_schema(reply, "\"references\" has more than 256 items");
    schema->references = stele_alloc_array(list->count, sizeof *schema->references);
    for (size_t i = 0; i < list->count; i++) {
        if (!read_reference(stele_tree_at(list, i), &schema->references[i], reply)) return false;
    }
    schema->proposal.references = schema->references;
    schema->proposal.reference_count = list->count;
    return true;
}

/* What would be lost in silence is refused. */
static bool check_rest(const stele_tree *body, stele_http_reply *reply)
{
    const char *type;
    int32_t id;
    if (!stele_registry_api_text(body, "schemaType", &type, reply) ||
        !read_number(body, "id", &id, reply))
        return false;
    if (type != NULL && strcmp(type, "AVRO") != 0)
        return bad_schema(reply, "\"schemaType\" must be AVRO: this registry has no other");
    if (!is_absent(stele_tree_get(body, "metadata")) || !is_absent(stele_tree_get(body, "ruleSet")))
        return bad_schema(reply, "metadata and rule sets are not kept by this registry");
    if (id > 0) {
        stele_http_reply_error(reply, STELE_API_READ_ONLY,
                               "an id cannot be chosen: there is no mode IMPORT");
        return false;
    }
    return true;
}

/* A number or a truth value is taken for its text, which is no schema; Confluent's does so too. */
static bool read_text(const stele_tree *body, stele_bytes *out, stele_http_reply *reply)
{
    const stele_tree *text = stele_tree_get(body, "schema");
    if (stele_tree_is(text, STELE_TREE_ARRAY) || stele_tree_is(text, STELE_TREE_OBJECT))
        return wrong_kind(reply, "schema", "the schema as a text, its quotes escaped");
    if (!stele_tree_is(text, STELE_TREE_STRING))
        return bad_schema(reply, "the body has no \"schema\", which is a text");
    *out = text->text;
    return true;
}

bool stele_registry_api_schema_read(const stele_http_request *request, const char *subject,
                                    stele_registry_api_schema *out, stele_http_reply *reply)
{
    STELE_AUTO_VALUE(stele_registry_api_schema)
    schema = {.arena = stele_arena_new(), .proposal = {.subject = subject}};
    const stele_tree *body = stele_registry_api_body(request, schema.arena, reply);
    if (body == NULL || !read_text(body, &schema.proposal.text, reply) ||
        !check_rest(body, reply) || !read_references(body, &schema, reply))
        return false;
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
    for (size_t i = 0; i < count; i++) { /* those of one subject are in a row */
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
