/* SPDX-License-Identifier: MIT
 * The hot loop: key to entry, value to struct, apply. No lock, no allocation and no header is
 * touched for an event of a known aggregate; keys are hashed some events ahead, so that their
 * entries are in the cache when their turn comes. */
#include "projections/states_inside.h"

#include <inttypes.h>

#include "consumer/decoder.h"
#include "consumer/event.h"
#include "core/bug.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "kafka/partitioner.h"
#include "schemas/upcast.h"

enum {
    SLOT_AHEAD = 8,   /* how many events ahead their slot is fetched … */
    ENTRY_AHEAD = 4,  /* … and their entry */
    LOOK_MAX = 16,    /* events between two looks at the clock, at most; a power of two */
    SLOW_NS = 1000000 /* between two looks: then it is looked at after each event */
};

/* ---- making ---- */

static const stele_type **list_types(const stele_handler *handlers)
{
    size_t count = 0;
    while (handlers[count].event != NULL)
        count++;
    const stele_type **types = stele_alloc_array(count + 1, sizeof *types);
    for (size_t i = 0; i < count; i++)
        types[i] = handlers[i].event;
    return types;
}

/* What is ignored is not decoded, so that it does not matter whether it could be. */
static bool *list_ignored(const stele_handler *handlers)
{
    size_t count = 0;
    while (handlers[count].event != NULL)
        count++;
    bool *ignored = stele_alloc_array(count + 1, sizeof *ignored);
    for (size_t i = 0; i < count; i++)
        ignored[i] = handlers[i].apply == NULL;
    return ignored;
}

/* What may be set aside is applied to a copy. */
static bool *list_refusals(const stele_projection *projection, bool all)
{
    size_t count = 0;
    while (projection->handlers[count].event != NULL)
        count++;
    bool *may_refuse = stele_alloc_array(count + 1, sizeof *may_refuse);
    const stele_type *const *type = projection->may_refuse;
    for (size_t i = 0; all && type == NULL && i < count; i++)
        may_refuse[i] = true;
    for (; type != NULL && *type != NULL; type++)
        for (size_t i = 0; i < count; i++)
            may_refuse[i] = may_refuse[i] || projection->handlers[i].event == *type;
    return may_refuse;
}

/* The topics of "account.writer" are those of the writer of the aggregate account. */
static bool has_writers_name(const stele_projection *projection)
{
    stele_bytes aggregate;
    const stele_aggregate *source = projection->source;
    if (!stele_writer_name_parse(projection->name, &aggregate)) return false;
    return source->state == NULL || source->handlers != projection->handlers ||
           !stele_bytes_equal(aggregate, stele_text(source->name));
}

/* Where the companion is, or would be, behind an entry. */
static size_t find_companion(const stele_states_options *options)
{
    size_t end = sizeof(stele_entry) + options->projection->state->layout->size;
    size_t align = options->companion == NULL ? 1 : options->companion->align;
    return (end + align - 1) / align * align;
}

static size_t size_of_entry(const stele_states_options *options)
{
    return find_companion(options) + (options->companion == NULL ? 0 : options->companion->size);
}

static stele_status check_projection(const stele_states_options *options, stele_error *err)
{
    const stele_projection *projection = options->projection;
    if (projection->name == NULL || projection->name[0] == '\0' || projection->version < 1 ||
        projection->source == NULL || projection->state == NULL || projection->handlers == NULL)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "projection %s: name, version from 1, source, state and handlers are "
                          "all needed",
                          projection->name == NULL ? "(unnamed)" : projection->name);
    if (has_writers_name(projection))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "projection %s: a name that ends in .writer is that of an aggregate's "
                          "writer; choose another one",
                          projection->name);
    for (const stele_handler *a = projection->handlers; a->event != NULL; a++) {
        for (const stele_handler *b = projection->handlers; b != a; b++) {
            if (b->event == a->event)
                return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                                  "projection %s: two handlers for %s", projection->name,
                                  a->event->name);
        }
    }
    size_t size = size_of_entry(options);
    if (size > STELE_TABLE_VALUE_MAX)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "projection %s: the struct %s has %u bytes, the limit is %zu",
                          projection->name, projection->state->name,
                          (unsigned)projection->state->layout->size,
                          STELE_TABLE_VALUE_MAX - (size - projection->state->layout->size));
    return STELE_OK;
}

