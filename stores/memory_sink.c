/* SPDX-License-Identifier: MIT
 * States in memory. What was put is stored with the next outcome. */
#include "stores/memory_sink.h"

#include <assert.h>
#include <inttypes.h>

#include <stele/codec.h>

#include "core/alloc.h"
#include "core/table.h"
#include "core/text.h"

enum { QUEUE_MAX = 1000 };

typedef struct item {
    stele_buffer value; /* owned, like the companion's */
    stele_buffer companion;
    int64_t version;
    int64_t offset;
    bool is_finished;
    bool is_removed;
} item;

struct stele_memory_store {
    stele_table *items;
    stele_table *letters; /* by offset */
    stele_mark mark;
    int64_t epoch; /* of the sink that was opened last */
    bool held;
};

static void clear_item(item *of)
{
    stele_buffer_clear(&of->value);
    stele_buffer_clear(&of->companion);
}

/* Something that was put and not stored yet. */
typedef struct change {
    stele_bytes id;
    bool is_letter; /* its offset is the key, in place of an id */
    item of;
} change;

typedef struct memory_sink {
    stele_sink base;
    stele_memory_store *store;
    const stele_type *type;
    const stele_companion *companion; /* NULL: none */
    int64_t epoch;
    size_t queue_max;
    size_t value_max;
    change *changes;
    size_t count;
    size_t capacity;
    stele_mark mark;
    bool active;
    bool closes;
} memory_sink;

/* ---- the store ---- */

stele_memory_store *stele_memory_store_new(void)
{
    stele_memory_store *store = stele_alloc(sizeof *store);
    store->items = stele_table_new(sizeof(item), 0);
    store->letters = stele_table_new(sizeof(item), 0);
    store->mark.last_offset = -1;
    return store;
}

void stele_memory_store_free(stele_memory_store *store)
{
    if (store == NULL) return;
    stele_table_cursor cursor = {0};
    item *each;
    while ((each = stele_table_next(store->items, &cursor)) != NULL)
        clear_item(each);
    cursor = (stele_table_cursor){0};
    while ((each = stele_table_next(store->letters, &cursor)) != NULL)
        clear_item(each);
    stele_table_free(store->items);
    stele_table_free(store->letters);
    free(store);
}

stele_mark stele_memory_store_mark(const stele_memory_store *store)
{
    return store->mark;
}

bool stele_memory_store_find(const stele_memory_store *store, stele_bytes id,
                             stele_stored_state *out)
{
    const item *found = stele_table_find(store->items, id);
    if (found == NULL) return false;
    *out = (stele_stored_state){.id = id, .companion = stele_buffer_view(&found->companion)};
    if (found->is_removed) return false;
    *out = (stele_stored_state){.id = id,
                                .value = stele_buffer_view(&found->value),
                                .companion = stele_buffer_view(&found->companion),
                                .version = found->version,
                                .offset = found->offset,
                                .is_finished = found->is_finished};
    return true;
}

void stele_memory_store_hold(stele_memory_store *store, bool held)
{
    store->held = held;
}

/* ---- the sink ---- */

static change *add_change(memory_sink *self)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 64 : 2 * self->capacity;
        self->changes = stele_realloc_array(self->changes, self->capacity, sizeof(change));
    }
    return &self->changes[self->count++];
}

static change *add(memory_sink *self, const stele_sink_entry *entry)
{
    change *added = add_change(self);
    *added = (change){.id = entry->id,
                      .of = {.version = entry->version,
                             .offset = entry->offset,
                             .is_finished = entry->is_finished}};
    if (self->companion != NULL)
        self->companion->write(self->companion->context, entry->companion, &added->of.companion);
    return added;
}

static void begin(stele_sink *base, const stele_mark *mark)
{
    memory_sink *self = (memory_sink *)base;
    assert(!self->active);
    self->active = true;
    self->closes = false;
    self->mark = *mark;
}

