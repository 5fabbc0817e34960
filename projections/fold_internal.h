/* SPDX-License-Identifier: MIT
 * What the files of the fold share: one task for each partition. */
#ifndef STELE_PROJECTIONS_FOLD_INTERNAL_H
#define STELE_PROJECTIONS_FOLD_INTERNAL_H

#include "core/alloc.h"
#include "core/monitor.h"
#include "producer/fenced.h"
#include "projections/fold.h"
#include "projections/footing.h"
#include "projections/orders.h"
#include "projections/states.h"
#include "snapshots/count.h"
#include "snapshots/last_event.h"
#include "snapshots/restore.h"
#include "snapshots/topic.h"
#include "stores/kafka_sink.h"

enum {
    ASK_MS = 1000,  /* one question to broker or registry */
    CLOSE_MS = 1000 /* for what is open to be aborted */
};

/* A partition that the fold's id writes to. */
typedef struct fold_place {
    stele_partition partition;
    bool is_shared; /* with other ids, which may have something open there at any time */
    int64_t start;
    int64_t end;        /* its high watermark after the fence */
    int64_t stable_end; /* its last stable offset: below `end`, something hangs */
    bool has_end;       /* shared: others go on, so that the first `end` counts */
} fold_place;

/* What one partition's thread asks for all of them. Under the fold's monitor. */
typedef struct fold_once {
    bool asking; /* the others wait for it */
    bool known;
    int times; /* that it was asked and answered */
} fold_once;

struct stele_fold {
    stele_fold_options options;
    char *group;
    char *events;        /* the source topic */
    char *snapshots;     /* the snapshots topic */
    const char **others; /* topics that it writes to besides; NULL-terminated; owned */
    size_t other_count;
    size_t own_count; /* of them, those whose partition of the same number is the id's alone */
    stele_monitor monitor;
    int left_behind; /* tasks whose threads were not waited for */
    int taking;      /* tasks that are taking their partitions */
    fold_once count; /* of partitions, for those without a checkpoint */
    /* What follows, before the first partition is restored. */
    fold_once prepared;
    size_t batch_max; /* what the snapshots topic takes as one batch; 0: not known */
    int32_t state_schema;
    int32_t checkpoint_schema;
    char genesis[37];
    int64_t looked_ns; /* when its topics were looked at last */
    int generation;    /* of its snapshots topic */
    bool warned_of_unknown;
    stele_sql_guest *guest; /* of the table's desk, once it is admitted */
    stele_orders_lookout lookout;
    int cycles; /* of its tasks that are under way: they share the time for writing */
};

/**
 * Writing what has changed, in cycles. A cycle begins at a mark and puts all that is dirty then
 * into the sink, a bounded piece at a time. Meanwhile the fold goes on, so a state may be put that
 * is ahead of the mark. The close moves the position to the mark.
 */
typedef struct fold_writing {
    stele_sink *sink; /* owned; NULL until the partition is ours */
    bool active;
    bool closes; /* all is put */
    stele_mark mark;
    stele_entry *list;    /* to be put */
    stele_entry *buried;  /* finished before the mark: removed with the close, … */
    size_t buried_count;  /* … so many */
    bool owes_tombstones; /* there were more than a close removes: the next cycle is due at once */

    stele_mark committed; /* where the last cycle was closed */
    int64_t followed;     /* of a table: the group's offset, … */
    int64_t followed_ns;  /* … and when it was set last */
    bool owes_offset;     /* the group's offset is another one: it is set to `committed` at once */
    int64_t cycle_ns;     /* when the last cycle began */
    int64_t cycle_events; /* applied until then */
} fold_writing;

/** What the partition's thread wants of the worker's. */
typedef enum fold_want {
    FOLD_WANTS_NOTHING = 0,
    FOLD_WANTS_SNAPSHOTS, /* read the snapshots up to their end */
    FOLD_WANTS_GROUP      /* the member's group */
} fold_want;

/**
 * Taking a partition: straight-line code in a thread of its own (fold_take.c), for whatever asks
 * the broker blocks. What is read goes through the worker's reader and so through the worker's
 * thread. Under the monitor, but for what only one of the two has in its hands.
 */
