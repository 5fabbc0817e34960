/* SPDX-License-Identifier: MIT
 * What the files of the feeds share: the feed of one topic, its streams, and what it keeps. */
#ifndef STELE_SERVER_FEED_H
#define STELE_SERVER_FEED_H

#include <stdatomic.h>

#include "consumer/event_line.h"
#include "consumer/value_reader.h"
#include "core/monitor.h"
#include "core/table.h"
#include "server/feeds.h"
#include "server/stream_cursor.h"

enum {
    STELE_FEED_KEPT_MAX = 16384, /* records that are kept */
    STELE_FEED_PASTS = 3,        /* threads that read what is not kept any more */
    STELE_FEED_MISSING_MAX = 32  /* schemas that a thread remembers as unknown */
};

/* ---- waking ---- */

/** Where the threads of a feed are woken. Its lock is taken last: nothing else is called with it,
 * but for the reader's wake. */
typedef struct stele_feed_bell {
    stele_monitor monitor;
    uint64_t rings;
    stele_log_reader *reader; /* to be woken, too; NULL: none */
} stele_feed_bell;

void stele_feed_ring(stele_feed_bell *bell);
uint64_t stele_feed_rings(stele_feed_bell *bell);

/** Wait until it rings again. @param heard  what stele_feed_rings has returned
 * @param timeout_ms  -1: no limit */
void stele_feed_await(stele_feed_bell *bell, uint64_t heard, int timeout_ms);

void stele_feed_wakes(stele_feed_bell *bell, stele_log_reader *reader);

/* ---- text ---- */

/** A schema that the registry does not know. */
typedef struct stele_feed_missing {
    int32_t schema;
    bool is_given_up;     /* it was waited for in vain, or others were just now … */
    stele_deadline until; /* … and until then it is not asked for; or until then it is waited for */
} stele_feed_missing;

/** Makes text of records. Used by one thread. All zero but the first two is ready. */
typedef struct stele_feed_teller {
    const stele_feed_subject *subject;
    stele_registry *registry;
    stele_event_lines *lines;
    stele_value_reader *values;
    stele_feed_missing missing[STELE_FEED_MISSING_MAX]; /* the last ones, in a circle */
    size_t missing_next;          /* so many were remembered, forgotten ones too */
    stele_deadline patience_from; /* no schema is waited for before then */
} stele_feed_teller;

void stele_feed_teller_clear(stele_feed_teller *teller);
STELE_VALUE_SCOPE(stele_feed_teller, stele_feed_teller_clear);

/**
 * The lines of a record, without an id and without the empty line behind them; none at all for a
 * record that is not shown. What cannot be decoded is an event that says so.
 *
 * @return next = RETRY  the registry is away, or is still asked: the same call again
 */
stele_status stele_feed_tell(stele_feed_teller *teller, const stele_batch *batch,
                             const stele_record *record, stele_buffer *out, stele_error *err);

/* ---- one stream ---- */

typedef struct stele_feed_stream {
    struct stele_feed_stream *next;
    stele_http_stream *stream;
    char *id;            /* of the one aggregate; NULL: all */
    stele_cursor cursor; /* what is next; `offsets` has all partitions, also of one only */
    int32_t partitions;
    uint64_t at;         /* number of the next record among those that are kept */
    bool is_live;        /* all that is next is kept, or still to come */
    bool is_taken;       /* one of the other threads feeds it: the rest belongs to that one */
    atomic_bool is_over; /* it is to end; any thread */
    bool has_moved;      /* the client does not know where it is */
    stele_deadline beat; /* when to say something */
} stele_feed_stream;

/** Is the partition one of its? */
bool stele_feed_stream_reads(const stele_feed_stream *stream, int32_t partition);

/** Is the record for it, and new? */
bool stele_feed_stream_wants(const stele_feed_stream *stream, int32_t partition, int64_t offset,
                             stele_bytes key);

/** What is before an offset is done with. */
void stele_feed_stream_pass(stele_feed_stream *stream, int32_t partition, int64_t next);

/** Give it the text of a record, and pass that. @return false: there is no room */
bool stele_feed_stream_give(stele_feed_stream *stream, int32_t partition, int64_t offset,
                            stele_bytes text, int beat_ms);

/** The first thing that it says: where it is, and when to come again. */
void stele_feed_stream_begin(stele_feed_stream *stream, int retry_ms);

/** Say that all is well, if nothing was said for long. */
void stele_feed_stream_beat(stele_feed_stream *stream, int beat_ms);

/** Say why it ends. */
void stele_feed_stream_tell_end(stele_feed_stream *stream, const stele_error *why);

/* ---- the feed of a topic ---- */

/** A record that is kept. */
typedef struct stele_feed_kept {
    int32_t partition;
    int64_t offset;
    bool is_old; /* a later one of its key is kept, too, and that is enough */
    stele_buffer key;
    stele_buffer text;
} stele_feed_kept;

typedef struct stele_feed {
    struct stele_feed *next; /* of the feeds */
    const stele_feeds_options *options;
    atomic_size_t *streams_count; /* of all feeds */
    stele_feed_subject subject;   /* its texts are owned; of all ids */
    stele_feed_bell bell;         /* of the thread that reads the end */
    stele_feed_bell late;         /* of the others */
    stele_thread threads[1 + STELE_FEED_PASTS];
    size_t thread_count;
    atomic_bool stops;
    atomic_bool is_doubted; /* a new stream has found another number of partitions */

    stele_monitor monitor; /* for the rest */
    int32_t partitions;
    stele_feed_stream *streams;
    bool is_following;                           /* the end is read */
    int64_t live[STELE_CURSOR_PARTITIONS_MAX];   /* up to here */
    int64_t begins[STELE_CURSOR_PARTITIONS_MAX]; /* and all from here on is kept */
    stele_feed_kept *kept[STELE_FEED_KEPT_MAX];  /* by number modulo the size */
    uint64_t first, end;                         /* numbers */
    size_t kept_size;
    stele_table *last; /* number of the last one of a key; NULL: every one is shown */
} stele_feed;

/** @return STELE_E_UNAVAILABLE  no threads are left (next = RETRY) */
stele_status stele_feed_new(const stele_feeds_options *options, atomic_size_t *streams_count,
                            const stele_feed_subject *subject, int32_t partitions, stele_feed **out,
                            stele_error *err);
void stele_feed_free(stele_feed *feed);

/** How the partitions of a topic are read where so much is fetched ahead, of all of them together
 * (64 KiB of each at least). */
stele_log_reader_options stele_feed_reading(size_t bytes, int32_t partitions);

/** The thread that reads the end. @param feed  a stele_feed */
void stele_feed_follow(void *feed);

/** A thread that reads what is not kept. @param feed  a stele_feed */
void stele_feed_catch_up(void *feed);

/* The lock is held. */

/** Is all that comes next for it kept, or still to come? */
bool stele_feed_has(const stele_feed *feed, const stele_feed_stream *stream);

/** Keep one more. @param kept  taken over */
void stele_feed_keep(stele_feed *feed, stele_feed_kept *kept);
void stele_feed_forget_all(stele_feed *feed);

/** Give every stream what it can take, and release those that are over. */
void stele_feed_tend(stele_feed *feed);

#endif
