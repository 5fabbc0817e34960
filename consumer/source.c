/* SPDX-License-Identifier: MIT
 * Questions for a topic, and the pauses between them. */
#include "consumer/source.h"

#include "core/alloc.h"
#include "core/clock.h"

enum {
    REFRESH_MS = 30000, /* how long an answer is new */
    ASK_MS = 1000,      /* one question to the broker */
    PAUSE_MS = 500      /* after a question that failed */
};

struct source_question {
    stele_question base;
    const char *topic;
    stele_error failure; /* STELE_OK: `found` is filled */
    stele_log_topic found;
};

/* @locality the asker's thread */
static void ask(stele_question *base, stele_asker *asker)
{
    source_question *self = (source_question *)base;
    self->failure = (stele_error){0};
    stele_log_topic_describe(stele_asker_log(asker), self->topic, ASK_MS, &self->found,
                             &self->failure);
}

void source_init(source *self, stele_asker *asker, const char *topic)
{
    *self = (source){.asker = asker, .next_ns = INT64_MIN};
    self->question = stele_alloc(sizeof *self->question);
    self->question->base.ask = ask;
    self->question->topic = topic;
}

void source_clear(source *self)
{
    stele_asker_forget(self->asker, &self->question->base);
    self->question = NULL;
}

static int64_t now_of(const source *self)
{
    return stele_log_now_ns(stele_asker_log(self->asker));
}

static int64_t in_ms(const source *self, int64_t ms)
{
    return now_of(self) + ms * 1000000;
}

bool source_ask(source *self, bool is_due, stele_log_topic *out, stele_error *failure)
{
    source_question *question = self->question;
    switch (stele_asker_state(self->asker, &question->base)) {
    case STELE_QUESTION_IDLE:
        if (is_due && now_of(self) >= self->next_ns) stele_asker_ask(self->asker, &question->base);
        return false;
    case STELE_QUESTION_WAITING:
        return false;
    case STELE_QUESTION_ANSWERED:
        break;
    }
    question->base.state = STELE_QUESTION_IDLE;
    *failure = question->failure;
    if (failure->status < 0) {
        source_pause(self);
        return true;
    }
    self->refresh_ns = in_ms(self, REFRESH_MS);
    *out = question->found;
    return true;
}

bool source_is_old(const source *self)
{
    return now_of(self) >= self->refresh_ns;
}

void source_pause(source *self)
{
    self->next_ns = in_ms(self, PAUSE_MS);
}
