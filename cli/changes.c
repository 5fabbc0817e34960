/* SPDX-License-Identifier: MIT
 * One line for each leaf that differs. */
#include "cli/changes.h"

#include "core/alloc.h"
#include "schemas/tree.h"

static void append_side(stele_buffer *line, const stele_tree *value)
{
    if (value == NULL)
        stele_buffer_append(line, stele_text("nothing"));
    else
        stele_tree_write(value, false, line);
}

void stele_changes_show(stele_bytes changes, const char *between, stele_change_each *each,
                        void *context)
{
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_tree_problem problem;
    const stele_tree *all =
        changes.size == 0 ? NULL : stele_tree_parse(changes, NULL, arena, &problem);
    size_t count = all == NULL ? 0 : all->count;
    for (size_t i = 0; i < count; i++) {
        const stele_tree *change = stele_tree_at(all, i);
        stele_bytes path = stele_tree_get(change, "path")->text;
        stele_buffer_reset(&line);
        stele_buffer_append(&line, path.size == 0 ? stele_text("the state") : path);
        stele_buffer_append(&line, stele_text(": "));
        append_side(&line, stele_tree_get(change, "from"));
        stele_buffer_append(&line, stele_text(between));
        append_side(&line, stele_tree_get(change, "to"));
        if (!each(context, stele_buffer_text(&line), count - i - 1)) return;
    }
}
