/* SPDX-License-Identifier: MIT
 * What tests of feeds share: a log in memory with a topic of events and one of states, and a client
 * that takes what a stream has, without a server. */
#ifndef STELE_TESTS_FEED_STAGE_H
#define STELE_TESTS_FEED_STAGE_H

#include "core/alloc.h"
#include "core/monitor.h"
#include "server/feeds.h"
#include "tests/support/test.h"

#define EVENTS "account.events"
#define STATES "totals.v3.snapshots"

enum { ASK_MS = 10000, WAIT_MS = 20000, PARTITIONS = 3, BEAT_MS = 60000 };

/* ---- the log ---- */

typedef struct stage {
    stele_log *log;
    stele_registry *registry;
    stele_log_producer *producer;
    stele_feeds *feeds;
    int32_t schema;
} stage;

void must(stele_status status, const stele_error *err);

/** @param options  log and registry are the stage's */
void stage_open(stage *s, stele_feeds_options options);
void stage_close(stage *s);
STELE_VALUE_SCOPE(stage, stage_close);

/** A transaction. */
void begin(stage *s);
void commit(stage *s);
void put(stage *s, const char *topic, int32_t partition, const char *key, stele_bytes value,
         const stele_header *headers, size_t count);
void put_event(stage *s, int32_t partition, const char *id, int64_t cents);

/** A transaction with an event in each partition. */
void book(stage *s, int64_t cents);

/** @param cents  -1: its life has ended */
void put_state(stage *s, int32_t partition, const char *id, int64_t version, int64_t cents);

/* ---- a client ---- */

typedef struct client {
    stele_monitor monitor;
    bool is_told;
    stele_http_request request;
    stele_http_field field;
    stele_http_reply reply;
    stele_buffer heard;
    bool is_over;
} client;

void client_clear(client *c);
STELE_VALUE_SCOPE(client, client_clear);

extern const stele_feed_subject events;
extern const stele_feed_subject states;

/** @param last  Last-Event-ID; NULL: none */
void ask(stage *s, client *c, const stele_feed_subject *subject, const char *target,
         const char *last);

/** Wait until there is something to take, and take it. */
void hear_on(client *c);

/** Take what comes, until that text is there. */
void hear(client *c, const char *text);

#endif
