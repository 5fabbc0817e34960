/* SPDX-License-Identifier: MIT
 * `pause` and `resume`: an order that the workers of a projection apply no events for now. */
#include "cli/cmd.h"

#include <string.h>

#include "cli/control.h"
#include "core/alloc.h"
#include "core/names.h"
#include "core/text.h"
#include "projections/orders.h"
#include "registry/client.h"

enum { REASON_MAX = 200 };

/* A stopped partition applies nothing, either. */
static bool is_paused(const void *since_ms, const stele_status_line *line)
{
    if (line->state == STELE_STATE_STOPPED) return true;
    return line->state == STELE_STATE_PAUSED && line->since_ms == *(const int64_t *)since_ms;
}

static bool is_resumed(const void *context, const stele_status_line *line)
{
    (void)context;
    return line->state != STELE_STATE_PAUSED;
}

static stele_exit order(stele_cli *cli, const char *name, const stele_control_order *what,
                        stele_control_is_done *is_done, const char *done)
{
    STELE_AUTO_VALUE(stele_control) of = {0};
    STELE_AUTO_VALUE(stele_control_heard) heard = {0};
    stele_error err = {0};
    if (stele_control_find(cli, name, &of, &err) < 0 || stele_control_give(&of, what, &err) < 0 ||
        stele_control_await(&of, is_done, &what->since_ms, &heard, &err) < 0)
        return stele_cli_fail_error(cli, &err);
    return stele_control_say(&of, &heard, done);
}

stele_exit stele_cmd_pause(stele_cli *cli, const stele_arguments *arguments)
{
    const char *reason = stele_arguments_text(arguments, "reason", NULL);
    if (reason != NULL && strlen(reason) > REASON_MAX)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "pause: --reason has %zu bytes, at most %d",
                              strlen(reason), REASON_MAX);
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    const stele_control_order what = {.key = STELE_PAUSE_KEY,
                                      .value = STELE_ORDER_PAUSE,
                                      .reason = reason,
                                      .since_ms = stele_clock_now_ms(stele_clock_system())};
    return order(cli, stele_arguments_operand(arguments, 0), &what, is_paused, "paused");
}

stele_exit stele_cmd_resume(stele_cli *cli, const stele_arguments *arguments)
{
    if (stele_cli_client(cli) == NULL) return STELE_EXIT_FAILED;
    const stele_control_order what = {.key = STELE_PAUSE_KEY,
                                      .since_ms = stele_clock_now_ms(stele_clock_system())};
    return order(cli, stele_arguments_operand(arguments, 0), &what, is_resumed, "resumed");
}
