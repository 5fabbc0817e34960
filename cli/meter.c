/* SPDX-License-Identifier: MIT
 * Progress on a terminal. Answers for its one line only. */
#include "cli/meter.h"

#include <inttypes.h>

#define REDRAW_NS INT64_C(100000000)
#define BAR_WIDTH 30

void stele_meter_begin(stele_meter *meter, stele_clock clock)
{
    meter->began_ns = stele_clock_monotonic_ns(clock);
    meter->drawn_ns = meter->began_ns;
}

static void draw_bar(FILE *out, int64_t done, int64_t total)
{
    int full = total > 0 ? (int)(done * BAR_WIDTH / total) : 0;
    if (full > BAR_WIDTH) full = BAR_WIDTH;
    fputc('[', out);
    for (int i = 0; i < BAR_WIDTH; i++)
        fputc(i < full ? '#' : '.', out);
    fprintf(out, "] ");
}

void stele_meter_show(stele_meter *meter, stele_clock clock, int64_t done)
{
    if (!meter->terminal) return;
    int64_t now = stele_clock_monotonic_ns(clock);
    if (now - meter->drawn_ns < REDRAW_NS) return;
    meter->drawn_ns = now;
    meter->drawn = true;
    int64_t elapsed_ms = (now - meter->began_ns) / 1000000;
    int64_t rate = elapsed_ms > 0 ? done * 1000 / elapsed_ms : 0;
    fprintf(meter->out, "\r\x1b[K");
    if (meter->total > 0) draw_bar(meter->out, done, meter->total);
    fprintf(meter->out, "%" PRId64 " %s %s, %" PRId64 "/s", done, meter->unit, meter->verb, rate);
    if (meter->total > done && rate > 0)
        fprintf(meter->out, ", %" PRId64 " s left", (meter->total - done) / rate);
    fflush(meter->out);
}

void stele_meter_clear(stele_meter *meter)
{
    if (!meter->drawn) return;
    fprintf(meter->out, "\r\x1b[K");
    fflush(meter->out);
    meter->drawn = false;
}
