/* SPDX-License-Identifier: MIT
 * The events of a projection that are set aside, as they are stored now: in its snapshots topic, or
 * in the database that its section of the configuration names. */
#ifndef STELE_CLI_DLQ_OFFICE_H
#define STELE_CLI_DLQ_OFFICE_H

#include "cli/command.h"
#include "consumer/value_reader.h"
#include "core/table.h"
#include "kafka/bounded_read.h"
#include "projections/parked.h"
#include "stores/sql_store.h"

/** A partition of a source. */
typedef struct stele_office_part {
    stele_partition source; /* topic NULL: nothing has told it yet */
    stele_parked *letters;  /* never put into lists: see stele_office_letter */
    stele_table *firsts;    /* of each aggregate the first that is not discarded */
    int64_t position;       /* what is below it is a letter, or has had its turn; -1: not known */
} stele_office_part;

/** All zero but `cli` and `name`. */
typedef struct stele_office {
    stele_cli *cli;
    stele_log *log;
    const char *name;
    char *group;
    char *source;           /* the events' topic, or the first of them; NULL: not known */
    char *snapshots;        /* the topic; NULL: they are in a database */
    stele_sql_store *store; /* NULL: they are in snapshots */
    char **topics;          /* of the parts that are in a database; owned */
    stele_office_part *parts;
    size_t count;
    stele_bounded_read_start *starts; /* where to read on */
    stele_value_reader *reader;
    stele_buffer line;
} stele_office;

void stele_office_clear(stele_office *office);
STELE_VALUE_SCOPE(stele_office, stele_office_clear);

/** Find the projection, and read its letters. */
stele_status stele_office_open(stele_office *office, stele_error *err);

/** How they are by now. What was found before is gone. */
stele_status stele_office_look_again(stele_office *office, stele_error *err);

/** In the order of their events. */
size_t stele_office_letter_count(const stele_office_part *part);
const stele_dead_event *stele_office_letter(const stele_office_part *part, size_t index);
/** @return NULL: there is none of that event */
const stele_dead_event *stele_office_find(const stele_office_part *part, int64_t offset);
/** Is it the first of its aggregate? Those that are discarded do not count. */
bool stele_office_is_first(const stele_office_part *part, const stele_dead_event *letter);

/** The value of a letter that is stored without it, for it is too large: from the log. */
stele_status stele_office_fetch(stele_office *office, stele_office_part *part, int64_t offset,
                                stele_error *err);

/** "account.events/3/1042", or short "3:1042". @return STELE_E_INVALID */
stele_status stele_office_parse(const stele_office *office, const char *text,
                                stele_office_part **part, int64_t *offset, stele_error *err);

/* ---- dlq_database.c ---- */

/** Find the projection in the database of the configuration. @return STELE_E_NOT_FOUND: it is not
 * there */
stele_status stele_office_open_database(stele_office *office, stele_error *err);
/** How its letters and positions are there. */
stele_status stele_office_look_into_database(stele_office *office, stele_error *err);

/** Append `,"NAME":TEXT`, or null. */
void stele_office_append(stele_buffer *line, const char *name, stele_bytes value);

#endif
