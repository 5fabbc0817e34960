/* SPDX-License-Identifier: MIT
 * cli/move.c on the log in memory: whatever interrupts a move, the same one goes on, and at the end
 * each event is there once, each key's in order; and what someone else writes is noticed. */
#include "cli/move.h"

#include "core/alloc.h"
#include "kafka/memory_log.h"
#include "kafka/partitioner.h"
#include "registry/client.h"
#include "tests/support/test.h"

enum {
    EVENTS = 120,
    KEYS = 6,
    SOURCES_MAX = 3,
    ROUNDS = 60,
    ATTEMPTS_MAX = 12,
    TIMEOUT_MS = 5000,
    NEVER = 1000000
};

typedef struct made {
    int32_t partition;
    int64_t offset;
    char key[8];     /* "": none */
    char version[8]; /* "": none */
    char value[16];  /* "": a tombstone */
} made;

typedef struct world {
    uint64_t seed;
    stele_log *log;
    stele_client *client;
    stele_app app;
    stele_cli cli;
    atomic_bool stop;
    FILE *quiet;
    stele_cli_topic topic;
    made events[EVENTS];
    size_t counts[SOURCES_MAX]; /* events that each partition of the source has … */
    size_t shown[SOURCES_MAX];  /* … and shows by now */
    int32_t sources;
    int left; /* events until the walk fails */
    void (*act)(struct world *w);
    int acts_at; /* an event of all walks, from 1 */
    int walked;
} world;

static uint64_t draw(world *w, uint64_t count)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return w->seed % count;
}

/* Keys are where they belong; half of them have versions. */
static void make_events(world *w)
{
    int versions[KEYS] = {0};
    for (int i = 0; i < EVENTS; i++) {
        made *each = &w->events[i];
        /* Of several partitions without keys that become one the order is not kept. */
        size_t key = (size_t)draw(w, w->sources <= w->topic.partitions ? KEYS + 1 : KEYS);
        if (key < KEYS) snprintf(each->key, sizeof each->key, "k%zu", key);
        if (key < KEYS / 2) snprintf(each->version, sizeof each->version, "%d", ++versions[key]);
        /* Some are the same to the letter, as of a device that repeats itself. */
        if (draw(w, 10) > 0)
            snprintf(each->value, sizeof each->value, "v%d", key == 5 ? (int)draw(w, 2) : i);
        each->partition = key < KEYS ? stele_log_partition_of(stele_text(each->key), w->sources)
                                     : (int32_t)draw(w, (uint64_t)w->sources);
        each->offset = (int64_t)w->counts[each->partition]++;
    }
}

static stele_moved_event event_of(const made *from, stele_header *header)
{
    *header = (stele_header){"ce_aggregateversion", stele_text(from->version)};
    stele_moved_event event = {.partition = from->partition,
                               .offset = from->offset,
                               .time_ms = 1000,
                               .key = stele_text(from->key),
                               .value = stele_text(from->value),
                               .headers = header,
                               .header_count = from->version[0] != '\0'};
    if (from->key[0] == '\0') event.key = (stele_bytes){NULL, 0};
    if (from->value[0] == '\0') event.value = (stele_bytes){NULL, 0};
    return event;
}

static stele_status walk(void *self, stele_moved_each *each, void *context, stele_error *err)
{
    world *w = self;
    for (int32_t partition = 0; partition < w->sources; partition++) {
        for (int i = 0; i < EVENTS; i++) {
            const made *one = &w->events[i];
            if (one->partition != partition || one->offset >= (int64_t)w->shown[partition])
                continue;
            if (w->left-- == 0)
                return stele_fail(err, STELE_E_UNAVAILABLE, STELE_NEXT_STOP, "the source is away");
            if (++w->walked == w->acts_at) w->act(w);
            stele_header header;
            stele_moved_event event = event_of(one, &header);
            stele_status status = each(context, &event, err);
            if (status < 0) return status;
        }
    }
    return STELE_OK;
}

