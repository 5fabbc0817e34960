/* SPDX-License-Identifier: MIT
 * May a partition go on from its checkpoint? Each refusal says what was found, and the way out. */
#include <inttypes.h>

#include "core/bug.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "snapshots/count.h"
#include "snapshots/restore.h"

/* What messages call the place of the states, … */
static char *place_of(const stele_restore_facts *facts)
{
    if (facts->store != NULL) return stele_strdup(facts->store);
    return stele_strdup_format("%s.v%d.snapshots/%d", facts->projection, facts->version,
                               (int)facts->source.index);
}

/* … how far they are, … */
static char *mark_of(const stele_restore_facts *facts)
{
    if (facts->store != NULL)
        return stele_strdup_format("the position of %s.v%d in %s", facts->projection,
                                   facts->version, facts->store);
    return stele_strdup_format("the checkpoint of %s.v%d", facts->projection, facts->version);
}

/* … and how they are made again from what is in the log. */
static char *way_of(const stele_restore_facts *facts)
{
    if (facts->store != NULL)
        return stele_strdup_format("reset %s --to beginning", facts->projection);
    STELE_AUTO(char) owner = stele_version_owner(facts->projection);
    return stele_strdup_format("raise the version of %s", owner);
}

/* A first run, or a replay of all that there is. */
static stele_status begin_at_zero(const stele_restore_facts *facts, stele_resume *out,
                                  stele_error *err)
{
    const char *topic = facts->source.topic;
    int partition = (int)facts->source.index;
    if (facts->aggregates + facts->finished > 0)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s.v%d.snapshots/%d holds %" PRId64
                          " snapshots and no checkpoint: something else has written there; delete "
                          "that topic to replay all events",
                          facts->projection, facts->version, partition,
                          facts->aggregates + facts->finished);
    if (facts->log_start > 0)
        return stele_fail(
            err, STELE_E_HOLE, STELE_NEXT_STOP,
            "%s/%d begins at offset %" PRId64
            " and %s.v%d has no %s: the events before it are gone, so no "
            "state can be right; bring them back, or copy what is left to a new topic",
            topic, partition, facts->log_start, facts->projection, facts->version,
            facts->store == NULL ? "checkpoint" : "position");
    *out = (stele_resume){.position = 0, .read_from = 0, .last_offset = -1};
    return STELE_OK;
}

static stele_status check_identity(const stele_checkpoint *checkpoint,
                                   const stele_restore_facts *facts, stele_error *err)
{
    if (checkpoint->partitions != facts->partitions &&
        !STELE_BUG("partition count is not compared"))
        return stele_snapshots_fail_count(err, facts->source.topic, facts->projection,
                                          facts->version, facts->store, checkpoint->partitions,
                                          facts->partitions);
    if (checkpoint->version != facts->version)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the checkpoint of %s.v%d says version %d: snapshots of two versions are "
                          "mixed; delete %s.v%d.snapshots to replay all events",
                          facts->projection, facts->version, (int)checkpoint->version,
                          facts->projection, facts->version);
    if (stele_bytes_equal(checkpoint->genesis, stele_text(facts->genesis))) return STELE_OK;
    STELE_AUTO(char) group = stele_projection_group(facts->projection, facts->version);
    return stele_restore_fail_genesis(err, stele_text(group), checkpoint->genesis, facts->genesis);
}

/* A snapshot is written after its last event, so the log was longer once. */
static stele_status check_furthest(const stele_restore_facts *facts, stele_error *err)
{
    if (facts->furthest <= facts->log_end) return STELE_OK;
    STELE_AUTO(char) place = place_of(facts);
    STELE_AUTO(char) way = way_of(facts);
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s holds a %s of %s behind offset %" PRId64 ", and %s/%d ends at %" PRId64
                      ": events were lost or the topic was made again; %s to replay what is there",
                      place, facts->store == NULL ? "snapshot" : "state",
                      stele_quote(facts->furthest_id).text, facts->furthest, facts->source.topic,
                      (int)facts->source.index, facts->log_end, way);
}

static stele_status check_log(const stele_checkpoint *checkpoint, const stele_restore_facts *facts,
                              stele_error *err)
{
    const char *topic = facts->source.topic;
    int partition = (int)facts->source.index;
    STELE_AUTO(char) mark = mark_of(facts);
    STELE_AUTO(char) way = way_of(facts);
    if (facts->log_start > checkpoint->next_offset)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d begins at offset %" PRId64 ", past %s at %" PRId64
                          ": the events between were deleted before they were applied; bring them "
                          "back, and keep retention.ms=-1",
                          topic, partition, facts->log_start, mark, checkpoint->next_offset);
    if (facts->log_end < checkpoint->next_offset)
        return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                          "%s/%d ends at offset %" PRId64 ", before %s at %" PRId64
                          ": events were lost or the topic was made again; %s to replay what is "
                          "there",
                          topic, partition, facts->log_end, mark, checkpoint->next_offset, way);
    if (facts->group_offset != STELE_OFFSET_NONE && facts->group_offset != checkpoint->next_offset)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "offset reset: group %s.v%d is at %" PRId64
                          " in %s/%d and its checkpoint at %" PRId64
                          "; set the group's offset to that again, or %s",
                          facts->projection, facts->version, facts->group_offset, topic, partition,
                          checkpoint->next_offset, way);
    return STELE_OK;
}

static stele_status check_counts(const stele_checkpoint *checkpoint,
                                 const stele_restore_facts *facts, stele_error *err)
{
    STELE_AUTO(char) owner = stele_version_owner(facts->projection);
    if (checkpoint->aggregates != facts->aggregates)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s.v%d.snapshots/%d has a checkpoint of %" PRId64
                          " aggregates and holds %" PRId64
                          ": snapshots are missing; raise the version of %s, or delete that topic, "
                          "to replay all events",
                          facts->projection, facts->version, (int)facts->source.index,
                          checkpoint->aggregates, facts->aggregates, owner);
    if (checkpoint->finished != facts->finished)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s.v%d.snapshots/%d has a checkpoint of %" PRId64
                          " finished aggregates and holds %" PRId64
                          " tombstones: raise delete.retention.ms, and the version of %s to replay "
                          "all events",
                          facts->projection, facts->version, (int)facts->source.index,
                          checkpoint->finished, facts->finished, owner);
    return STELE_OK;
}

stele_status stele_restore_validate(const stele_checkpoint *checkpoint,
                                    const stele_restore_facts *facts, stele_resume *out,
                                    stele_error *err)
{
    if (checkpoint == NULL) return begin_at_zero(facts, out, err);
    stele_status status;
    if ((status = check_identity(checkpoint, facts, err)) < 0) return status;
    if ((status = check_log(checkpoint, facts, err)) < 0) return status;
    if ((status = check_furthest(facts, err)) < 0) return status;
    if ((status = check_counts(checkpoint, facts, err)) < 0) return status;
    *out = (stele_resume){.position = checkpoint->next_offset,
                          .read_from = checkpoint->next_offset,
                          .last_offset = checkpoint->last_offset,
                          .last_hash = checkpoint->last_hash};
    /* Where the last event itself was deleted there is nothing to compare, and nothing is lost. */
    if (checkpoint->last_offset >= facts->log_start) out->read_from = checkpoint->last_offset;
    return STELE_OK;
}
