/* SPDX-License-Identifier: MIT
 * The records of a snapshots partition, one after the other. */
#include "snapshots/restore.h"

#include "core/alloc.h"
#include "core/names.h"
#include "core/table.h"
#include "core/text.h"
#include "registry/wire.h"

/* A record that could not be taken, until a later one of its key replaces it. */
typedef struct unread {
    int64_t offset; /* of the record */
    stele_error failure;
    bool is_taken_apart; /* `snapshot` is filled, but for its id, which is the key */
    stele_snapshot snapshot;
    uint8_t *value; /* owned; of the record, and behind it the companion's */
    size_t value_size;
    bool has_value; /* false: a tombstone's */
} unread;

struct stele_restore {
    stele_restore_options options;
    char *topic; /* the snapshots' */
    char *checkpoint_key;
    char *kept_key;    /* NULL: none */
    stele_buffer kept; /* its last value */
    bool has_kept;
    stele_decoder *decoder; /* of checkpoints */
    stele_buffer last;      /* value of the last checkpoint; empty: none */
    stele_decoded decoded;  /* it, once asked for; views into `last` */
    stele_table *unread;    /* key -> unread */
    stele_buffer genesis;   /* that the last checkpoint says, if it is another one */
    char *unknown_key;      /* the first one, quoted; NULL: there was none */
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
    if (options->kept != NULL) restore->kept_key = stele_strdup(options->kept);
    restore->unread = stele_table_new(sizeof(unread), 0);
    stele_decoder_new(
        &(stele_decoder_options){.registry = options->registry, .types = checkpoint_types},
        &restore->decoder);
    *out = restore;
}

void stele_restore_free(stele_restore *restore)
{
    if (restore == NULL) return;
    stele_table_cursor cursor = {0};
    unread *each;
    while ((each = stele_table_next(restore->unread, &cursor)) != NULL)
        free(each->value);
    stele_table_free(restore->unread);
    stele_decoder_free(restore->decoder);
    stele_buffer_clear(&restore->last);
    stele_buffer_clear(&restore->genesis);
    free(restore->checkpoint_key);
    free(restore->kept_key);
    stele_buffer_clear(&restore->kept);
    free(restore->unknown_key);
    free(restore->topic);
    free(restore);
}

/* ---- what cannot be read ---- */

static stele_status fail_here(const stele_restore *restore, int64_t offset, const stele_error *why,
                              stele_error *err)
{
    return stele_fail_cause(
        err, why->status, why->next, why->cause, "%s: %s",
        stele_position_format(restore->topic, restore->options.snapshots.index, offset).text,
        why->text);
}

/* Has no one answered yet? An answer of "no" is one: the record may be of no account by then. */
static bool is_wait(const stele_error *failure)
{
    return failure->next == STELE_NEXT_RETRY && failure->status != STELE_E_NOT_FOUND;
}

static void forget_unread(stele_restore *restore, stele_bytes key)
{
    unread *old = stele_table_find(restore->unread, key);
    if (old == NULL) return;
    free(old->value);
    stele_table_remove(restore->unread, key);
}

/* @return false: no key of any record is that long, so nothing replaces it */
static bool keep_unread(stele_restore *restore, const stele_record *record,
                        const stele_snapshot *snapshot, const stele_error *failure)
{
    unread *one = stele_table_insert(restore->unread, record->key, NULL);
    if (one == NULL) return false;
    free(one->value);
    stele_bytes companion = snapshot == NULL ? (stele_bytes){0} : snapshot->companion;
    *one = (unread){.offset = record->offset, .failure = *failure};
    if (record->value.data != NULL || companion.data != NULL)
        one->value = stele_alloc(record->value.size + companion.size + 1);
    if (record->value.size > 0) memcpy(one->value, record->value.data, record->value.size);
    if (companion.size > 0) memcpy(one->value + record->value.size, companion.data, companion.size);
    one->has_value = record->value.data != NULL;
    one->value_size = record->value.size;
    if (snapshot == NULL) return true;
    one->is_taken_apart = true;
    one->snapshot = *snapshot;
    if (companion.data != NULL)
        one->snapshot.companion = stele_bytes_of(one->value + one->value_size, companion.size);
    return true;
}

/* ---- checkpoints ---- */

/* What a checkpoint says of its registry, without asking that or any other registry: in one that
 * is not its own, the schema id in front means something else. */