stele_status stele_states_new(const stele_states_options *options, stele_states **out,
                              stele_error *err)
{
    const stele_projection *projection = options->projection;
    stele_status status = check_projection(options, err);
    if (status < 0) return status;
    STELE_AUTO(stele_states) states = stele_alloc(sizeof *states);
    states->projection = projection;
    states->registry = options->registry;
    states->clock = stele_registry_clock(options->registry);
    states->take_max_ns = (int64_t)options->take_max_ms * 1000000;
    states->stop = options->stop;
    states->partition = options->partition;
    states->partitions = options->partitions;
    states->types = list_types(projection->handlers);
    states->may_refuse = list_refusals(projection, options->refuses);
    states->ignored = list_ignored(projection->handlers);
    states->state_types[0] = projection->state;
    states->companion = options->companion;
    states->parked = options->parked;
    states->parks = options->parks;
    states->companion_at = find_companion(options);
    states->dirty_end = &states->dirty;
    const stele_upcaster *upcasters = projection->source->upcasters;
    if ((status = stele_upcasters_check(states->types, upcasters, err)) < 0) return status;
    stele_decoder_new(&(stele_decoder_options){.registry = options->registry,
                                               .types = states->types,
                                               .by_name = states->ignored,
                                               .upcasters = upcasters},
                      &states->events);
    stele_decoder_new(
        &(stele_decoder_options){.registry = options->registry, .types = states->state_types},
        &states->snapshots);
    /* Ids that collide in one run are of no use to a stranger in the next. */
    uint64_t seed;
    stele_random_bytes(stele_registry_runtime(options->registry), &seed, sizeof seed);
    states->table = stele_table_new(size_of_entry(options), seed);
    *out = states;
    states = NULL;
    return STELE_OK;
}

void *stele_states_companion(const stele_states *states, stele_entry *entry)
{
    return states->companion == NULL ? NULL : (uint8_t *)entry + states->companion_at;
}

static void clear_companion(const stele_states *states, stele_entry *entry)
{
    if (states->companion == NULL) return;
    states->companion->clear(states->companion->context, stele_states_companion(states, entry));
}

static void clear_states(const stele_states *states)
{
    stele_table_cursor cursor = {0};
    stele_entry *entry;
    while ((entry = stele_table_next(states->table, &cursor)) != NULL) {
        stele_value_clear(states->projection->state, stele_entry_state(entry));
        clear_companion(states, entry);
    }
}

void stele_states_free(stele_states *states)
{
    if (states == NULL) return;
    if (states->table != NULL) clear_states(states);
    stele_table_free(states->table);
    stele_decoder_free(states->events);
    stele_decoder_free(states->snapshots);
    free(states->types);
    free(states->ignored);
    free(states->hashes);
    free(states->copy);
    free(states->may_refuse);
    free(states);
}

/* ---- dirty entries ---- */

void stele_states_add_dirty(stele_states *states, stele_entry *entry)
{
    entry->flags |= STELE_ENTRY_DIRTY;
    entry->next = NULL;
    *states->dirty_end = entry;
    states->dirty_end = &entry->next;
    states->dirty_count++;
}

stele_entry *stele_states_take_dirty(stele_states *states)
{
    stele_entry *list = states->dirty;
    states->dirty = NULL;
    states->dirty_end = &states->dirty;
    states->dirty_count = 0;
    return list;
}

size_t stele_states_dirty_count(const stele_states *states)
{
    return states->dirty_count;
}

/* ---- applying ---- */

static stele_status fail_at(const stele_batch *batch, const stele_record *record,
                            const stele_error *why, stele_error *err)
{
    return stele_fail_cause(
        err, why->status, why->next, why->cause, "%s: %s",
        stele_position_format(batch->partition.topic, batch->partition.index, record->offset).text,
        why->text);
}

/* @return STELE_OK: it is passed over. The aggregate stays as it ended, and so does its version, so
 * that nothing has to be written for it. */
static stele_status take_late(stele_states *states, const stele_entry *entry, stele_bytes id,
                              stele_error *err)
{
    if (states->projection->on_finished == STELE_ON_FINISHED_IGNORE) {
        states->late++;
        return STELE_OK;
    }
    return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                      "an event of %s, which was finished by the event before offset %" PRId64
                      ": finished is final; to pass over such events set on_finished = ignore in "
                      "[projection %s]",
                      stele_quote(id).text, entry->offset, states->projection->name);
}

