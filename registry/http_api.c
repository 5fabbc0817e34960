/* SPDX-License-Identifier: MIT
 * What the registry's answers mean. Nothing of them is believed: every field is checked for its
 * kind and its range. */
#include "registry/http_api.h"

#include <jansson.h>
#include <string.h>

#include "core/alloc.h"
#include "core/message.h"
#include "core/text.h"
#include "http/url.h"
#include "core/uuid.h"
#include "registry/record.h"

STELE_SCOPE(json_t, json_decref);

/* ---- failures ---- */

typedef struct answer_error {
    json_int_t code; /* 0: the answer is not a registry's error */
    char message[STELE_ERROR_TEXT_MAX + 1];
} answer_error;

static answer_error read_error(stele_bytes answer)
{
    answer_error found = {0};
    STELE_AUTO(json_t)
    json = json_loadb((const char *)answer.data, answer.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json)) return found;
    found.code = json_integer_value(json_object_get(json, "error_code"));
    const char *message = json_string_value(json_object_get(json, "message"));
    stele_message_format(found.message, sizeof found.message, "%s", message == NULL ? "" : message);
    return found;
}

static stele_status refused(const char *url, long code, stele_error *err)
{
    return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, (int)code,
                            "registry %s: %ld, it refuses these credentials: see registry.user, "
                            "registry.password, registry.token and registry.certificate_file",
                            url, code);
}

/* An answer that is not 2xx. */
static stele_status fail_code(const char *url, const char *what, long code, stele_bytes answer,
                              stele_error *err)
{
    answer_error answered = read_error(answer);
    if (code == 401 || code == 403) return refused(url, code, err);
    if (code == 408 || code == 429 || code >= 500) {
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, (int)code,
                                "registry %s: %s: it answers %ld %s", url, what, code,
                                answered.message);
    }
    if (code == 404 && answered.code >= 40401 && answered.code <= 40499) {
        return stele_fail_cause(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, (int)answered.code,
                                "registry %s has no %s: %s", url, what, answered.message);
    }
    if (code == 404) { /* an ingress whose registry is starting answers like this */
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, (int)code,
                                "registry %s: %s: it answers 404 without a registry's error code; "
                                "is registry.url right?",
                                url, what);
    }
    if (code == 409) {
        return stele_fail_cause(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP, (int)code,
                                "%s (`stele schema level` shows and sets its level): %s", what,
                                answered.message);
    }
    if (code == 422) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                                answered.code == 0 ? (int)code : (int)answered.code, "%s: %s", what,
                                answered.message);
    }
    return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, (int)code,
                            "registry %s: %s: it answers %ld %s", url, what, code,
                            answered.message);
}

static stele_status fail_answer(const char *url, const char *what, const char *why,
                                stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "registry %s: %s: the answer is malformed: %s", url, what, why);
}

/* One request. @param what  for messages. @param out  the JSON of a 2xx answer, owned */
static stele_status send(stele_confluent *http, const char *method, const char *what,
                         const char *path, stele_bytes body, stele_deadline until, json_t **out,
                         stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) answer = {0};
    long code;
    const char *url = stele_confluent_url(http);
    stele_status status = stele_confluent_ask(http, method, path, body, until, &answer, &code, err);
    if (status < 0) return status;
    if (code < 200 || code > 299)
        return fail_code(url, what, code, stele_buffer_view(&answer), err);
    json_error_t where;
    json_t *json = json_loadb((const char *)answer.data, answer.size,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &where);
    if (json == NULL) return fail_answer(url, what, where.text, err);
    *out = json;
    return STELE_OK;
}

static stele_status ask(stele_confluent *http, const char *what, const char *path,
                        stele_deadline until, json_t **out, stele_error *err)
{
    return send(http, "GET", what, path, stele_text(NULL), until, out, err);
}

/* ---- parts of answers ---- */

/* A number from 1 on; absent and null are 0. @return false: it is something else */
static bool read_number(const json_t *object, const char *name, int32_t *out)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_integer_value(value);
    if (value == NULL || json_is_null(value)) {
        *out = 0;
        return true;
    }
    if (!json_is_integer(value) || number < 1 || number > INT32_MAX) return false;
    *out = (int32_t)number;
    return true;
}

/* A string without a NUL in it, or NULL. */
static const char *read_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) return NULL;
    const char *text = json_string_value(value);
    return strlen(text) == json_string_length(value) ? text : NULL;
}

static const char *read_references(const json_t *list, stele_registry_entry *out)
{
    if (list == NULL || json_is_null(list)) return NULL;
    if (!json_is_array(list)) return "\"references\" is not a list";
    if (json_array_size(list) > STELE_REGISTRY_REFERENCE_MAX) return "too many references";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        stele_registry_reference reference = {read_text(item, "name"), read_text(item, "subject"),
                                              0};
        if (reference.name == NULL || reference.subject == NULL ||
            !read_number(item, "version", &reference.version) || reference.version == 0)
            return "a reference without name, subject and version";
        stele_registry_entry_add(out, &reference);
    }
    return NULL;
}

