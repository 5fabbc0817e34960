/* SPDX-License-Identifier: MIT
 * The first ones of a table that has no order: those found so far are kept in theirs. */
#include "projections/state_page.h"

#include <string.h>

#include "core/alloc.h"

static int compare(stele_bytes a, stele_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static bool is_asked_for(const stele_state_page *page, const stele_entry *entry, stele_bytes id)
{
    if ((entry->flags & STELE_ENTRY_FINISHED) != 0) return false;
    if (id.size < page->prefix.size || memcmp(id.data, page->prefix.data, page->prefix.size) != 0)
        return false;
    return page->after.data == NULL || compare(id, page->after) > 0;
}

/* Where among the first `count` does it belong? */
static size_t place_of(const stele_table *table, stele_entry *const *found, size_t count,
                       stele_bytes id)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (compare(stele_table_key(table, found[middle]), id) < 0)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

void stele_state_page_fill(stele_states *states, const stele_state_page *page)
{
    const stele_table *table = stele_states_table(states);
    stele_entry **found = stele_alloc_array(page->limit, sizeof(stele_entry *));
    size_t count = 0;
    stele_table_cursor cursor = {0};
    stele_entry *entry;
    while ((entry = stele_table_next(table, &cursor)) != NULL) {
        stele_bytes id = stele_table_key(table, entry);
        if (!is_asked_for(page, entry, id)) continue;
        size_t at = place_of(table, found, count, id);
        if (at == page->limit) continue;
        if (count < page->limit) count++;
        memmove(&found[at + 1], &found[at], (count - at - 1) * sizeof *found);
        found[at] = entry;
    }
    for (size_t i = 0; i < count; i++)
        page->each(page->context, stele_table_key(table, found[i]), found[i]->version,
                   stele_entry_state(found[i]));
    free(found);
}