/* Producers choose an event's partition by its key. One that chooses otherwise splits an aggregate
 * in two, half its events here and half where they belong. */
static stele_status check_partition(const stele_states *states, stele_bytes id, stele_error *err)
{
    if (states->partitions == 0) return STELE_OK;
    return stele_log_check_partition(id, states->partition, states->partitions, err);
}

/* A new aggregate: what no id may be is refused here, once, and not at each event. */
stele_status states_add_entry(stele_states *states, stele_bytes id, uint32_t hash,
                              stele_entry **out, stele_error *err)
{
    if (stele_id_is_reserved(id))
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "the key %s begins with \"" STELE_RESERVED_PREFIX
                          "\", which is reserved: no aggregate may have such an id",
                          stele_quote(id).text);
    stele_status status = check_partition(states, id, err);
    if (status < 0) return status;
    stele_entry *entry = stele_table_insert_hashed(states->table, id, hash, NULL);
    if (entry == NULL)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "a key of %zu bytes, the limit is %d", id.size, STELE_TABLE_KEY_MAX);
    if (states->projection->init != NULL)
        states->projection->init(stele_entry_state(entry), states->projection->context);
    *out = entry;
    return STELE_OK;
}

/* @return the handler, or NULL for an event that is ignored by declaration */
static stele_status find_handler(const stele_states *states, const stele_decoded *decoded,
                                 const stele_handler **out, stele_error *err)
{
    if (decoded->type != NULL) {
        *out = &states->projection->handlers[decoded->index];
        return STELE_OK;
    }
    if (!states->projection->ignore_other_events)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_REJECT,
                          "no handler for events of type %s: give projection %s one (with "
                          ".apply = NULL to ignore it), or ignore all such events: "
                          "unknown_events = ignore in [projection %s]",
                          decoded->name, states->projection->name, states->projection->name);
    *out = NULL;
    return STELE_OK;
}

static stele_event event_of(const stele_states *states, const delivery *of,
                            const stele_decoded *decoded, int64_t version)
{
    const stele_record *record = of->source.record;
    return (stele_event){.type = decoded->type,
                         .data = decoded->data,
                         .aggregate_id = record->key,
                         .version = version,
                         .time_ms = record->timestamp_ms,
                         .topic = of->from.topic,
                         .partition = of->from.index,
                         .offset = record->offset,
                         .context = states->projection->context,
                         .source = &of->source};
}

/* @return what the apply function said */
static stele_status call_apply(const stele_states *states, const delivery *of,
                               const stele_decoded *decoded, void *state, int64_t version,
                               stele_error *err)
{
    stele_event event = event_of(states, of, decoded, version);
    return states->projection->handlers[decoded->index].apply(state, decoded->data, &event, err);
}

static stele_status call_see(const stele_states *states, const delivery *of,
                             const stele_decoded *decoded, stele_entry *entry, stele_error *err)
{
    stele_event event = event_of(states, of, decoded, entry->version + 1);
    return states->companion->see(states->companion->context, stele_states_companion(states, entry),
                                  &event, err);
}

static bool is_failure(stele_status result)
{
    return result != STELE_OK && result != STELE_FINISHED;
}

/* For an apply function that may refuse. The copy takes the state's place if it does not: neither a
 * state that is half changed is left behind, nor an aggregate that has had no event.
 * @param entry  in and out; NULL: a new aggregate */
static stele_status apply_to_copy(stele_states *states, const delivery *of,
                                  const stele_decoded *decoded, uint32_t hash, stele_entry **entry,
                                  stele_error *err)
{
    const stele_type *type = states->projection->state;
    if (states->copy == NULL) states->copy = stele_alloc(type->layout->size);
    if (*entry != NULL)
        stele_value_copy(type, states->copy, stele_entry_state(*entry));
    else if (states->projection->init != NULL)
        states->projection->init(states->copy, states->projection->context);
    int64_t version = *entry == NULL ? 1 : (*entry)->version + 1;
    stele_status result = call_apply(states, of, decoded, states->copy, version, err);
    if (!is_failure(result) && *entry == NULL) {
        stele_status added = states_add_entry(states, of->source.record->key, hash, entry, err);
        if (added < 0) result = added;
    }
    if (is_failure(result)) {
        stele_value_clear(type, states->copy);
    } else {
        stele_value_clear(type, stele_entry_state(*entry));
        memcpy(stele_entry_state(*entry), states->copy, type->layout->size);
    }
    memset(states->copy, 0, type->layout->size);
    return result;
}

