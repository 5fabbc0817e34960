/* SPDX-License-Identifier: MIT
 * Any bytes as a file of events: refused, or read to its end. What is read has views of its own
 * size, which are touched. */
#include <stdlib.h>

#include "cli/event_file.h"
#include "core/alloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t touch(stele_bytes bytes, uint64_t sum)
{
    for (size_t i = 0; i < bytes.size; i++)
        sum = sum * 31 + bytes.data[i];
    return sum;
}

static uint64_t touch_event(const stele_moved_event *event, uint64_t sum)
{
    sum = touch(event->value, touch(event->key, sum));
    for (size_t i = 0; i < event->header_count; i++) {
        sum = touch(stele_text(event->headers[i].name), sum);
        sum = touch(event->headers[i].value, sum);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    FILE *file = fmemopen((void *)(uintptr_t)data, size, "rb");
    if (file == NULL) abort();
    STELE_AUTO(stele_event_file_reader) reader = NULL;
    stele_error err = {0};
    stele_status status = stele_event_file_reader_new(file, "f", &reader, &err);
    uint64_t sum = 0;
    int64_t count = 0;
    int got = (int)status;
    stele_moved_event event;
    if (status == STELE_OK)
        while ((got = stele_event_file_next(reader, &event, &err)) > 0 && ++count < 100000)
            sum = touch_event(&event, sum);
    if (got < 0 && (err.text[0] == '\0' || err.next != STELE_NEXT_STOP)) abort();
    if (got == 0 && count != stele_event_file_count(reader)) abort();
    fclose(file);
    static volatile uint64_t used;
    used = sum;
    (void)used;
    return 0;
}
