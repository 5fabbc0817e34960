/* SPDX-License-Identifier: MIT
 * `switch`: readers of a projection have another version of it from now on. It has to be where the
 * log ends when this is called, which is not before where the other one is. Both go on. */
#include "cli/cmd.h"

#include "cli/catch_up.h"
#include "consumer/served.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "registry/client.h"

enum {
    LOOK_MS = 200,
    SEEN_MS = 4000 /* by then each instance has asked: every second, and an answer may take two */
};

typedef struct switching {
    stele_cli *cli;
    const char *name; /* without a version */
    int version;
    stele_served before;
    stele_control of;
    stele_catch_up on;
} switching;

static void switching_clear(switching *s)
{
    stele_catch_up_clear(&s->on);
    stele_control_clear(&s->of);
}
STELE_VALUE_SCOPE(switching, switching_clear);

static stele_exit say(const switching *s, const char *how)
{
    stele_cli *cli = s->cli;
    if (!cli->json) {
        stele_cli_print(cli->out, "%s is %sserved by version %d", s->name, how, s->version);
        return STELE_EXIT_DONE;
    }
    STELE_AUTO_VALUE(stele_buffer) line = {0};
    stele_buffer_append(&line, stele_text("{\"projection\":"));
    stele_show_json(&line, stele_text(s->name));
    stele_buffer_format(&line, ",\"version\":%d,\"before\":%d}", s->version, s->before.version);
    stele_cli_print_json(cli->out, stele_buffer_view(&line));
    return STELE_EXIT_DONE;
}

static stele_status fail_behind(const switching *s, stele_error *err)
{
    const stele_catch_up_sum sum = stele_catch_up_sum_of(&s->on);
    STELE_AUTO_VALUE(stele_buffer) missing = {0};
    stele_catch_up_missing(&s->on, &missing);
    return stele_fail(err, STELE_E_CONFLICT, STELE_NEXT_STOP,
                      "%s is not where the log ends, and nothing was switched: %zu of %zu "
                      "partitions: %s",
                      s->of.group, s->on.count - sum.done, s->on.count,
                      stele_buffer_text(&missing));
}

/* Until it has what there was when this began; where it does not go on by itself, no one waits. */
static stele_status await(switching *s, stele_error *err)
{
    stele_deadline until = stele_deadline_after(stele_clock_system(), s->cli->timeout_ms);
    stele_status status = stele_catch_up_begin(&s->of, &s->on, err);
    s->on.is_to_serve = true;
    while (status == STELE_OK) {
        if ((status = stele_catch_up_look(&s->on, err)) < 0) return status;
        if (stele_catch_up_sum_of(&s->on).done == s->on.count) return STELE_OK;
        if (stele_catch_up_held(&s->on) != NULL || stele_deadline_passed(until))
            return fail_behind(s, err);
        if (atomic_load(s->cli->stop))
            return stele_fail(err, STELE_E_INTERRUPTED, STELE_NEXT_STOP,
                              "interrupted: nothing was switched");
        stele_sleep_ms(stele_log_runtime(s->of.log), LOOK_MS);
    }
    return status;
}

/* The record, and the time in which each instance hears of it. */
static stele_status choose(switching *s, stele_error *err)
{
    STELE_AUTO(char) topic = stele_control_topic(s->name);
    stele_status status = stele_control_ensure(s->cli, topic, 1, s->of.replication, err);
    if (status == STELE_OK)
        status =
            stele_served_write(s->of.log, s->name, s->version,
                               stele_clock_now_ms(stele_clock_system()), s->cli->timeout_ms, err);
    if (status == STELE_OK) stele_sleep_ms(stele_log_runtime(s->of.log), SEEN_MS);
    return status;
}

stele_exit stele_cmd_switch(stele_cli *cli, const stele_arguments *arguments)
{
    STELE_AUTO_VALUE(switching) s = {.cli = cli, .name = stele_arguments_operand(arguments, 0)};
    const char *number = stele_arguments_operand(arguments, 1);
    int64_t version = 0;
    stele_projection_name parsed;
    if (stele_projection_group_parse(stele_text(s.name), &parsed))
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "switch: %s has a version: say the name, and then the version that "
                              "readers are to have",
                              stele_quote(stele_text(s.name)).text);
    if (stele_parse_int64(stele_text(number), 1, INT32_MAX, &version, NULL) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "switch: %s is no version, such as 2",
                              stele_quote(stele_text(number)).text);
    s.version = (int)version;
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    stele_error err = {0};
    STELE_AUTO(char) group = stele_projection_group(s.name, s.version);
    if (stele_control_find(cli, group, &s.of, &err) < 0) return stele_cli_fail_error(cli, &err);
    stele_deadline by = stele_deadline_after(stele_log_clock(s.of.log), cli->timeout_ms);
    /* A record that is not understood is replaced. */
    if (stele_served_read(s.of.log, s.name, by, &s.before, &err) < 0 &&
        err.status != STELE_E_INVALID)
        return stele_cli_fail_error(cli, &err);
    if (s.before.version == s.version) return say(&s, "already ");
    if (await(&s, &err) < 0 || choose(&s, &err) < 0) return stele_cli_fail_error(cli, &err);
    return say(&s, "");
}