static bool is_on_copy(const stele_states *states, const delivery *of, const stele_decoded *decoded)
{
    return of->is_letter || states->may_refuse[decoded->index];
}

/* On a copy nothing is half changed, so that it may be tried again, or set aside while others go
 * on. */
static stele_status fail_apply(stele_states *states, const delivery *of,
                               const stele_decoded *decoded, stele_status result,
                               const stele_error *said, stele_error *err)
{
    states->was_refused = true;
    states->is_spoilt = !is_on_copy(states, of, decoded);
    if (result > 0)
        return stele_fail(err, STELE_E_INTERNAL, STELE_NEXT_REJECT,
                          "the apply function of %s for %s returned %d, which means nothing",
                          states->projection->name, decoded->name, result);
    /* Whatever it advises: where it is no copy the state may be half changed. */
    return stele_fail_cause(err, result, STELE_NEXT_REJECT, said->cause, "%s refused %s: %s",
                            states->projection->name, decoded->name,
                            said->text[0] == '\0' ? "no reason given" : said->text);
}

static stele_status fail_incompatible(const stele_states *states, stele_error *err)
{
    stele_error why = *err;
    if (stele_decoder_met_newer(states->events))
        return stele_fail(err, why.status, STELE_NEXT_STOP,
                          "run a newer program, this event's schema came after it: %s", why.text);
    return stele_fail(err, why.status, STELE_NEXT_REJECT, "give aggregate %s an upcaster: %s",
                      states->projection->source->name, why.text);
}

static stele_status apply_event(stele_states *states, const delivery *of, uint32_t hash,
                                stele_entry *entry, stele_error *err)
{
    const stele_record *record = of->source.record;
    stele_decoded decoded;
    const stele_handler *handler = NULL;
    stele_status status = stele_decoder_decode(states->events, record->value, &decoded, err);
    if (status == STELE_E_INCOMPATIBLE) return fail_incompatible(states, err);
    /* No one knows its schema, and the time to wait for it is over. */
    if (status == STELE_E_NOT_FOUND && err->next == STELE_NEXT_STOP) err->next = STELE_NEXT_REJECT;
    if (status < 0) return status;
    if ((status = find_handler(states, &decoded, &handler, err)) < 0) return status;
    bool applies = handler != NULL && handler->apply != NULL;
    bool on_copy = applies && is_on_copy(states, of, &decoded);
    if (entry == NULL && !on_copy &&
        (status = states_add_entry(states, record->key, hash, &entry, err)) < 0)
        return status;

    stele_status result = STELE_OK;
    if (applies) {
        stele_error said;
        said.cause = 0;
        said.text[0] = '\0';
        result = on_copy ? apply_to_copy(states, of, &decoded, hash, &entry, &said)
                         : call_apply(states, of, &decoded, stele_entry_state(entry),
                                      entry->version + 1, &said);
        if (is_failure(result)) return fail_apply(states, of, &decoded, result, &said, err);
    }
    if (states->companion != NULL && (status = call_see(states, of, &decoded, entry, err)) < 0)
        return status;
    if (result == STELE_FINISHED) entry->flags |= STELE_ENTRY_FINISHED;
    entry->version++;
    entry->offset = record->offset + 1;
    states->applied++;
    if ((entry->flags & STELE_ENTRY_DIRTY) == 0) stele_states_add_dirty(states, entry);
    return STELE_OK;
}

