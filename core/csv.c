/* SPDX-License-Identifier: MIT
 * Reading CSV. A record is first found whole in the buffer, then cut into cells in place, so a bad
 * one has changed nothing and can be passed over by its first line alone. */
#include "core/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"

/* A line longer than PASSED_MAX is no line of a file of records. */
enum { PASSED_MAX = 256 * 1024 * 1024 };
enum { RECORD_MAX = 1024 * 1024, FIELDS_MAX = 10000, READ_SIZE = 64 * 1024 };

struct stele_csv {
    int fd;
    uint8_t delimiter;
    size_t record_max;
    unsigned fields_max;

    uint8_t *data; /* what was read; the next record begins at `start` */
    size_t start;
    size_t end;
    size_t capacity;
    bool at_end;      /* of the file */
    bool began;       /* the byte order mark was looked for */
    uint64_t line;    /* of `start`, from 1 */
    uint64_t current; /* of the record last handed out */

    stele_bytes *cells;
    bool *quoted;
    size_t cells_capacity;
};

stele_csv *stele_csv_new(int fd, const stele_csv_options *options)
{
    static const stele_csv_options defaults = {0};
    if (options == NULL) options = &defaults;
    stele_csv *csv = stele_alloc(sizeof *csv);
    csv->fd = fd;
    csv->delimiter = options->delimiter == 0 ? ',' : (uint8_t)options->delimiter;
    csv->record_max = options->record_max == 0 ? RECORD_MAX : options->record_max;
    csv->fields_max = options->fields_max == 0 ? FIELDS_MAX : options->fields_max;
    csv->line = 1;
    return csv;
}

void stele_csv_free(stele_csv *csv)
{
    if (csv == NULL) return;
    free(csv->data);
    free(csv->cells);
    free(csv->quoted);
    free(csv);
}

uint64_t stele_csv_line(const stele_csv *csv)
{
    return csv->current;
}

/* Read more behind what is there. */
static stele_status fill(stele_csv *csv, stele_error *err)
{
    if (csv->start > 0) {
        memmove(csv->data, csv->data + csv->start, csv->end - csv->start);
        csv->end -= csv->start;
        csv->start = 0;
    }
    if (csv->capacity - csv->end < READ_SIZE) {
        csv->capacity = csv->end * 2 + READ_SIZE;
        csv->data = stele_realloc(csv->data, csv->capacity);
    }
    ssize_t size = read(csv->fd, csv->data + csv->end, csv->capacity - csv->end);
    if (size < 0 && errno == EINTR) {
        return stele_fail_cause(err, STELE_E_INTERRUPTED, STELE_NEXT_RETRY, errno,
                                "reading was interrupted");
    }
    if (size < 0) {
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, errno, "cannot read: %s",
                                strerror(errno));
    }
    csv->at_end = size == 0;
    csv->end += (size_t)size;
    return STELE_OK;
}

static bool begins_with(const stele_csv *csv, const char *mark, size_t size)
{
    return csv->end - csv->start >= size && memcmp(csv->data + csv->start, mark, size) == 0;
}

static stele_status begin(stele_csv *csv, stele_error *err)
{
    stele_status status;
    while (!csv->at_end && csv->end - csv->start < 3) {
        if ((status = fill(csv, err)) < 0) return status;
    }
    csv->began = true;
    if (begins_with(csv, "\xff\xfe", 2) || begins_with(csv, "\xfe\xff", 2)) {
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, STELE_CSV_IS_UTF16);
    }
    if (begins_with(csv, "\xef\xbb\xbf", 3)) csv->start += 3;
    return STELE_OK;
}

/* How far the scan for the end of a record is. */
typedef enum scan_state {
    CELL_START,
    IN_CELL,
    IN_QUOTES,
    AFTER_QUOTE, /* in quotes, behind a quote that ends them or is the first of two */
    AFTER_RETURN /* behind the CR that follows such a quote */
} scan_state;

typedef struct scan {
    scan_state state;
    size_t at;    /* bytes behind `start` that have been looked at */
    bool garbage; /* something stands behind a closing quote */
} scan;

/* Look on; true once the record's last byte, its LF, has been looked at. */
static bool scan_on(const stele_csv *csv, scan *s)
{
    const uint8_t *record = csv->data + csv->start;
    for (size_t size = csv->end - csv->start; s->at < size;) {
        uint8_t c = record[s->at++];
        if (s->state == IN_QUOTES) {
            if (c == '"') s->state = AFTER_QUOTE;
        } else if (c == '\n') {
            return true;
        } else if (s->state == AFTER_RETURN) {
            s->garbage = true;
            s->state = IN_CELL;
        } else if (c == csv->delimiter) {
            s->state = CELL_START;
        } else if (s->state == CELL_START) {
            s->state = c == '"' ? IN_QUOTES : IN_CELL;
        } else if (s->state == AFTER_QUOTE) {
            s->garbage = s->garbage || (c != '\r' && c != '"');
            s->state = c == '"' ? IN_QUOTES : c == '\r' ? AFTER_RETURN : IN_CELL;
        }
    }
    return false;
}

