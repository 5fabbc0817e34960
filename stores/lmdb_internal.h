/* SPDX-License-Identifier: MIT
 * What the files of LMDB's store share.
 *
 *   projections  name → lmdb_project
 *   positions    group 0 topic 0 partition → lmdb_position
 *   letters      the same, and the event's offset → the letter
 *   states       name 0 partition, and what lmdb_state_key makes of the id → the row
 *
 * Numbers in keys are big-endian, so that they are in order. */
#ifndef STELE_STORES_LMDB_INTERNAL_H
#define STELE_STORES_LMDB_INTERNAL_H

#include <lmdb.h>
#include <sys/types.h>

#include <stele/buffer.h>

#include "stores/lmdb_store.h"

enum { LMDB_KEY_MAX = 511 };

typedef enum lmdb_table {
    LMDB_PROJECTIONS = 0,
    LMDB_POSITIONS,
    LMDB_LETTERS,
    LMDB_STATES,
    LMDB_TABLES
} lmdb_table;

typedef struct lmdb_project {
    int64_t version;
    int64_t setup; /* stele_sql_script_hash */
} lmdb_project;

typedef struct lmdb_position {
    int64_t term;
    int64_t next; /* -1: nothing was stored yet */
    int64_t last_offset;
    int64_t last_hash;
    int32_t partitions;
    char genesis[44]; /* no padding behind it */
} lmdb_position;

typedef enum lmdb_verb { LMDB_PUT = 0, LMDB_SCAN, LMDB_CLEAR, LMDB_VERBS } lmdb_verb;

typedef struct lmdb_statement {
    lmdb_verb verb;
    char *name; /* of the projection */
} lmdb_statement;

typedef struct lmdb_store {
    stele_sql_store base;
    stele_runtime runtime;
    char *path;
    int file;     /* is locked; -1: not open */
    MDB_env *env; /* NULL: not open */
    size_t map_size;
    size_t map_spare;
    bool needs_map; /* a transaction was too large for it */
    MDB_dbi tables[LMDB_TABLES];
    MDB_txn *txn; /* NULL: none is open */
    bool was_open;
    lmdb_statement *statements;
    size_t statement_count;
    stele_buffer room; /* for a row */
} lmdb_store;

/** A key that is made. */
typedef struct lmdb_key {
    uint8_t bytes[LMDB_KEY_MAX];
    size_t size;
} lmdb_key;

/* ---- lmdb_store.c ---- */

/* What LMDB's failure means. */
stele_status lmdb_fail(const lmdb_store *self, int code, stele_error *err);
/* Lock the file, and begin. Only for reading: end it with lmdb_roll_back. */
stele_status lmdb_begin_write(lmdb_store *self, stele_error *err);
stele_status lmdb_begin_read(lmdb_store *self, stele_error *err);
stele_status lmdb_commit(stele_sql_store *base, stele_error *err);
void lmdb_roll_back(stele_sql_store *base);
/* @return `status`, after what was begun is undone */
stele_status lmdb_undo(lmdb_store *self, stele_status status);

/* ---- lmdb_rows.c ---- */

void lmdb_key_add(lmdb_key *key, const void *data, size_t size); /* at most until it is full */
void lmdb_key_add_text(lmdb_key *key, const char *text);         /* with its end */
void lmdb_key_add_number(lmdb_key *key, uint64_t number, size_t size);
MDB_val lmdb_val(const void *data, size_t size);
MDB_val lmdb_key_val(const lmdb_key *key);
/* Delete all whose key begins with `prefix`, from that key on. @return LMDB's code */
int lmdb_delete_all(lmdb_store *self, lmdb_table table, const lmdb_key *prefix,
                    const lmdb_key *from);

stele_status lmdb_prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                          size_t *at, stele_error *err);
stele_status lmdb_execute(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                          size_t count, stele_error *err);
stele_status lmdb_read(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                       size_t count, stele_sql_each *each, void *context, stele_error *err);

/* ---- lmdb_places.c: what the port has ---- */

stele_status lmdb_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                         stele_error *err);
stele_status lmdb_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                            stele_error *err);
stele_status lmdb_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                        stele_error *err);
stele_status lmdb_claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                        const char *genesis, stele_sql_claim *out, stele_error *err);
stele_status lmdb_begin(stele_sql_store *base, const stele_sql_place *place, int64_t term,
                        int64_t from, const stele_mark *to, stele_error *err);
stele_status lmdb_keep(stele_sql_store *base, const stele_sql_place *place,
                       const stele_sql_letter *letter, stele_error *err);
stele_status lmdb_letters(stele_sql_store *base, const stele_sql_place *place,
                          stele_sql_each_letter *each, void *context, stele_error *err);
stele_status lmdb_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                         stele_error *err);

#endif