typedef struct fold_taking {
    bool started;
    stele_thread thread;
    stele_monitor monitor;
    stele_log *log;
    int32_t partitions; /* of the source */

    bool cancelled; /* the task ends */
    bool abandoned; /* no one waits for the thread: it releases the task */
    bool ended;
    stele_error waits;  /* why it waits; STELE_OK */
    stele_error result; /* once it has ended */
    bool stops_all;     /* and it holds for all partitions */
    bool ended_hanging; /* to be logged by the worker's thread */

    fold_want want;
    stele_log_group *group; /* the answer */
    fold_place *places;     /* owned; the first is the snapshots', … */
    size_t place_count;     /* … and where there is more, the second the source's */
    bool reading;           /* the worker's reader reads the snapshots */

    stele_restore *restore;
    stele_restore_facts facts;
    bool hangs;             /* something is open that should not be, */
    bool hangs_alone;       /* also where no one else writes, */
    stele_deadline settles; /* and may be on its way to its end until then */
    bool is_mended;         /* the abort of our own was written */
    stele_resume resume;
    stele_states_stored stored;

    /* Where states are kept in a table. */
    bool rung;          /* the database has answered */
    stele_buffer after; /* the states up to this id are read */
    stele_sql_claim claim;
    int64_t opening; /* of the database, in which it was claimed */
    bool owes_offset;
} fold_taking;

/** The event that was refused last, as long as it is tried again. */
typedef struct fold_refused {
    int64_t offset;
    int attempts; /* 0: none is */
    int64_t first_ms;
} fold_refused;

typedef struct fold_task {
    stele_task base;
    stele_fold *fold;
    stele_worker *worker;
    stele_partition source;
    stele_partition snapshots;
    stele_fenced *fenced;
    stele_states *states;
    stele_parked *parked; /* NULL: an owner, and a table, leave out none of their events */
    stele_orders *orders; /* NULL: an owner takes none */
    fold_refused refused;
    struct fold_fetch *fetch; /* of a value from the log; NULL: none is asked for */
    bool owes_letters;        /* an order was carried out: it is stored at once */
    int64_t warned_ns;        /* that something was set aside */

    fold_taking taking;
    bool is_ours;          /* taken */
    stele_buffer commands; /* how far they are read; of the restore */
    bool has_commands;
    int64_t restored;
    int64_t verify_from; /* reading begins here until the checkpoint's last event was compared */
    bool unverified;

    stele_footing *footing; /* the question whether it stands on what it stood on; NULL: none yet */
    stele_mark witness;     /* a record that must still be there: its offset and hash */
    bool is_sure;           /* it was, when it was looked at for this cycle */
    int64_t asks_at_ns;     /* no question before it */
    int generation;         /* of the snapshots topic that it was restored from */

    stele_mailbox *box; /* in which others ask for states; NULL: not now */

    stele_mark at;   /* where it stands */
    int64_t log_end; /* as the last batch had it */
    fold_writing writing;
} fold_task;

/* ---- fold.c ---- */
/* Why no events are applied; NULL: they are. */
const stele_pause *fold_pause_of(const stele_task *task);
void fold_free_task(fold_task *task, int timeout_ms);

/* ---- fold_take.c: the partition's thread ---- */
stele_status fold_take_start(fold_task *task, stele_error *err);
void fold_take_cancel(fold_task *task);
/* A topic that went while a partition is taken, or is another one by now, is no reason to stop: it
 * begins again, and the topic is made again or waited for. @return status */
stele_status fold_judge_gone(fold_task *task, stele_status status, stele_error *err);
/* Its topic was deleted: all its partitions begin again, with one that may be another. */
void fold_forget_snapshots(stele_fold *fold);
/* @return false: the thread is left behind, and releases the task */
bool fold_take_join(fold_task *task, stele_deadline by);

