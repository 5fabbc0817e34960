/* SPDX-License-Identifier: MIT
 * The lines in log and status. */
#include "consumer/report.h"

#include <stdlib.h>

#include "core/alloc.h"

enum { LOG_MS = 1000 };

void report_clear(report *self)
{
    free(self->lines);
    *self = (report){0};
}

static report_line *line_of(report *self, int32_t partition)
{
    if (partition >= self->count) {
        size_t count = (size_t)partition + 1;
        self->lines = stele_realloc_array(self->lines, count, sizeof(report_line));
        memset(&self->lines[self->count], 0, (count - (size_t)self->count) * sizeof(report_line));
        self->count = (int32_t)count;
    }
    return &self->lines[partition];
}

static void log_state(const slot_host *host, const slot *of, stele_partition_state state,
                      const char *reason)
{
    bool is_bad = state == STELE_STATE_STALLED || state == STELE_STATE_WAITING;
    stele_logger_level level = state == STELE_STATE_STOPPED ? STELE_LOGGER_ERROR
                               : is_bad                     ? STELE_LOGGER_WARN
                                                            : STELE_LOGGER_INFO;
    stele_logger_write(host->logger, level, stele_partition_state_name(state),
                       STELE_LOGGER_FIELDS(stele_logger_text("worker", host->name),
                                           stele_logger_text("topic", host->topic),
                                           stele_logger_int("partition", of->index),
                                           stele_logger_int("position", of->progress.position),
                                           stele_logger_text("reason", reason)));
}

void report_slot(report *self, const slot_host *host, const slot *of)
{
    if (of->phase == SLOT_FREE) return;
    report_line *line = line_of(self, of->index);
    const char *reason;
    stele_partition_state state = slot_state(host, of, &reason);
    const stele_pause *pause = slot_pause(of);
    int64_t paused_ms = pause == NULL ? 0 : pause->since_ms;
    bool is_new = !line->is_known || state != line->state || strcmp(reason, line->reason.text) != 0;
    bool has_progress = of->progress.position != line->progress.position ||
                        of->progress.applied != line->progress.applied ||
                        of->progress.reset_ms != line->progress.reset_ms ||
                        paused_ms != line->paused_ms ||
                        of->progress.parked_keys != line->progress.parked_keys ||
                        of->progress.parked_events != line->progress.parked_events;
    if (!is_new && !has_progress) return;
    /* One that only words its reason in another way is a line once a second. */
    int64_t now_ns = slot_now(host);
    bool is_due =
        !line->is_known || state != line->state || now_ns >= after_ms(line->logged_ns, LOG_MS);
    if (is_new && is_due) {
        log_state(host, of, state, reason);
        line->logged_ns = now_ns;
        stele_fail(&line->reason, STELE_OK, STELE_NEXT_STOP, "%s", reason);
    }
    line->is_known = true;
    line->state = state;
    line->progress = of->progress;
    line->paused_ms = paused_ms;
    stele_status_board_parked(host->board, of->index, of->progress.parked_keys,
                              of->progress.parked_events);
    stele_status_board_ordered(host->board, of->index, paused_ms, of->progress.reset_ms);
    stele_status_board_set(host->board, of->index, state, reason, of->progress.position,
                           of->progress.applied);
}

void report_gone(report *self, const slot_host *host, const slot *of)
{
    if (of->index < self->count) self->lines[of->index] = (report_line){0};
    if (!of->keeps_line) stele_status_board_drop(host->board, of->index);
}
