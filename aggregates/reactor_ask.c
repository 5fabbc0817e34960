/* SPDX-License-Identifier: MIT
 * What reactions ask the broker and the registry, in the worker's asker, which may block. */
#include "aggregates/reactor_inside.h"

#include "aggregates/aggregate.h"
#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "core/names.h"

enum {
    ASK_MS = 1000, /* one question */
    LOOK_MS = 5    /* before it is asked again whether something is visible */
};

static stele_status ask(const reactor_task *self, stele_asking *asking, stele_error *err)
{
    return stele_asker_insist(stele_worker_asker(self->worker), asking, err);
}

/* ---- the targets ---- */

struct reactor_targets {
    stele_asking asking;
    const stele_reactor *of;
    size_t batch_max;
    int32_t numbers[]; /* partitions by target, then schemas */
};

static stele_status ask_topic(reactor_targets *self, stele_log *log, size_t target,
                              stele_error *err)
{
    size_t batch_max = 0;
    stele_log_topic found;
    const char *topic = self->of->commands[target];
    stele_status status = stele_log_topic_describe(log, topic, ASK_MS, &found, err);
    if (status == STELE_E_NOT_FOUND)
        return stele_commands_fail_missing(self->of->options.reactions->targets[target]->name,
                                           STELE_NEXT_RETRY, err);
    if (status == STELE_OK) status = stele_log_topic_batch_max(log, topic, ASK_MS, &batch_max, err);
    if (status < 0) return status;
    self->numbers[target] = found.partitions;
    if (batch_max > 0 && (self->batch_max == 0 || batch_max < self->batch_max))
        self->batch_max = batch_max;
    return STELE_OK;
}

static stele_status register_commands(reactor_targets *self, size_t target, int32_t *out,
                                      stele_error *err)
{
    const stele_aggregate *to = self->of->options.reactions->targets[target];
    stele_status status = STELE_OK;
    for (size_t i = 0; i < stele_aggregate_command_count(to) && status == STELE_OK; i++) {
        const stele_type *type = to->commands[i].type;
        STELE_AUTO(char) subject = stele_registry_subject(self->of->commands[target], type->name);
        status = stele_registry_register(self->of->options.registry, subject,
                                         stele_text(type->schema), NULL, 0, ASK_MS, &out[i], err);
    }
    return status;
}

/* @locality the asker's thread */
static void look_at_targets(stele_question *base, stele_asker *asker)
{
    reactor_targets *self = (reactor_targets *)base;
    stele_error err = {0};
    stele_status status = STELE_OK;
    size_t at = self->of->target_count;
    self->batch_max = 0;
    for (size_t i = 0; i < self->of->target_count && status == STELE_OK; i++) {
        status = ask_topic(self, stele_asker_log(asker), i, &err);
        if (status == STELE_OK) status = register_commands(self, i, self->numbers + at, &err);
        at += stele_aggregate_command_count(self->of->options.reactions->targets[i]);
    }
    self->asking.error = status == STELE_OK ? (stele_error){0} : err;
}

stele_status reactor_ask_targets(reactor_task *self, stele_error *err)
{
    stele_reactor *of = self->of;
    if (of->is_ready) return STELE_OK;
    size_t count = of->target_count + of->schema_count;
    if (of->targets == NULL) {
        of->targets = stele_alloc(sizeof *of->targets + count * sizeof(int32_t));
        of->targets->asking.base.ask = look_at_targets;
        of->targets->of = of;
    }
    stele_status status = ask(self, &of->targets->asking, err);
    if (status < 0) return status;
    memcpy(of->partitions, of->targets->numbers, of->target_count * sizeof(int32_t));
    memcpy(of->schemas, of->targets->numbers + of->target_count,
           of->schema_count * sizeof(int32_t));
    of->batch_max = of->targets->batch_max;
    of->is_ready = true;
    return STELE_OK;
}

/* ---- where to begin ---- */

struct reactor_begin {
    stele_asking asking;
    const char *group;
    stele_partition source;
    reactor_beginning found;
};

void reactor_name_first(const stele_batch *batch, const stele_record *record, char out[48])
{
    stele_bytes id;
    bool has_id = stele_log_batch_header(batch, record, "ce_id", &id) && id.size > 0 &&
                  id.size <= 40 && memchr(id.data, 0, id.size) == NULL;
    if (has_id)
        snprintf(out, 48, "%.*s", (int)id.size, (const char *)id.data);
    else
        snprintf(out, 48, "%lld", (long long)record->timestamp_ms);
}

static void take_first(void *context, const stele_batch *batch)
{
    reactor_begin *self = context;
    if (batch->count > 0) reactor_name_first(batch, &batch->records[0], self->found.first);
}

