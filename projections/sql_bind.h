/* SPDX-License-Identifier: MIT
 * From an event to the parameters of statements. What each parameter stands for is found out once,
 * for the type that events are read as; after that an event costs its values
 * (projections/sql_value.h). */
#ifndef STELE_PROJECTIONS_SQL_BIND_H
#define STELE_PROJECTIONS_SQL_BIND_H

#include "kafka/log.h"
#include "projections/sql_file.h"
#include "stores/sql_store.h"

#include <stele/arena.h>
#include <stele/type.h>

typedef struct stele_sql_bind stele_sql_bind;

/**
 * Find out what the parameters of a block are.
 *
 * @param file, block  borrowed; must outlive the result
 * @param type         that events of the block are read as, borrowed likewise; NULL: any
 * @param out          caller owns; release with stele_sql_bind_free
 * @return STELE_E_INVALID  there is no such field, or it cannot be reached so; the text says file,
 *                          line, and what there is (next = STOP)
 */
stele_status stele_sql_bind_new(const stele_sql_file *file, const stele_sql_block *block,
                                const stele_type *type, stele_sql_bind **out, stele_error *err);
void stele_sql_bind_free(stele_sql_bind *bind);
STELE_SCOPE(stele_sql_bind, stele_sql_bind_free);

/** What the values of a parameter are. */
stele_sql_type stele_sql_bind_type(const stele_sql_bind *bind, size_t statement, size_t parameter);

/** An event with its record. All of it is borrowed for the call. */
typedef struct stele_sql_event {
    const stele_type *type; /* what `data` is; that of the bind, if it has one */
    const void *data;
    const stele_record *record;
    stele_partition source;
    const stele_batch *batch;    /* whose record has the headers; NULL: these … */
    const stele_header *headers; /* … are all that it has */
    size_t header_count;
} stele_sql_event;

/** A statement to be executed. @param values  in the arena */
typedef void stele_sql_each_row(void *context, size_t statement, const stele_sql_value *values,
                                size_t count);

/**
 * The rows of an event: each statement of the block, for the event or for each item.
 *
 * @param arena  takes the values and what they point to, until it is reset
 * @return STELE_E_INVALID  a value has no text form (next = REJECT)
 */
stele_status stele_sql_bind_event(const stele_sql_bind *bind, const stele_sql_event *event,
                                  stele_arena *arena, stele_sql_each_row *each, void *context,
                                  stele_error *err);

#endif