static uint64_t count_lines(const uint8_t *data, size_t size)
{
    uint64_t lines = 0;
    for (const uint8_t *end = data + size; (data = memchr(data, '\n', (size_t)(end - data)));
         data++)
        lines++;
    return lines;
}

static void consume(stele_csv *csv, size_t size)
{
    csv->line += count_lines(csv->data + csv->start, size);
    csv->start += size;
}

/* Pass over the first line of a bad record. Its LF was read, or the file ended without one, or it
 * is longer than the limit: then what follows is passed over as it comes.
 * @return false: it does not end */
static bool pass_over_line(stele_csv *csv)
{
    for (size_t passed = 0; passed <= PASSED_MAX;) {
        size_t size = csv->end - csv->start;
        const uint8_t *feed = size == 0 ? NULL : memchr(csv->data + csv->start, '\n', size);
        if (feed != NULL) {
            consume(csv, (size_t)(feed - (csv->data + csv->start)) + 1);
            return true;
        }
        passed += size;
        csv->start = csv->end;
        if (csv->at_end || fill(csv, NULL) < 0) return true;
    }
    return false;
}

/* A cell at `at`, taken out of its quotes; moves `at` behind it. */
static stele_bytes cut_cell(const stele_csv *csv, uint8_t *record, size_t size, size_t *at)
{
    size_t from = *at;
    if (from == size || record[from] != '"') {
        while (*at < size && record[*at] != csv->delimiter)
            ++*at;
        return stele_bytes_of(record + from, *at - from);
    }
    size_t to = ++from; /* what is behind a quote moves to where the quote stood */
    for (*at = from; *at < size; ++*at) {
        if (record[*at] == '"') {
            ++*at;
            if (*at == size || record[*at] != '"') break;
        }
        record[to++] = record[*at];
    }
    return stele_bytes_of(record + from, to - from);
}

static bool put_cell(stele_csv *csv, size_t index, stele_bytes cell, bool quoted)
{
    if (index >= csv->fields_max) return false;
    if (index == csv->cells_capacity) {
        csv->cells_capacity = csv->cells_capacity == 0 ? 16 : 2 * csv->cells_capacity;
        csv->cells = stele_realloc_array(csv->cells, csv->cells_capacity, sizeof *csv->cells);
        csv->quoted = stele_realloc_array(csv->quoted, csv->cells_capacity, sizeof *csv->quoted);
    }
    csv->cells[index] = cell;
    csv->quoted[index] = quoted;
    return true;
}

/* Cut a record, without its end of line, into cells; false if there are too many. */
static bool cut(stele_csv *csv, uint8_t *record, size_t size, size_t *count)
{
    size_t at = 0;
    for (*count = 0;; ++*count) {
        bool quoted = at < size && record[at] == '"';
        if (!put_cell(csv, *count, cut_cell(csv, record, size, &at), quoted)) return false;
        if (at == size) break;
        at++; /* the delimiter */
    }
    ++*count;
    return true;
}

/* The bytes of a record without its end of line. */
static size_t trimmed(const uint8_t *record, size_t size)
{
    if (size > 0 && record[size - 1] == '\n') size--;
    if (size > 0 && record[size - 1] == '\r') size--;
    return size;
}

/* Find the end of the record at `start`. */
static stele_status find_end(stele_csv *csv, size_t *size, stele_error *err)
{
    scan s = {.state = CELL_START};
    csv->current = csv->line;
    while (!scan_on(csv, &s) && !csv->at_end && s.at <= csv->record_max) {
        stele_status status;
        if ((status = fill(csv, err)) < 0) return status;
    }
    if (s.at > csv->record_max) {
        bool ends = pass_over_line(csv);
        return stele_fail(err, STELE_E_LIMIT, ends ? STELE_NEXT_REJECT : STELE_NEXT_STOP,
                          "the record is larger than %zu bytes; %s", csv->record_max,
                          ends ? "a quote may not be closed" : "its line does not end");
    }
    if (s.garbage || s.state == IN_QUOTES) {
        pass_over_line(csv);
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT, "%s",
                          s.garbage ? "text follows a closing quote; double a quote within quotes"
                                    : "a quote is not closed");
    }
    *size = s.at;
    return STELE_OK;
}

stele_status stele_csv_next(stele_csv *csv, stele_csv_record *out, stele_error *err)
{
    stele_status status;
    if (!csv->began && (status = begin(csv, err)) < 0) return status;
    for (;;) {
        size_t size = 0;
        if ((status = find_end(csv, &size, err)) < 0) return status;
        uint8_t *record = csv->data + csv->start;
        if (size == 0) {
            *out = (stele_csv_record){.line = csv->line};
            return STELE_OK;
        }
        size_t text_size = trimmed(record, size);
        consume(csv, size);
        if (text_size == 0) continue;

        size_t count;
        if (!cut(csv, record, text_size, &count)) {
            return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_REJECT, "more than %u cells",
                              csv->fields_max);
        }
        *out = (stele_csv_record){csv->cells, csv->quoted, count, csv->current};
        return STELE_OK;
    }
}