stele_status states_apply(stele_states *states, const delivery *of, uint32_t hash, stele_error *err)
{
    const stele_record *record = of->source.record;
    stele_entry *entry =
        record->key.data == NULL ? NULL : stele_table_find_hashed(states->table, record->key, hash);
    if (entry != NULL && record->offset < entry->offset && !STELE_BUG("event is applied again"))
        return STELE_OK;
    if (of->source.batch != NULL && states->parked != NULL && states->parked->watched > 0) {
        bool applies;
        stele_status status = states_consult(states, of, hash, &applies, err);
        if (status < 0 || !applies) return status;
    }
    if (record->key.data == NULL) return stele_event_fail_no_key(err);
    if (entry != NULL && (entry->flags & STELE_ENTRY_FINISHED) != 0)
        return take_late(states, entry, record->key, err);
    if (record->value.data == NULL) return stele_event_fail_no_value(err);
    return apply_event(states, of, hash, entry, err);
}

/* Hash the keys of a batch from record `at` on. */
static const uint32_t *hash_keys(stele_states *states, const stele_batch *batch, size_t at)
{
    if (batch->count > states->hash_max) {
        states->hash_max = batch->count;
        states->hashes = stele_realloc_array(states->hashes, batch->count, sizeof(uint32_t));
    }
    for (size_t i = at; i < batch->count; i++) {
        stele_bytes key = batch->records[i].key;
        states->hashes[i] = key.data == NULL ? 0 : stele_table_hash(states->table, key);
    }
    return states->hashes;
}

static void fetch_ahead(const stele_states *states, const uint32_t *hashes, size_t at, size_t count)
{
    if (at + SLOT_AHEAD < count) stele_table_prefetch(states->table, hashes[at + SLOT_AHEAD]);
    if (at + ENTRY_AHEAD < count)
        stele_table_prefetch_entry(states->table, hashes[at + ENTRY_AHEAD]);
}

/* How long a take may last. Events are quick, and then the clock costs more than they do: it is
 * looked at after the first, the second, the fourth … and then every LOOK_MAX. Where they turn out
 * to be slow, after each. */
typedef struct patience {
    int64_t end_ns; /* INT64_MAX: never */
    int64_t looked_ns;
    uint32_t stride; /* events between two looks */
    uint32_t left;   /* until the next */
} patience;

static patience patience_of(const stele_states *states)
{
    patience of = {.end_ns = INT64_MAX, .stride = 1, .left = 1};
    if (states->take_max_ns == 0) return of;
    of.looked_ns = stele_clock_monotonic_ns(states->clock);
    of.end_ns = of.looked_ns + states->take_max_ns;
    return of;
}

/* After an event: has the thread to be given back before the next one? */
static bool is_over(const stele_states *states, patience *of)
{
    if (states->stop != NULL && atomic_load_explicit(states->stop, memory_order_relaxed))
        return true;
    if (of->end_ns == INT64_MAX || --of->left > 0) return false;
    int64_t now_ns = stele_clock_monotonic_ns(states->clock);
    of->stride = now_ns - of->looked_ns >= SLOW_NS ? 1
                 : of->stride < LOOK_MAX           ? 2 * of->stride
                                                   : LOOK_MAX;
    of->left = of->stride;
    of->looked_ns = now_ns;
    return now_ns >= of->end_ns;
}

stele_status stele_states_take(stele_states *states, const stele_batch *batch, int64_t *position,
                               const stele_record **last, stele_error *err)
{
    stele_status trusted = stele_registry_check(states->registry, err);
    if (trusted < 0) return trusted;
    patience until = patience_of(states);
    stele_error failure;
    states->was_refused = false;
    size_t at = 0;
    while (at < batch->count && batch->records[at].offset < *position)
        at++;
    if (at > 0) *last = &batch->records[at - 1];
    const uint32_t *hashes = hash_keys(states, batch, at);
    for (size_t i = at; i < batch->count && i < at + SLOT_AHEAD; i++)
        stele_table_prefetch(states->table, hashes[i]);
    for (; at < batch->count; at++) {
        const stele_record *record = &batch->records[at];
        fetch_ahead(states, hashes, at, batch->count);
        const delivery of = {{.batch = batch, .record = record}, batch->partition, false};
        stele_status status = states_apply(states, &of, hashes[at], &failure);
        if (status < 0 && states->parks && !states->is_spoilt && failure.next == STELE_NEXT_REJECT)
            status =
                states_set_aside(states, &of, STELE_DEAD_STATE_REFUSED, failure.text, &failure);
        if (status < 0) return fail_at(batch, record, &failure, err);
        *position = record->offset + 1;
        *last = record;
        if (is_over(states, &until) && at + 1 < batch->count)
            return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s", "");
    }
    if (batch->next_offset > *position) *position = batch->next_offset;
    return STELE_OK;
}

