/* SPDX-License-Identifier: MIT
 * The ready projection: every event is a row. */
#include "projections/sql_file.h"

#include "core/alloc.h"

/* Where no writer owns an aggregate its events carry no version: it is the count of its rows. */
static const char journal[] =
    "-- source: %s\n"
    "-- setup\n"
    "CREATE TABLE events (\n"
    "    position TEXT PRIMARY KEY,\n"
    "    aggregate_id TEXT NOT NULL,\n"
    "    version BIGINT NOT NULL,\n"
    "    type TEXT NOT NULL,\n"
    "    time %s,\n"
    "    data %s NOT NULL\n"
    ");\n"
    "CREATE INDEX events_by_aggregate ON events (aggregate_id, version);\n"
    "CREATE INDEX events_by_time ON events (time);\n"
    "CREATE INDEX events_by_type ON events (type);\n"
    "-- on *\n"
    "INSERT INTO events VALUES (:$position, :$key, coalesce(:$version,\n"
    "    (SELECT coalesce(max(version), 0) + 1 FROM events WHERE aggregate_id = :$key)),\n"
    "    :$type, :$time, :$data);\n"
    "-- teardown\n"
    "DROP TABLE events;\n";

char *stele_sql_journal(const char *topic, stele_sql_dialect dialect)
{
    bool is_postgres = dialect == STELE_SQL_POSTGRES;
    return stele_strdup_format(journal, topic, is_postgres ? "TIMESTAMPTZ" : "TEXT",
                               is_postgres ? "JSONB" : "TEXT");
}
