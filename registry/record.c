/* SPDX-License-Identifier: MIT
 * Records of the topic _stele.schemas to JSON and back. Strict: two readers must never differ in
 * what they take for a record. */
#include "registry/record.h"

#include <jansson.h>

#include "core/alloc.h"
#include "core/text.h"
#include "core/uuid.h"

STELE_SCOPE(json_t, json_decref);

static const char *const kind_names[] = {[STELE_REGISTRY_GENESIS] = "genesis",
                                         [STELE_REGISTRY_SCHEMA] = "schema",
                                         [STELE_REGISTRY_CONFIG] = "config",
                                         [STELE_REGISTRY_MODE] = "mode",
                                         [STELE_REGISTRY_DELETE] = "delete"};
enum { KIND_COUNT = sizeof kind_names / sizeof kind_names[0] };

static const char *const mode_names[] = {
    [STELE_MODE_READWRITE] = "READWRITE", [STELE_MODE_READONLY] = "READONLY"};

const char *stele_registry_mode_name(stele_registry_mode mode)
{
    return mode_names[mode];
}

stele_status stele_registry_mode_parse(const char *text, stele_registry_mode *out, stele_error *err)
{
    for (int i = 0; i <= STELE_MODE_READONLY; i++) {
        if (strcmp(text, mode_names[i]) != 0) continue;
        *out = (stele_registry_mode)i;
        return STELE_OK;
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "mode %s: there are READWRITE and READONLY",
                      stele_quote(stele_text(text)).text);
}

void stele_registry_record_clear(stele_registry_record *record)
{
    for (size_t i = 0; i < record->link_count; i++) {
        free(record->links[i].name);
        free(record->links[i].subject);
    }
    free(record->links);
    free(record->subject);
    free(record->text);
    *record = (stele_registry_record){0};
}

/* ---- writing ---- */

/* Texts come from callers who have checked that they are UTF-8, so jansson never refuses them. */
static json_t *text_value(const char *text, size_t size)
{
    json_t *value = json_stringn(text, size);
    return value == NULL ? json_null() : value;
}

static json_t *links_value(const stele_registry_record *record)
{
    json_t *links = json_array();
    for (size_t i = 0; i < record->link_count; i++) {
        const stele_registry_link *link = &record->links[i];
        json_array_append_new(links, json_pack("{s:s, s:s, s:i, s:i}", "name", link->name,
                                               "subject", link->subject, "version",
                                               (int)link->version, "id", (int)link->id));
    }
    return links;
}

static void set_fields(const stele_registry_record *record, json_t *object)
{
    switch (record->kind) {
    case STELE_REGISTRY_GENESIS:
        json_object_set_new(object, "format", json_integer(STELE_REGISTRY_FORMAT));
        json_object_set_new(object, "registry", json_string(record->genesis));
        break;
    case STELE_REGISTRY_SCHEMA:
        json_object_set_new(object, "schema", text_value(record->text, record->text_size));
        if (record->link_count > 0) json_object_set_new(object, "references", links_value(record));
        break;
    case STELE_REGISTRY_CONFIG:
        if (!record->is_set) break;
        json_object_set_new(object, "compatibility",
                            json_string(stele_compatibility_name(record->level)));
        break;
    case STELE_REGISTRY_MODE:
        if (!record->is_set) break;
        json_object_set_new(object, "mode", json_string(mode_names[record->mode]));
        break;
    case STELE_REGISTRY_DELETE:
        if (record->version > 0)
            json_object_set_new(object, "version", json_integer(record->version));
        json_object_set_new(object, "permanent", json_boolean(record->permanent));
        break;
    }
}

static int append_text(const char *text, size_t size, void *context)
{
    stele_buffer_append(context, stele_bytes_of(text, size));
    return 0;
}

void stele_registry_record_write(const stele_registry_record *record, stele_buffer *out)
{
    STELE_AUTO(json_t) object = json_object();
    json_object_set_new(object, "type", json_string(kind_names[record->kind]));
    if (record->kind != STELE_REGISTRY_GENESIS)
        json_object_set_new(object, "after", json_integer(record->after));
    if (record->subject != NULL)
        json_object_set_new(object, "subject",
                            text_value(record->subject, strlen(record->subject)));
    set_fields(record, object);
    json_dump_callback(object, append_text, out, JSON_COMPACT);
}

/* ---- reading ---- */

static stele_status bad(stele_error *err, const char *field)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "no record of a registry: \"%s\" is missing or not as it should be", field);
}

static bool read_int(const json_t *object, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) return false;
    int64_t number = json_integer_value(value);
    if (number < min || number > max) return false;
    *out = number;
    return true;
}

static char *read_text(const json_t *object, const char *name, size_t max, size_t *size)
{
    const json_t *value = json_object_get(object, name);
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length == 0 || length > max) return NULL;
    if (size != NULL) *size = length;
    return stele_strndup(json_string_value(value), length);
}

static bool read_link(const json_t *object, stele_registry_link *out)
{
    int64_t version;
    int64_t id;
    out->name = read_text(object, "name", STELE_REGISTRY_SUBJECT_MAX, NULL);
    out->subject = read_text(object, "subject", STELE_REGISTRY_SUBJECT_MAX, NULL);
    if (out->name == NULL || out->subject == NULL) return false;
    if (!read_int(object, "version", 1, INT32_MAX, &version)) return false;
    if (!read_int(object, "id", 1, INT32_MAX, &id)) return false;
    out->version = (int32_t)version;
    out->id = (int32_t)id;
    return true;
}

