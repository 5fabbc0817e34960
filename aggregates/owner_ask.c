/* SPDX-License-Identifier: MIT
 * What is asked of the broker while the partition is ours: in the worker's asker, which may block.
 */
#include "aggregates/ownership_inside.h"

#include <inttypes.h>

#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "kafka/bounded_read.h"

enum {
    ASK_MS = 1000,               /* one question to the broker */
    READ_MS = 5000,              /* all of the owners' topic */
    FOUND_MAX = OWNER_AHEAD_MAX, /* dead letters of which nothing was written down */
    PROVEN_MS = 1500             /* so long a proof holds: less than a member may be silent for */
};

struct terms {
    stele_asking asking;
    const char *topic;
    uint64_t asked;    /* how often */
    uint64_t answered; /* number of the one whose answer is known */
    int32_t count;
    int64_t *known;    /* the answer, by partition; within this memory */
    int64_t reading[]; /* the next one, while it is read */
};

struct visibility {
    stele_asking asking;
    stele_partition partition;
    int64_t end;
};

/* ---- asking ---- */

static stele_status ask(const owner_task *self, stele_asking *asking, stele_error *err)
{
    return stele_asker_insist(stele_worker_asker(self->worker), asking, err);
}

/* ---- terms ---- */

/* @locality the asker's thread */
static void read_terms(stele_question *base, stele_asker *asker)
{
    terms *self = (terms *)base;
    stele_log *log = stele_asker_log(asker);
    self->asking.error = (stele_error){0};
    stele_status status = stele_owners_read_terms(
        log, self->topic, stele_deadline_after(stele_log_clock(log), READ_MS), self->reading,
        self->count, &self->asking.error);
    /* It was there when the partition was taken: a client may not know of it yet. */
    if (status == STELE_E_NOT_FOUND) self->asking.error.next = STELE_NEXT_RETRY;
}

/* Many partitions are taken at a time, and one reading tells the terms of all. It has to begin
 * after the fence: what an earlier owner has written by then is there. */
stele_status owner_learn_term(owner_task *self, stele_error *err)
{
    stele_ownership *of = self->of;
    if (self->term > 0) return STELE_OK;
    if (of->terms == NULL) {
        int32_t count = stele_worker_partition_count(self->worker);
        of->terms = stele_alloc(sizeof *of->terms + 2 * (size_t)count * sizeof(int64_t));
        of->terms->asking.base.ask = read_terms;
        of->terms->topic = of->topic;
        of->terms->count = count;
        of->terms->known = of->terms->reading + count;
    }
    terms *all = of->terms;
    if (self->asked == 0) self->asked = all->asked + 1;
    while (all->answered < self->asked) {
        bool is_idle = stele_asker_state(stele_worker_asker(self->worker), &all->asking.base) ==
                       STELE_QUESTION_IDLE;
        if (is_idle) all->asked++;
        stele_status status = ask(self, &all->asking, err);
        if (status < 0) return status;
        memcpy(all->known, all->reading, (size_t)all->count * sizeof *all->known);
        all->answered = all->asked;
    }
    self->term = all->known[self->source.index] + 1;
    return STELE_OK;
}

/* ---- up to where it is visible ---- */

/* @locality the asker's thread */
static void look(stele_question *base, stele_asker *asker)
{
    visibility *self = (visibility *)base;
    int64_t start;
    self->asking.error = (stele_error){0};
    stele_log_bounds(stele_asker_log(asker), self->partition, STELE_READ_COMMITTED, ASK_MS, &start,
                     &self->end, &self->asking.error);
    /* A topic that is gone is for others to notice, who know what follows from it. */
    if (self->asking.error.status == STELE_E_NOT_FOUND) self->asking.error.next = STELE_NEXT_RETRY;
}

static stele_status ask_visible(const owner_task *self, visibility **of, stele_partition partition,
                                int64_t *position, stele_error *err)
{
    if (*of == NULL) {
        *of = stele_alloc(sizeof **of);
        (*of)->asking.base.ask = look;
        (*of)->partition = partition;
    }
    stele_status status = ask(self, &(*of)->asking, err);
    if (status == STELE_OK) *position = (*of)->end;
    return status;
}

stele_status owner_ask_visible(owner_task *self, int64_t *position, stele_error *err)
{
    return ask_visible(self, &self->visible, self->source, position, err);
}

stele_status owner_ask_dead_visible(owner_task *self, int64_t *position, stele_error *err)
{
    return ask_visible(self, &self->inbox.visible, self->inbox.dead, position, err);
}

