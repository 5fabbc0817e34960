/* SPDX-License-Identifier: MIT
 * The fold over the registry's records. */
#include "registry/catalog.h"

#include <assert.h>

#include "core/bug.h"
#include "core/alloc.h"
#include "core/table.h"

struct stele_catalog {
    char genesis[37];
    stele_catalog_settings global;
    int64_t global_last;

    stele_catalog_schema **schemas; /* ids ascend, as offsets do */
    size_t schema_count;
    size_t schema_capacity;
    stele_table *by_identity; /* identity → stele_catalog_schema * */

    stele_catalog_subject **subjects;
    size_t subject_count;
    size_t subject_capacity;
    stele_table *by_name; /* name → stele_catalog_subject * */

    int64_t *refused; /* offsets, ascending; few, as they take two writers at a time */
    size_t refused_count;
    size_t refused_capacity;
};

/* The table's values are pointers; subjects come from strangers, who shall not choose collisions:
 * the address of the catalog is not known to them. */
stele_catalog *stele_catalog_new(void)
{
    stele_catalog *catalog = stele_alloc(sizeof *catalog);
    catalog->global_last = -1;
    catalog->by_identity = stele_table_new(sizeof(void *), (uint64_t)(uintptr_t)catalog);
    catalog->by_name = stele_table_new(sizeof(void *), (uint64_t)(uintptr_t)catalog);
    return catalog;
}

static void free_links(stele_registry_link *links, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(links[i].name);
        free(links[i].subject);
    }
    free(links);
}

void stele_catalog_free(stele_catalog *catalog)
{
    if (catalog == NULL) return;
    for (size_t i = 0; i < catalog->schema_count; i++) {
        stele_catalog_schema *schema = catalog->schemas[i];
        stele_schema_free(schema->parsed);
        free_links(schema->links, schema->link_count);
        free(schema->text);
        free(schema);
    }
    for (size_t i = 0; i < catalog->subject_count; i++) {
        free(catalog->subjects[i]->versions);
        free((char *)catalog->subjects[i]->name);
        free(catalog->subjects[i]);
    }
    free(catalog->schemas);
    free(catalog->subjects);
    free(catalog->refused);
    stele_table_free(catalog->by_identity);
    stele_table_free(catalog->by_name);
    free(catalog);
}

/* ---- finding ---- */

const char *stele_catalog_genesis(const stele_catalog *catalog)
{
    return catalog->genesis;
}

static int compare_id(const void *id, const void *schema)
{
    int32_t a = *(const int32_t *)id;
    int32_t b = (*(stele_catalog_schema *const *)schema)->id;
    return (a > b) - (a < b);
}

stele_catalog_schema *stele_catalog_schema_of(const stele_catalog *catalog, int32_t id)
{
    if (catalog->schema_count == 0) return NULL;
    stele_catalog_schema **found =
        bsearch(&id, catalog->schemas, catalog->schema_count, sizeof *catalog->schemas, compare_id);
    return found == NULL ? NULL : *found;
}

const stele_catalog_schema *stele_catalog_schema_at(const stele_catalog *catalog, size_t index)
{
    return index < catalog->schema_count ? catalog->schemas[index] : NULL;
}

stele_catalog_schema *stele_catalog_identified(const stele_catalog *catalog,
                                               const uint8_t identity[32])
{
    stele_catalog_schema **found =
        stele_table_find(catalog->by_identity, stele_bytes_of(identity, 32));
    return found == NULL ? NULL : *found;
}

const stele_catalog_subject *stele_catalog_subject_of(const stele_catalog *catalog,
                                                      const char *name)
{
    stele_catalog_subject **found = stele_table_find(catalog->by_name, stele_text(name));
    return found == NULL ? NULL : *found;
}

const stele_catalog_subject *stele_catalog_subject_at(const stele_catalog *catalog, size_t index)
{
    return index < catalog->subject_count ? catalog->subjects[index] : NULL;
}

