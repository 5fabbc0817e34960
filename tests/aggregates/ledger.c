/* SPDX-License-Identifier: MIT
 * The ledger of ledger.h. */
#include "ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <stele/generated.h>

#include "account.h"
#include "core/alloc.h"
#include "core/table.h"
#include "kafka/bounded_read.h"
#include "registry/wire.h"

typedef struct reading {
    stele_bytes id;
    ledger found;
    stele_table *ids; /* of events */
    stele_arena *arena;
} reading;

static stele_status broken(const stele_batch *batch, const stele_record *record, const char *what,
                           stele_error *err)
{
    return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_STOP, "%s/%d/%" PRId64 ": %s",
                      batch->partition.topic, (int)batch->partition.index, record->offset, what);
}

static int64_t number_of(stele_bytes digits)
{
    char text[24] = "";
    if (digits.size < sizeof text) memcpy(text, digits.data, digits.size);
    return strtoll(text, NULL, 10);
}

static stele_status take_record(reading *self, const stele_batch *batch, const stele_record *record,
                                stele_error *err)
{
    stele_bytes version, id, cause, payload;
    int32_t schema;
    bool is_new;
    if (!stele_log_batch_header(batch, record, "ce_aggregateversion", &version) ||
        number_of(version) != ++self->found.count)
        return broken(batch, record, "its version does not follow the one before", err);
    if (!stele_log_batch_header(batch, record, "ce_id", &id) || id.size != 36)
        return broken(batch, record, "it has no id", err);
    stele_table_insert(self->ids, id, &is_new);
    if (!is_new) return broken(batch, record, "an event with its id was there before", err);
    if (!stele_log_batch_header(batch, record, "ce_causationid", &cause) || cause.size == 0)
        return broken(batch, record, "it has no cause", err);
    if (!stele_wire_split(record->value, &schema, &payload))
        return broken(batch, record, "it is not in the wire format", err);
    test_booked booked;
    if (test_booked_type.decode(payload, &booked, self->arena, NULL) == STELE_OK)
        self->found.cents += booked.cents;
    return STELE_OK;
}

static int take(void *context, const stele_batch *batch, stele_error *err)
{
    reading *self = context;
    for (size_t i = 0; i < batch->count; i++) {
        if (!stele_bytes_equal(batch->records[i].key, self->id)) continue;
        stele_status status = take_record(self, batch, &batch->records[i], err);
        if (status < 0) return status;
    }
    return STELE_OK;
}

stele_status ledger_read(stele_log *log, const char *topic, int32_t partitions, const char *id,
                         stele_deadline by, ledger *out, stele_error *err)
{
    reading self = {.id = stele_text(id), .ids = stele_table_new(1, 0), .arena = stele_arena_new()};
    stele_bounded_read_start *starts = stele_alloc_array((size_t)partitions, sizeof *starts);
    for (int32_t i = 0; i < partitions; i++)
        starts[i] = (stele_bounded_read_start){{topic, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {.starts = starts,
                                          .count = (size_t)partitions,
                                          .deadline = by,
                                          .take = take,
                                          .context = &self};
    stele_status status = stele_bounded_read(log, &options, err);
    if (status == STELE_OK) *out = self.found;
    stele_table_free(self.ids);
    stele_arena_free(self.arena);
    free(starts);
    return status;
}
