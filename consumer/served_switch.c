/* SPDX-License-Identifier: MIT
 * Waiting for a version, writing it down, and waiting until it is heard of. */
#include "consumer/served_switch.h"

#include <inttypes.h>

#include "core/alloc.h"
#include "core/bug.h"
#include "core/names.h"

enum {
    LOOK_MS = 200,
    SEEN_MS = 4000 /* by then each instance has asked: every second, and an answer may take two */
};

typedef struct switching {
    const stele_switch_options *options;
    stele_log *log;
    stele_clock clock;
    stele_served before; /* the record, or whom readers have without one */
    stele_catch_up on;
    bool others_have_http; /* a worker of another version can be asked over HTTP */
    int64_t others_parked; /* events that the version of before has set aside */
} switching;

static void switching_clear(switching *s)
{
    stele_catch_up_clear(&s->on);
}
STELE_VALUE_SCOPE(switching, switching_clear);

/* ---- is it there? ---- */

static stele_status fail_behind(const switching *s, stele_error *err)
{
    const stele_catch_up_sum sum = stele_catch_up_sum_of(&s->on);
    bool is_already = s->before.is_chosen && s->before.version == s->options->version;
    STELE_AUTO_VALUE(stele_buffer) missing = {0};
    stele_catch_up_missing(&s->on, &missing);
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s is not where the log ends, and %s: %zu of %zu partitions: %s",
                      s->options->of.group,
                      is_already ? "readers have it already" : "nothing was switched",
                      s->on.count - sum.done, s->on.count, stele_buffer_text(&missing));
}

/* Until it has what there was when this began; where it does not go on by itself, no one waits. */
static stele_status await(switching *s, stele_error *err)
{
    const stele_switch_options *options = s->options;
    stele_deadline until = stele_deadline_after(s->clock, options->timeout_ms);
    stele_status status = stele_catch_up_begin(&options->of, &s->on, err);
    s->on.is_to_serve = true;
    for (size_t i = 0; STELE_BUG("ends from when the rebuild began") && i < s->on.count; i++)
        s->on.parts[i].end = s->on.parts[i].begins;
    while (status == STELE_OK) {
        if ((status = stele_catch_up_look(&s->on, err)) < 0) return status;
        if (stele_catch_up_is_done(&s->on)) return STELE_OK;
        if (stele_catch_up_held(&s->on) != NULL || stele_deadline_passed(until))
            return fail_behind(s, err);
        if (options->stop != NULL && atomic_load(options->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                              "interrupted: nothing was switched");
        stele_sleep_ms(stele_log_runtime(s->log), LOOK_MS);
    }
    return status;
}

/* ---- can it take the place of the other one? ---- */

static void take_line(void *context, const stele_status_line *line)
{
    switching *s = context;
    stele_projection_name name;
    if (line->is_over || !stele_projection_group_parse(stele_text(line->name), &name) ||
        !stele_bytes_equal(name.projection, stele_text(s->options->projection)) ||
        name.version == s->options->version)
        return;
    s->others_have_http = s->others_have_http || line->address[0] != '\0';
    if (name.version == s->before.version) s->others_parked += line->parked_events;
}

static stele_status check_http(const switching *s, stele_error *err)
{
    for (size_t i = 0; i < s->on.count; i++) {
        const stele_catch_up_part *part = &s->on.parts[i];
        if (part->is_alive && !part->has_address && s->others_have_http)
            return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                              "%s: %s, which has %s/%d, has no http.listen, and readers who ask "
                              "over HTTP would have no answer: start the workers of %s with "
                              "http.listen; nothing was switched",
                              s->options->of.group, part->instance, part->topic,
                              (int)part->partition, s->options->of.group);
    }
    return STELE_OK;
}

/* What it has set aside, and the other one has not, readers would miss. */
static stele_status check_parked(const switching *s, stele_error *err)
{
    int64_t events = 0, aggregates = 0;
    for (size_t i = 0; i < s->on.count; i++) {
        events += s->on.parts[i].parked_events;
        aggregates += s->on.parts[i].parked_aggregates;
    }
    if (s->options->takes_parked || events <= s->others_parked) return STELE_OK;
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s has set aside %" PRId64 " events of %" PRId64
                      " aggregates, and the version that readers have %" PRId64
                      ": `dlq list %s` shows them; `switch --with-parked` lets readers have it "
                      "without them; nothing was switched",
                      s->options->of.group, events, aggregates, s->others_parked,
                      s->options->of.group);
}

static stele_status check(switching *s, stele_error *err)
{
    stele_deadline by = stele_deadline_after(s->clock, s->options->of.timeout_ms);
    stele_status status = stele_status_read(s->log, NULL, by, take_line, s, err);
    if (status == STELE_OK) status = check_http(s, err);
    if (status == STELE_OK) status = check_parked(s, err);
    return status;
}

/* ---- writing it down ---- */

static bool is_already(const switching *s)
{
    return s->before.is_chosen && s->before.version == s->options->version;
}

static stele_status choose(switching *s, int64_t after, stele_error *err)
{
    const stele_served_choice choice = {.projection = s->options->projection,
                                        .version = s->options->version,
                                        .after = after,
                                        .since_ms = stele_clock_now_ms(s->clock),
                                        .replication = s->options->replication};
    stele_served now;
    return stele_served_choose(s->log, &choice,
                               stele_deadline_after(s->clock, s->options->timeout_ms), &now, err);
}

/* A record that is not understood is replaced. */
static stele_status look_before(switching *s, int64_t *after, stele_error *err)
{
    stele_deadline by = stele_deadline_after(s->clock, s->options->of.timeout_ms);
    stele_error why = {0};
    stele_status status = stele_served_read(s->log, s->options->projection, by, &s->before, &why);
    *after = s->before.offset;
    if (status == STELE_E_INVALID) {
        s->before.version = 0;
        return STELE_OK;
    }
    if (status == STELE_OK && !s->before.is_chosen)
        status = stele_served_find(s->log, s->options->projection, STELE_SERVED_BY_HTTP, by,
                                   &s->before, &why);
    if (status < 0) *err = why;
    return status;
}

stele_status stele_served_switch(const stele_switch_options *options, stele_switch_outcome *out,
                                 stele_error *err)
{
    STELE_AUTO_VALUE(switching)
    s = {.options = options, .log = options->of.log, .clock = stele_log_clock(options->of.log)};
    int64_t after = -1;
    stele_error own;
    if (err == NULL) err = &own;
    stele_status status = look_before(&s, &after, err);
    if (status == STELE_OK && STELE_BUG("the record before the version is there"))
        status = choose(&s, after, err);
    if (status == STELE_OK) status = await(&s, err);
    if (status == STELE_OK && !is_already(&s)) status = check(&s, err);
    /* Also where readers have it: the record of a command that was killed may be on its way still,
     * and counts no more then. */
    if (status == STELE_OK) status = choose(&s, after, err);
    if (status < 0) return status;
    stele_sleep_ms(stele_log_runtime(s.log), SEEN_MS);
    *out = (stele_switch_outcome){
        .before = s.before.version, .was_already = is_already(&s), .has_http = s.others_have_http};
    for (size_t i = 0; i < s.on.count; i++)
        out->has_http = out->has_http || s.on.parts[i].has_address;
    return STELE_OK;
}
