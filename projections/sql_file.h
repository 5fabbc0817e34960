/* SPDX-License-Identifier: MIT
 * The file of a SQL projection, taken apart: what is in its head, the script that is run once, and
 * the statements for each type of event. It knows neither a database nor an event: what a parameter
 * means is found out by projections/sql_bind.h.
 *
 *   -- projection: order_summary
 *   -- version: 1
 *   -- source: order.events, refund.events
 *   -- repeatable: yes
 *   -- setup
 *   CREATE TABLE …;
 *   -- on shop.OrderPlaced
 *   INSERT INTO … VALUES (:order_id, :customer.name, :$time);
 *   -- on shop.OrderPlaced each items
 *   INSERT INTO … VALUES (:order_id, :items.sku);
 *   -- on *
 *   -- teardown
 *   DROP TABLE …;
 */
#ifndef STELE_PROJECTIONS_SQL_FILE_H
#define STELE_PROJECTIONS_SQL_FILE_H

#include <stele/bytes.h>
#include <stele/error.h>

#include "core/scope.h"
#include "stores/sql_store.h"

/** A parameter of a statement: each path once, however often it is written. */
typedef struct stele_sql_parameter {
    char *path;          /* "customer.name", "$key" */
    int line;            /* where it is written first */
    stele_sql_type type; /* of its values, once the file is held against its schemas */
} stele_sql_parameter;

/** A statement; its parameters are $1, $2, … in the text. */
typedef struct stele_sql_statement {
    char *text;
    int line; /* where it begins */
    stele_sql_parameter *parameters;
    size_t parameter_count;
    bool takes_arrays; /* many rows at once, in a database that can */
} stele_sql_statement;

/** `-- on TYPE` or `-- on TYPE each PATH`, with what follows it. */
typedef struct stele_sql_block {
    char *type; /* full name of a record; "*": all that no other block names */
    char *each; /* path of the array or map whose items it is executed for; NULL: for the event */
    int line;
    stele_sql_statement *statements;
    size_t statement_count;
} stele_sql_block;

/** Statements that are run as they are. */
typedef struct stele_sql_script {
    char *text; /* "" if there is none */
    int line;   /* of its first character */
} stele_sql_script;

typedef struct stele_sql_file {
    char *path;    /* for messages */
    char *name;    /* the projection's; NULL: the file does not say */
    int version;   /* 1 if the file does not say */
    char **topics; /* of the sources; NULL-terminated, at least one */
    int topics_line;
    bool is_repeatable; /* its statements may be executed again for the same events */
    stele_sql_script setup;
    stele_sql_script teardown;
    stele_sql_block *blocks;
    size_t block_count;
} stele_sql_file;

/**
 * Take the text of a file apart.
 *
 * @param path  for messages
 * @param out   caller owns; release with stele_sql_file_free
 * @return STELE_E_INVALID  the text says the line and what is wrong there (next = STOP)
 */
stele_status stele_sql_file_parse(const char *path, stele_bytes text, stele_sql_dialect dialect,
                                  stele_sql_file **out, stele_error *err);

/** Release it. NULL is fine. */
void stele_sql_file_free(stele_sql_file *file);
STELE_SCOPE(stele_sql_file, stele_sql_file_free);

/** The line of the file on which the character `at` of a text is that begins on `line`. */
int stele_sql_line_of(const char *text, int line, size_t at);

/** The file of the ready projection that keeps every event of a topic as a row. Caller frees. */
char *stele_sql_journal(const char *topic, stele_sql_dialect dialect);

#endif