static world *world_opened(uint64_t seed)
{
    world *w = stele_alloc(sizeof *w);
    w->seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    w->left = NEVER;
    w->app.name = "test";
    w->quiet = fopen("/dev/null", "w");
    assert_int_equal(stele_log_memory_new(NULL, &w->log, NULL), STELE_OK);
    assert_int_equal(stele_client_open_on(w->log, NULL, "test", &w->client, NULL), STELE_OK);
    w->cli = (stele_cli){.app = &w->app,
                         .out = w->quiet,
                         .err = w->quiet,
                         .timeout_ms = TIMEOUT_MS,
                         .stop = &w->stop,
                         .client = w->client};
    w->sources = 1 + (int32_t)draw(w, SOURCES_MAX);
    w->topic = (stele_cli_topic){stele_strdup("to.events"), 1 + (int32_t)draw(w, 4)};
    stele_log_topic_options topic = {.name = w->topic.name, .partitions = w->topic.partitions};
    assert_int_equal(stele_log_topic_create(w->log, &topic, TIMEOUT_MS, NULL), STELE_OK);
    make_events(w);
    memcpy(w->shown, w->counts, sizeof w->shown);
    return w;
}

static void world_closed(world *w)
{
    stele_client_close(w->client);
    stele_log_free(w->log);
    stele_cli_topic_clear(&w->topic);
    fclose(w->quiet);
    free(w);
}

static stele_status moved(world *w, stele_move_counts *counts, stele_error *err)
{
    stele_move_source source = {.name = "from", .walk = walk, .self = w, .unit = 7};
    w->walked = 0;
    *counts = (stele_move_counts){0};
    return stele_move(&w->cli, &source, &w->topic, counts, err);
}

/* ---- what is there ---- */

typedef struct reading {
    world *w;
    int next[KEYS];                     /* the event of each key that has to come */
    int next_of_partition[SOURCES_MAX]; /* of those without a key, by where they come from */
    size_t count;
} reading;

static bool is_same(const made *one, const stele_moved_event *event)
{
    stele_header header;
    stele_moved_event wanted = event_of(one, &header);
    return stele_bytes_equal(wanted.key, event->key) &&
           stele_bytes_equal(wanted.value, event->value) &&
           wanted.header_count == event->header_count &&
           (wanted.header_count == 0 || stele_bytes_equal(header.value, event->headers[0].value)) &&
           event->time_ms == 1000;
}

/* The event that has to follow in its key; without a key, in its partition of the source. */
static stele_status check_event(void *context, const stele_moved_event *event, stele_error *err)
{
    reading *r = context;
    (void)err;
    r->count++;
    bool has_key = event->key.data != NULL;
    int32_t place = has_key ? stele_log_partition_of(event->key, r->w->topic.partitions) : 0;
    if (has_key) assert_int_equal(event->partition, place);
    for (int32_t source = 0; source < (has_key ? 1 : r->w->sources); source++) {
        if (!has_key && source % r->w->topic.partitions != event->partition) continue;
        int *next = has_key ? &r->next[event->key.data[1] - '0'] : &r->next_of_partition[source];
        int at = *next;
        while (at < EVENTS &&
               (has_key ? !stele_bytes_equal(stele_text(r->w->events[at].key), event->key)
                        : r->w->events[at].key[0] != '\0' || r->w->events[at].partition != source))
            at++;
        if (at == EVENTS || !is_same(&r->w->events[at], event)) continue;
        *next = at + 1;
        return STELE_OK;
    }
    fail_msg("%d/%d is no event that has to come", (int)event->partition, (int)event->offset);
    return STELE_OK;
}

static size_t checked(world *w)
{
    reading r = {.w = w};
    stele_event_range ranges[8];
    for (int32_t i = 0; i < w->topic.partitions; i++)
        ranges[i] = (stele_event_range){.partition = i, .until = INT64_MAX, .last = -1};
    stele_topic_walk how = {.log = w->log,
                            .topic = w->topic.name,
                            .ranges = ranges,
                            .count = (size_t)w->topic.partitions,
                            .patience_ms = TIMEOUT_MS};
    stele_error err;
    if (stele_walk_topic(&how, check_event, &r, &err) < 0) fail_msg("%s", err.text);
    return r.count;
}

/* ---- cases ---- */

static void do_harm(world *w)
{
    switch (draw(w, 7)) {
    case 0:
        w->left = (int)draw(w, EVENTS * 2);
        break;
    case 1:
        stele_log_memory_doubt_commit(w->log, STELE_LOG_MEMORY_DONE);
        break;
    case 2:
        stele_log_memory_doubt_commit(w->log, STELE_LOG_MEMORY_NOT_DONE);
        break;
    case 3:
        stele_log_memory_lose_markers(w->log);
        break;
    case 4:
        stele_log_memory_fail_append(w->log, 1 + draw(w, EVENTS), STELE_LOG_MEMORY_DIES_BEFORE);
        break;
    case 5:
        stele_log_memory_fail_append(w->log, 1 + draw(w, EVENTS), STELE_LOG_MEMORY_DIES_AFTER);
        break;
    default:
        break;
    }
}

