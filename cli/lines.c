/* SPDX-License-Identifier: MIT
 * Reading lines. Knows nothing of what they hold. */
#include "cli/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/csv.h"

#define LINE_SIZE_MAX ((size_t)16 << 20)
#define PASSED_MAX    ((size_t)256 << 20) /* of a line that is too long: then it has no end */

enum { READ_SIZE = 64 * 1024 };

struct stele_lines {
    int fd;
    int64_t number;
    uint8_t *text; /* what was read; the next line begins at `start` */
    size_t start;
    size_t end;
    size_t capacity;
    bool at_end;
};

stele_lines *stele_lines_new(FILE *file)
{
    stele_lines *lines = stele_alloc(sizeof *lines);
    lines->fd = fileno(file);
    return lines;
}

void stele_lines_free(stele_lines *lines)
{
    if (lines == NULL) return;
    free(lines->text);
    free(lines);
}

int64_t stele_lines_number(const stele_lines *lines)
{
    return lines->number;
}

/* The line without its end, and without a byte order mark if it is the first. */
static stele_bytes trimmed(const stele_lines *lines, stele_bytes line)
{
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    bool marked = lines->number == 1 && line.size >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0;
    return marked ? stele_bytes_of(line.data + 3, line.size - 3) : line;
}

static bool is_utf16(const stele_lines *lines, stele_bytes line)
{
    return lines->number == 1 && line.size >= 2 &&
           (memcmp(line.data, "\xff\xfe", 2) == 0 || memcmp(line.data, "\xfe\xff", 2) == 0);
}

/* Read more behind what is there. */
static stele_status fill(stele_lines *lines, stele_error *err)
{
    if (lines->start > 0) {
        memmove(lines->text, lines->text + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    if (lines->capacity - lines->end < READ_SIZE) {
        lines->capacity = lines->end * 2 + READ_SIZE;
        lines->text = stele_realloc(lines->text, lines->capacity);
    }
    ssize_t got = read(lines->fd, lines->text + lines->end, lines->capacity - lines->end);
    if (got < 0 && errno == EINTR)
        return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP, "interrupted");
    if (got < 0)
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, errno, "cannot be read: %s",
                                strerror(errno));
    lines->at_end = got == 0;
    lines->end += (size_t)got;
    return STELE_OK;
}

/* Pass over the rest of a line that is too long. One that does not end is not a line. */
static stele_status pass_over_line(stele_lines *lines, stele_error *err)
{
    size_t passed = 0;
    for (;;) {
        size_t size = lines->end - lines->start;
        const uint8_t *from = lines->text + lines->start;
        const uint8_t *feed = size == 0 ? NULL : memchr(from, '\n', size);
        size_t used = feed != NULL ? (size_t)(feed - from) + 1 : size;
        lines->start += used;
        passed += used;
        if (feed != NULL || lines->at_end)
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT,
                              "the line has %zu bytes, the limit is %zu", passed, LINE_SIZE_MAX);
        if (passed > PASSED_MAX)
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                              "line %" PRId64
                              " does not end within %zu bytes, and the limit is %zu: "
                              "is this a file of lines?",
                              lines->number, passed, LINE_SIZE_MAX);
        stele_status status = fill(lines, err);
        if (status < 0) return status;
    }
}

/* The next line with its end. @return 1, 0 at the end, or a failure */
static int read_line(stele_lines *lines, stele_bytes *line, stele_error *err)
{
    size_t looked_at = 0; /* there is no end in them */
    for (;;) {
        size_t size = lines->end - lines->start;
        const uint8_t *from = lines->text + lines->start;
        const uint8_t *feed =
            size == looked_at ? NULL : memchr(from + looked_at, '\n', size - looked_at);
        if (feed != NULL || (lines->at_end && size > 0)) {
            lines->number++;
            *line = stele_bytes_of(from, feed != NULL ? (size_t)(feed - from) + 1 : size);
            if (line->size > LINE_SIZE_MAX) return pass_over_line(lines, err);
            lines->start += line->size;
            return 1;
        }
        if (lines->at_end) return 0;
        looked_at = size;
        if (size > LINE_SIZE_MAX) {
            lines->number++;
            return pass_over_line(lines, err);
        }
        stele_status status = fill(lines, err);
        if (status < 0) return status;
    }
}

int stele_lines_next(stele_lines *lines, stele_bytes *line, stele_error *err)
{
    stele_bytes found;
    int got = read_line(lines, &found, err);
    if (got <= 0) return got;
    if (is_utf16(lines, found))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, STELE_CSV_IS_UTF16);
    *line = trimmed(lines, found);
    return 1;
}