static void look_at_genesis(stele_restore *restore, stele_bytes value)
{
    stele_buffer_reset(&restore->genesis);
    int32_t id;
    stele_bytes payload;
    if (restore->options.genesis == NULL || !stele_wire_split(value, &id, &payload)) return;
    STELE_AUTO(stele_arena) arena = stele_arena_new();
    stele_checkpoint seen;
    memset(&seen, 0, sizeof seen);
    if (stele_checkpoint_type.decode(payload, &seen, arena, NULL) < 0) return;
    if (!stele_bytes_equal(seen.topic, stele_text(restore->options.source.topic))) return;
    if (stele_bytes_equal(seen.genesis, stele_text(restore->options.genesis))) return;
    stele_buffer_push(&restore->genesis, '=');
    stele_buffer_append(&restore->genesis, seen.genesis);
}

static stele_status fail_genesis(const stele_restore *restore, stele_error *err)
{
    stele_bytes group = stele_snapshots_topic_parse(restore->topic, NULL);
    if (group.data == NULL) group = stele_text(restore->topic);
    stele_bytes then = stele_buffer_view(&restore->genesis);
    return stele_restore_fail_genesis(err, group, stele_bytes_of(then.data + 1, then.size - 1),
                                      restore->options.genesis);
}

stele_status stele_restore_fail_genesis(stele_error *err, stele_bytes group, stele_bytes then,
                                        const char *now)
{
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                      "%.*s was written with the schema registry %s, and this is another one, %s: "
                      "schema ids mean something else here; point [registry] url at that one, or "
                      "bring its topic back",
                      (int)group.size, (const char *)group.data,
                      then.size == 0 ? "(unnamed)" : stele_quote(then).text,
                      now[0] == '\0' ? "(unnamed)" : stele_quote(stele_text(now)).text);
}

/* Kept as bytes too: what was decoded before stays if this one cannot be decoded yet. */
static stele_status decode_checkpoint(stele_restore *restore, stele_bytes value, stele_error *err)
{
    if (value.data == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the checkpoint was deleted; delete the topic to replay all events");
    stele_decoded decoded;
    stele_status status = stele_decoder_decode(restore->decoder, value, &decoded, err);
    if (status < 0) return status;
    if (decoded.type == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "the checkpoint is a %s; delete the topic to replay all events",
                          decoded.name);
    stele_buffer_reset(&restore->last);
    stele_buffer_append(&restore->last, value);
    return stele_decoder_decode(restore->decoder, stele_buffer_view(&restore->last),
                                &restore->decoded, err);
}

static stele_status take_checkpoint(stele_restore *restore, const stele_record *record,
                                    stele_error *err)
{
    look_at_genesis(restore, record->value);
    if (restore->genesis.size > 0) return STELE_OK; /* said at the end, unless it is replaced */
    stele_error failure;
    stele_status status = decode_checkpoint(restore, record->value, &failure);
    if (status < 0 && !is_wait(&failure) && keep_unread(restore, record, NULL, &failure))
        return STELE_OK;
    if (status < 0 && err != NULL) *err = failure;
    if (status == STELE_OK) forget_unread(restore, record->key);
    return status;
}

/* ---- records ---- */

static stele_status take_snapshot(stele_restore *restore, const stele_batch *batch,
                                  const stele_record *record, stele_error *err)
{
    stele_error failure;
    stele_snapshot snapshot;
    bool is_read = stele_snapshot_read(batch, record, restore->options.companion, &snapshot,
                                       &failure) == STELE_OK;
    stele_status status = is_read ? STELE_OK : failure.status;
    if (is_read) status = restore->options.each(restore->options.context, &snapshot, &failure);
    if (status == STELE_OK) {
        forget_unread(restore, record->key);
        return STELE_OK;
    }
    if (!is_wait(&failure) && status != STELE_E_HOLE &&
        keep_unread(restore, record, is_read ? &snapshot : NULL, &failure))
        return STELE_OK;
    if (err != NULL) *err = failure;
    return status;
}

static void keep(stele_restore *restore, stele_bytes value)
{
    stele_buffer_reset(&restore->kept);
    stele_buffer_append(&restore->kept, value);
    restore->has_kept = value.data != NULL;
}

static stele_status take_letter(stele_restore *restore, const stele_record *record,
                                stele_error *err)
{
    stele_bytes topic;
    stele_partition source = restore->options.source;
    int64_t offset;
    int32_t partition;
    if (!stele_dead_key_parse(record->key, &topic, &partition, &offset) ||
        (source.topic[0] != '\0' &&
         (!stele_bytes_equal(topic, stele_text(source.topic)) || partition != source.index)))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "a record with the key %s, which is no dead letter of this partition: "
                          "something else has written there; delete the topic to replay all events",
                          stele_quote(record->key).text);
    if (restore->options.letter == NULL) return STELE_OK;
    return restore->options.letter(restore->options.context, offset, record->value, err);
}

