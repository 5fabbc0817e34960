/* SPDX-License-Identifier: MIT
 * What the files of Redis' store share.
 *
 *   stele/format                         "1": the database is Stele's
 *   stele/projection/NAME                hash: version, setup
 *   stele/places                         set of GROUP/TOPIC/PARTITION
 *   stele/count/GROUP/TOPIC              for how many partitions the first of a source was stored
 *   stele/position/GROUP/TOPIC/PARTITION hash: term, next, last_offset, last_hash, partitions,
 *                                        genesis
 *   stele/letters/GROUP/TOPIC/PARTITION  hash: the event's offset → the letter
 *   stele/rows/NAME/PARTITION            sorted set: the ids of the states
 *   NAME:ID                              hash: a state
 *
 * Names of projections, groups and topics have no slash. */
#ifndef STELE_STORES_REDIS_INTERNAL_H
#define STELE_STORES_REDIS_INTERNAL_H

#include "stores/redis_address.h"
#include "stores/redis_link.h"
#include "stores/redis_store.h"

#define REDIS_FORMAT "stele/format"
#define REDIS_PLACES "stele/places"

typedef enum redis_verb { REDIS_PUT = 0, REDIS_SCAN, REDIS_CLEAR, REDIS_VERBS } redis_verb;

typedef struct redis_statement {
    redis_verb verb;
    char *name; /* of the projection; the fields behind it */
    const char **fields;
    size_t field_count;
} redis_statement;

typedef struct redis_store {
    stele_sql_store base;
    redis_address address;
    char *label; /* for messages */
    redis_link link;
    redis_statement *statements;
    size_t statement_count;

    /* The transaction. */
    bool is_begun;
    redis_commands queue; /* what it changes */
    char *group, *topic;  /* of its place, … */
    int32_t partition;
    int64_t from;  /* … where that is, … */
    stele_mark to; /* … and will be */
} redis_store;

/* ---- redis_store.c ---- */

/* Ask with what watches, which is given up where that fails. */
stele_status redis_ask_one(redis_store *self, redis_commands *commands, redis_replies *out,
                           stele_error *err);
/* Carry out what is queued, if nothing that is watched was changed. @param done  it was not */
stele_status redis_carry_out(redis_store *self, const redis_commands *queue, bool *done,
                             stele_error *err);
/* A partition, as someone has claimed it; term 0: no one has. */
typedef struct redis_position {
    int64_t term, next; /* next -1: nothing is stored */
} redis_position;

/* Watch it: it is as it is until the transaction, or that is not made. */
stele_status redis_watch_place(redis_store *self, const char *key, redis_position *out,
                               stele_error *err);
char *redis_place_key(const char *kind, const stele_sql_place *place); /* caller frees */

/* ---- redis_rows.c ---- */

stele_status redis_prepare(stele_sql_store *base, const stele_sql_query *query, size_t *statement,
                           size_t *at, stele_error *err);
stele_status redis_execute(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                           size_t count, stele_error *err);
stele_status redis_read(stele_sql_store *base, size_t statement, const stele_sql_value *values,
                        size_t count, stele_sql_each *each, void *context, stele_error *err);
/* Take away the states of a partition. @param queue  what does it */
stele_status redis_clear_rows(redis_store *self, const char *projection, int64_t partition,
                              redis_commands *queue, stele_error *err);
void redis_free_statements(redis_store *self);

/* ---- redis_places.c: what the port has ---- */

stele_status redis_set_up(stele_sql_store *base, const stele_sql_setup *setup, size_t *at,
                          stele_error *err);
stele_status redis_tear_down(stele_sql_store *base, const stele_sql_setup *teardown, size_t *at,
                             stele_error *err);
stele_status redis_reset(stele_sql_store *base, const stele_sql_reset *reset, size_t *at,
                         stele_error *err);
stele_status redis_claim(stele_sql_store *base, const stele_sql_place *place, int32_t partitions,
                         const char *genesis, stele_sql_claim *out, stele_error *err);
stele_status redis_keep(stele_sql_store *base, const stele_sql_place *place,
                        const stele_sql_letter *letter, stele_error *err);
stele_status redis_letters(stele_sql_store *base, const stele_sql_place *place,
                           stele_sql_each_letter *each, void *context, stele_error *err);
stele_status redis_places(stele_sql_store *base, stele_sql_each_place *each, void *context,
                          stele_error *err);

/* A place of the database. Texts are views into its name. */
typedef struct redis_place {
    char *name; /* owned */
    stele_sql_place place;
} redis_place;

typedef struct redis_place_list {
    redis_place *items;
    size_t count;
} redis_place_list;

void redis_place_list_clear(redis_place_list *list);
STELE_VALUE_SCOPE(redis_place_list, redis_place_list_clear);
/* All places of a group, or of all where that is NULL. */
stele_status redis_find_places(redis_store *self, const char *group, redis_place_list *out,
                               stele_error *err);

#endif