const stele_catalog_settings *stele_catalog_global(const stele_catalog *catalog, int64_t *last)
{
    if (last != NULL) *last = catalog->global_last;
    return &catalog->global;
}

static const stele_catalog_settings *own_settings(const stele_catalog *catalog, const char *name)
{
    const stele_catalog_subject *subject =
        name == NULL ? NULL : stele_catalog_subject_of(catalog, name);
    return subject == NULL ? &catalog->global : &subject->settings;
}

stele_compatibility stele_catalog_level(const stele_catalog *catalog, const char *name)
{
    const stele_catalog_settings *own = own_settings(catalog, name);
    if (own->has_level) return own->level;
    return catalog->global.has_level ? catalog->global.level : STELE_COMPATIBILITY_BACKWARD;
}

stele_registry_mode stele_catalog_mode(const stele_catalog *catalog, const char *name)
{
    const stele_catalog_settings *own = own_settings(catalog, name);
    if (own->has_mode) return own->mode;
    return catalog->global.has_mode ? catalog->global.mode : STELE_MODE_READWRITE;
}

static int compare_offset(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

bool stele_catalog_was_admitted(const stele_catalog *catalog, int64_t offset)
{
    return catalog->refused_count == 0 || bsearch(&offset, catalog->refused, catalog->refused_count,
                                                  sizeof *catalog->refused, compare_offset) == NULL;
}

/* ---- applying ---- */

/* Room for one more element behind `count`. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return items;
    *capacity = 2 * *capacity + 8;
    return stele_realloc_array(items, *capacity, size);
}

static stele_catalog_subject *subject_made(stele_catalog *catalog, const char *name)
{
    bool is_new;
    stele_catalog_subject **place = stele_table_insert(catalog->by_name, stele_text(name), &is_new);
    if (!is_new) return *place;
    stele_catalog_subject *subject = stele_alloc(sizeof *subject);
    subject->name = stele_strdup(name);
    subject->last = -1;
    catalog->subjects = grow(catalog->subjects, catalog->subject_count, &catalog->subject_capacity,
                             sizeof *catalog->subjects);
    catalog->subjects[catalog->subject_count++] = subject;
    *place = subject;
    return subject;
}

static int64_t last_admitted(const stele_catalog *catalog, const char *name)
{
    if (name == NULL) return catalog->global_last;
    const stele_catalog_subject *subject = stele_catalog_subject_of(catalog, name);
    return subject == NULL ? -1 : subject->last;
}

static stele_catalog_schema *schema_made(stele_catalog *catalog, int64_t offset,
                                         const uint8_t identity[32], stele_registry_record *record)
{
    stele_catalog_schema *schema = stele_alloc(sizeof *schema);
    schema->id = (int32_t)(offset + 1);
    assert(catalog->schema_count == 0 ||
           catalog->schemas[catalog->schema_count - 1]->id < schema->id);
    memcpy(schema->identity, identity, sizeof schema->identity);
    schema->text = record->text;
    schema->text_size = record->text_size;
    schema->links = record->links;
    schema->link_count = record->link_count;
    record->text = NULL;
    record->links = NULL;
    record->link_count = 0;

    catalog->schemas = grow(catalog->schemas, catalog->schema_count, &catalog->schema_capacity,
                            sizeof *catalog->schemas);
    catalog->schemas[catalog->schema_count++] = schema;
    stele_catalog_schema **place =
        stele_table_insert(catalog->by_identity, stele_bytes_of(identity, 32), NULL);
    *place = schema;
    return schema;
}

/* Ids of references are older than the record, so that no schema refers to itself through others.
 */
static bool links_are_known(const stele_catalog *catalog, const stele_registry_record *record)
{
    for (size_t i = 0; i < record->link_count; i++) {
        if (stele_catalog_schema_of(catalog, record->links[i].id) == NULL) return false;
    }
    return true;
}

static bool apply_schema(stele_catalog *catalog, int64_t offset, stele_registry_record *record)
{
    uint8_t identity[32];
    stele_bytes text = stele_bytes_of(record->text, record->text_size);
    if (!links_are_known(catalog, record)) return false;
    if (stele_registry_identity(text, record->links, record->link_count, identity, NULL) < 0)
        return false;

    stele_catalog_schema *schema = stele_catalog_identified(catalog, identity);
    if (schema == NULL) schema = schema_made(catalog, offset, identity, record);
    stele_catalog_subject *subject = subject_made(catalog, record->subject);
    subject->versions =
        grow(subject->versions, subject->count, &subject->capacity, sizeof *subject->versions);
    subject->versions[subject->count++] = (stele_catalog_version){.id = schema->id};
    return true;
}

static bool apply_setting(stele_catalog *catalog, const stele_registry_record *record)
{
    stele_catalog_settings *settings = record->subject == NULL
                                           ? &catalog->global
                                           : &subject_made(catalog, record->subject)->settings;
    if (record->kind == STELE_REGISTRY_CONFIG) {
        settings->has_level = record->is_set;
        settings->level = record->level;
    } else {
        settings->has_mode = record->is_set;
        settings->mode = record->mode;
    }
    return true;
}

static bool apply_delete(stele_catalog *catalog, const stele_registry_record *record)
{
    stele_catalog_subject **found = stele_table_find(catalog->by_name, stele_text(record->subject));
    if (found == NULL || (size_t)record->version > (*found)->count) return false;
    stele_catalog_subject *subject = *found;
    for (size_t i = 0; i < subject->count; i++) {
        if (record->version > 0 && i != (size_t)record->version - 1) continue;
        if (record->permanent) {
            subject->versions[i].state = STELE_VERSION_GONE;
        } else if (subject->versions[i].state == STELE_VERSION_LIVE) {
            subject->versions[i].state = STELE_VERSION_DELETED;
        }
    }
    if (record->version == 0) subject->settings = (stele_catalog_settings){0};
    return true;
}

static bool apply_genesis(stele_catalog *catalog, const stele_registry_record *record)
{
    if (catalog->genesis[0] != '\0') return false;
    memcpy(catalog->genesis, record->genesis, sizeof catalog->genesis);
    return true;
}

static bool apply_record(stele_catalog *catalog, int64_t offset, stele_registry_record *record)
{
    if (record->kind == STELE_REGISTRY_GENESIS) return apply_genesis(catalog, record);
    if (catalog->genesis[0] == '\0' || offset >= INT32_MAX) return false;
    if (record->after != last_admitted(catalog, record->subject) &&
        !STELE_BUG("registry does not compare after"))
        return false;

    bool admitted;
    switch (record->kind) {
    case STELE_REGISTRY_SCHEMA:
        admitted = apply_schema(catalog, offset, record);
        break;
    case STELE_REGISTRY_DELETE:
        admitted = apply_delete(catalog, record);
        break;
    default:
        admitted = apply_setting(catalog, record);
        break;
    }
    if (!admitted) return false;
    assert(last_admitted(catalog, record->subject) < offset);
    if (record->subject == NULL) {
        catalog->global_last = offset;
    } else {
        subject_made(catalog, record->subject)->last = offset;
    }
    return true;
}

stele_status stele_catalog_apply(stele_catalog *catalog, int64_t offset, stele_bytes value,
                                 bool *admitted, stele_error *err)
{
    STELE_AUTO_VALUE(stele_registry_record) record = {0};
    stele_status status = stele_registry_record_read(value, &record, err);
    if (status == STELE_E_INCOMPATIBLE && catalog->genesis[0] == '\0') return status;

    bool is_admitted = status == STELE_OK && apply_record(catalog, offset, &record);
    if (!is_admitted) {
        assert(catalog->refused_count == 0 ||
               catalog->refused[catalog->refused_count - 1] < offset);
        catalog->refused = grow(catalog->refused, catalog->refused_count,
                                &catalog->refused_capacity, sizeof *catalog->refused);
        catalog->refused[catalog->refused_count++] = offset;
    }
    if (admitted != NULL) *admitted = is_admitted;
    return STELE_OK;
}
