/* SPDX-License-Identifier: MIT
 * Letters and positions of a projection whose rows are in a database. It is only looked at: what an
 * order changes there, the worker changes. */
#include <stdlib.h>
#include <string.h>

#include "cli/dlq_office.h"
#include "cli/sql.h"
#include "core/alloc.h"
#include "core/names.h"
#include "registry/client.h"

static int version_of(const char *group)
{
    stele_projection_name name;
    return stele_projection_group_parse(stele_text(group), &name) ? name.version : 0;
}

/* The highest version, if the name has none. */
static void take_group(void *context, const stele_sql_place *place, int64_t position)
{
    (void)position;
    stele_office *o = context;
    if (!stele_projection_group_is_of(place->group, o->name)) return;
    if (o->group != NULL && version_of(o->group) >= version_of(place->group)) return;
    free(o->group);
    o->group = stele_strdup(place->group);
}

static stele_office_part *part_of(stele_office *o, const stele_partition *source)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->parts[i].source.index == source->index &&
            strcmp(o->parts[i].source.topic, source->topic) == 0)
            return &o->parts[i];
    return NULL;
}

static void take_part(void *context, const stele_sql_place *place, int64_t position)
{
    (void)position;
    stele_office *o = context;
    if (strcmp(place->group, o->group) != 0) return;
    o->topics = stele_realloc_array(o->topics, o->count + 1, sizeof *o->topics);
    o->parts = stele_realloc_array(o->parts, o->count + 1, sizeof *o->parts);
    o->topics[o->count] = stele_strdup(place->source.topic);
    o->parts[o->count] =
        (stele_office_part){.source = {o->topics[o->count], place->source.index}, .position = -1};
    o->count++;
}

static void take_position(void *context, const stele_sql_place *place, int64_t position)
{
    stele_office *o = context;
    stele_office_part *part =
        strcmp(place->group, o->group) == 0 ? part_of(o, &place->source) : NULL;
    if (part != NULL) part->position = position;
}

static stele_status fail_missing(const stele_office *o, stele_error *err)
{
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "the database of %s has nothing of it: no worker has taken a partition yet, "
                      "or it is another one than the workers'",
                      o->name);
}

/* Another program's transaction is waited for. */
static stele_status open_patiently(stele_office *o, stele_error *err)
{
    stele_status status;
    stele_deadline until = stele_deadline_after(stele_clock_system(), o->cli->timeout_ms);
    do {
        status = stele_sql_store_open(o->store, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, o->cli->stop, err));
    return status;
}

stele_status stele_office_open_database(stele_office *o, stele_error *err)
{
    stele_status status = stele_sql_store_of(o->cli->client, o->name, &o->store, err);
    if (status == STELE_OK) status = open_patiently(o, err);
    if (status == STELE_OK) status = stele_sql_store_places(o->store, take_group, o, err);
    if (status < 0) return status;
    if (o->group == NULL) return fail_missing(o, err);
    status = stele_sql_store_places(o->store, take_part, o, err);
    if (status == STELE_OK && o->count > 0) o->source = stele_strdup(o->topics[0]);
    return status;
}

typedef struct taking {
    stele_parked *letters;
    stele_error failure;
} taking;

static void take_letter(void *context, int64_t offset, stele_bytes value)
{
    taking *t = context;
    stele_dead_event *letter;
    if (stele_dead_event_read(offset, value, &letter, &t->failure) == STELE_OK)
        stele_parked_restore(t->letters, offset, letter);
}

/* Positions first: an event below one that has no letter then has had its turn. */
stele_status stele_office_look_into_database(stele_office *o, stele_error *err)
{
    stele_status status = stele_sql_store_places(o->store, take_position, o, err);
    for (size_t i = 0; i < o->count && status == STELE_OK; i++) {
        stele_office_part *part = &o->parts[i];
        taking t = {.letters = stele_parked_new(NULL, 0)};
        stele_sql_place place = {o->group, part->source};
        status = stele_sql_store_letters(o->store, &place, take_letter, &t, err);
        if (status == STELE_OK && t.failure.status < 0) {
            *err = t.failure;
            status = t.failure.status;
        }
        stele_parked_free(part->letters);
        part->letters = t.letters;
    }
    return status;
}