/* A checkpoint of something else does not belong here. What else is reserved is a newer version's,
 * which an older one goes on beside: it means nothing here. */
static stele_status take_reserved(stele_restore *restore, const stele_record *record,
                                  stele_error *err)
{
    stele_bytes topic;
    int32_t partition;
    bool is_checkpoint = stele_checkpoint_key_parse(record->key, &topic, &partition);
    /* There was none yet when the source was looked for. */
    if (is_checkpoint && restore->options.source.topic[0] == '\0') return STELE_OK;
    if (is_checkpoint)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "a record with the key %s, which is another partition's checkpoint: "
                          "something else has written there; delete the topic to replay all events",
                          stele_quote(record->key).text);
    if (restore->kept_key != NULL && stele_bytes_equal(record->key, stele_text(restore->kept_key)))
        keep(restore, record->value);
    if (stele_commands_key_is(record->key)) return STELE_OK; /* a writer's */
    if (stele_dead_key_is(record->key)) return take_letter(restore, record, err);
    if (restore->unknown_key == NULL)
        restore->unknown_key = stele_strdup(stele_quote(record->key).text);
    return STELE_OK;
}

static stele_status take_record(stele_restore *restore, const stele_batch *batch,
                                const stele_record *record, stele_error *err)
{
    if (record->key.data == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "a record without a key, which no worker wrote; delete the topic to "
                          "replay all events");
    if (stele_bytes_equal(record->key, stele_text(restore->checkpoint_key)))
        return take_checkpoint(restore, record, err);
    if (stele_id_is_reserved(record->key)) return take_reserved(restore, record, err);
    return take_snapshot(restore, batch, record, err);
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
        if (take_record(restore, batch, record, &failure) < 0)
            return fail_here(restore, record->offset, &failure, err);
        restore->next = record->offset + 1;
    }
    return STELE_OK;
}

/* ---- the end ---- */

static stele_status take_again(stele_restore *restore, stele_bytes key, unread *one,
                               stele_error *err)
{
    stele_bytes value =
        one->has_value ? stele_bytes_of(one->value, one->value_size) : (stele_bytes){0};
    if (stele_bytes_equal(key, stele_text(restore->checkpoint_key)))
        return decode_checkpoint(restore, value, err);
    if (!one->is_taken_apart) {
        if (err != NULL) *err = one->failure;
        return one->failure.status;
    }
    one->snapshot.id = key;
    one->snapshot.value = value;
    return restore->options.each(restore->options.context, &one->snapshot, err);
}

static stele_status fail_unread(const stele_restore *restore, const unread *one,
                                const stele_error *failure, stele_error *err)
{
    bool has_way_out = failure->next == STELE_NEXT_RETRY || failure->status != STELE_E_INVALID ||
                       strstr(failure->text, "delete the topic") != NULL;
    if (has_way_out) return fail_here(restore, one->offset, failure, err);
    return stele_fail_cause(
        err, failure->status, STELE_NEXT_STOP, failure->cause,
        "%s: %s; delete the topic to replay all events",
        stele_position_format(restore->topic, restore->options.snapshots.index, one->offset).text,
        failure->text);
}

stele_status stele_restore_finish(stele_restore *restore, stele_error *err)
{
    if (restore->genesis.size > 0) return fail_genesis(restore, err);
    stele_table_cursor cursor = {0};
    unread *one;
    while ((one = stele_table_next(restore->unread, &cursor)) != NULL) {
        stele_error failure;
        stele_bytes key = stele_table_key(restore->unread, one);
        if (take_again(restore, key, one, &failure) < 0)
            return fail_unread(restore, one, &failure, err);
        forget_unread(restore, key);
    }
    return STELE_OK;
}

stele_bytes stele_restore_kept(const stele_restore *restore)
{
    return restore->has_kept ? stele_buffer_view(&restore->kept) : (stele_bytes){0};
}

const char *stele_restore_unknown_key(const stele_restore *restore)
{
    return restore->unknown_key;
}

const stele_checkpoint *stele_restore_checkpoint(const stele_restore *restore)
{
    return restore->decoded.type == NULL ? NULL : restore->decoded.data;
}
