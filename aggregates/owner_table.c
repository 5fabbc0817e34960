/* SPDX-License-Identifier: MIT
 * Following the owners' topic. */
#include "aggregates/owner_table.h"

#include "core/alloc.h"
#include "core/monitor.h"
#include "core/names.h"
#include "core/table.h"

enum {
    ASK_MS = 1000,  /* one question to the broker */
    PAUSE_MS = 500, /* before a topic that does not exist, or failed, is looked at again */
    WAIT_MS = 1000  /* for the next record, if no one wakes the reader */
};

struct stele_owner_table {
    stele_log *log;
    stele_thread thread;

    /* Under the monitor. */
    stele_monitor monitor;
    stele_log_reader *reader; /* NULL: nothing is read at this moment; of the thread, but to wake */
    stele_table *owners;      /* by key */
    uint64_t generation;
    bool is_loaded;
    bool is_telling;
    bool closes;
    stele_error trouble; /* why it cannot be followed at this moment */
    void (*changed)(void *context);
    void *context;
};

static const stele_partition partition = {STELE_OWNERS_TOPIC, 0};

/* ---- what others see ---- */

bool stele_owner_table_find(stele_owner_table *table, const char *topic, int32_t index,
                            stele_owner *out)
{
    STELE_AUTO(char) key = stele_owner_key(topic, index);
    stele_monitor_lock(&table->monitor);
    const stele_owner *found = stele_table_find(table->owners, stele_text(key));
    if (found != NULL) *out = *found;
    stele_monitor_unlock(&table->monitor);
    return found != NULL;
}

void stele_owner_table_tell(stele_owner_table *table, void (*changed)(void *context), void *context)
{
    stele_deadline never = stele_deadline_after(stele_log_clock(table->log), -1);
    stele_monitor_lock(&table->monitor);
    while (table->is_telling)
        stele_monitor_wait(&table->monitor, never);
    table->changed = changed;
    table->context = context;
    stele_monitor_unlock(&table->monitor);
}

stele_status stele_owner_table_await(stele_owner_table *table, stele_deadline by, stele_error *err)
{
    stele_monitor_lock(&table->monitor);
    while (!table->is_loaded && stele_monitor_wait(&table->monitor, by)) {
    }
    bool is_loaded = table->is_loaded;
    stele_error trouble = table->trouble;
    stele_monitor_unlock(&table->monitor);
    if (is_loaded) return STELE_OK;
    return stele_fail(err, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "%s was not read in time%s%s",
                      STELE_OWNERS_TOPIC, trouble.status < 0 ? ": " : "", trouble.text);
}

/* ---- the thread ---- */

/* An owner that has ended stays until the next one comes. The monitor is held. */
static void take_record(stele_owner_table *table, const stele_record *record)
{
    stele_bytes topic;
    int32_t index;
    stele_owner owner;
    if (record->key.data == NULL || record->value.data == NULL ||
        !stele_owner_key_parse(record->key, &topic, &index) ||
        !stele_owner_read(record->value, &owner))
        return;
    stele_owner *place = stele_table_insert(table->owners, record->key, NULL);
    if (place == NULL) return;
    *place = owner;
    table->generation++;
}

/* The monitor is held, and is not while others are told. */
static void tell(stele_owner_table *table)
{
    void (*changed)(void *context) = table->changed;
    void *context = table->context;
    stele_monitor_wake(&table->monitor);
    if (changed == NULL) return;
    table->is_telling = true;
    stele_monitor_unlock(&table->monitor);
    changed(context);
    stele_monitor_lock(&table->monitor);
    table->is_telling = false;
    stele_monitor_wake(&table->monitor);
}

static void take_batch(stele_owner_table *table, const stele_batch *batch)
{
    stele_monitor_lock(&table->monitor);
    uint64_t before = table->generation;
    for (size_t i = 0; i < batch->count; i++)
        take_record(table, &batch->records[i]);
    if (batch->at_end) table->is_loaded = true;
    table->trouble = batch->error;
    if (table->generation != before || batch->at_end) tell(table);
    stele_monitor_unlock(&table->monitor);
}

static bool closes(stele_owner_table *table)
{
    stele_monitor_lock(&table->monitor);
    bool is_over = table->closes;
    stele_monitor_unlock(&table->monitor);
    return is_over;
}

static void set_reader(stele_owner_table *table, stele_log_reader *reader)
{
    stele_monitor_lock(&table->monitor);
    table->reader = reader;
    stele_monitor_unlock(&table->monitor);
}

/* Read until it fails, or the table is closed. */
static stele_status follow(stele_owner_table *table, stele_log_reader *reader, stele_error *err)
{
    int64_t start, end;
    stele_status status =
        stele_log_bounds(table->log, partition, STELE_READ_COMMITTED, ASK_MS, &start, &end, err);
    if (status == STELE_OK) status = stele_log_reader_start(reader, partition, start, err);
    while (status == STELE_OK && !closes(table)) {
        STELE_AUTO_VALUE(stele_batch) batch = {0};
        if (stele_log_reader_next(reader, WAIT_MS, &batch, err) < 0) continue;
        take_batch(table, &batch);
        status = batch.status;
        if (status < 0) *err = batch.error;
    }
    return status;
}

/* A topic that does not exist yet has no owners. */
static void rest(stele_owner_table *table, stele_status status, const stele_error *why)
{
    stele_deadline until = stele_deadline_after(stele_log_clock(table->log), PAUSE_MS);
    stele_monitor_lock(&table->monitor);
    table->trouble = *why;
    if (status == STELE_E_NOT_FOUND) table->is_loaded = true;
    tell(table);
    while (!table->closes && stele_monitor_wait(&table->monitor, until)) {
    }
    stele_monitor_unlock(&table->monitor);
}

static void run(void *context)
{
    stele_owner_table *table = context;
    while (!closes(table)) {
        stele_error err = {0};
        stele_log_reader *reader = NULL;
        stele_status status = stele_log_reader_open(
            table->log, &(stele_log_reader_options){.queue_max = 1 << 20}, &reader, &err);
        if (status == STELE_OK) {
            set_reader(table, reader);
            status = follow(table, reader, &err);
            set_reader(table, NULL);
            stele_log_reader_close(reader);
        }
        if (status < 0) rest(table, status, &err);
    }
}

/* ---- the table ---- */

static void release(stele_owner_table *table)
{
    stele_table_free(table->owners);
    stele_monitor_clear(&table->monitor);
    free(table);
}

stele_status stele_owner_table_open(stele_log *log, stele_owner_table **out, stele_error *err)
{
    stele_runtime runtime = stele_log_runtime(log);
    uint64_t seed;
    stele_random_bytes(runtime, &seed, sizeof seed);
    stele_owner_table *table = stele_alloc(sizeof *table);
    table->log = log;
    table->owners = stele_table_new(sizeof(stele_owner), seed);
    stele_monitor_init(&table->monitor, runtime);
    int cause = stele_thread_start(runtime, &table->thread, "stele-owners", run, table);
    if (cause == 0) {
        *out = table;
        return STELE_OK;
    }
    release(table);
    return stele_fail_cause(err, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, cause,
                            "no thread to follow " STELE_OWNERS_TOPIC
                            ": raise the limit of threads");
}

void stele_owner_table_close(stele_owner_table *table)
{
    if (table == NULL) return;
    stele_monitor_lock(&table->monitor);
    table->closes = true;
    if (table->reader != NULL) stele_log_reader_wake(table->reader);
    stele_monitor_wake(&table->monitor);
    stele_monitor_unlock(&table->monitor);
    stele_thread_join(table->thread);
    release(table);
}