/* ---- restoring ---- */

static void forget(const stele_states *states, stele_entry *entry)
{
    stele_value_clear(states->projection->state, stele_entry_state(entry));
    clear_companion(states, entry);
    *entry = (stele_entry){0};
}

static stele_status read_companion(const stele_states *states, stele_entry *entry,
                                   stele_bytes bytes, stele_error *err)
{
    if (states->companion == NULL) return STELE_OK;
    return states->companion->read(states->companion->context,
                                   stele_states_companion(states, entry), bytes, err);
}

static stele_status decode_state(stele_states *states, const stele_snapshot *snapshot,
                                 stele_decoded *out, stele_error *err)
{
    stele_status status = stele_decoder_decode(states->snapshots, snapshot->value, out, err);
    if (status == STELE_E_INCOMPATIBLE) {
        stele_error why = *err;
        if (stele_decoder_met_newer(states->snapshots))
            return stele_fail(err, why.status, STELE_NEXT_STOP,
                              "run a newer program, one wrote this snapshot: %s", why.text);
        STELE_AUTO(char) owner = stele_version_owner(states->projection->name);
        return stele_fail(err, why.status, STELE_NEXT_STOP,
                          "raise the version of %s, its state cannot be read any more: %s", owner,
                          why.text);
    }
    if (status < 0) return status;
    if (out->type != NULL) return STELE_OK;
    STELE_AUTO(char) owner = stele_version_owner(states->projection->name);
    return stele_fail(err, STELE_E_INCOMPATIBLE, STELE_NEXT_STOP,
                      "raise the version of %s: the snapshot is a %s, the state now a %s (or give "
                      "that an alias)",
                      owner, out->name, states->projection->state->name);
}

stele_status stele_states_restore(stele_states *states, const stele_snapshot *snapshot,
                                  stele_error *err)
{
    stele_decoded decoded = {0};
    stele_status status =
        snapshot->value.data == NULL ? STELE_OK : decode_state(states, snapshot, &decoded, err);
    if (status < 0) return status;
    stele_entry *entry = stele_table_find(states->table, snapshot->id);
    status = entry == NULL
                 ? check_partition(states, snapshot->id, err)
                 : stele_snapshot_check_order(snapshot, entry->version, entry->offset, err);
    if (status < 0) return status;
    if (entry == NULL) entry = stele_table_insert(states->table, snapshot->id, NULL);
    if (entry == NULL)
        return stele_fail(err, STELE_E_LIMIT, STELE_NEXT_STOP,
                          "a key of %zu bytes, the limit is %d", snapshot->id.size,
                          STELE_TABLE_KEY_MAX);
    forget(states, entry);
    entry->offset = snapshot->offset;
    entry->version = snapshot->version;
    if (snapshot->finished) entry->flags |= STELE_ENTRY_FINISHED;
    if (snapshot->value.data == NULL) {
        entry->flags |= STELE_ENTRY_BURIED;
    } else {
        entry->flags |= STELE_ENTRY_STORED;
        if (snapshot->finished) entry->flags |= STELE_ENTRY_SEALED;
        stele_value_copy(states->projection->state, stele_entry_state(entry), decoded.data);
    }
    return read_companion(states, entry, snapshot->companion, err);
}

stele_states_stored stele_states_count_stored(const stele_states *states)
{
    stele_states_stored stored = {0};
    stele_table_cursor cursor = {0};
    stele_entry *entry;
    const stele_entry *furthest = NULL;
    while ((entry = stele_table_next(states->table, &cursor)) != NULL) {
        stored.aggregates += (entry->flags & STELE_ENTRY_STORED) != 0;
        stored.finished += (entry->flags & STELE_ENTRY_BURIED) != 0;
        if (furthest == NULL || entry->offset > furthest->offset) furthest = entry;
    }
    if (furthest != NULL) {
        stored.furthest = furthest->offset;
        stored.furthest_id = stele_table_key(states->table, furthest);
    }
    return stored;
}

int64_t stele_states_applied(const stele_states *states)
{
    return states->applied;
}

int64_t stele_states_late(const stele_states *states)
{
    return states->late;
}

stele_table *stele_states_table(stele_states *states)
{
    return states->table;
}
