/* SPDX-License-Identifier: MIT
 * Reading the orders about one partition. */
#include "projections/orders.h"

#include <string.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "core/message.h"
#include "core/names.h"
#include "core/text.h"

enum { ASK_MS = 1000, LOOK_MS = 5000, NAME_MAX_SIZE = 256 };

typedef struct control_question {
    stele_asking base;
    char topic[NAME_MAX_SIZE];
    int32_t index;
    bool is_there;
    int64_t start, end;
} control_question;

struct stele_orders {
    stele_partition source;
    char *topic;
    control_question *question; /* NULL: not asked yet */
    stele_orders_lookout *lookout;
    bool is_known;   /* whether there is a topic */
    bool is_looking; /* it was asked for again, and there is no answer yet */
    bool reading;
    int64_t next;  /* offset of the next order */
    int64_t until; /* so far it has to be read before the first event */
    int64_t again_ns;
    bool is_paused;
    stele_pause pause;
    int64_t reset_ms; /* the last one that was read */
    bool has_begun;
    int64_t begun_ms; /* the one that was read when all before the first event was */
};

static const char *const names[] = {"redrive", "discard", "park"};

const char *stele_order_kind_name(stele_order_kind kind)
{
    return names[kind];
}

stele_orders *stele_orders_new(const char *group, stele_partition source,
                               stele_orders_lookout *lookout)
{
    stele_orders *orders = stele_alloc(sizeof *orders);
    orders->topic = stele_control_topic(group);
    orders->source = source;
    orders->lookout = lookout;
    return orders;
}

static stele_partition control_of(const stele_orders *orders)
{
    return (stele_partition){orders->topic, orders->source.index};
}

static void stop_reading(stele_orders *orders, stele_worker *worker)
{
    stele_log_reader *reader = stele_worker_reader(worker);
    if (orders->reading && reader != NULL) stele_log_reader_stop(reader, control_of(orders));
    orders->reading = false;
}

void stele_orders_end(stele_orders *orders, stele_worker *worker)
{
    if (orders == NULL) return;
    stop_reading(orders, worker);
    if (orders->question != NULL)
        stele_asker_forget(stele_worker_asker(worker), &orders->question->base.base);
    free(orders->topic);
    free(orders);
}

/* ---- is there one? ---- */

/* Who may not read orders works without them: no one has to give any. */
static void answer(control_question *self, const stele_error *failure)
{
    bool is_none = failure->status == STELE_E_NOT_FOUND || failure->status == STELE_E_FORBIDDEN;
    if (is_none) self->is_there = false;
    self->base.error = is_none ? (stele_error){0} : *failure;
}

/* All of one topic. */
static void ask_topic(control_question **of, size_t count, stele_log *log)
{
    stele_error failure = {0};
    stele_log_topic topic = {0};
    stele_log_topic_describe(log, of[0]->topic, ASK_MS, &topic, &failure);
    stele_asked_partition *list = stele_alloc_array(count, sizeof *list);
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        of[i]->is_there = failure.status == STELE_OK && of[i]->index < topic.partitions;
        answer(of[i], &failure);
        if (of[i]->is_there)
            list[filled++].partition = (stele_partition){of[i]->topic, of[i]->index};
    }
    stele_log_bounds_of_all(log, list, filled, STELE_READ_UNCOMMITTED, ASK_MS);
    filled = 0;
    for (size_t i = 0; i < count; i++) {
        if (!of[i]->is_there) continue;
        const stele_asked_partition *asked = &list[filled++];
        of[i]->start = asked->start;
        of[i]->end = asked->offset;
        answer(of[i], &asked->error);
    }
    free(list);
}

/* Of all partitions that ask at the same time, topic by topic.
 * @locality the asker's thread */
static void ask(stele_question *questions, stele_asker *asker)
{
    size_t left = 0;
    for (const stele_question *each = questions; each != NULL; each = each->next)
        left++;
    control_question **of = stele_alloc_array(left, sizeof(control_question *));
    left = 0;
    for (stele_question *each = questions; each != NULL; each = each->next)
        of[left++] = (control_question *)each;
    for (control_question **at = of; left > 0;) {
        size_t same = 1; /* they come to the front */
        for (size_t i = 1; i < left; i++) {
            if (strcmp(at[i]->topic, at[0]->topic) != 0) continue;
            control_question *moved = at[i];
            at[i] = at[same];
            at[same++] = moved;
        }
        ask_topic(at, same, stele_asker_log(asker));
        at += same;
        left -= same;
    }
    free(of);
}

static stele_status find(stele_orders *orders, stele_worker *worker, stele_error *err)
{
    if (orders->question == NULL) {
        orders->question = stele_alloc(sizeof *orders->question);
        orders->question->base.base.ask = ask;
        orders->question->base.base.together = true;
        orders->question->index = orders->source.index;
        snprintf(orders->question->topic, NAME_MAX_SIZE, "%s", orders->topic);
    }
    stele_status status =
        stele_asker_insist(stele_worker_asker(worker), &orders->question->base, err);
    if (status < 0) return status;
    orders->is_known = true;
    orders->again_ns = stele_worker_now_ns(worker) + (int64_t)LOOK_MS * 1000000;
    if (!orders->question->is_there) return STELE_OK;
    status = stele_log_reader_start(stele_worker_reader(worker), control_of(orders),
                                    orders->question->start, err);
    if (status < 0) return status;
    orders->reading = orders->lookout->is_found = true;
    orders->next = orders->question->start;
    orders->until = orders->question->end;
    return STELE_OK;
}