stele_status owner_ask_record_visible(owner_task *self, int64_t *position, stele_error *err)
{
    const char *snapshots = stele_fold_snapshots(self->of->options.fold);
    return ask_visible(self, &self->inbox.window.visible,
                       (stele_partition){snapshots, self->source.index}, position, err);
}

/* ---- commands ---- */

struct inbox_look {
    stele_asking asking;
    stele_partition commands;
    stele_partition dead;
    const char *aggregate;
    const char *group;
    bool has_record;   /* if not, the group says how far commands are */
    int64_t next;      /* of these and later ones nothing was written down */
    int64_t dead_from; /* all before it is of no interest */
    inbox_found found;
    size_t wanted_count;
    int64_t offsets[]; /* of the dead letters that are looked for, and then of those found */
};

/* In its place, once. */
static void add_found(inbox_look *self, int64_t offset)
{
    int64_t *found = self->offsets + self->wanted_count;
    size_t at = self->found.found_count;
    while (at > 0 && found[at - 1] > offset)
        at--;
    if ((at > 0 && found[at - 1] == offset) ||
        self->found.found_count == self->wanted_count + FOUND_MAX)
        return;
    memmove(&found[at + 1], &found[at], (self->found.found_count - at) * sizeof *found);
    found[at] = offset;
    self->found.found_count++;
}

/* Also of what the record does not know: the record of their transaction may be what was lost. */
static int take_dead(void *context, const stele_batch *records, stele_error *err)
{
    (void)err;
    inbox_look *self = context;
    for (size_t i = 0; i < records->count; i++) {
        stele_bytes position, topic;
        int32_t partition;
        int64_t offset;
        if (stele_log_batch_header(records, &records->records[i], STELE_DEAD_POSITION, &position) &&
            stele_position_parse(position, &topic, &partition, &offset) &&
            stele_bytes_equal(topic, stele_text(self->commands.topic)) &&
            partition == self->commands.index &&
            (offset >= self->next || stele_inbox_has(self->offsets, self->wanted_count, offset)))
            add_found(self, offset);
    }
    return STELE_OK;
}

/* @locality the asker's thread */
static void look_at_inbox(stele_question *base, stele_asker *asker)
{
    inbox_look *self = (inbox_look *)base;
    stele_log *log = stele_asker_log(asker);
    stele_error *err = &self->asking.error;
    *err = (stele_error){0};
    self->found = (inbox_found){.group_offset = STELE_OFFSET_NONE};
    if (stele_commands_ensure(log, self->aggregate, ASK_MS, err) < 0) {
        err->next = STELE_NEXT_RETRY; /* calls are served meanwhile */
        return;
    }
    *err = (stele_error){0}; /* of a question within */
    if (stele_log_bounds(log, self->commands, STELE_READ_UNCOMMITTED, ASK_MS, &self->found.start,
                         &self->found.end, err) < 0 ||
        stele_log_bounds(log, self->commands, STELE_READ_COMMITTED, ASK_MS, &self->found.start,
                         &self->found.stable_end, err) < 0 ||
        stele_log_bounds(log, self->dead, STELE_READ_COMMITTED, ASK_MS, &self->found.dead_start,
                         &self->found.dead_end, err) < 0)
        return;
    if (!self->has_record && stele_log_group_offset(log, self->group, self->commands, ASK_MS,
                                                    &self->found.group_offset, err) < 0)
        return;
    if (self->found.group_offset >= 0) self->next = self->found.group_offset;
    int64_t from = self->dead_from;
    if (from < self->found.dead_start || from > self->found.dead_end)
        from = self->found.dead_start; /* it was made again */
    if (from >= self->found.dead_end) return;
    stele_bounded_read_start at = {self->dead, from};
    stele_bounded_read(log,
                       &(stele_bounded_read_options){
                           .starts = &at,
                           .count = 1,
                           .stable = true,
                           .deadline = stele_deadline_after(stele_log_clock(log), READ_MS),
                           .take = take_dead,
                           .context = self},
                       err);
}

