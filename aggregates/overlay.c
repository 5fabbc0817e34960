/* SPDX-License-Identifier: MIT
 * A table of states. */
#include "aggregates/overlay.h"

#include <assert.h>

#include "core/alloc.h"
#include "core/table.h"

struct stele_overlay {
    const stele_type *type;
    uint64_t seed;
    stele_table *table;
};

stele_overlay *stele_overlay_new(const stele_type *type, stele_runtime runtime)
{
    stele_overlay *overlay = stele_alloc(sizeof *overlay);
    overlay->type = type;
    stele_random_bytes(runtime, &overlay->seed, sizeof overlay->seed);
    overlay->table =
        stele_table_new(sizeof(stele_overlay_entry) + type->layout->size, overlay->seed);
    return overlay;
}

static void clear_states(const stele_overlay *overlay)
{
    stele_table_cursor cursor = {0};
    stele_overlay_entry *entry;
    while ((entry = stele_table_next(overlay->table, &cursor)) != NULL)
        stele_value_clear(overlay->type, stele_overlay_state(entry));
}

void stele_overlay_free(stele_overlay *overlay)
{
    if (overlay == NULL) return;
    clear_states(overlay);
    stele_table_free(overlay->table);
    free(overlay);
}

stele_overlay_entry *stele_overlay_find(const stele_overlay *overlay, stele_bytes id)
{
    return stele_table_find(overlay->table, id);
}

stele_overlay_entry *stele_overlay_add(stele_overlay *overlay, stele_bytes id, void *state,
                                       int64_t version, void *batch)
{
    stele_overlay_entry *entry = stele_table_insert(overlay->table, id, NULL);
    assert(entry != NULL && version > entry->version);
    stele_value_clear(overlay->type, stele_overlay_state(entry));
    if (state != NULL) {
        memcpy(stele_overlay_state(entry), state, overlay->type->layout->size);
        memset(state, 0, overlay->type->layout->size);
    }
    entry->is_finished = state == NULL;
    entry->version = version;
    entry->last_batch = batch;
    entry->units++;
    return entry;
}

void stele_overlay_release(stele_overlay *overlay, stele_overlay_entry *entry)
{
    assert(entry->units > 0);
    if (--entry->units > 0) return;
    stele_value_clear(overlay->type, stele_overlay_state(entry));
    stele_table_remove(overlay->table, stele_table_key(overlay->table, entry));
}

void stele_overlay_clear(stele_overlay *overlay)
{
    clear_states(overlay);
    stele_table_free(overlay->table);
    overlay->table =
        stele_table_new(sizeof(stele_overlay_entry) + overlay->type->layout->size, overlay->seed);
}

size_t stele_overlay_count(const stele_overlay *overlay)
{
    return stele_table_count(overlay->table);
}
