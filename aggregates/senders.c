/* SPDX-License-Identifier: MIT
 * A short list of senders, and a queue of marks. */
#include "aggregates/senders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"

void stele_senders_clear(stele_senders *senders)
{
    for (size_t i = 0; i < senders->count; i++)
        free(senders->all[i].name);
    free(senders->all);
    free(senders->marks);
    *senders = (stele_senders){0};
}

void stele_senders_add(stele_senders *senders, stele_bytes name, int64_t before)
{
    senders->all = stele_realloc_array(senders->all, senders->count + 1, sizeof *senders->all);
    senders->all[senders->count++] =
        (stele_sender_at){.name = stele_strndup((const char *)name.data, name.size),
                          .before = before,
                          .last = before};
}

static size_t find(stele_senders *senders, stele_bytes name)
{
    size_t at = 0;
    while (at < senders->count && !stele_bytes_equal(stele_text(senders->all[at].name), name))
        at++;
    if (at == senders->count) stele_senders_add(senders, name, -1);
    return at;
}

bool stele_senders_see(stele_senders *senders, stele_bytes name, int64_t number, int64_t offset)
{
    size_t at = find(senders, name);
    if (number <= senders->all[at].last) return false;
    senders->all[at].last = number;
    if (senders->mark_count == senders->mark_capacity) {
        senders->mark_capacity = senders->mark_capacity == 0 ? 64 : 2 * senders->mark_capacity;
        senders->marks =
            stele_realloc_array(senders->marks, senders->mark_capacity, sizeof *senders->marks);
    }
    senders->marks[senders->mark_count++] = (stele_sender_mark){offset, at, number};
    return true;
}

void stele_senders_begin_at(stele_senders *senders, int64_t from)
{
    size_t passed = 0;
    if (from > senders->from) senders->from = from;
    while (passed < senders->mark_count && senders->marks[passed].offset < senders->from) {
        const stele_sender_mark *mark = &senders->marks[passed++];
        senders->all[mark->sender].before = mark->number;
    }
    senders->mark_count -= passed;
    if (passed > 0 && senders->mark_count > 0)
        memmove(senders->marks, senders->marks + passed,
                senders->mark_count * sizeof *senders->marks);
}

void stele_senders_write(const stele_senders *senders, stele_buffer *out)
{
    const char *before = "";
    if (senders->count == 0) return;
    stele_buffer_format(out, ",\"senders_from\":%" PRId64 ",\"senders\":{", senders->from);
    for (size_t i = 0; i < senders->count; i++) {
        if (senders->all[i].before < 0) continue;
        stele_buffer_format(out, "%s", before);
        stele_show_json(out, stele_text(senders->all[i].name));
        stele_buffer_format(out, ":%" PRId64, senders->all[i].before);
        before = ",";
    }
    stele_buffer_push(out, '}');
}