static inbox_look *make_look(const owner_task *self)
{
    const stele_inbox *restored = &self->inbox.restored;
    size_t count = 0;
    for (size_t i = 0; i < restored->count; i++)
        count += restored->steps[i].dead_count;
    inbox_look *made = stele_alloc(sizeof *made + (2 * count + FOUND_MAX) * sizeof(int64_t));
    made->asking.base.ask = look_at_inbox;
    made->commands = self->inbox.commands;
    made->dead = self->inbox.dead;
    made->aggregate = self->of->options.aggregate->name;
    made->group = stele_fold_group(self->of->options.fold);
    made->has_record = self->inbox.has_record;
    made->next = restored->next;
    made->dead_from = restored->dead_from;
    for (size_t i = 0; i < restored->count; i++)
        for (size_t j = 0; j < restored->steps[i].dead_count; j++)
            made->offsets[made->wanted_count++] = restored->steps[i].dead[j];
    return made;
}

stele_status owner_ask_inbox(owner_task *self, inbox_found *out, stele_error *err)
{
    inbox_look **of = &self->inbox.look;
    if (*of == NULL) *of = make_look(self);
    stele_status status = ask(self, &(*of)->asking, err);
    if (status < 0) return status;
    *out = (*of)->found;
    out->found = (*of)->offsets + (*of)->wanted_count;
    return STELE_OK;
}

/* ---- is it still ours? ---- */

struct proof {
    stele_asking asking;
    stele_partition partition;
    int64_t asked_ns;
    int64_t end; /* of the partition then */
    bool is_answered;
};

/* Up to the high watermark, for others may answer for what is committed and not visible yet.
 * @locality the asker's thread */
static void look_for_others(stele_question *base, stele_asker *asker)
{
    proof *self = (proof *)base;
    int64_t start;
    stele_log *log = stele_asker_log(asker);
    self->asking.error = (stele_error){0};
    self->asked_ns = stele_log_now_ns(log);
    stele_log_bounds(log, self->partition, STELE_READ_UNCOMMITTED, ASK_MS, &start, &self->end,
                     &self->asking.error);
}

static stele_status fail_asking(const owner_task *self, stele_error *err)
{
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                      "the broker has not answered yet where %s/%d ends, which shows whether "
                      "another instance owns it by now",
                      self->source.topic, (int)self->source.index);
}

bool owner_is_sure_of(const batch *of)
{
    return of->last_offset < 0 || of->is_somewhere || of->is_seen;
}

/* A process that was frozen for longer than its session does not know of it for a moment. No append
 * of its gets past the fence, but a state, or a no that is said because of one, is not appended. */
stele_status owner_prove(owner_task *self, stele_error *err)
{
    const int64_t holds_ns = (int64_t)PROVEN_MS * 1000000;
    if (stele_worker_now_ns(self->worker) - self->proven_ns < holds_ns) return STELE_OK;
    if (self->proof == NULL) {
        self->proof = stele_alloc(sizeof *self->proof);
        self->proof->asking.base.ask = look_for_others;
        self->proof->partition = self->source;
    }
    proof *of = self->proof;
    if (!of->is_answered) {
        stele_status status = ask(self, &of->asking, err);
        if (status < 0) return err->text[0] == '\0' ? fail_asking(self, err) : status;
        of->is_answered = true;
    }
    if (stele_worker_now_ns(self->worker) - of->asked_ns >=
        holds_ns) { /* too late: it is asked again */
        of->is_answered = false;
        stele_worker_call_again(self->worker);
        return fail_asking(self, err);
    }
    int64_t position = stele_fold_position(self->fold);
    if (of->end > position)
        return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY,
                          "%s/%d ends at offset %" PRId64 ", and its owner has applied what is "
                          "below %" PRId64 ": it answers when it has all of it",
                          of->partition.topic, (int)of->partition.index, of->end, position);
    of->is_answered = false;
    self->proven_ns = of->asked_ns;
    return STELE_OK;
}

void owner_forget_questions(owner_task *self)
{
    if (self->proof != NULL)
        stele_asker_forget(stele_worker_asker(self->worker), &self->proof->asking.base);
    self->proof = NULL;
    if (self->visible != NULL)
        stele_asker_forget(stele_worker_asker(self->worker), &self->visible->asking.base);
    if (self->inbox.visible != NULL)
        stele_asker_forget(stele_worker_asker(self->worker), &self->inbox.visible->asking.base);
    if (self->inbox.look != NULL)
        stele_asker_forget(stele_worker_asker(self->worker), &self->inbox.look->asking.base);
    if (self->inbox.window.visible != NULL)
        stele_asker_forget(stele_worker_asker(self->worker),
                           &self->inbox.window.visible->asking.base);
    self->visible = self->inbox.visible = self->inbox.window.visible = NULL;
    self->inbox.look = NULL;
}
