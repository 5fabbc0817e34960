/* SPDX-License-Identifier: MIT
 * Depth first; a version that several refer to is asked for once. */
#include "registry/http_resolve.h"

#include <string.h>

#include "core/alloc.h"

typedef struct referred {
    char *subject;
    int32_t version;
    stele_schema *schema;
} referred;

typedef struct resolution {
    stele_confluent *http;
    stele_deadline until;
    referred found[STELE_CONFLUENT_REFERRED_MAX];
    size_t count;
} resolution;

static void resolution_free(resolution *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->found[i].subject);
        stele_schema_free(r->found[i].schema);
    }
    free(r);
}
STELE_SCOPE(resolution, resolution_free);

static stele_status too_many(const resolution *r, const char *name, const char *what, int max,
                             stele_error *err)
{
    return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                      "registry %s: %s: more than %d schemas %s", stele_confluent_url(r->http),
                      name, max, what);
}

static stele_status parse(resolution *r, const stele_registry_entry *entry, const char *name,
                          unsigned depth, stele_schema **out, stele_error *err);

/* The schema of a reference, borrowed from the resolution. */
static stele_status refer(resolution *r, const stele_registry_reference *reference, unsigned depth,
                          const stele_schema **out, stele_error *err)
{
    for (size_t i = 0; i < r->count; i++) {
        const referred *known = &r->found[i];
        if (known->version != reference->version) continue;
        if (strcmp(known->subject, reference->subject) != 0) continue;
        *out = known->schema;
        return STELE_OK;
    }
    STELE_AUTO_VALUE(stele_registry_entry) entry = {0};
    stele_schema *schema;
    stele_status status = stele_confluent_version(r->http, reference->subject, reference->version,
                                                  r->until, &entry, err);
    if (status == STELE_E_NOT_FOUND && err != NULL) {
        err->status = STELE_E_INVALID;
        err->next = STELE_NEXT_STOP;
    }
    if (status == STELE_E_NOT_FOUND) return STELE_E_INVALID;
    if (status < 0) return status;
    status = parse(r, &entry, reference->subject, depth + 1, &schema, err);
    if (status < 0) return status;
    if (r->count == STELE_CONFLUENT_REFERRED_MAX) {
        stele_schema_free(schema);
        return too_many(r, reference->subject, "are referred to", STELE_CONFLUENT_REFERRED_MAX,
                        err);
    }
    r->found[r->count++] = (referred){stele_strdup(reference->subject), reference->version, schema};
    *out = schema;
    return STELE_OK;
}

typedef const stele_schema *schema_view;
STELE_SCOPE(schema_view, free);

static stele_status parse(resolution *r, const stele_registry_entry *entry, const char *name,
                          unsigned depth, stele_schema **out, stele_error *err)
{
    if (depth > STELE_CONFLUENT_DEPTH_MAX)
        return too_many(r, name, "refer one to the next", STELE_CONFLUENT_DEPTH_MAX, err);
    STELE_AUTO(schema_view) with = stele_alloc_array(entry->reference_count + 1, sizeof *with);
    for (size_t i = 0; i < entry->reference_count; i++) {
        stele_status status = refer(r, &entry->references[i], depth, &with[i], err);
        if (status < 0) return status;
    }
    stele_schema_options options = {.name = name, .with = with};
    stele_status status = stele_schema_parse(stele_text(entry->text), &options, out, err);
    if (status < 0 && err != NULL) err->next = STELE_NEXT_STOP;
    return status;
}

stele_status stele_confluent_resolve(stele_confluent *http, const stele_registry_entry *entry,
                                     const char *name, stele_deadline until, stele_schema **out,
                                     stele_error *err)
{
    STELE_AUTO(resolution) r = stele_alloc(sizeof *r);
    r->http = http;
    r->until = until;
    return parse(r, entry, name, 1, out, err);
}
