/* SPDX-License-Identifier: MIT
 * Rows of `_stele.status`, for those who wait. */
#include "aggregates/standstill.h"

#include <string.h>

#include "consumer/status.h"
#include "core/alloc.h"
#include "core/message.h"
#include "core/names.h"

enum {
    READ_MS = 2000,   /* all of the topic */
    FRESH_MS = 1000,  /* how long what was read counts */
    STOPPED_MAX = 256 /* partitions; who waits for another one waits */
};

/* A partition that is stopped. */
typedef struct standstill {
    char topic[250];
    int32_t index;
    char text[STELE_STANDSTILL_TEXT_MAX + 1];
} standstill;

typedef struct reading {
    stele_question base;
    bool is_read;
    size_t count;
    standstill all[STOPPED_MAX];
} reading;

struct stele_standstills {
    stele_asker *asker;
    reading *reading; /* the asker's while it is asked */
    int64_t read_ns;  /* INT64_MIN: never */
};

/* ---- rows ---- */

/* Is it a writer's, of a worker that is alive, and stopped? */
static bool is_stopped(const stele_status_line *line)
{
    return line->state == STELE_STATE_STOPPED && !line->is_over &&
           stele_writer_name_parse(line->name, NULL);
}

static void describe(const stele_status_line *line, char text[STELE_STANDSTILL_TEXT_MAX + 1])
{
    stele_message_format(text, STELE_STANDSTILL_TEXT_MAX + 1, "%s has stopped it: %s",
                         line->instance, line->reason);
}

typedef struct search {
    stele_partition partition;
    char *text;
    bool is_found;
} search;

static void look(void *context, const stele_status_line *line)
{
    search *self = context;
    if (!is_stopped(line) || line->partition != self->partition.index ||
        strcmp(line->topic, self->partition.topic) != 0)
        return;
    describe(line, self->text);
    self->is_found = true;
}

bool stele_standstill_read(stele_log *log, stele_partition partition, stele_deadline by,
                           char text[STELE_STANDSTILL_TEXT_MAX + 1])
{
    search self = {.partition = partition, .text = text};
    return stele_status_read(log, NULL, by, look, &self, NULL) == STELE_OK && self.is_found;
}

/* ---- all of them ---- */

static void keep(void *context, const stele_status_line *line)
{
    reading *self = context;
    if (!is_stopped(line) || self->count == STOPPED_MAX ||
        strlen(line->topic) >= sizeof self->all[0].topic)
        return;
    standstill *made = &self->all[self->count++];
    memcpy(made->topic, line->topic, strlen(line->topic) + 1);
    made->index = line->partition;
    describe(line, made->text);
}

/* @locality the asker's thread */
static void read_all(stele_question *base, stele_asker *asker)
{
    reading *self = (reading *)base;
    stele_log *log = stele_asker_log(asker);
    self->count = 0;
    self->is_read =
        stele_status_read(log, NULL, stele_deadline_after(stele_log_clock(log), READ_MS), keep,
                          self, NULL) == STELE_OK;
}

stele_standstills *stele_standstills_new(stele_asker *asker)
{
    stele_standstills *of = stele_alloc(sizeof *of);
    of->asker = asker;
    of->read_ns = INT64_MIN;
    return of;
}

void stele_standstills_free(stele_standstills *of)
{
    if (of == NULL) return;
    if (of->reading != NULL) stele_asker_forget(of->asker, &of->reading->base);
    free(of);
}

static int64_t age_ms(const stele_standstills *of)
{
    int64_t now_ns = stele_log_now_ns(stele_asker_log(of->asker));
    return of->read_ns == INT64_MIN ? INT64_MAX : (now_ns - of->read_ns) / 1000000;
}

/* Take the answer, if there is one, and ask again where it is old. @return is it to be had? */
static bool refresh(stele_standstills *of)
{
    if (of->reading == NULL) { /* hardly anyone ever asks */
        of->reading = stele_alloc(sizeof *of->reading);
        of->reading->base.ask = read_all;
    }
    stele_question *question = &of->reading->base;
    stele_question_state state = stele_asker_state(of->asker, question);
    if (state == STELE_QUESTION_ANSWERED) {
        question->state = STELE_QUESTION_IDLE;
        of->read_ns = stele_log_now_ns(stele_asker_log(of->asker));
    }
    bool is_old = age_ms(of) >= FRESH_MS;
    if (state != STELE_QUESTION_WAITING && is_old) stele_asker_ask(of->asker, question);
    return state != STELE_QUESTION_WAITING && !is_old && of->reading->is_read;
}

bool stele_standstills_find(stele_standstills *of, stele_partition partition,
                            char text[STELE_STANDSTILL_TEXT_MAX + 1])
{
    if (!refresh(of)) return false;
    for (size_t i = 0; i < of->reading->count; i++) {
        const standstill *each = &of->reading->all[i];
        if (each->index != partition.index || strcmp(each->topic, partition.topic) != 0) continue;
        memcpy(text, each->text, sizeof each->text);
        return true;
    }
    return false;
}
