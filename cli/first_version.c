/* SPDX-License-Identifier: MIT
 * A snapshot says how many events an aggregate had up to an offset. Those of them that are still in
 * the log are counted; what is missing was before. */
#include "cli/first_version.h"

#include <inttypes.h>

#include "cli/stored_states.h"
#include "kafka/bounded_read.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"

/* What one projection's past says of the aggregate. */
typedef struct evidence {
    stele_bytes id;
    int64_t version; /* how many events it had … */
    int64_t offset;  /* … below this offset */
    bool finished;
    int64_t count; /* of them in the log */
} evidence;

static stele_status look_at_snapshot(void *context, const stele_snapshot *snapshot,
                                     stele_error *err)
{
    (void)err;
    evidence *found = context;
    if (!stele_bytes_equal(snapshot->id, found->id)) return STELE_OK;
    found->version = snapshot->version;
    found->offset = snapshot->offset;
    found->finished = snapshot->finished;
    return STELE_OK;
}

static int count_events(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    evidence *found = context;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->records[i].offset >= found->offset) return STELE_BOUNDED_READ_ENOUGH;
        found->count += stele_bytes_equal(batch->records[i].key, found->id);
    }
    return STELE_OK;
}

/* All events of it below the checkpoint are in its snapshot, so that one reaches as far as the
 * checkpoint. Not so after its end: late events are passed over and not counted. */
static bool reaches(const evidence *found, const stele_past_partition *here)
{
    int64_t as_far_as = found->offset;
    if (!found->finished && here->next_offset > as_far_as) as_far_as = here->next_offset;
    return as_far_as >= here->log_start;
}

static stele_status ask_projection(stele_cli *cli, const stele_past_options *how,
                                   stele_partition partition, stele_bytes id, bool *known,
                                   int64_t *out, stele_error *err)
{
    STELE_AUTO(stele_past) past = NULL;
    stele_past_partition here;
    evidence found = {.id = id};
    stele_status status = stele_past_open(how, &past, err);
    if (status == STELE_OK)
        status = stele_past_read(past, partition.index, look_at_snapshot, &found, &here, err);
    if (status < 0 || !here.has_checkpoint || !reaches(&found, &here)) return status;
    stele_bounded_read_start start = {partition, here.log_start};
    status = stele_bounded_read(how->log,
                                &(stele_bounded_read_options){.starts = &start,
                                                              .count = 1,
                                                              .deadline = how->deadline,
                                                              .patience_ms = cli->timeout_ms,
                                                              .stop = cli->stop,
                                                              .take = count_events,
                                                              .context = &found},
                                err);
    *known = status == STELE_OK;
    *out = found.version - found.count + 1;
    return status;
}

/* Any projection of these events serves: all of them count alike. One that cannot be read is passed
 * over, for another may be. */
static stele_status ask_projections(stele_cli *cli, stele_partition partition, stele_bytes id,
                                    bool *known, int64_t *out, stele_error *err)
{
    stele_past_options how = {.log = stele_client_log(cli->client),
                              .registry = stele_client_registry(cli->client),
                              .deadline = stele_deadline_after(stele_clock_system(), -1),
                              .patience_ms = cli->timeout_ms,
                              .stop = cli->stop};
    char **topics = NULL;
    stele_status status = stele_log_topics(how.log, "", cli->timeout_ms, &topics, err);
    if (status < 0) return status;
    for (char **topic = topics; *topic != NULL && !*known; topic++) {
        stele_projection_name name;
        STELE_AUTO(char) source = NULL;
        stele_log_topic found;
        if (stele_snapshots_topic_parse(*topic, &name).data == NULL ||
            stele_log_topic_describe(how.log, *topic, cli->timeout_ms, &found, NULL) < 0 ||
            stele_past_source(how.log, *topic, found.partitions,
                              stele_deadline_after(stele_clock_system(), cli->timeout_ms),
                              cli->stop, &source, NULL) < 0 ||
            source == NULL || strcmp(source, partition.topic) != 0)
            continue;
        STELE_AUTO(char)
        projection = stele_strndup((const char *)name.projection.data, name.projection.size);
        stele_past_options of = how;
        of.projection = projection;
        of.version = name.version;
        of.events = source;
        status = ask_projection(cli, &of, partition, id, known, out, err);
        if (status == STELE_E_INTERRUPTED) break;
        status = STELE_OK;
    }
    free(topics);
    return status;
}

stele_status stele_first_version(stele_cli *cli, stele_partition partition, stele_bytes id,
                                 int64_t *out, stele_error *err)
{
    int64_t start;
    int64_t end;
    bool known = false;
    stele_status status =
        stele_log_bounds(stele_client_log(cli->client), partition, STELE_READ_UNCOMMITTED,
                         cli->timeout_ms, &start, &end, err);
    if (status < 0) return status;
    *out = 1;
    if (start == 0) return STELE_OK;
    status = ask_projections(cli, partition, id, &known, out, err);
    if (status < 0 || known) return status;
    return stele_fail(err, STELE_E_HOLE, STELE_NEXT_STOP,
                      "%s/%d begins at offset %" PRId64
                      ": the events before it are gone, and no projection's snapshots say how many "
                      "of them were of %s, so its versions cannot be counted; tail --from "
                      "beginning shows what is left without them",
                      partition.topic, (int)partition.index, start, stele_quote(id).text);
}
