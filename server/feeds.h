/* SPDX-License-Identifier: MIT
 * Streams of what comes into topics: of the events of an aggregate, and of the states that a
 * projection has written. A client begins where it likes, gets what was there and then what comes,
 * in one stream; what is committed and nothing else. Any instance has all partitions, as it reads
 * the topics itself.
 *
 * All streams of a topic share a reader of its end, in a thread of their own, which keeps the
 * newest records. A stream that begins earlier, or whose client is slow, is fed from the log by one
 * of a few more threads, until it has come to what is kept. So a stream costs no thread, and memory
 * up to a limit whatever its client does. */
#ifndef STELE_SERVER_FEEDS_H
#define STELE_SERVER_FEEDS_H

#include "core/scope.h"
#include "kafka/log.h"
#include "registry/registry.h"
#include "server/http_reply.h"
#include "server/http_request.h"

typedef struct stele_feeds stele_feeds;

/** Zero means the default. Log and registry are borrowed and outlive the feeds. */
typedef struct stele_feeds_options {
    stele_log *log;
    stele_registry *registry;
    size_t streams_max; /* at one time; 1,024 */
    size_t room;        /* bytes of a stream that wait for its client; 64 KiB, and one event */
    size_t kept_max;    /* bytes of the newest records of a topic that are kept; 8 MiB */
    int beat_ms;        /* a stream says something that often; 15,000 */
} stele_feeds_options;

/** @return never NULL; caller owns; release with stele_feeds_free, after the server */
stele_feeds *stele_feeds_new(const stele_feeds_options *options);
void stele_feeds_free(stele_feeds *feeds);
STELE_SCOPE(stele_feeds, stele_feeds_free);

typedef enum stele_feed_kind {
    STELE_FEED_EVENTS = 0,
    STELE_FEED_STATES /* of a projection; of those that wait the last one of a key is enough */
} stele_feed_kind;

/** Of what. Borrowed for the call. */
typedef struct stele_feed_subject {
    stele_feed_kind kind;
    const char *topic;
    const char *events; /* states: the topic that they are made from */
    int version;        /* states: the projection's */
    const char *id;     /* of one aggregate only; NULL: all */
} stele_feed_subject;

/** Is a stream asked for, rather than what else is at the path: by `Accept`, `from`, or
 * `Last-Event-ID`? */
bool stele_feeds_is_asked(const stele_http_request *request);

/** Reply with a stream that begins where the request says, or with what is wrong. Asks the broker,
 * and waits for it. */
void stele_feeds_reply(stele_feeds *feeds, const stele_feed_subject *subject,
                       const stele_http_request *request, stele_http_reply *reply);

/** Make those who wait in stele_feeds_reply return soon. */
void stele_feeds_interrupt(stele_feeds *feeds);

#endif