static stele_status read_schema(const json_t *object, stele_registry_record *out, stele_error *err)
{
    const json_t *links = json_object_get(object, "references");
    size_t count = json_array_size(links);
    if (out->subject == NULL) return bad(err, "subject");
    out->text = read_text(object, "schema", STELE_REGISTRY_RECORD_MAX, &out->text_size);
    if (out->text == NULL) return bad(err, "schema");
    if (links != NULL && !json_is_array(links)) return bad(err, "references");
    if (count > STELE_REGISTRY_REFERENCE_MAX) return bad(err, "references");
    out->links = stele_alloc_array(count, sizeof *out->links);
    out->link_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!read_link(json_array_get(links, i), &out->links[i])) return bad(err, "references");
    }
    return STELE_OK;
}

static stele_status read_genesis(const json_t *object, stele_registry_record *out, stele_error *err)
{
    int64_t format;
    stele_uuid uuid;
    if (!read_int(object, "format", 1, INT32_MAX, &format)) return bad(err, "format");
    if (format > STELE_REGISTRY_FORMAT) {
        return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                          "the registry has format %lld, this program knows %d: take a newer one",
                          (long long)format, STELE_REGISTRY_FORMAT);
    }
    STELE_AUTO(char) text = read_text(object, "registry", STELE_UUID_TEXT_SIZE, NULL);
    if (text == NULL || stele_uuid_parse(stele_text(text), &uuid, NULL) < 0)
        return bad(err, "registry");
    stele_uuid_format(&uuid, out->genesis);
    return STELE_OK;
}

static stele_status read_config(const json_t *object, stele_registry_record *out, stele_error *err)
{
    const json_t *level = json_object_get(object, "compatibility");
    out->is_set = level != NULL;
    if (level == NULL) return STELE_OK;
    stele_bytes text = stele_bytes_of(json_string_value(level), json_string_length(level));
    if (text.data == NULL || stele_compatibility_parse(text, &out->level, NULL) < 0)
        return bad(err, "compatibility");
    return STELE_OK;
}

static stele_status read_mode(const json_t *object, stele_registry_record *out, stele_error *err)
{
    const json_t *mode = json_object_get(object, "mode");
    out->is_set = mode != NULL;
    if (mode == NULL) return STELE_OK;
    if (!json_is_string(mode) ||
        stele_registry_mode_parse(json_string_value(mode), &out->mode, NULL) < 0)
        return bad(err, "mode");
    return STELE_OK;
}

static stele_status read_delete(const json_t *object, stele_registry_record *out, stele_error *err)
{
    const json_t *permanent = json_object_get(object, "permanent");
    int64_t version = 0;
    if (out->subject == NULL) return bad(err, "subject");
    if (json_object_get(object, "version") != NULL &&
        !read_int(object, "version", 1, INT32_MAX, &version))
        return bad(err, "version");
    if (!json_is_boolean(permanent)) return bad(err, "permanent");
    out->version = (int32_t)version;
    out->permanent = json_is_true(permanent);
    return STELE_OK;
}

static stele_status read_kind(const json_t *object, stele_registry_record *out, stele_error *err)
{
    const char *name = json_string_value(json_object_get(object, "type"));
    for (int i = 0; name != NULL && i < KIND_COUNT; i++) {
        if (strcmp(name, kind_names[i]) != 0) continue;
        out->kind = (stele_registry_kind)i;
        return STELE_OK;
    }
    return bad(err, "type");
}

static stele_status read_fields(const json_t *object, stele_registry_record *out, stele_error *err)
{
    stele_status status;
    if ((status = read_kind(object, out, err)) < 0) return status;
    if (out->kind == STELE_REGISTRY_GENESIS) return read_genesis(object, out, err);

    if (!read_int(object, "after", -1, INT64_MAX, &out->after)) return bad(err, "after");
    if (json_object_get(object, "subject") != NULL) {
        out->subject = read_text(object, "subject", STELE_REGISTRY_SUBJECT_MAX, NULL);
        if (out->subject == NULL) return bad(err, "subject");
    }
    switch (out->kind) {
    case STELE_REGISTRY_SCHEMA:
        return read_schema(object, out, err);
    case STELE_REGISTRY_CONFIG:
        return read_config(object, out, err);
    case STELE_REGISTRY_MODE:
        return read_mode(object, out, err);
    default:
        return read_delete(object, out, err);
    }
}

stele_status stele_registry_record_read(stele_bytes value, stele_registry_record *out,
                                        stele_error *err)
{
    if (value.data == NULL || value.size > STELE_REGISTRY_RECORD_MAX) return bad(err, "record");
    STELE_AUTO(json_t)
    object = json_loadb((const char *)value.data, value.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) return bad(err, "record");

    STELE_AUTO_VALUE(stele_registry_record) record = {0};
    stele_status status = read_fields(object, &record, err);
    if (status < 0) return status;
    *out = record;
    record = (stele_registry_record){0};
    return STELE_OK;
}