/* Call again until it succeeds, or fails for good, or the task ends. */
typedef stele_status fold_question(fold_task *task, stele_error *err);
stele_status fold_insist(fold_task *task, fold_question *ask, stele_error *err);
/* @return false: the task ends */
bool fold_pause(fold_task *task, int timeout_ms);
/* The id that owns the partition. Caller frees. */
char *fold_id(const fold_task *task);
/* Tell a fact of the partition to whoever checks. */
void fold_tell(const fold_task *task, const char *what, int64_t value);
/* Wait for what the worker's thread does. @return false: the task ends */
bool fold_want_of_worker(fold_task *task, fold_want want);
stele_status fold_fail_cancelled(stele_error *err);

/* One partition's thread asks, the others wait for its answer. */
stele_status fold_ask_once(fold_task *task, fold_once *once, fold_question *ask, stele_error *err);
/* The id of a schema that is written. */
stele_status fold_register_type(const fold_task *task, const stele_type *type, int32_t *id,
                                stele_error *err);
/* Aggregates that are finished, and whose removal was still to be written, are dirty again. */
void fold_mark_unburied(fold_task *task);

/* ---- fold_table.c: likewise ---- */
/* Take a partition whose states are in a table. */
stele_status fold_table_take(fold_task *task, stele_error *err);
/* The worker's thread: what wakes it. */
stele_sql_caller fold_table_caller(const fold_task *task);
/* The worker's thread: let the group's offset follow, for Kafka's own tools. */
void fold_table_follow(fold_task *task);

/* ---- fold_mend.c: likewise ---- */
/* Ask for the ends of all that this partition restores from; end what hangs there. */
stele_status fold_agree_on_ends(fold_task *task, stele_error *err);

/* ---- fold_restore.c: the worker's thread ---- */
stele_status fold_prepare(fold_task *task, int64_t *start, stele_error *err);
stele_status fold_take_snapshots(fold_task *task, const stele_batch *batch, stele_error *err);
void fold_stop_reading(fold_task *task);

/* ---- fold_park.c: likewise ---- */
stele_status fold_park_restore(void *task, int64_t offset, stele_bytes stored, stele_error *err);
/* Snapshots and letters are there. */
void fold_park_begin(fold_task *task);
/* The event at the task's position failed as `err` says, and may be set aside.
 * @return STELE_OK: it was; go on behind it */
stele_status fold_park_refused(fold_task *task, const stele_batch *batch, stele_error *err);
/* Orders, and what is to be tried again. */
stele_status fold_park_turn(fold_task *task, stele_error *err);
/* Within a cycle: before the states, and behind them. @param full  the sink is: call it again */
stele_status fold_put_letters(fold_task *task, bool *full, stele_error *err);
stele_status fold_remove_letters(fold_task *task, bool *full, stele_error *err);

/* ---- fold_fetch.c: likewise ---- */
/* The value of a letter that is about to be tried, and that was left out where it is stored.
 * @return next = RETRY, also with an empty text: not yet
 *         STELE_E_HOLE  it is not in the log any more */
stele_status fold_fetch_value(fold_task *task, stele_dead_event *letter, stele_error *err);
void fold_fetch_forget(fold_task *task);

/* ---- fold_footing.c ---- */
/* An event that is about to be applied: the first is a witness until there is a checkpoint. */
void fold_footing_see(fold_task *task, const stele_record *first);
/* Look again, and be sure of nothing until that is answered. */
void fold_footing_ask(fold_task *task);
/* Ask if it is time to, take the answer if there is one. @return RETRY: it could not be answered */
stele_status fold_footing_check(fold_task *task, stele_error *err);
void fold_footing_forget(fold_task *task);

/* ---- fold_answer.c: the worker's thread ---- */
/* The partition is restored: others may ask for its states. Again is fine. */
void fold_answer_begin(fold_task *task);
/* Answer what was asked for and is known by now. */
void fold_answer(fold_task *task);
/* No more, what is open goes back. Again is fine. */
void fold_answer_end(fold_task *task);

/* ---- fold_write.c ---- */
void fold_writing_begin(fold_task *task);
/* One bounded piece; `urgent` while draining. */
stele_status fold_write(fold_task *task, bool urgent, stele_error *err);
/* Is all that was applied committed? */
bool fold_is_written(const fold_task *task);
void fold_writing_clear(fold_task *task);
/* The cycle that is under way, if any, is over. */
void fold_end_cycle(fold_task *task);

#endif
