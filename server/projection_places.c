/* SPDX-License-Identifier: MIT
 * Rows of the status, kept until there is a doubt. */
#include "server/projection_places.h"

#include <string.h>

#include "consumer/status.h"
#include "core/alloc.h"
#include "core/message.h"
#include "core/monitor.h"
#include "core/names.h"
#include "core/table.h"

enum { AGAIN_MS = 1000, READ_MS = 2000, SHUN_MS = 5000 };

typedef struct row {
    stele_place place;
    int64_t time_ms; /* of the row */
} row;

struct stele_places {
    stele_log *log;
    stele_monitor monitor;
    stele_table *rows;    /* by the key of the status */
    stele_table *shunned; /* by address: until when */
    int64_t read_ns;      /* when it was read last */
    bool has_read;
    bool is_reading;
    bool is_doubted;
};

stele_places *stele_places_new(stele_log *log)
{
    stele_places *places = stele_alloc(sizeof *places);
    places->log = log;
    places->rows = stele_table_new(sizeof(row), 0);
    places->shunned = stele_table_new(sizeof(int64_t), 0);
    stele_monitor_init(&places->monitor, stele_log_runtime(log));
    return places;
}

void stele_places_free(stele_places *places)
{
    if (places == NULL) return;
    stele_monitor_clear(&places->monitor);
    stele_table_free(places->rows);
    stele_table_free(places->shunned);
    free(places);
}

/* Whoever may write the status says where we ask: at a host and a port, and nowhere else. */
static bool is_address(const char *text)
{
    static const char *const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-._:[]%";
    size_t size = strlen(text);
    return size > 0 && size < STELE_PLACE_ADDRESS_MAX && strspn(text, allowed) == size;
}

static void take_line(void *context, const stele_status_line *line)
{
    stele_table *rows = context;
    bool is_stopped = line->state == STELE_STATE_STOPPED;
    if (line->is_over || (!is_stopped && !is_address(line->address))) return;
    STELE_AUTO(char) key = stele_status_key(line->name, line->topic, line->partition);
    row *known = stele_table_insert(rows, stele_text(key), NULL);
    if (known == NULL || line->time_ms < known->time_ms) return;
    *known = (row){.place.is_stopped = is_stopped, .time_ms = line->time_ms};
    if (is_stopped)
        stele_message_format(known->place.reason, sizeof known->place.reason, "%s", line->reason);
    else
        memcpy(known->place.address, line->address, strlen(line->address) + 1);
}

/* The monitor is held, and is not while the topic is read. One that fails leaves what is known. */
static void read_again(stele_places *places)
{
    stele_clock clock = stele_log_clock(places->log);
    places->is_reading = true;
    stele_monitor_unlock(&places->monitor);
    stele_table *rows = stele_table_new(sizeof(row), 0);
    stele_status status = stele_status_read(places->log, NULL, stele_deadline_after(clock, READ_MS),
                                            take_line, rows, NULL);
    stele_monitor_lock(&places->monitor);
    if (status == STELE_OK) {
        stele_table *before = places->rows;
        places->rows = rows;
        rows = before;
        places->is_doubted = false;
    }
    stele_table_free(rows);
    places->read_ns = stele_clock_monotonic_ns(clock);
    places->has_read = true;
    places->is_reading = false;
    stele_monitor_wake(&places->monitor);
}

/* The monitor is held. */
static bool is_to_be_read(const stele_places *places, bool is_known)
{
    int64_t now_ns = stele_log_now_ns(places->log);
    bool is_old = now_ns - places->read_ns >= (int64_t)AGAIN_MS * 1000000;
    return !places->has_read || (is_old && (places->is_doubted || !is_known));
}

static bool is_shunned(const stele_places *places, const char *address)
{
    const int64_t *until_ns = stele_table_find(places->shunned, stele_text(address));
    return until_ns != NULL && stele_log_now_ns(places->log) < *until_ns;
}

bool stele_places_find(stele_places *places, const char *group, stele_partition source,
                       stele_place *out)
{
    STELE_AUTO(char) key = stele_status_key(group, source.topic, source.index);
    stele_deadline until = stele_deadline_after(stele_log_clock(places->log), READ_MS);
    stele_monitor_lock(&places->monitor);
    while (places->is_reading && stele_monitor_wait(&places->monitor, until)) {
    }
    const row *found = stele_table_find(places->rows, stele_text(key));
    bool is_settled = found != NULL && !found->place.is_stopped;
    if (!places->is_reading && is_to_be_read(places, is_settled)) {
        read_again(places);
        found = stele_table_find(places->rows, stele_text(key));
    }
    bool is_known = found != NULL && !is_shunned(places, found->place.address);
    if (is_known) *out = found->place;
    stele_monitor_unlock(&places->monitor);
    return is_known;
}

void stele_places_shun(stele_places *places, const char *address)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(places->log), SHUN_MS);
    stele_monitor_lock(&places->monitor);
    int64_t *until_ns = stele_table_insert(places->shunned, stele_text(address), NULL);
    if (until_ns != NULL) *until_ns = until.end_ns;
    stele_monitor_unlock(&places->monitor);
}

void stele_places_doubt(stele_places *places)
{
    stele_monitor_lock(&places->monitor);
    places->is_doubted = true;
    stele_monitor_unlock(&places->monitor);
}
