/* SPDX-License-Identifier: MIT
 * Looking things up in a parsed tree. */
#include "schemas/model.h"

#include <string.h>

const char *stele_kind_name(stele_kind kind)
{
    static const char *const names[] = {
        [STELE_KIND_NULL] = "null",     [STELE_KIND_BOOLEAN] = "boolean",
        [STELE_KIND_INT] = "int",       [STELE_KIND_LONG] = "long",
        [STELE_KIND_FLOAT] = "float",   [STELE_KIND_DOUBLE] = "double",
        [STELE_KIND_BYTES] = "bytes",   [STELE_KIND_STRING] = "string",
        [STELE_KIND_FIXED] = "fixed",   [STELE_KIND_ENUM] = "enum",
        [STELE_KIND_ARRAY] = "array",   [STELE_KIND_MAP] = "map",
        [STELE_KIND_RECORD] = "record", [STELE_KIND_UNION] = "union",
    };
    return names[kind];
}

const char *stele_node_name(const stele_node *node)
{
    return node->name != NULL ? node->name : stele_kind_name(node->kind);
}

int64_t stele_node_find(const stele_node *node, const char *name)
{
    size_t low = 0;
    size_t high = node->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t index = node->sorted[middle];
        const char *other =
            node->kind == STELE_KIND_RECORD ? node->fields[index].name : node->symbols[index];
        int order = strcmp(name, other);
        if (order == 0) return index;
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

bool stele_node_is_optional(const stele_node *node, size_t *null_index)
{
    if (node->kind != STELE_KIND_UNION || node->count != 2) return false;
    for (size_t i = 0; i < 2; i++) {
        if (node->branches[i]->kind != STELE_KIND_NULL) continue;
        if (null_index != NULL) *null_index = i;
        return true;
    }
    return false;
}
