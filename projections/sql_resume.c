/* SPDX-License-Identifier: MIT
 * A claim as a checkpoint. */
#include "projections/sql_resume.h"

#include "core/bug.h"
#include "snapshots/count.h"

stele_status stele_sql_resume(const stele_sql_claim *claimed, const stele_restore_facts *facts,
                              stele_resume *out, stele_error *err)
{
    stele_checkpoint checkpoint = {.topic = stele_text(facts->source.topic),
                                   .partitions = claimed->partitions,
                                   .next_offset = claimed->mark.position,
                                   .last_offset = claimed->mark.last_offset,
                                   .last_hash = claimed->mark.last_hash,
                                   .version = facts->version,
                                   .genesis = stele_text(claimed->genesis)};
    if (claimed->partitions != facts->partitions && !STELE_BUG("partition count is not compared"))
        return stele_snapshots_fail_count(err, facts->source.topic, facts->projection,
                                          facts->version, facts->store, claimed->partitions,
                                          facts->partitions);
    bool is_new = claimed->mark.position < 0;
    return stele_restore_validate(is_new ? NULL : &checkpoint, facts, out, err);
}

stele_status stele_sql_fail_opened(stele_error *err, stele_partition source)
{
    return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_ABORT,
                      "the database was opened again while %s/%d was taken, and may be another "
                      "one: it is claimed again",
                      source.topic, (int)source.index);
}