/* @return NULL, or what is wrong */
static const char *read_entry(const json_t *json, stele_registry_entry *out)
{
    const char *type = read_text(json, "schemaType");
    const char *text = read_text(json, "schema");
    if (!json_is_object(json)) return "it is not an object";
    if (type != NULL && strcmp(type, "AVRO") != 0) return "its schema is not an Avro schema";
    if (text == NULL) return "it has no \"schema\"";
    if (!read_number(json, "id", &out->id)) return "its \"id\" is not an id";
    if (!read_number(json, "version", &out->version)) return "its \"version\" is not one";
    const char *why = read_references(json_object_get(json, "references"), out);
    if (why == NULL) out->text = stele_strdup(text);
    return why;
}

/* ---- calls ---- */

static stele_status ask_entry(stele_confluent *http, const char *what, const char *path,
                              stele_deadline until, stele_registry_entry *out, stele_error *err)
{
    STELE_AUTO(json_t) json = NULL;
    stele_status status = ask(http, what, path, until, &json, err);
    if (status < 0) return status;
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    const char *why = read_entry(json, &entry);
    if (why != NULL) return fail_answer(stele_confluent_url(http), what, why, err);
    *out = entry;
    entry = (stele_registry_entry){0};
    return STELE_OK;
}

stele_status stele_confluent_schema(stele_confluent *http, int32_t id, stele_deadline until,
                                    stele_registry_entry *out, stele_error *err)
{
    char path[48];
    char what[48];
    snprintf(path, sizeof path, "/schemas/ids/%d", (int)id);
    snprintf(what, sizeof what, "schema with id %d", (int)id);
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_status status = ask_entry(http, what, path, until, &entry, err);
    if (status < 0) return status;
    if (entry.id != 0 && entry.id != id) {
        char why[64];
        snprintf(why, sizeof why, "it is about id %d", (int)entry.id);
        return fail_answer(stele_confluent_url(http), what, why, err);
    }
    entry.id = id;
    entry.version = 0;
    *out = entry;
    entry = (stele_registry_entry){0};
    return STELE_OK;
}

stele_status stele_confluent_version(stele_confluent *http, const char *subject, int32_t version,
                                     stele_deadline until, stele_registry_entry *out,
                                     stele_error *err)
{
    char number[16] = "latest";
    if (version > 0) snprintf(number, sizeof number, "%d", (int)version);
    STELE_AUTO(char) segment = stele_url_segment(stele_text(subject));
    STELE_AUTO(char) path = stele_strdup_format("/subjects/%s/versions/%s", segment, number);
    STELE_AUTO(char) what = stele_strdup_format("subject %s, version %s", subject, number);
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_status status = ask_entry(http, what, path, until, &entry, err);
    if (status < 0) return status;
    if (entry.version == 0 || (version > 0 && entry.version != version))
        return fail_answer(stele_confluent_url(http), what, "it is about another version", err);
    *out = entry;
    entry = (stele_registry_entry){0};
    return STELE_OK;
}

/* Does it answer what every registry does? Else a 404 is of something before it. */
static stele_status ask_types(stele_confluent *http, stele_deadline until, stele_error *err)
{
    STELE_AUTO(json_t) json = NULL;
    return ask(http, "list of types", "/schemas/types", until, &json, err);
}

stele_status stele_confluent_genesis(stele_confluent *http, stele_deadline until, char out[37],
                                     stele_error *err)
{
    STELE_AUTO(json_t) json = NULL;
    stele_uuid uuid;
    stele_error failure = {0};
    char genesis[37] = "";
    stele_status status = ask(http, "its name", "/v1/metadata/id", until, &json, &failure);
    if (status == STELE_E_NOT_FOUND || (status == STELE_E_UNAVAILABLE && failure.cause == 404)) {
        if ((status = ask_types(http, until, err)) < 0) return status;
    } else if (status < 0) {
        if (err != NULL) *err = failure;
        return status;
    }
    const char *id = read_text(json, "id"); /* Confluent's is empty */
    if (id != NULL && stele_uuid_parse(stele_text(id), &uuid, NULL) == STELE_OK)
        stele_uuid_format(&uuid, genesis);
    memcpy(out, genesis, sizeof genesis);
    return STELE_OK;
}

/* Pointers and texts in one piece of memory. */
static char **copy_names(const json_t *list)
{
    size_t count = json_array_size(list);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL) return NULL;
        bytes += strlen(name) + 1;
    }
    char **names = stele_alloc((count + 1) * sizeof *names + bytes);
    char *at = (char *)(names + count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        size_t size = strlen(name) + 1;
        names[i] = memcpy(at, name, size);
        at += size;
    }
    return names;
}

