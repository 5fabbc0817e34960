/* SPDX-License-Identifier: MIT
 * Fields of server-sent events. */
#include "server/event_stream.h"

/* A line ends with CR LF, LF or CR. */
static size_t line_end(stele_bytes text, size_t at)
{
    while (at < text.size && text.data[at] != '\n' && text.data[at] != '\r')
        at++;
    return at;
}

void stele_event_stream_field(stele_buffer *out, const char *name, stele_bytes text)
{
    size_t at = 0;
    for (;;) {
        size_t end = line_end(text, at);
        stele_buffer_format(out, "%s: ", name);
        stele_buffer_append(out, stele_bytes_of(text.data + at, end - at));
        stele_buffer_push(out, '\n');
        if (end == text.size) return;
        bool is_pair = text.data[end] == '\r' && end + 1 < text.size && text.data[end + 1] == '\n';
        at = end + (is_pair ? 2 : 1);
    }
}