/* Where the first events were deleted there is no first one that stays. */
static stele_status look_for_first(reactor_begin *self, stele_asker *asker, stele_error *err)
{
    self->found.first[0] = '\0';
    if (self->found.start > 0) snprintf(self->found.first, sizeof self->found.first, "trimmed");
    if (self->found.start > 0 || self->found.end == 0) return STELE_OK;
    stele_look look = {.partition = self->source, .take = take_first, .context = self};
    stele_asker_look(asker, &look, 1, ASK_MS);
    if (look.error.status < 0) *err = look.error;
    return look.error.status;
}

/* @locality the asker's thread */
static void look_for_beginning(stele_question *base, stele_asker *asker)
{
    reactor_begin *self = (reactor_begin *)base;
    stele_log *log = stele_asker_log(asker);
    stele_error err = {0};
    stele_status status =
        stele_log_group_offset(log, self->group, self->source, ASK_MS, &self->found.offset, &err);
    if (status == STELE_OK)
        status = stele_log_bounds(log, self->source, STELE_READ_UNCOMMITTED, ASK_MS,
                                  &self->found.start, &self->found.end, &err);
    if (status == STELE_OK) status = look_for_first(self, asker, &err);
    self->asking.error = status == STELE_OK ? (stele_error){0} : err;
}

stele_status reactor_ask_begin(reactor_task *self, reactor_beginning *out, stele_error *err)
{
    if (self->begin == NULL) {
        self->begin = stele_alloc(sizeof *self->begin);
        self->begin->asking.base.ask = look_for_beginning;
        self->begin->group = self->of->group;
        self->begin->source = self->source;
    }
    stele_status status = ask(self, &self->begin->asking, err);
    if (status == STELE_OK) *out = self->begin->found;
    return status;
}

/* ---- what is there for good ---- */

typedef struct proof_place {
    stele_partition partition;
    int64_t offset;
} proof_place;

struct reactor_proof {
    stele_asking asking;
    int64_t next; /* of the events whose commands it is about */
    size_t count;
    bool is_visible;
    proof_place places[];
};

/* @locality the asker's thread */
static void look_for_places(stele_question *base, stele_asker *asker)
{
    reactor_proof *self = (reactor_proof *)base;
    stele_status status = STELE_OK;
    stele_error err = {0};
    self->is_visible = true;
    for (size_t i = 0; i < self->count && status == STELE_OK && self->is_visible; i++) {
        int64_t start, end = 0;
        status = stele_log_bounds(stele_asker_log(asker), self->places[i].partition,
                                  STELE_READ_COMMITTED, ASK_MS, &start, &end, &err);
        self->is_visible = status == STELE_OK && end > self->places[i].offset;
    }
    self->asking.error = status == STELE_OK ? (stele_error){0} : err;
}

static void write_proof(reactor_task *self)
{
    free(self->proof);
    self->proof =
        stele_alloc(sizeof *self->proof + self->place_count * sizeof self->proof->places[0]);
    reactor_proof *made = self->proof;
    made->asking.base.ask = look_for_places;
    made->next = self->committed_next;
    for (size_t i = 0; i < self->place_count; i++) {
        const reactor_place *each = &self->places[i];
        if (!each->is_new) continue;
        made->places[made->count++] =
            (proof_place){{self->of->commands[each->target], each->index}, each->offset};
    }
}

/* Places are old once they are proven; one that is written to again meanwhile is new again. */
static void end_proof(reactor_task *self)
{
    for (size_t i = 0; i < self->proof->count; i++) {
        const proof_place *proven = &self->proof->places[i];
        for (size_t k = 0; k < self->place_count; k++) {
            reactor_place *each = &self->places[k];
            bool is_it = self->of->commands[each->target] == proven->partition.topic &&
                         each->index == proven->partition.index;
            if (is_it && each->offset == proven->offset) each->is_new = false;
        }
    }
    free(self->proof);
    self->proof = NULL;
}

stele_status reactor_ask_proof(reactor_task *self, int64_t *next, stele_error *err)
{
    if (self->proof == NULL) write_proof(self);
    stele_status status = ask(self, &self->proof->asking, err);
    if (status < 0) return status;
    if (!self->proof->is_visible) {
        self->proof->asking.again_ns =
            stele_worker_now_ns(self->worker) + (int64_t)LOOK_MS * 1000000;
        stele_worker_call_within(self->worker, LOOK_MS);
        return stele_task_not_yet(err);
    }
    *next = self->proof->next;
    end_proof(self);
    return STELE_OK;
}

void reactor_forget_questions(reactor_task *self)
{
    stele_asker *asker = stele_worker_asker(self->worker);
    if (self->begin != NULL) stele_asker_forget(asker, &self->begin->asking.base);
    if (self->proof != NULL) stele_asker_forget(asker, &self->proof->asking.base);
    self->begin = NULL;
    self->proof = NULL;
}
