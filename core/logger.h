/* SPDX-License-Identifier: MIT
 * Log lines for operators: one event per line, key=value or JSON. Only the loops that decide write
 * them (the worker, the command line); everything below returns errors instead. */
#ifndef STELE_CORE_LOGGER_H
#define STELE_CORE_LOGGER_H

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/clock.h"

typedef enum stele_logger_level {
    STELE_LOGGER_INFO = 0,
    STELE_LOGGER_WARN,
    STELE_LOGGER_ERROR
} stele_logger_level;

typedef enum stele_logger_format {
    STELE_LOGGER_TEXT =
        0,            /* time=… level=warn message="partition waits" topic=a.events partition=3 */
    STELE_LOGGER_JSON /* the same as one JSON object */
} stele_logger_format;

/**
 * Where lines go. A value that the caller fills in and keeps; it owns nothing. Threads may share
 * it: a line is one write, which the system does not mix with others up to PIPE_BUF.
 */
typedef struct stele_logger {
    stele_clock clock;
    int fd;
    stele_logger_level least; /* lines below it are dropped */
    stele_logger_format format;
} stele_logger;

/** What a line says besides its message. Made by the three calls below; the text is borrowed. */
typedef struct stele_logger_field {
    const char *name; /* a plain word: a-z, 0-9, _; NULL ends a list */
    stele_bytes text; /* null: the number counts */
    int64_t number;
} stele_logger_field;

/** A field with text; NULL is shown as empty. */
static inline stele_logger_field stele_logger_text(const char *name, const char *text)
{
    stele_logger_field field = {name, stele_text(text == NULL ? "" : text), 0};
    return field;
}

/** A field with text that has no NUL at its end, as an aggregate id. */
static inline stele_logger_field stele_logger_bytes(const char *name, stele_bytes text)
{
    stele_logger_field field = {name, text.data == NULL ? stele_text("") : text, 0};
    return field;
}

/** A field with a number. */
static inline stele_logger_field stele_logger_int(const char *name, int64_t number)
{
    stele_logger_field field = {name, stele_text(NULL), number};
    return field;
}

/* A list of fields within a call; C has no other typed one. */
#define STELE_LOGGER_FIELDS(...) ((const stele_logger_field[]){__VA_ARGS__, {0}})

/**
 * Write one line:
 *
 *     stele_logger_write(logger, STELE_LOGGER_WARN, "partition waits",
 *                        STELE_LOGGER_FIELDS(stele_logger_text("topic", topic),
 *                                         stele_logger_int("partition", partition)));
 *
 * Text from outside is safe in it: it is quoted, and cut after 2,000 bytes. A line that cannot be
 * written is lost without a word, as there is nowhere to say so.
 *
 * @param logger  NULL writes nothing
 * @param fields  borrowed for the call; NULL: none
 */
void stele_logger_write(const stele_logger *logger, stele_logger_level level, const char *message,
                        const stele_logger_field *fields);

/** The name of a level: info, warn, error. */
const char *stele_logger_level_name(stele_logger_level level);

#endif
