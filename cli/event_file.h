/* SPDX-License-Identifier: MIT
 * Events in an Avro object container file: all that a record on Kafka has, with the event itself as
 * Avro that any tool reads, and the schemas as they were registered, so that another registry can
 * give them ids of its own. docs/moving.md has the format. */
#ifndef STELE_CLI_EVENT_FILE_H
#define STELE_CLI_EVENT_FILE_H

#include <stdlib.h>

#include "cli/event_schemas.h"
#include "kafka/log.h"
#include "schemas/container.h"

/** An event on its way. Views, valid during a call. */
typedef struct stele_moved_event {
    int32_t partition; /* where it was */
    int64_t offset;
    int64_t time_ms;
    stele_bytes key;   /* null: none */
    stele_bytes value; /* null: a tombstone */
    const stele_header *headers;
    size_t header_count;
} stele_moved_event;

/** A part of a partition: up to `until`, which is not in it. */
typedef struct stele_event_range {
    int32_t partition;
    int64_t from, until;
    int64_t last;      /* the last event below `until`, whether the file has it or not; -1: none is
                          known, … */
    int64_t last_hash; /* … and its stele_event_hash: by them the log is known again */
} stele_event_range;
STELE_SCOPE(stele_event_range, free);

/* ---- writing ---- */

/** Borrowed for the call, but for file, name and schemas. */
typedef struct stele_event_file_options {
    FILE *file;
    const char *name; /* of the file, for messages */
    stele_runtime runtime;
    stele_container_codec codec;
    const char *topic;
    const stele_event_range *ranges; /* what the file is of */
    size_t range_count;
    stele_bytes key;              /* it has this key's events alone; null: all */
    int64_t events;               /* how many will be put */
    stele_event_schemas *schemas; /* all that there are; their branches are set */
} stele_event_file_options;

typedef struct stele_event_file_writer stele_event_file_writer;

stele_status stele_event_file_writer_new(const stele_event_file_options *options,
                                         stele_event_file_writer **out, stele_error *err);
void stele_event_file_writer_free(stele_event_file_writer *writer);
STELE_SCOPE(stele_event_file_writer, stele_event_file_writer_free);

/** @param is_raw  set if its value is not what its schema says, so that it is there as bytes */
stele_status stele_event_file_put(stele_event_file_writer *writer, const stele_moved_event *event,
                                  bool *is_raw, stele_error *err);

/** Write what is left. @return STELE_E_CONFLICT  other events than so many were put (next = STOP)
 */
stele_status stele_event_file_finish(stele_event_file_writer *writer, stele_error *err);

/* ---- reading ---- */

typedef struct stele_event_file_reader stele_event_file_reader;

/**
 * Read the head.
 * @param file, name  borrowed; must outlive the reader
 * @return STELE_E_INVALID, STELE_E_LIMIT  the text has the byte, or what is missing (next = STOP)
 */
stele_status stele_event_file_reader_new(FILE *file, const char *name,
                                         stele_event_file_reader **out, stele_error *err);
void stele_event_file_reader_free(stele_event_file_reader *reader);
STELE_SCOPE(stele_event_file_reader, stele_event_file_reader_free);

/** The schemas of its events. Before the first event is read the caller sets what they are at its
 * place, `target`. */
stele_event_schemas *stele_event_file_schemas(stele_event_file_reader *reader);

/** The topic that it was made of, and how many events it has. */
const char *stele_event_file_topic(const stele_event_file_reader *reader);
int64_t stele_event_file_count(const stele_event_file_reader *reader);

/** The key whose events it has alone; null: it has all. */
stele_bytes stele_event_file_key(const stele_event_file_reader *reader);

/** What parts of the topic it has. @return borrowed, as long as the reader */
const stele_event_range *stele_event_file_ranges(const stele_event_file_reader *reader,
                                                 size_t *count);

/**
 * The next event, its value with the ids of the schemas' targets.
 * @return 1, 0 at the end of a file that is whole, or a failure as of _new
 */
int stele_event_file_next(stele_event_file_reader *reader, stele_moved_event *out,
                          stele_error *err);

#endif
