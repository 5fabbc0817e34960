/* SPDX-License-Identifier: MIT
 * Cursors that clients give back, and text as server-sent events. What is taken for a cursor is
 * written as it came; whatever the text, each line of it is a field of its own. */
#include "core/alloc.h"
#include "server/event_stream.h"
#include "server/stream_cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so) abort();
}

static void read_cursor(stele_bytes text)
{
    stele_cursor cursor;
    STELE_AUTO_VALUE(stele_buffer) written = {0};
    if (!stele_cursor_parse(text, &cursor)) return;
    must(cursor.count > 0 && cursor.count <= STELE_CURSOR_PARTITIONS_MAX);
    stele_cursor_write(&cursor, &written);
    must(stele_bytes_equal(text, stele_buffer_view(&written)));
}

static void write_field(stele_bytes text)
{
    STELE_AUTO_VALUE(stele_buffer) out = {0};
    stele_event_stream_field(&out, "data", text);
    const uint8_t *end = out.data + out.size;
    for (const uint8_t *at = out.data; at < end;) {
        const uint8_t *line = memchr(at, '\n', (size_t)(end - at));
        must(line != NULL && line - at >= 6 && memcmp(at, "data: ", 6) == 0);
        must(memchr(at, '\r', (size_t)(line - at)) == NULL);
        at = line + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_cursor(stele_bytes_of(data, size));
    write_field(stele_bytes_of(data == NULL ? (const void *)"" : data, size));
    return 0;
}
