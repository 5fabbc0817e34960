/* SPDX-License-Identifier: MIT
 * The registry that is an array: an id is a place in it. */
#include "tests/support/shelf.h"

#include <stdio.h>

#include "core/alloc.h"
#include "registry/entry.h"
#include "registry/registry_port.h"

enum { PLACES = 600 };

typedef struct shelf {
    stele_registry base;
    const char *genesis;
    stele_schema *places[PLACES]; /* id 1 is the first; NULL: left out */
    char *subjects[PLACES];       /* under which each was registered first */
    int32_t count;
    bool away;
    bool forbidden;
} shelf;

static stele_status fail_away(const shelf *self, stele_error *err)
{
    if (self->forbidden)
        return stele_fail(err, STELE_E_FORBIDDEN, STELE_NEXT_STOP,
                          "registry http://registry:8081: 403 Forbidden");
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY,
                      "registry http://registry:8081 is away: connection refused");
}

static void close_shelf(stele_registry *base)
{
    shelf *self = (shelf *)base;
    for (int32_t i = 0; i < self->count; i++)
        stele_schema_free(self->places[i]);
    for (int32_t i = 0; i < self->count; i++)
        free(self->subjects[i]);
    free(self);
}

static stele_status find_schema(stele_registry *base, int32_t id, int timeout_ms,
                                stele_schema **out, stele_error *err)
{
    (void)timeout_ms;
    const shelf *self = (const shelf *)base;
    if (self->away) return fail_away(self, err);
    if (id < 1 || id > self->count || self->places[id - 1] == NULL)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY, "no schema id %d", (int)id);
    *out = stele_schema_retain(self->places[id - 1]);
    return STELE_OK;
}

static stele_status register_schema(stele_registry *base, const char *subject, stele_bytes text,
                                    const stele_registry_reference *references, size_t count,
                                    int timeout_ms, int32_t *id, stele_error *err)
{
    (void)references, (void)count, (void)timeout_ms;
    shelf *self = (shelf *)base;
    if (self->away) return fail_away(self, err);
    stele_schema *schema;
    stele_status status = stele_schema_parse(text, NULL, &schema, err);
    if (status < 0) return status;
    for (int32_t i = 0; i < self->count; i++) {
        if (self->places[i] == NULL || !stele_schema_equal(schema, self->places[i])) continue;
        stele_schema_free(schema);
        *id = i + 1;
        return STELE_OK;
    }
    if (self->count == PLACES) abort();
    self->subjects[self->count] = stele_strdup(subject);
    self->places[self->count++] = schema;
    *id = self->count;
    return STELE_OK;
}

static stele_status say_genesis(stele_registry *base, int timeout_ms, char out[37],
                                stele_error *err)
{
    (void)timeout_ms;
    const shelf *self = (const shelf *)base;
    if (self->away) return fail_away(self, err);
    snprintf(out, 37, "%s", self->genesis);
    return STELE_OK;
}

static stele_status list_subjects(stele_registry *base, int timeout_ms, char ***out,
                                  stele_error *err)
{
    (void)timeout_ms;
    const shelf *self = (const shelf *)base;
    if (self->away) return fail_away(self, err);
    size_t count = 0;
    char **names = stele_alloc_array((size_t)self->count + 1, sizeof *names); /* views */
    for (int32_t i = 0; i < self->count; i++)
        if (self->subjects[i] != NULL) names[count++] = self->subjects[i];
    *out = names;
    return STELE_OK;
}

static bool is_under(const shelf *self, int32_t index, const char *subject)
{
    return self->subjects[index] != NULL && strcmp(self->subjects[index], subject) == 0;
}

static stele_status list_versions(stele_registry *base, const char *subject, int timeout_ms,
                                  int32_t **out, size_t *count, stele_error *err)
{
    (void)timeout_ms;
    const shelf *self = (const shelf *)base;
    if (self->away) return fail_away(self, err);
    int32_t *versions = stele_alloc_array((size_t)self->count + 1, sizeof *versions);
    *count = 0;
    for (int32_t i = 0; i < self->count; i++) {
        if (!is_under(self, i, subject)) continue;
        versions[*count] = (int32_t)*count + 1;
        (*count)++;
    }
    *out = versions;
    return STELE_OK;
}

static stele_status find_version(stele_registry *base, const char *subject, int32_t version,
                                 int timeout_ms, stele_registry_entry *out, stele_error *err)
{
    (void)timeout_ms;
    const shelf *self = (const shelf *)base;
    if (self->away) return fail_away(self, err);
    int32_t seen = 0, id = 0;
    for (int32_t i = 0; i < self->count && (version == 0 || seen < version); i++) {
        if (!is_under(self, i, subject)) continue;
        seen++;
        id = i + 1;
    }
    if (seen == 0 || seen < version)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP, "no subject %s", subject);
    stele_bytes text = stele_schema_source(self->places[id - 1]);
    *out = (stele_registry_entry){
        .id = id, .version = seen, .text = stele_strndup((const char *)text.data, text.size)};
    return STELE_OK;
}

stele_registry *shelf_new(const char *genesis, stele_runtime runtime)
{
    static const stele_registry_ops ops = {.close = close_shelf,
                                           .schema = find_schema,
                                           .register_schema = register_schema,
                                           .genesis = say_genesis,
                                           .subjects = list_subjects,
                                           .versions = list_versions,
                                           .version = find_version};
    shelf *self = stele_alloc(sizeof *self);
    self->base.ops = &ops;
    self->base.runtime = runtime;
    self->genesis = genesis;
    return &self->base;
}

void shelf_skip(stele_registry *registry, int32_t count)
{
    shelf *self = (shelf *)registry;
    if (self->count + count > PLACES) abort();
    self->count += count;
}

void shelf_set_forbidden(stele_registry *registry, bool forbidden)
{
    ((shelf *)registry)->away = ((shelf *)registry)->forbidden = forbidden;
}

void shelf_set_away(stele_registry *registry, bool away)
{
    ((shelf *)registry)->away = away;
}
