/* SPDX-License-Identifier: MIT
 * What each schema id means to a reader: its route. Routes are found by a direct-mapped cache of
 * their ids, and behind it by a table. */
#include "consumer/decoder.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/table.h"
#include "registry/wire.h"
#include "schemas/upcast.h"

enum {
    CACHE_SIZE = 256, /* a power of two; ids of one topic are few */
    MISSING_TIMEOUT_MS = 60000
};

/* From one writer's schema to one of our types. */
typedef struct route {
    int32_t id;
    char *name;             /* of the writer's record; owned */
    stele_upcast *way;      /* owned; NULL: the record is of none of our types, or not decoded */
    const stele_type *type; /* that the way leads to */
    size_t index;
} route;

struct stele_decoder {
    stele_decoder_options options;
    route *cache[CACHE_SIZE]; /* by the low bits of the id */
    stele_table *routes;      /* id -> route *, owned */
    stele_arena *arena;       /* arrays and maps of the value that was decoded last */
    void *value;              /* the struct that was decoded last */
    int32_t missing_id;       /* that the registry did not know when last asked; 0: none */
    int64_t missing_ns;       /* since when */
    bool met_newer;
};

void stele_decoder_new(const stele_decoder_options *options, stele_decoder **out)
{
    stele_decoder *decoder = stele_alloc(sizeof *decoder);
    decoder->options = *options;
    if (decoder->options.missing_timeout_ms == 0)
        decoder->options.missing_timeout_ms = MISSING_TIMEOUT_MS;
    decoder->routes = stele_table_new(sizeof(route *), 0);
    decoder->arena = stele_arena_new();
    size_t largest = 1;
    for (size_t i = 0; options->types[i] != NULL; i++) {
        size_t size = options->types[i]->layout->size;
        if (size > largest) largest = size;
    }
    decoder->value = stele_alloc(largest);
    *out = decoder;
}

static void free_route(route *unused)
{
    stele_upcast_free(unused->way);
    free(unused->name);
    free(unused);
}

void stele_decoder_free(stele_decoder *decoder)
{
    if (decoder == NULL) return;
    stele_table_cursor cursor = {0};
    route **slot;
    while ((slot = stele_table_next(decoder->routes, &cursor)) != NULL)
        free_route(*slot);
    stele_table_free(decoder->routes);
    stele_arena_free(decoder->arena);
    free(decoder->value);
    free(decoder);
}

/* Not this one event: all of that schema. */
static stele_status fail_schema(stele_decoder *decoder, int32_t id, const stele_schema *writer,
                                const stele_error *why, stele_error *err)
{
    size_t index;
    decoder->met_newer = false;
    stele_upcast_find(writer, decoder->options.types, decoder->options.upcasters, &index,
                      &decoder->met_newer, NULL);
    return stele_fail(err, why->status, STELE_NEXT_STOP,
                      "%s of schema id %" PRId32 " cannot be read: %s", stele_schema_name(writer),
                      id, why->text);
}

static stele_status make_route(stele_decoder *decoder, int32_t id, const stele_schema *writer,
                               route **out, stele_error *err)
{
    const stele_decoder_options *options = &decoder->options;
    size_t index = 0;
    stele_upcast *way = NULL;
    stele_error why;
    stele_status status =
        stele_upcast_find(writer, options->types, options->upcasters, &index, NULL, &why);
    bool is_ours = status == STELE_OK;
    bool is_decoded = is_ours && (options->by_name == NULL || !options->by_name[index]);
    if (is_decoded)
        status = stele_upcast_new(writer, options->types, options->upcasters, NULL, &way, &why);
    if (status < 0 && status != STELE_E_NOT_FOUND)
        return fail_schema(decoder, id, writer, &why, err);
    route *made = stele_alloc(sizeof *made);
    made->id = id;
    made->name = stele_strdup(stele_schema_name(writer));
    made->way = way;
    made->index = index;
    made->type = is_ours ? options->types[index] : NULL;
    *out = made;
    return STELE_OK;
}

/* The registry's answer was no. Only for how long it has been no decides whether that is final. */
static stele_status wait_for_missing(stele_decoder *decoder, int32_t id, stele_error *err)
{
    int64_t now_ns = stele_clock_monotonic_ns(stele_registry_clock(decoder->options.registry));
    if (decoder->missing_id != id) {
        decoder->missing_id = id;
        decoder->missing_ns = now_ns;
    }
    int64_t waited_ms = (now_ns - decoder->missing_ns) / 1000000;
    if (waited_ms < decoder->options.missing_timeout_ms)
        return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_RETRY,
                          "the registry does not know schema id %" PRId32 " yet", id);
    return stele_fail(err, STELE_E_NOT_FOUND, STELE_NEXT_STOP,
                      "the registry has not known schema id %" PRId32 " for %" PRId64
                      " s: register it there, or point [registry] at the registry that it is from",
                      id, waited_ms / 1000);
}

static stele_status ask_registry(stele_decoder *decoder, int32_t id, stele_schema **out,
                                 stele_error *err)
{
    stele_status status = stele_registry_schema(decoder->options.registry, id, 0, out, err);
    if (status == STELE_E_NOT_FOUND) return wait_for_missing(decoder, id, err);
    if (status != STELE_E_TIMED_OUT) decoder->missing_id = 0;
    if (status == STELE_E_TIMED_OUT && decoder->missing_id == id)
        return wait_for_missing(decoder, id, err); /* asked again, no answer yet */
    return status;
}

static stele_status find_route(stele_decoder *decoder, int32_t id, route **out, stele_error *err)
{
    stele_bytes key = stele_bytes_of(&id, sizeof id);
    route **slot = stele_table_find(decoder->routes, key);
    if (slot == NULL) {
        stele_schema *writer;
        stele_status status = ask_registry(decoder, id, &writer, err);
        if (status < 0) return status;
        route *made = NULL;
        status = make_route(decoder, id, writer, &made, err);
        stele_schema_free(writer);
        if (status < 0) return status;
        slot = stele_table_insert(decoder->routes, key, NULL);
        *slot = made;
    }
    decoder->cache[(uint32_t)id % CACHE_SIZE] = *slot;
    *out = *slot;
    return STELE_OK;
}

stele_status stele_decoder_decode(stele_decoder *decoder, stele_bytes value, stele_decoded *out,
                                  stele_error *err)
{
    int32_t id;
    stele_bytes payload;
    if (!stele_wire_split(value, &id, &payload)) return stele_wire_fail(value, err);

    stele_status status;
    route *found = decoder->cache[(uint32_t)id % CACHE_SIZE];
    if (found == NULL || found->id != id) {
        if ((status = find_route(decoder, id, &found, err)) < 0) return status;
    }
    if (found->way != NULL) {
        stele_arena_reset(decoder->arena);
        status = stele_upcast_decode(found->way, payload, decoder->value, decoder->arena, err);
        if (status < 0) return status;
    }
    *out = (stele_decoded){found->type, found->index, decoder->value, found->name};
    return STELE_OK;
}

bool stele_decoder_met_newer(const stele_decoder *decoder)
{
    return decoder->met_newer;
}
