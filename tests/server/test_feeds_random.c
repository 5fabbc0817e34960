/* SPDX-License-Identifier: MIT
 * Clients come, are slow, break off in the middle of an event and come again with their last id,
 * while transactions are committed and aborted: whatever the history, each client has each
 * committed event of the log once, in order within a partition. */
#include "tests/server/feed_stage.h"
#include "tests/support/random.h"

enum { PLAYS = 12, STEPS = 250, CLIENTS = 5 };

typedef struct listener {
    client client;
    bool is_open;
    char *last;               /* id; NULL: none */
    int64_t seen[PARTITIONS]; /* numbers of events */
} listener;

typedef struct play {
    stele_random random;
    stage stage;
    int64_t written[PARTITIONS];
    listener listeners[CLIENTS];
} play;

/* ---- what a client makes of it ---- */

static void take_data(listener *l, const char *block)
{
    const char *place = strstr(block, EVENTS "/");
    const char *cents = strstr(block, "\"cents\":");
    if (strstr(block, "data: ") == NULL) return;
    if (place == NULL || cents == NULL) fail_msg("%s", block);
    long partition = strtol(place + strlen(EVENTS "/"), NULL, 10);
    long number = strtol(cents + strlen("\"cents\":"), NULL, 10);
    if (number != l->seen[partition] + 1)
        fail_msg("%ld behind %d\n%s", number, (int)l->seen[partition], block);
    l->seen[partition] = number;
}

/* All events that have come whole; what is left stays. */
static void dispatch(listener *l)
{
    stele_buffer *heard = &l->client.heard;
    const char *at = stele_buffer_text(heard);
    const char *end;
    for (; (end = strstr(at, "\n\n")) != NULL; at = end + 2) {
        STELE_AUTO(char) block = stele_strndup(at, (size_t)(end - at));
        const char *id = strstr(block, "id: ");
        if (id != NULL) {
            free(l->last);
            l->last = stele_strndup(id + 4, strcspn(id + 4, "\n"));
        }
        take_data(l, block);
    }
    size_t used = (size_t)(at - stele_buffer_text(heard));
    heard->size -= used;
    memmove(heard->data, heard->data + used, heard->size);
}

static void come(play *p, listener *l)
{
    l->client = (client){0};
    ask(&p->stage, &l->client, &events, "/?from=beginning", l->last);
    if (l->client.reply.stream == NULL) fail_msg("%s", l->client.reply.body);
    l->is_open = true;
}

/* Break off: what came by half is lost, and sometimes all that was not looked at. */
static void go(listener *l)
{
    client_clear(&l->client);
    l->is_open = false;
}

static void take(listener *l)
{
    stele_http_stream_take(l->client.reply.stream, &l->client.heard);
    dispatch(l);
}

/* Wait for something, if there is to be any. */
static void hear_some(const play *p, listener *l)
{
    take(l);
    if (memcmp(l->seen, p->written, sizeof l->seen) == 0) return;
    hear_on(&l->client);
    dispatch(l);
}

/* ---- the history ---- */

static void write_some(play *p)
{
    stele_error err = {0};
    bool is_aborted = stele_random_below(&p->random, 5) == 0;
    uint32_t count = 1 + stele_random_below(&p->random, 6);
    int64_t written[PARTITIONS];
    memcpy(written, p->written, sizeof written);
    begin(&p->stage);
    for (uint32_t i = 0; i < count; i++) {
        int32_t partition = (int32_t)stele_random_below(&p->random, PARTITIONS);
        put_event(&p->stage, partition, "a", is_aborted ? -1 : ++written[partition]);
    }
    if (is_aborted) {
        must(stele_log_producer_abort(p->stage.producer, ASK_MS, &err), &err);
        return;
    }
    commit(&p->stage);
    memcpy(p->written, written, sizeof written);
}

static void step(play *p)
{
    listener *l = &p->listeners[stele_random_below(&p->random, CLIENTS)];
    switch (stele_random_below(&p->random, 8)) {
    case 0:
        if (l->is_open) go(l);
        return;
    case 1:
        if (l->is_open) take(l);
        return;
    case 2:
        if (!l->is_open) come(p, l);
        return;
    case 3:
        if (l->is_open) hear_some(p, l);
        return;
    default:
        write_some(p);
    }
}

static void finish(play *p, listener *l)
{
    if (!l->is_open) come(p, l);
    take(l);
    while (memcmp(l->seen, p->written, sizeof l->seen) != 0) {
        hear_on(&l->client);
        dispatch(l);
    }
    go(l);
    free(l->last);
}

static void whoever_comes_and_goes_has_each_event_once(void **state)
{
    (void)state;
    static const size_t rooms[] = {1, 700, 65536};
    static const size_t sizes[] = {1500, 20000, 8 << 20};
    stele_random random = stele_random_from_environment();
    for (int i = 0; i < PLAYS; i++) {
        play p = {.random = random};
        stele_feeds_options options = {.room = rooms[stele_random_below(&p.random, 3)],
                                       .kept_max = sizes[stele_random_below(&p.random, 3)]};
        if (stele_random_below(&p.random, 2) == 0) options.beat_ms = 5;
        stage_open(&p.stage, options);
        for (int k = 0; k < STEPS; k++)
            step(&p);
        for (size_t k = 0; k < CLIENTS; k++)
            finish(&p, &p.listeners[k]);
        stage_close(&p.stage);
        random = p.random;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_comes_and_goes_has_each_event_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
