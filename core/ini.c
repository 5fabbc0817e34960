/* SPDX-License-Identifier: MIT
 * Line by line over a text in memory. */
#include "core/ini.h"

#include "core/text.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static stele_bytes trim(stele_bytes text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text = stele_bytes_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Cuts the first line off `*rest`; the line ends with LF or CR LF. */
static stele_bytes take_line(stele_bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    stele_bytes line = stele_bytes_of(rest->data, size);
    size_t taken = end == NULL ? size : size + 1;
    *rest = stele_bytes_of(rest->data + taken, rest->size - taken);
    if (line.size > 0 && line.data[line.size - 1] == '\r') line.size--;
    return line;
}

static bool is_printable(stele_bytes line)
{
    for (size_t i = 0; i < line.size; i++) {
        if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7F) return false;
    }
    return stele_utf8_is_valid(line);
}

/* "[word]" or "[word name]" without the brackets. */
static bool read_section(stele_bytes inside, stele_ini_line *line)
{
    inside = trim(inside);
    size_t size = 0;
    while (size < inside.size && !is_blank(inside.data[size]))
        size++;
    line->section = stele_bytes_of(inside.data, size);
    line->name = trim(stele_bytes_of(inside.data + size, inside.size - size));
    if (line->name.size == 0) line->name = stele_bytes_of(NULL, 0);
    line->key = line->value = stele_bytes_of(NULL, 0);
    return size > 0;
}

static bool read_key(stele_bytes text, stele_ini_line *line)
{
    const uint8_t *equals = memchr(text.data, '=', text.size);
    if (equals == NULL) return false;
    size_t size = (size_t)(equals - text.data);
    line->key = trim(stele_bytes_of(text.data, size));
    line->value = trim(stele_bytes_of(equals + 1, text.size - size - 1));
    return line->key.size > 0;
}

static stele_status fail_line(const char *file, int number, const char *what, stele_error *err)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "%s:%d: %s", file, number, what);
}

/* One line that is neither empty nor a comment. */
static stele_status read_line(stele_bytes text, const char *file, stele_ini_line *line,
                              stele_error *err)
{
    if (text.data[0] == '[') {
        bool is_closed = text.data[text.size - 1] == ']';
        if (is_closed && read_section(stele_bytes_of(text.data + 1, text.size - 2), line)) {
            return STELE_OK;
        }
        return fail_line(file, line->number, "a section is written [worker] or [projection NAME]",
                         err);
    }
    if (line->section.data == NULL) {
        return fail_line(file, line->number, "a section such as [worker] must come before this",
                         err);
    }
    if (read_key(text, line)) return STELE_OK;
    return fail_line(file, line->number, "key = value is expected", err);
}

stele_status stele_ini_parse(stele_bytes text, const char *file, stele_ini_visit *visit,
                             void *context, stele_error *err)
{
    if (text.size > STELE_INI_SIZE_MAX) {
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP, "%s: larger than %d bytes", file,
                          STELE_INI_SIZE_MAX);
    }
    static const char mark[] = "\xEF\xBB\xBF"; /* the byte order mark of some editors */
    stele_bytes rest = text;
    if (rest.size >= 3 && memcmp(rest.data, mark, 3) == 0) {
        rest = stele_bytes_of(rest.data + 3, rest.size - 3);
    }
    stele_ini_line line = {0};
    while (rest.size > 0) {
        stele_bytes content = take_line(&rest);
        line.number++;
        if (!is_printable(content)) {
            return fail_line(file, line.number, "this line is not plain UTF-8 text", err);
        }
        content = trim(content);
        if (content.size == 0 || content.data[0] == '#' || content.data[0] == ';') continue;

        stele_status status = read_line(content, file, &line, err);
        if (status < 0 || (status = visit(context, &line, err)) < 0) return status;
    }
    return STELE_OK;
}