stele_status stele_confluent_subjects(stele_confluent *http, stele_deadline until, char ***out,
                                      stele_error *err)
{
    STELE_AUTO(json_t) json = NULL;
    stele_status status = ask(http, "list of subjects", "/subjects", until, &json, err);
    if (status < 0) return status;
    char **names = json_is_array(json) ? copy_names(json) : NULL;
    if (names == NULL)
        return fail_answer(stele_confluent_url(http), "subjects", "it is not a list of names", err);
    *out = names;
    return STELE_OK;
}

stele_status stele_confluent_versions(stele_confluent *http, const char *subject,
                                      stele_deadline until, int32_t **out, size_t *count,
                                      stele_error *err)
{
    STELE_AUTO(char) segment = stele_url_segment(stele_text(subject));
    STELE_AUTO(char) path = stele_strdup_format("/subjects/%s/versions", segment);
    STELE_AUTO(char) what = stele_strdup_format("subject %s", subject);
    STELE_AUTO(json_t) json = NULL;
    stele_status status = ask(http, what, path, until, &json, err);
    if (status < 0) return status;
    size_t size = json_array_size(json);
    int32_t *versions = stele_alloc_array(size, sizeof *versions);
    bool ok = json_is_array(json);
    for (size_t i = 0; i < size && ok; i++) {
        json_int_t version = json_integer_value(json_array_get(json, i));
        ok = version >= 1 && version <= INT32_MAX;
        versions[i] = (int32_t)version;
    }
    if (!ok) {
        free(versions);
        return fail_answer(stele_confluent_url(http), what, "it is not a list of versions", err);
    }
    *out = versions;
    *count = size;
    return STELE_OK;
}

static char *registration(stele_bytes text, const stele_registry_reference *references,
                          size_t count)
{
    STELE_AUTO(json_t) body = json_object();
    json_object_set_new(body, "schema", json_stringn((const char *)text.data, text.size));
    if (count > 0) json_object_set_new(body, "references", json_array());
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_pack("{s:s, s:s, s:i}", "name", references[i].name, "subject",
                                 references[i].subject, "version", (int)references[i].version);
        json_array_append_new(json_object_get(body, "references"), item);
    }
    return json_dumps(body, JSON_COMPACT);
}

stele_status stele_confluent_register(stele_confluent *http, const char *subject, stele_bytes text,
                                      const stele_registry_reference *references, size_t count,
                                      stele_deadline until, int32_t *id, stele_error *err)
{
    if (!stele_utf8_is_valid(text)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the schema for subject %s is not UTF-8", subject);
    }
    STELE_AUTO(char) body = registration(text, references, count);
    STELE_AUTO(char) segment = stele_url_segment(stele_text(subject));
    STELE_AUTO(char) path = stele_strdup_format("/subjects/%s/versions", segment);
    STELE_AUTO(char) what = stele_strdup_format("subject %s", subject);
    STELE_AUTO(json_t) json = NULL;
    stele_status status = send(http, "POST", what, path, stele_text(body), until, &json, err);
    if (status < 0) return status;
    int32_t given;
    if (!json_is_object(json) || !read_number(json, "id", &given) || given == 0)
        return fail_answer(stele_confluent_url(http), what, "it has no \"id\"", err);
    *id = given;
    return STELE_OK;
}

/* ---- compatibility levels ---- */

/* Of a subject, or with NULL of all that have none of their own. Caller owns. */
static char *config_path(const char *subject)
{
    if (subject == NULL) return stele_strdup("/config");
    STELE_AUTO(char) segment = stele_url_segment(stele_text(subject));
    return stele_strdup_format("/config/%s", segment);
}

static char *config_name(const char *subject)
{
    if (subject == NULL) return stele_strdup("the default level");
    return stele_strdup_format("the level of subject %s", subject);
}

stele_status stele_confluent_level(stele_confluent *http, const char *subject, stele_deadline until,
                                   stele_compatibility *out, stele_error *err)
{
    STELE_AUTO(char) path = config_path(subject);
    STELE_AUTO(char) what = config_name(subject);
    STELE_AUTO(json_t) json = NULL;
    stele_status status = ask(http, what, path, until, &json, err);
    if (status < 0) return status;
    const char *name = read_text(json, "compatibilityLevel");
    if (name == NULL || stele_compatibility_parse(stele_text(name), out, NULL) < 0)
        return fail_answer(stele_confluent_url(http), what, "it is none of the seven levels", err);
    return STELE_OK;
}

stele_status stele_confluent_set_level(stele_confluent *http, const char *subject,
                                       const stele_compatibility *level, stele_deadline until,
                                       stele_error *err)
{
    STELE_AUTO(char) path = config_path(subject);
    STELE_AUTO(char) what = config_name(subject);
    STELE_AUTO(json_t) json = NULL;
    if (level == NULL) {
        stele_status status = send(http, "DELETE", what, path, stele_text(NULL), until, &json, err);
        return status == STELE_E_NOT_FOUND ? STELE_OK : status; /* it had none of its own */
    }
    STELE_AUTO(char)
    body = stele_strdup_format("{\"compatibility\":\"%s\"}", stele_compatibility_name(*level));
    return send(http, "PUT", what, path, stele_text(body), until, &json, err);
}
