/* SPDX-License-Identifier: MIT
 * `rebuild`: watch a version of a projection as its workers make it, beside the one that readers
 * have, until it has all events that there were when this was called. The work is the workers', so
 * nothing is lost if this ends early. */
#include "cli/cmd.h"

#include <inttypes.h>

#include "cli/control.h"
#include "cli/meter.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"

enum { LOOK_MS = 500, SAY_MS = 5000 };

/* ---- which one ---- */

typedef struct newest {
    const char *name;
    int version; /* the highest that a living worker reports on; 0: none does */
} newest;

static void take_line(void *context, const stele_status_line *line)
{
    newest *of = context;
    stele_projection_name name;
    if (!line->is_over && stele_projection_group_is_of(line->name, of->name) &&
        stele_projection_group_parse(stele_text(line->name), &name) && name.version > of->version)
        of->version = name.version;
}

/* Of several versions that run, the newest is the one that is made. */
static stele_status find(stele_cli *cli, const char *name, int64_t version, stele_control *out,
                         stele_error *err)
{
    stele_projection_name parsed;
    bool is_whole = stele_projection_group_parse(stele_text(name), &parsed);
    if (is_whole && version != 0 && version != parsed.version)
        return stele_fail(err, STELE_E_INVALID, STELE_NEXT_STOP,
                          "%s is another version than --version %" PRId64, name, version);
    newest of = {.name = name, .version = (int)version};
    stele_log *log = stele_client_log(cli->client);
    if (version == 0 && !is_whole) {
        stele_deadline by = stele_deadline_after(stele_log_clock(log), cli->timeout_ms);
        stele_status status = stele_status_read(log, NULL, by, take_line, &of, err);
        if (status < 0) return status;
    }
    STELE_AUTO(char)
    group =
        is_whole || of.version == 0 ? stele_strdup(name) : stele_projection_group(name, of.version);
    return stele_control_find(cli, group, out, err);
}

/* ---- watching ---- */

typedef struct watch {
    stele_cli *cli;
    stele_control of;
    stele_catch_up_options how; /* views into `of` */
    stele_catch_up on;
    stele_meter meter;
    size_t known;     /* partitions of which the position is known, at the look before */
    int64_t first;    /* applied, when as many were known first … */
    int64_t began_ns; /* … and when that was: what is restored does not count into the rate */
    int64_t said_ns;
    int64_t applied;         /* at the look before */
    stele_deadline patience; /* for the next step forward */
} watch;

static void watch_clear(watch *w)
{
    stele_meter_clear(&w->meter);
    stele_catch_up_clear(&w->on);
    stele_control_clear(&w->of);
}
STELE_VALUE_SCOPE(watch, watch_clear);

static double rate_of(const watch *w, const stele_catch_up_sum *sum, int64_t now_ns)
{
    double seconds = (double)(now_ns - w->began_ns) / 1e9;
    return w->known > 0 && seconds > 0 ? (double)(sum->applied - w->first) / seconds : 0;
}

/* Without a terminal: a line now and then. */
static void say_progress(watch *w, const stele_catch_up_sum *sum)
{
    int64_t now_ns = stele_clock_monotonic_ns(stele_clock_system());
    if (w->meter.terminal || now_ns - w->said_ns < (int64_t)SAY_MS * 1000000) return;
    w->said_ns = now_ns;
    double rate = rate_of(w, sum, now_ns);
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_format(&line,
                        "%s: %" PRId64 " of %" PRId64 " events, %zu of %zu partitions, %.0f/s",
                        w->of.group, sum->applied, sum->total, sum->done, w->on.count, rate);
    if (rate >= 1)
        stele_buffer_format(&line, ", %" PRId64 " s left",
                            (int64_t)((double)(sum->total - sum->applied) / rate) + 1);
    stele_cli_print(w->cli->err, "%s", stele_buffer_text(&line));
}

static void show(watch *w, const stele_catch_up_sum *sum)
{
    if (sum->known > w->known) {
        w->first = sum->applied;
        w->began_ns = stele_clock_monotonic_ns(stele_clock_system());
        w->meter.total = sum->total - sum->applied;
        stele_meter_begin(&w->meter, stele_clock_system());
    }
    if (sum->applied > w->applied || sum->known > w->known)
        w->patience = stele_deadline_after(stele_clock_system(), w->cli->timeout_ms);
    w->known = sum->known;
    if (w->known == 0) return;
    w->applied = sum->applied;
    stele_meter_show(&w->meter, stele_clock_system(),
                     sum->applied > w->first ? sum->applied - w->first : 0);
    say_progress(w, sum);
}

