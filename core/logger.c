/* SPDX-License-Identifier: MIT
 * One line per event, built in memory and written at once. */
#include "core/logger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/date.h"
#include "core/text.h"

enum { TEXT_SIZE_MAX = 2000 };

const char *stele_logger_level_name(stele_logger_level level)
{
    static const char *const names[] = {"info", "warn", "error"};
    return names[level];
}

static void append_quoted(stele_buffer *line, stele_bytes text)
{
    if (text.size <= TEXT_SIZE_MAX) {
        stele_show_json(line, text);
        return;
    }
    size_t kept = TEXT_SIZE_MAX;
    for (int i = 0; i < 3 && stele_utf8_size(text, kept) == 0; i++)
        kept--;
    stele_show_json(line, stele_bytes_of(text.data, kept));
    line->size--;
    stele_buffer_append(line, stele_text("…\""));
}

/* May it be in a key=value line without quotes? */
static bool is_plain(stele_bytes text)
{
    static const char marks[] = "_-./:+@,";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && memchr(marks, c, sizeof marks - 1) == NULL) return false;
    }
    return text.size > 0 && text.size <= TEXT_SIZE_MAX;
}

static void append_field(stele_buffer *line, stele_logger_format format,
                         const stele_logger_field *field)
{
    bool is_json = format == STELE_LOGGER_JSON;
    if (line->size > 1) stele_buffer_push(line, is_json ? ',' : ' ');
    stele_buffer_format(line, is_json ? "\"%s\":" : "%s=", field->name);
    if (field->text.data == NULL) {
        stele_buffer_format(line, "%" PRId64, field->number);
    } else if (!is_json && is_plain(field->text)) {
        stele_buffer_append(line, field->text);
    } else {
        append_quoted(line, field->text);
    }
}

static void write_all(int fd, stele_bytes line)
{
    while (line.size > 0) {
        ssize_t written = write(fd, line.data, line.size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        line = stele_bytes_of(line.data + written, line.size - (size_t)written);
    }
}

void stele_logger_write(const stele_logger *logger, stele_logger_level level, const char *message,
                        const stele_logger_field *fields)
{
    if (logger == NULL || level < logger->least) return;

    char time[STELE_DATE_TEXT_MAX + 1];
    stele_format_timestamp(stele_clock_now_ms(logger->clock), STELE_TIME_MILLIS, time);
    const stele_logger_field head[] = {
        stele_logger_text("time", time),
        stele_logger_text("level", stele_logger_level_name(level)),
        stele_logger_text("message", message),
    };
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    if (logger->format == STELE_LOGGER_JSON) stele_buffer_push(&line, '{');
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) {
        append_field(&line, logger->format, &head[i]);
    }
    for (; fields != NULL && fields->name != NULL; fields++) {
        append_field(&line, logger->format, fields);
    }
    if (logger->format == STELE_LOGGER_JSON) stele_buffer_push(&line, '}');
    stele_buffer_push(&line, '\n');
    write_all(logger->fd, stele_buffer_view(&line));
}
