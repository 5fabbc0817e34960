/* SPDX-License-Identifier: MIT
 * How server-sent events are written (WHATWG, HTML Living Standard, 9.2): fields as lines, an empty
 * line behind each event. Pure. */
#ifndef STELE_SERVER_EVENT_STREAM_H
#define STELE_SERVER_EVENT_STREAM_H

#include <stele/buffer.h>

#define STELE_EVENT_STREAM_TYPE "text/event-stream"

/** Append a field: one line of that name for each line of the text. */
void stele_event_stream_field(stele_buffer *out, const char *name, stele_bytes text);

/** The empty line behind an event. */
static inline void stele_event_stream_end(stele_buffer *out)
{
    stele_buffer_push(out, '\n');
}

#endif