stele_status stele_orders_prepare(stele_orders *orders, stele_worker *worker, stele_error *err)
{
    if (STELE_BUG("orders are not read before the first event")) return STELE_OK;
    if (!orders->is_known) {
        stele_status status = find(orders, worker, err);
        if (status < 0) return status;
    }
    if (orders->reading && orders->next < orders->until) return stele_task_not_yet(err);
    if (!orders->has_begun) orders->begun_ms = orders->reset_ms;
    orders->has_begun = true;
    return STELE_OK;
}

/* One partition looks for all, and when the topic is there all of them begin to read. */
static void look(stele_orders *orders, stele_worker *worker, int64_t now_ns)
{
    stele_orders_lookout *lookout = orders->lookout;
    if (!orders->is_looking && !lookout->is_found && now_ns < lookout->again_ns) return;
    stele_error not_yet;
    lookout->again_ns = now_ns + (int64_t)LOOK_MS * 1000000;
    orders->is_looking = find(orders, worker, &not_yet) < 0;
    if (!orders->is_looking && !orders->reading) lookout->is_found = false;
}

void stele_orders_follow(stele_orders *orders, stele_worker *worker)
{
    int64_t now_ns = stele_worker_now_ns(worker);
    if (!orders->reading && !orders->lookout->is_found) {
        look(orders, worker, now_ns);
        return;
    }
    if (now_ns < orders->again_ns) return;
    if (!orders->reading) {
        look(orders, worker, now_ns);
        return;
    }
    /* The worker's reader may be another one by now, which knows of nothing but the events. */
    stele_log_reader_start(stele_worker_reader(worker), control_of(orders), orders->next, NULL);
    orders->again_ns = now_ns + (int64_t)LOOK_MS * 1000000;
}

/* ---- orders ---- */

bool stele_orders_are(const stele_orders *orders, const stele_batch *batch)
{
    return strcmp(batch->partition.topic, orders->topic) == 0;
}

static int64_t since_of(const stele_batch *batch, const stele_record *record)
{
    stele_bytes text = {0};
    int64_t since_ms = record->timestamp_ms;
    stele_log_batch_header(batch, record, STELE_ORDER_SINCE, &text);
    if (text.data != NULL) stele_parse_int64(text, 0, INT64_MAX, &since_ms, NULL);
    return since_ms;
}

static void take_pause(stele_orders *orders, const stele_batch *batch, const stele_record *record)
{
    stele_bytes reason = {0};
    orders->is_paused = stele_bytes_equal(record->value, stele_text(STELE_ORDER_PAUSE));
    if (!orders->is_paused) return;
    stele_log_batch_header(batch, record, STELE_ORDER_REASON, &reason);
    orders->pause.since_ms = since_of(batch, record);
    stele_message_format(orders->pause.reason, sizeof orders->pause.reason, "%.*s",
                         reason.data == NULL ? 0 : (int)reason.size, (const char *)reason.data);
}

static void take_one(const stele_orders *orders, const stele_batch *batch,
                     const stele_record *record, stele_parked *parked)
{
    stele_bytes topic, reason = {0};
    int32_t partition;
    int64_t offset;
    if (record->key.data == NULL || record->value.data == NULL ||
        !stele_position_parse(record->key, &topic, &partition, &offset) ||
        !stele_bytes_equal(topic, stele_text(orders->source.topic)) ||
        partition != orders->source.index)
        return; /* about another source, or withdrawn */
    stele_log_batch_header(batch, record, STELE_ORDER_REASON, &reason);
    STELE_AUTO(char)
    text = stele_strndup(reason.data == NULL ? "" : (const char *)reason.data, reason.size);
    for (int kind = STELE_ORDER_REDRIVE; kind <= STELE_ORDER_PARK; kind++)
        if (stele_bytes_equal(record->value, stele_text(names[kind])))
            stele_parked_set_order(parked, offset, (stele_order_kind)kind, text);
}

/* A topic that is gone is looked for again. */
void stele_orders_take(stele_orders *orders, const stele_batch *batch, stele_parked *parked)
{
    if (batch->status < 0) {
        orders->reading = false;
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (stele_pause_key_is(batch->records[i].key))
            take_pause(orders, batch, &batch->records[i]);
        else if (stele_reset_key_is(batch->records[i].key))
            orders->reset_ms = since_of(batch, &batch->records[i]);
        else if (parked != NULL)
            take_one(orders, batch, &batch->records[i], parked);
    }
    orders->next = batch->next_offset;
}

stele_status stele_orders_check(const stele_orders *orders, stele_error *err)
{
    if (orders == NULL || !orders->has_begun || orders->reset_ms == orders->begun_ms)
        return STELE_OK;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_ABORT,
                      "it was reset: what it has is dropped, and it begins again");
}

int64_t stele_orders_reset_ms(const stele_orders *orders)
{
    return orders == NULL ? 0 : orders->begun_ms;
}

const stele_pause *stele_orders_pause(const stele_orders *orders)
{
    return orders != NULL && orders->is_paused ? &orders->pause : NULL;
}