static void a_move_goes_on_whatever_interrupts_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        world *w = world_opened(seed);
        stele_move_counts counts;
        stele_error err = {0};
        size_t shown = 0;
        /* At first the source has less: it goes on in all of its partitions between two moves. */
        for (int32_t i = 0; i < w->sources; i++)
            w->shown[i] = (size_t)draw(w, w->counts[i] + 1);
        stele_status status = STELE_E_UNAVAILABLE;
        for (int i = 0; i < ATTEMPTS_MAX && (status < 0 || shown < EVENTS); i++) {
            if (i < ATTEMPTS_MAX - 4) do_harm(w);
            status = moved(w, &counts, &err);
            w->left = NEVER;
            stele_log_memory_forget_faults(w->log);
            shown = 0;
            for (int32_t p = 0; p < w->sources; p++) {
                if (draw(w, 2) == 0 || i > 4) w->shown[p] = w->counts[p];
                shown += w->shown[p];
            }
        }
        status = moved(w, &counts, &err);

        if (status < 0) fail_msg("seed %d: %s", (int)seed, err.text);
        assert_int_equal(checked(w), EVENTS);
        assert_int_equal(moved(w, &counts, &err), STELE_OK);
        assert_int_equal(counts.added, 0);
        assert_int_equal(counts.present, EVENTS);
        world_closed(w);
    }
}

static void write_other(world *w)
{
    stele_log_producer *producer;
    stele_log_entry entry = {.partition = {w->topic.name, 0},
                             .key = stele_text("other"),
                             .value = stele_text("x"),
                             .timestamp_ms = 1000};
    assert_int_equal(
        stele_log_producer_open(w->log, &(stele_log_producer_options){0}, &producer, NULL),
        STELE_OK);
    assert_int_equal(stele_log_producer_put(producer, &entry, NULL), STELE_OK);
    assert_int_equal(stele_log_producer_flush(producer, TIMEOUT_MS, NULL), STELE_OK);
    stele_log_producer_close(producer);
}

static void what_someone_else_writes_meanwhile_is_noticed(void **state)
{
    (void)state;
    for (int at = 1; at <= 2 * EVENTS; at += 13) {
        world *w = world_opened(7);
        stele_move_counts counts;
        stele_error err = {0};
        w->act = write_other;
        w->acts_at = at;

        assert_int_equal(moved(w, &counts, &err), STELE_E_CONFLICT);

        assert_non_null(strstr(err.text, "is not from here: someone else writes to the topic"));
        world_closed(w);
    }
}

static void move_other(world *w)
{
    stele_move_counts counts;
    stele_error err;
    stele_move_source source = {.name = "from", .walk = walk, .self = w};
    w->acts_at = 0;
    if (stele_move(&w->cli, &source, &w->topic, &counts, &err) < 0) fail_msg("%s", err.text);
}

static void of_two_moves_the_later_one_wins(void **state)
{
    (void)state;
    world *w = world_opened(3);
    stele_move_counts counts;
    stele_error err = {0};
    w->act = move_other;
    w->acts_at = EVENTS + EVENTS / 2;

    assert_int_equal(moved(w, &counts, &err), STELE_E_FENCED);

    assert_non_null(strstr(err.text, "another import or copy into to.events has begun"));
    assert_int_equal(checked(w), EVENTS);
    world_closed(w);
}

static void a_stop_is_heeded(void **state)
{
    (void)state;
    world *w = world_opened(5);
    stele_move_counts counts;
    stele_error err = {0};
    atomic_store(&w->stop, true);

    assert_int_equal(moved(w, &counts, &err), STELE_E_INTERRUPTED);

    atomic_store(&w->stop, false);
    assert_int_equal(moved(w, &counts, &err), STELE_OK);
    assert_int_equal(checked(w), EVENTS);
    world_closed(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_move_goes_on_whatever_interrupts_it),
        cmocka_unit_test(what_someone_else_writes_meanwhile_is_noticed),
        cmocka_unit_test(of_two_moves_the_later_one_wins),
        cmocka_unit_test(a_stop_is_heeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
