/* SPDX-License-Identifier: MIT
 * What makes two schemas one, so that they share an id. */
#include "core/alloc.h"
#include "registry/record.h"
#include "schemas/schema_text.h"
#include "schemas/scopes.h"
#include "core/sha256.h"

static int compare_links(const void *a, const void *b)
{
    return strcmp((*(const stele_registry_link *const *)a)->name,
                  (*(const stele_registry_link *const *)b)->name);
}

/* Name, NUL, id as 4 bytes big-endian: of each, in order of the names. */
static void append_links(const stele_registry_link *links, size_t count, stele_buffer *out)
{
    const stele_registry_link **sorted = stele_alloc_array(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &links[i];
    if (count > 1) qsort(sorted, count, sizeof *sorted, compare_links);
    for (size_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)sorted[i]->id;
        uint8_t bytes[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
                            (uint8_t)id};
        stele_buffer_append(out, stele_bytes_of(sorted[i]->name, strlen(sorted[i]->name) + 1));
        stele_buffer_append(out, stele_bytes_of(bytes, sizeof bytes));
    }
    free(sorted);
}

stele_status stele_registry_identity(stele_bytes text, const stele_registry_link *links,
                                     size_t count, uint8_t identity[32], stele_error *err)
{
    stele_tree_problem where;
    STELE_AUTO(stele_arena) trees = stele_arena_new();
    const stele_tree *json = stele_schema_tree(text, trees, &where);
    if (json == NULL) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the schema is not JSON: line %zu: %s", where.line, where.why);
    }
    STELE_AUTO_VALUE(stele_buffer) bytes = {0};
    stele_tree_write(json, true, &bytes);
    append_links(links, count, &bytes);
    stele_sha256(stele_buffer_view(&bytes), identity);
    return STELE_OK;
}