static stele_exit fail_missing(watch *w, const stele_catch_up_sum *sum)
{
    STELE_AUTO_VALUE(stele_buffer) missing = {0};
    stele_catch_up_missing(&w->on, &missing);
    stele_meter_clear(&w->meter);
    if (sum->alive == 0)
        return stele_cli_fail(w->cli, STELE_EXIT_FAILED,
                              "no worker of %s runs: start the program, or the SQL file, of that "
                              "version beside the one that runs, with `run`",
                              w->of.group);
    return stele_cli_fail(w->cli, STELE_EXIT_FAILED,
                          "%s: %zu of %zu partitions are not there, and have not come further for "
                          "%d s: %s",
                          w->of.group, w->on.count - sum->done, w->on.count,
                          w->cli->timeout_ms / 1000, stele_buffer_text(&missing));
}

static stele_exit fail_held(watch *w, const stele_catch_up_part *part)
{
    bool is_paused = part->state == STELE_STATE_PAUSED;
    stele_meter_clear(&w->meter);
    return stele_cli_fail(
        w->cli, STELE_EXIT_FAILED, "%s: %s/%d is %s%s%s%s%s", w->of.group, part->topic,
        (int)part->partition, stele_partition_state_name(part->state),
        part->reason[0] == '\0' ? "" : ": ", part->reason,
        is_paused ? ": it goes on after `resume " : "", is_paused ? w->of.group : "");
}

static stele_exit say_done(watch *w, const stele_catch_up_sum *sum)
{
    int64_t now_ns = stele_clock_monotonic_ns(stele_clock_system());
    stele_meter_clear(&w->meter);
    if (!w->cli->json) {
        stele_cli_print(w->cli->out, "%s has all %" PRId64 " events of %zu partition%s",
                        w->of.group, sum->total, w->on.count, w->on.count == 1 ? "" : "s");
        return STELE_EXIT_DONE;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text("{\"projection\":"));
    stele_show_json(&line, stele_text(w->of.group));
    stele_buffer_format(&line, ",\"partitions\":%zu,\"events\":%" PRId64 ",\"rate\":%.1f}",
                        w->on.count, sum->total, rate_of(w, sum, now_ns));
    stele_cli_print_json(w->cli->out, stele_buffer_view(&line));
    return STELE_EXIT_DONE;
}

static stele_exit watch_it(watch *w)
{
    stele_error err = {0};
    w->patience = stele_deadline_after(stele_clock_system(), w->cli->timeout_ms);
    for (;;) {
        if (stele_catch_up_look(&w->on, &err) < 0) return stele_cli_fail_error(w->cli, &err);
        const stele_catch_up_sum sum = stele_catch_up_sum_of(&w->on);
        const stele_catch_up_part *held = stele_catch_up_held(&w->on);
        show(w, &sum);
        if (stele_catch_up_is_done(&w->on)) return say_done(w, &sum);
        if (held != NULL) return fail_held(w, held);
        if (stele_deadline_passed(w->patience)) return fail_missing(w, &sum);
        if (atomic_load(w->cli->stop)) {
            stele_meter_clear(&w->meter);
            return stele_cli_fail(w->cli, STELE_EXIT_FAILED,
                                  "interrupted: its workers go on; `pause %s` holds them, and "
                                  "`rebuild` again watches on",
                                  w->of.group);
        }
        stele_sleep_ms(stele_log_runtime(w->of.log), LOOK_MS);
    }
}

stele_exit stele_cmd_rebuild(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(watch)
    w = {
        .cli = cli,
        .meter = {.out = cli->err, .verb = "applied", .unit = "events", .terminal = cli->terminal}};
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    stele_error err = {0};
    if (find(cli, stele_arguments_operand(arguments, 0),
             stele_arguments_int(arguments, "version", 0), &w.of, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    w.how = stele_control_catch_up(&w.of);
    if (stele_catch_up_begin(&w.how, &w.on, &err) < 0) return stele_cli_fail_error(cli, &err);
    return watch_it(&w);
}
