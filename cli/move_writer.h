/* SPDX-License-Identifier: MIT
 * Writes events into a topic to which no one else writes. Who might is asked for and fenced first;
 * whoever does all the same is noticed by the offsets: in a topic with one writer they have no
 * gaps. */
#ifndef STELE_CLI_MOVE_WRITER_H
#define STELE_CLI_MOVE_WRITER_H

#include "cli/event_file.h"
#include "cli/topic_name.h"

typedef struct stele_move_writer stele_move_writer;

/**
 * Make sure that no one writes: an aggregate's writer must not run; one that is frozen is fenced in
 * every partition, as another import into the topic is.
 *
 * @param topic  borrowed; must outlive the writer
 * @param unit   events of a transaction; 0: 5,000
 * @return STELE_E_CONFLICT  a writer runs; the text names it (next = STOP)
 */
stele_status stele_move_writer_new(stele_cli *cli, const stele_cli_topic *topic, size_t unit,
                                   stele_move_writer **out, stele_error *err);
void stele_move_writer_free(stele_move_writer *writer);
STELE_SCOPE(stele_move_writer, stele_move_writer_free);

/** What the topic has had when the writer was made; one range for each partition. */
const stele_event_range *stele_move_writer_before(const stele_move_writer *writer);

/** Where an event goes: by its key, as every producer of Stele chooses. */
int32_t stele_move_writer_partition(const stele_move_writer *writer,
                                    const stele_moved_event *event);

/**
 * Add an event. In transactions of some thousand; a few may be on their way.
 * @return STELE_E_CONFLICT  someone else has written; the text has the position (next = STOP)
 *         STELE_E_FENCED    a writer has started, or another import
 *         STELE_E_LIMIT     larger than the topic takes
 */
stele_status stele_move_writer_put(stele_move_writer *writer, const stele_moved_event *event,
                                   stele_error *err);

/** Commit what is left, and look whether all partitions end where they should, and are seen up to
 * there. */
stele_status stele_move_writer_finish(stele_move_writer *writer, stele_error *err);

/** Events that are committed. */
int64_t stele_move_writer_added(const stele_move_writer *writer);

#endif
