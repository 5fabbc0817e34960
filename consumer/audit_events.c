/* SPDX-License-Identifier: MIT
 * Records one by one: is it an event, is it where it belongs, can it be read? */
#include "consumer/audit_inside.h"

#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "core/text.h"
#include "kafka/bounded_read.h"
#include "kafka/partitioner.h"
#include "registry/wire.h"

enum { HEADERS_MAX = 32, ID_MAX = 1024 };

/* ---- values ---- */

static void find_undecodable(stele_audit_run *run, const stele_record *record,
                             stele_audit_kind kind, const char *why)
{
    stele_audit_find(run, kind, record->offset, record->key, "%s", why);
}

static void refuse(stele_audit_run *run, const stele_record *record, int32_t schema,
                   stele_audit_kind kind, const stele_error *why)
{
    stele_audit_refusal *one =
        stele_table_insert(run->refused, stele_bytes_of(&schema, sizeof schema), NULL);
    one->kind = kind;
    snprintf(one->why, sizeof one->why, "%s", why->text);
    find_undecodable(run, record, kind, one->why);
}

static void note_type(stele_audit_run *run, const char *name)
{
    int64_t *count = stele_table_insert(run->others, stele_text(name), NULL);
    if (count != NULL) ++*count;
}

/* To the program's own type, if it has one for it. */
static stele_status decode_as_ours(stele_audit_run *run, stele_bytes value, bool *is_ours,
                                   stele_error *err)
{
    stele_decoded decoded;
    stele_deadline until = stele_audit_patience(run);
    stele_status status;
    do {
        status = stele_decoder_decode(run->decoder, value, &decoded, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, run->options->stop, err));
    *is_ours = status == STELE_OK && decoded.type != NULL;
    if (status == STELE_OK && !*is_ours) note_type(run, decoded.name);
    return status;
}

static stele_status decode(stele_audit_run *run, stele_bytes value, stele_error *err)
{
    const stele_type *type;
    const void *data;
    bool is_ours = false;
    stele_status status =
        run->decoder == NULL ? STELE_OK : decode_as_ours(run, value, &is_ours, err);
    if (status < 0 || is_ours) return status;
    return stele_value_reader_read(run->reader, value, &type, &data, err);
}

/* What is wrong with the value is a finding; a registry that is away ends the audit. */
static stele_status look_at_value(stele_audit_run *run, const stele_record *record,
                                  stele_error *err)
{
    int32_t schema;
    stele_bytes payload;
    stele_error why;
    if (!stele_wire_split(record->value, &schema, &payload)) {
        stele_wire_fail(record->value, &why);
        find_undecodable(run, record, STELE_AUDIT_UNDECODABLE, why.text);
        return STELE_OK;
    }
    const stele_audit_refusal *known =
        stele_table_find(run->refused, stele_bytes_of(&schema, sizeof schema));
    if (known != NULL) {
        find_undecodable(run, record, known->kind, known->why);
        return STELE_OK;
    }
    stele_status status = decode(run, record->value, &why);
    if (status == STELE_E_INCOMPATIBLE)
        refuse(run, record, schema, STELE_AUDIT_UNREADABLE, &why);
    else if (status == STELE_E_NOT_FOUND)
        refuse(run, record, schema, STELE_AUDIT_UNDECODABLE, &why);
    else if (status < 0 && why.next == STELE_NEXT_REJECT)
        find_undecodable(run, record, STELE_AUDIT_UNDECODABLE, why.text);
    else if (status < 0)
        return *err = why, status;
    return STELE_OK;
}

/* ---- keys ---- */

/* @return false: it is of no aggregate of this partition */
static bool look_at_key(stele_audit_run *run, const stele_record *record)
{
    stele_audit_kind kind = STELE_AUDIT_KINDS;
    stele_error why;
    if (record->key.data == NULL) {
        kind = STELE_AUDIT_NO_KEY;
        stele_fail(&why, STELE_E_INVALID, STELE_NEXT_STOP,
                   "it has no key, so it is of no aggregate");
    } else if (record->key.size == 0 || record->key.size > ID_MAX) {
        kind = STELE_AUDIT_RESERVED_ID;
        stele_fail(&why, STELE_E_INVALID, STELE_NEXT_STOP,
                   "its key has %zu bytes, and an aggregate's id has 1 to %d", record->key.size,
                   ID_MAX);
    } else if (stele_id_is_reserved(record->key)) {
        kind = STELE_AUDIT_RESERVED_ID;
        stele_fail(&why, STELE_E_INVALID, STELE_NEXT_STOP,
                   "ids that begin with " STELE_RESERVED_PREFIX " are no aggregates'");
    } else if (stele_log_check_partition(record->key, run->source.index, run->partitions, &why) <
               0) {
        kind = STELE_AUDIT_WRONG_PARTITION;
    }
    if (kind == STELE_AUDIT_KINDS) return true;
    if (!run->is_naming) stele_audit_find(run, kind, record->offset, record->key, "%s", why.text);
    return false;
}

/* ---- records ---- */

static void read_headers(const stele_batch *batch, const stele_record *record,
                         stele_audit_headers *out)
{
    stele_header all[HEADERS_MAX];
    *out = (stele_audit_headers){0};
    size_t count = stele_log_batch_headers(batch, record, all, HEADERS_MAX);
    for (size_t i = 0; i < count && i < HEADERS_MAX; i++) {
        if (strcmp(all[i].name, "ce_id") == 0)
            out->id = all[i].value;
        else if (strcmp(all[i].name, "ce_aggregateversion") == 0)
            out->version = all[i].value;
        else if (strcmp(all[i].name, "ce_causationid") == 0)
            out->command = all[i].value;
    }
}

static stele_status look_at_record(stele_audit_run *run, const stele_batch *batch,
                                   const stele_record *record, stele_error *err)
{
    stele_status status = STELE_OK;
    bool is_placed = look_at_key(run, record);
    if (record->value.data == NULL) {
        if (!run->is_naming)
            stele_audit_find(run, STELE_AUDIT_NO_VALUE, record->offset, record->key,
                             "it has no value, so it is no event: nothing can be deleted here");
        return STELE_OK;
    }
    if (!run->is_naming) status = look_at_value(run, record, err);
    if (status < 0 || !is_placed) return status;
    stele_audit_headers headers;
    read_headers(batch, record, &headers);
    stele_audit_look_at_event(run, record, &headers);
    return STELE_OK;
}

int stele_audit_take(void *context, const stele_batch *batch, stele_error *err)
{
    stele_audit_run *run = context;
    stele_deadline until = stele_audit_patience(run);
    stele_status status;
    do {
        status = stele_registry_check(run->options->registry, err);
    } while (status < 0 && stele_bounded_read_wait_to_retry(until, run->options->stop, err));
    for (size_t i = 0; i < batch->count && status == STELE_OK; i++) {
        const stele_record *record = &batch->records[i];
        if (!run->is_naming) {
            run->counts->events++;
            run->visible += record->offset < run->settled;
        }
        status = look_at_record(run, batch, record, err);
    }
    return status;
}
