/* SPDX-License-Identifier: MIT
 * From where the log ended at one moment, and rows of the status, to how far a version is. */
#include "consumer/catch_up.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

static void forget_worker(stele_catch_up_part *part)
{
    free(part->instance);
    free(part->reason);
    part->instance = part->reason = NULL;
    part->is_alive = false;
}

void stele_catch_up_clear(stele_catch_up *on)
{
    for (size_t i = 0; i < on->count; i++)
        forget_worker(&on->parts[i]);
    free(on->parts);
    *on = (stele_catch_up){0};
}

static stele_status begin_source(stele_catch_up *on, const char *topic, stele_error *err)
{
    const stele_catch_up_options *of = on->of;
    stele_log_topic found;
    stele_status status = stele_log_topic_describe(of->log, topic, of->timeout_ms, &found, err);
    if (status < 0) return status;
    on->parts =
        stele_realloc_array(on->parts, on->count + (size_t)found.partitions, sizeof *on->parts);
    for (int32_t i = 0; i < found.partitions; i++) {
        stele_catch_up_part part = {.topic = topic, .partition = i, .position = -1};
        status = stele_log_bounds(of->log, (stele_partition){topic, i}, STELE_READ_UNCOMMITTED,
                                  of->timeout_ms, &part.begins, &part.end, err);
        if (status < 0) return status;
        on->parts[on->count++] = part;
    }
    return STELE_OK;
}

stele_status stele_catch_up_begin(const stele_catch_up_options *of, stele_catch_up *out,
                                  stele_error *err)
{
    *out = (stele_catch_up){.of = of};
    stele_status status = STELE_OK;
    for (size_t i = 0; i < of->source_count && status == STELE_OK; i++)
        status = begin_source(out, of->sources[i], err);
    return status;
}

static void take_line(void *context, const stele_status_line *line)
{
    stele_catch_up *on = context;
    if (line->is_over) return;
    if (line->sources > on->sources) on->sources = line->sources;
    for (size_t i = 0; i < on->count; i++) {
        stele_catch_up_part *part = &on->parts[i];
        if (part->partition != line->partition || strcmp(part->topic, line->topic) != 0) continue;
        part->is_alive = true;
        part->has_address = line->address[0] != '\0';
        part->said_ms = line->time_ms;
        if (part->first_ms == 0) part->first_ms = line->time_ms;
        part->position = line->position;
        part->state = line->state;
        part->parked_events = line->parked_events;
        part->parked_aggregates = line->parked_aggregates;
        part->instance = stele_strdup(line->instance);
        part->reason = stele_strdup(line->reason);
    }
}

stele_status stele_catch_up_look(stele_catch_up *on, stele_error *err)
{
    for (size_t i = 0; i < on->count; i++)
        forget_worker(&on->parts[i]);
    stele_log *log = on->of->log;
    return stele_status_read(log, on->of->group,
                             stele_deadline_after(stele_log_clock(log), on->of->timeout_ms),
                             take_line, on, err);
}

/* How many sources its workers have, and no row is of? They are not read yet. */
static int unseen_sources(const stele_catch_up *on)
{
    return on->sources > (int)on->of->source_count ? on->sources - (int)on->of->source_count : 0;
}

/* Whoever was killed has left its last word. Whoever is paused falls behind from now on. */
static bool is_fit(const stele_catch_up_part *part)
{
    return part->is_alive && part->said_ms != part->first_ms && part->state != STELE_STATE_PAUSED;
}

/* A partition without an event needs no worker's word that there is none, but one to serve it. */
static bool is_there(const stele_catch_up *on, const stele_catch_up_part *part)
{
    if (on->is_to_serve && !is_fit(part)) return false;
    return part->is_alive ? part->position >= part->end && part->state != STELE_STATE_STOPPED
                          : part->end == part->begins;
}

stele_catch_up_sum stele_catch_up_sum_of(const stele_catch_up *on)
{
    stele_catch_up_sum sum = {0};
    for (size_t i = 0; i < on->count; i++) {
        const stele_catch_up_part *part = &on->parts[i];
        int64_t at = part->position < part->begins ? part->begins
                     : part->position > part->end  ? part->end
                                                   : part->position;
        sum.applied += at - part->begins;
        sum.total += part->end - part->begins;
        sum.done += is_there(on, part);
        sum.alive += part->is_alive;
        sum.known += part->is_alive && part->position >= 0;
    }
    return sum;
}

bool stele_catch_up_is_done(const stele_catch_up *on)
{
    return stele_catch_up_sum_of(on).done == on->count && unseen_sources(on) == 0;
}

/* It needs a person. */
static bool is_held(const stele_catch_up_part *part)
{
    return part->is_alive &&
           (part->state == STELE_STATE_STOPPED || part->state == STELE_STATE_PAUSED);
}

const stele_catch_up_part *stele_catch_up_held(const stele_catch_up *on)
{
    for (size_t i = 0; i < on->count; i++)
        if (is_held(&on->parts[i]) && !is_there(on, &on->parts[i])) return &on->parts[i];
    return NULL;
}

void stele_catch_up_missing(const stele_catch_up *on, stele_buffer *out)
{
    for (size_t i = 0; i < on->count; i++) {
        const stele_catch_up_part *part = &on->parts[i];
        if (is_there(on, part)) continue;
        stele_buffer_format(out, "%s%s/%d (", out->size == 0 ? "" : ", ", part->topic,
                            (int)part->partition);
        if (!part->is_alive)
            stele_buffer_append(out, stele_text("no worker reports on it)"));
        else if (part->position >= part->end && !is_held(part))
            stele_buffer_format(out, "%s has not reported since)", part->instance);
        else
            stele_buffer_format(out, "at %" PRId64 " of %" PRId64 ", %s: %s%s%s)", part->position,
                                part->end, part->instance, stele_partition_state_name(part->state),
                                part->reason[0] == '\0' ? "" : ": ", part->reason);
    }
    int unseen = unseen_sources(on);
    if (unseen > 0)
        stele_buffer_format(out, "%s%d of %d sources (no worker reports on them)",
                            out->size == 0 ? "" : ", ", unseen, on->sources);
}
