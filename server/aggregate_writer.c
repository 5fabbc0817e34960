/* SPDX-License-Identifier: MIT
 * From the API's port to a writer. */
#include "server/aggregate_writer.h"

#include "aggregates/writer_inside.h"
#include "core/alloc.h"
#include "core/names.h"

struct stele_serving_writer {
    stele_writer *writer;
    stele_owner_table *table;
    char *topic;
};

static stele_status execute(void *self, const stele_call *call, int hops, stele_executed *done,
                            void *context, stele_error *err)
{
    const stele_serving_writer *by = self;
    return stele_writer_execute(by->writer, call, hops, done, context, err);
}

static stele_status load(void *self, stele_bytes id, int timeout_ms, int hops,
                         stele_aggregate_loaded *loaded, stele_executed *done, void *context,
                         stele_error *err)
{
    const stele_serving_writer *by = self;
    return stele_writer_load_async(by->writer, id, timeout_ms, hops, loaded, done, context, err);
}

static bool find_owner(void *self, stele_bytes id, stele_owner *out)
{
    const stele_serving_writer *by = self;
    int32_t partition = stele_writer_partition_of(by->writer, id);
    return partition >= 0 && stele_owner_table_find(by->table, by->topic, partition, out);
}

stele_serving_writer *stele_serving_writer_new(stele_writer *writer, stele_owner_table *table)
{
    stele_serving_writer *made = stele_alloc(sizeof *made);
    *made = (stele_serving_writer){writer, table,
                                   stele_events_topic(stele_writer_aggregate(writer)->name)};
    return made;
}

void stele_serving_writer_free(stele_serving_writer *serving)
{
    if (serving == NULL) return;
    free(serving->topic);
    free(serving);
}

stele_served_aggregate stele_serving_writer_port(stele_serving_writer *serving)
{
    static const stele_aggregate_service_ops ops = {execute, load, find_owner};
    return (stele_served_aggregate){stele_writer_aggregate(serving->writer), {&ops, serving}};
}
