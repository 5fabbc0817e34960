/* SPDX-License-Identifier: MIT
 * A SQL projection at work: what the tasks of a worker do with the partitions of one of its
 * sources. The position is in the database, and moves with the rows: rows and position are one
 * transaction, which only whoever claimed the partition last can commit. The group's offset follows
 * for Kafka's own tools, and no decision rests on it.
 *
 * Threads and memory: the database has one thread (projections/sql_desk.h), a partition none. Rows
 * wait in memory while the last transaction is under way; when there are enough of them, the
 * partition is not read until it has ended. */
#ifndef STELE_PROJECTIONS_SQL_PROJECTION_H
#define STELE_PROJECTIONS_SQL_PROJECTION_H

#include "consumer/worker.h"
#include "projections/sql_program.h"

typedef struct stele_sql_projection stele_sql_projection;

typedef struct stele_sql_projection_options {
    const stele_sql_program *program; /* loaded; borrowed, outlives the projection */
    size_t source;                    /* which of its sources */
    size_t commit_rows;               /* in one transaction, about; 0: 10,000 */
    int commit_interval_ms;           /* an event waits so long for others at most; 0: 100 */
    bool parks; /* an event that cannot be stored is set aside; false: it stops its partition */
    int park_attempts;      /* that its statements fail before it is; 0: 3 */
    size_t parked_max;      /* aggregates of a partition with such events, at most; 0: 1,000 */
    size_t parked_size_max; /* bytes of these events; 0: 64 MiB */
} stele_sql_projection_options;

/** What a worker needs; one for each worker. @return caller owns; release with
 * stele_sql_projection_close after the worker, and before the desk */
stele_sql_projection *stele_sql_projection_open(const stele_sql_projection_options *options);
void stele_sql_projection_close(stele_sql_projection *projection);
STELE_SCOPE(stele_sql_projection, stele_sql_projection_close);

/** What stele_worker_options take: name, topic, sources, ops and self. Borrowed from the program.
 */
const char *stele_sql_projection_group(const stele_sql_projection *projection);
const char *stele_sql_projection_topic(const stele_sql_projection *projection);
int stele_sql_projection_sources(const stele_sql_projection *projection);
extern const stele_task_ops stele_sql_tasks;

#endif
