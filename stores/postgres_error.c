/* SPDX-License-Identifier: MIT
 * The table of the classes. What is not in it is a mistake in a statement or a value that the table
 * does not take: it needs a person. */
#include "stores/postgres_error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <stele/buffer.h>

#include "core/alloc.h"
#include "core/text.h"

typedef struct class {
    const char *state; /* SQLSTATE, or the beginning of it */
    stele_status status;
    stele_next next;
    const char *hint; /* NULL: the server's words are enough */
} class;

/* Of several that match the first counts. */
static const class classes[] = {
    {"57014", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "it is tried again"},
    {"57P03", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, NULL},
    {"57P", STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, NULL},
    {"08", STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, NULL},
    {"25P03", STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, NULL},
    {"25P04", STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, NULL},
    {"25006", STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
     "if it is a standby, name all hosts and target_session_attrs=read-write"},
    {"40003", STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, NULL},
    {"40", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, NULL},
    {"53", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, NULL},
    {"55P03", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "another transaction has it"},
    {"55006", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, NULL},
    {"58", STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, NULL},
    {"28", STELE_E_FORBIDDEN, STELE_NEXT_STOP, "correct the connection string or pg_hba.conf"},
    {"3D000", STELE_E_NOT_FOUND, STELE_NEXT_STOP, "createdb makes one"},
    {"42501", STELE_E_FORBIDDEN, STELE_NEXT_STOP, "grant it to the role"},
    {"26000", STELE_E_INVALID, STELE_NEXT_STOP,
     "a pooler that hands on single transactions loses what is prepared: connect to the server"},
};

static const class *find_class(const char *state)
{
    for (size_t i = 0; state != NULL && i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(state, classes[i].state, strlen(classes[i].state)) == 0) return &classes[i];
    return NULL;
}

/* A statement that was prepared before its table was changed. */
static bool is_stale(const char *state, const char *said)
{
    return strcmp(state, "0A000") == 0 && strstr(said, "cached plan") != NULL;
}

int postgres_cause(const char *state)
{
    return (int)strtol(state, NULL, 36); /* five characters, 0 to 9 and A to Z */
}

stele_status postgres_fail_result(const char *label, const PGresult *result, stele_error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const class *of = find_class(state);
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    if (said == NULL) said = PQresultErrorMessage(result);
    stele_show(&text, stele_bytes_of(said, strcspn(said, "\n")));
    if (state == NULL) /* libpq itself */
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, "%s: %s", label,
                          stele_buffer_text(&text));
    if (of == NULL && is_stale(state, said))
        return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT, postgres_cause(state),
                                "%s: %s", label, stele_buffer_text(&text));
    if (of == NULL) {
        if (detail != NULL) {
            stele_buffer_format(&text, ": ");
            stele_show(&text, stele_text(detail));
        }
        return stele_fail_cause(err, STELE_E_INVALID, STELE_NEXT_STOP, postgres_cause(state), "%s",
                                stele_buffer_text(&text));
    }
    return stele_fail_cause(err, of->status, of->next, postgres_cause(state), "%s: %s%s%s", label,
                            stele_buffer_text(&text), of->hint == NULL ? "" : "; ",
                            of->hint == NULL ? "" : of->hint);
}

/* libpq has the SQLSTATE of a refused connection in its text only: "FATAL:  28P01: …". */
static bool find_state(const char *said, char state[6])
{
    for (const char *at = said; (at = strstr(at, ":  ")) != NULL; at += 3) {
        size_t size = 0;
        while (size < 5 && isalnum((unsigned char)at[3 + size]))
            size++;
        if (size < 5 || at[8] != ':') continue;
        memcpy(state, at + 3, 5);
        state[5] = '\0';
        return true;
    }
    return false;
}

/* The first line of what libpq says, without the state. */
static void show_first_line(stele_buffer *out, const char *said, const char *state)
{
    stele_bytes line = stele_bytes_of(said, strcspn(said, "\n"));
    const char *at = *state == '\0' ? NULL : strstr(said, state);
    if (at == NULL || at + 7 > said + line.size) {
        stele_show(out, line);
        return;
    }
    stele_show(out, stele_bytes_of(said, (size_t)(at - said) - 1));
    stele_show(out, stele_bytes_of(at + 7, (size_t)(said + line.size - at) - 7));
}

stele_status postgres_fail_connect(const char *label, PGconn *conn, bool was_open, stele_error *err)
{
    const char *said = PQerrorMessage(conn);
    char state[6] = "";
    const class *of = find_state(said, state) ? find_class(state) : NULL;
    STELE_AUTO_VALUE(stele_buffer) text = {0};
    show_first_line(&text, said, state);
    bool stops = of != NULL && of->next == STELE_NEXT_STOP && !was_open;
    return stele_fail_cause(
        err, stops ? of->status : STELE_E_UNAVAILABLE, stops ? STELE_NEXT_STOP : STELE_NEXT_RETRY,
        postgres_cause(state), "%s cannot be reached: %s%s%s", label, stele_buffer_text(&text),
        stops && of->hint != NULL ? "; " : "", stops && of->hint != NULL ? of->hint : "");
}