static stele_status put(stele_sink *base, const stele_sink_entry *entry, stele_error *err)
{
    memory_sink *self = (memory_sink *)base;
    assert(self->active && !self->closes);
    if (self->count >= self->queue_max)
        return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY, "%s", "");
    stele_buffer value = {0};
    stele_error why;
    stele_status status = stele_encode(self->type, entry->state, &value, &why);
    if (status == STELE_OK && self->value_max > 0 && value.size > self->value_max)
        status = stele_fail(&why, STELE_E_LIMIT, STELE_NEXT_STOP, "%zu bytes, the limit is %zu",
                            value.size, self->value_max);
    if (status < 0) {
        stele_buffer_clear(&value);
        return stele_fail(err, status, STELE_NEXT_STOP,
                          "after offset %" PRId64 " the state of %s cannot be stored: %s",
                          entry->offset - 1, stele_quote(entry->id).text, why.text);
    }
    add(self, entry)->of.value = value;
    return STELE_OK;
}

static stele_status remove_entry(stele_sink *base, const stele_sink_entry *entry, stele_error *err)
{
    memory_sink *self = (memory_sink *)base;
    (void)err;
    assert(self->active && !self->closes && entry->offset <= self->mark.position);
    add(self, entry)->of.is_removed = true;
    return STELE_OK;
}

static stele_status keep(stele_sink *base, const stele_sink_letter *letter, stele_error *err)
{
    memory_sink *self = (memory_sink *)base;
    assert(self->active && !self->closes);
    bool is_removed = letter->value.data == NULL;
    if (self->count >= self->queue_max)
        return stele_fail(err, STELE_E_FULL, STELE_NEXT_RETRY, "%s", "");
    change *added = add_change(self);
    *added =
        (change){.is_letter = true, .of = {.offset = letter->offset, .is_removed = is_removed}};
    stele_buffer_append(&added->of.value, letter->value);
    return STELE_OK;
}

static void close_cycle(stele_sink *base)
{
    memory_sink *self = (memory_sink *)base;
    assert(self->active && !self->closes);
    self->closes = true;
}

static void store_changes(memory_sink *self)
{
    for (size_t i = 0; i < self->count; i++) {
        change *each = &self->changes[i];
        stele_bytes offset = stele_bytes_of(&each->of.offset, sizeof each->of.offset);
        item *into = each->is_letter ? stele_table_insert(self->store->letters, offset, NULL)
                                     : stele_table_insert(self->store->items, each->id, NULL);
        clear_item(into);
        *into = each->of;
    }
    self->count = 0;
}

static stele_status take_outcome(stele_sink *base, bool *closed, stele_error *err)
{
    memory_sink *self = (memory_sink *)base;
    *closed = false;
    if (self->epoch != self->store->epoch)
        return stele_fail(err, STELE_E_FENCED, STELE_NEXT_STOP, "another owner has opened it");
    if (!self->active) return STELE_OK;
    if (self->store->held)
        return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "the store is held");
    /* Removals go with the close. */
    if (self->closes || self->count >= self->queue_max) store_changes(self);
    if (!self->closes) return STELE_OK;
    assert(self->mark.position >= self->store->mark.position);
    self->store->mark = self->mark;
    self->active = false;
    *closed = true;
    return STELE_OK;
}

static void free_sink(stele_sink *base)
{
    memory_sink *self = (memory_sink *)base;
    for (size_t i = 0; i < self->count; i++)
        clear_item(&self->changes[i].of);
    free(self->changes);
    free(self);
}

stele_sink *stele_memory_sink_new(stele_memory_store *store, const stele_type *type,
                                  const stele_companion *companion, size_t queue_max,
                                  size_t value_max)
{
    static const stele_sink_ops ops = {.begin = begin,
                                       .put = put,
                                       .remove = remove_entry,
                                       .keep = keep,
                                       .close = close_cycle,
                                       .outcome = take_outcome,
                                       .free = free_sink};
    memory_sink *self = stele_alloc(sizeof *self);
    self->base.ops = &ops;
    self->store = store;
    self->type = type;
    self->companion = companion;
    self->epoch = ++store->epoch;
    self->queue_max = queue_max == 0 ? QUEUE_MAX : queue_max;
    self->value_max = value_max;
    return &self->base;
}
