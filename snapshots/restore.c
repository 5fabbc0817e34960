/* SPDX-License-Identifier: MIT
 * The records of a snapshots partition, one after the other. */
#include "snapshots/restore.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/text.h"

struct stele_restore {
    stele_restore_options options;
    char *topic; /* the snapshots' */
    char *checkpoint_key;
    stele_decoder *decoder; /* of checkpoints */
    stele_buffer last;      /* value of the last checkpoint; empty: none */
    stele_decoded decoded;  /* it, once asked for; views into `last` */
    int64_t next;           /* offset of the next record to be taken */
};

static const stele_type *const checkpoint_types[] = {&stele_checkpoint_type, NULL};

void stele_restore_new(const stele_restore_options *options, stele_restore **out)
{
    stele_restore *restore = stele_alloc(sizeof *restore);
    restore->options = *options;
    restore->topic = stele_strdup(options->snapshots.topic);
    restore->options.snapshots.topic = restore->topic;
    restore->checkpoint_key = stele_checkpoint_key(options->source.topic, options->source.index);
    stele_decoder_new(
        &(stele_decoder_options){.registry = options->registry, .types = checkpoint_types},
        &restore->decoder);
    *out = restore;
}

void stele_restore_free(stele_restore *restore)
{
    if (restore == NULL) return;
    stele_decoder_free(restore->decoder);
    stele_buffer_clear(&restore->last);
    free(restore->checkpoint_key);
    free(restore->topic);
    free(restore);
}

/* Kept as bytes too: what was decoded before stays if this one cannot be decoded yet. */
static stele_status take_checkpoint(stele_restore *restore, const stele_record *record,
                                    stele_error *err)
{
    if (record->value.data == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the checkpoint was deleted; delete the topic to replay all events");
    stele_decoded decoded;
    stele_status status = stele_decoder_decode(restore->decoder, record->value, &decoded, err);
    if (status < 0) return status;
    if (decoded.type == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "the checkpoint is a %s",
                          decoded.name);
    stele_buffer_reset(&restore->last);
    stele_buffer_append(&restore->last, record->value);
    return stele_decoder_decode(restore->decoder, stele_buffer_view(&restore->last),
                                &restore->decoded, err);
}

static stele_status take_record(stele_restore *restore, const stele_record *record,
                                stele_error *err)
{
    if (record->key.data == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP, "a record without a key");
    if (stele_bytes_equal(record->key, stele_text(restore->checkpoint_key)))
        return take_checkpoint(restore, record, err);
    if (stele_id_is_reserved(record->key))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "a record with the key %s, which this version of Stele does not know",
                          stele_quote(record->key).text);
    stele_snapshot snapshot;
    stele_status status = stele_snapshot_read(restore->options.log, record, &snapshot, err);
    if (status < 0) return status;
    return restore->options.each(restore->options.context, &snapshot, err);
}

stele_status stele_restore_take(stele_restore *restore, const stele_batch *batch, stele_error *err)
{
    if (batch->status < 0) {
        if (err != NULL) *err = batch->error;
        return batch->status;
    }
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (record->offset < restore->next) continue;
        stele_error failure;
        if (take_record(restore, record, &failure) < 0)
            return stele_fail(err, failure.status, failure.next, "%s/%d/%" PRId64 ": %s",
                              restore->topic, (int)restore->options.snapshots.index, record->offset,
                              failure.text);
        restore->next = record->offset + 1;
    }
    return STELE_OK;
}

const stele_checkpoint *stele_restore_checkpoint(const stele_restore *restore)
{
    return restore->decoded.type == NULL ? NULL : restore->decoded.data;
}
