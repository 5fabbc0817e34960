/* SPDX-License-Identifier: MIT
 * What the files of a SQL projection's tasks share. */
#ifndef STELE_PROJECTIONS_SQL_TASK_H
#define STELE_PROJECTIONS_SQL_TASK_H

#include "consumer/decoder.h"
#include "consumer/value_reader.h"
#include "projections/footing.h"
#include "projections/orders.h"
#include "projections/sql_projection.h"

struct stele_sql_projection {
    stele_sql_projection_options options;
    const stele_sql_source *source;
    stele_decoder *decoder;
    stele_value_reader *others; /* for events of types that no block names */
    stele_orders_lookout lookout;
};

/* Where the log begins and ends; asked once the partition is claimed. */
typedef struct bounds_question {
    stele_question base;
    stele_partition source;
    const char *group;
    int64_t start, end;
    int64_t followed; /* the group's offset; STELE_OFFSET_NONE: there is none, or it is not known */
    stele_error error;
} bounds_question;

typedef struct sql_task {
    stele_task base;
    stele_sql_projection *self;
    stele_worker *worker;
    stele_partition source;

    /* Taking it. */
    bool is_claimed, is_restored, is_ready;
    stele_sql_claim claim;
    int64_t opening;         /* of the database, in which it was claimed */
    bounds_question *bounds; /* NULL: not asked yet */
    int64_t verify_from;     /* reading begins here until the last event was compared */
    bool unverified;

    /* Where it stands. */
    stele_mark at;     /* up to there events are in a parcel, or stored */
    stele_mark stored; /* in the database */
    int64_t done;      /* all below is stored; what is told */
    int64_t followed;  /* the group's offset */
    int64_t followed_ns;
    stele_footing *footing; /* NULL: not asked yet */
    int64_t looked_ns;
    bool is_sure;
    stele_error unsure; /* why that could not be found out; STELE_OK: it was */
    int64_t applied;

    /* Requests. */
    stele_sql_request *request;
    int64_t sent_ns;
    stele_sql_parcel *filling;
    stele_sql_parcel *unsent; /* was refused for a while, and is sent again */
    int64_t since_ns;         /* when the first event came into `filling` */
    bool at_end;              /* of the log, when the last event came */
    stele_error waits;        /* why it was refused */
    int64_t retry_ns;
    int pause_ms;

    /* What is set aside: as the database has it, with all that is on its way there. */
    stele_parked *parked;
    stele_orders *orders;
    stele_parked_key *redriven; /* whose letters the request applies; NULL: it has events */
    stele_sql_parcel *pressing; /* letters of events that are stored, and are others by now: before
                                   all else, for what is refused may wait for them; NULL: none */
    bool is_pressing;           /* the request has such */
    size_t burst;       /* so few steps go together, after one has failed; 0: all that there are */
    int64_t refused_ms; /* when the first step of `unsent` has failed first, … */
    int attempts;       /* … and how often */
    int64_t warned_ns;  /* that something was set aside */

    bool held;       /* it is not read: there are rows enough */
    bool owes_batch; /* a batch was not taken whole: it comes again, and holds the reader */
} sql_task;

static inline int64_t sql_task_now(const sql_task *task)
{
    return stele_worker_now_ns(task->worker);
}

/* ---- sql_projection.c ---- */
/* The rows of an event, into a parcel. @return next = REJECT: it may be set aside */
stele_status sql_task_bind(sql_task *task, stele_sql_event *event, stele_sql_parcel *into,
                           stele_error *err);

/* ---- sql_send.c ---- */
stele_sql_desk *sql_task_desk(const sql_task *task);
stele_sql_caller sql_task_caller(const sql_task *task);
/* A request failed, or did not. @return the failure: what may pass is tried again after a while */
stele_status sql_task_pause(sql_task *task, const stele_error *why, stele_error *err);
void sql_task_go_on(sql_task *task);
bool sql_task_may_send(const sql_task *task);
/* @return why nothing comes of it for so long */
stele_status sql_task_still_waits(const sql_task *task, stele_error *err);
/* Send what is due; `urgent`: whatever there is. */
void sql_send(sql_task *task, bool urgent);
bool sql_send_is_done(const sql_task *task);
/* The next step of what is under way. */
stele_status sql_send_move_on(sql_task *task, bool urgent, stele_error *err);
/* Read no more events while there are enough. */
void sql_send_hold(sql_task *task);
/* The group's offset, for Kafka's own tools: whether it is taken does not matter. */
void sql_send_follow(sql_task *task, bool urgent);

/* ---- sql_park.c ---- */
void sql_park_open(sql_task *task);
/* What came with the answer to stele_sql_desk_letters. */
stele_status sql_park_restore(sql_task *task, const stele_sql_parcel *found, stele_error *err);
/* An event that comes: does the set say that it is not to be applied? Then its letter is in
 * `filling`. */
stele_status sql_park_consult(sql_task *task, const stele_batch *batch, const stele_record *record,
                              bool *applies, stele_error *err);
/* It cannot be bound. @return STELE_OK: it is set aside */
stele_status sql_park_refused(sql_task *task, const stele_batch *batch, const stele_record *record,
                              stele_error *err);
/* What may be set aside later is kept with its step, the last of `filling`. */
void sql_park_keep_event(sql_task *task, const stele_batch *batch, const stele_record *record);
/* The database refuses the first step that is left of a parcel. @return STELE_OK: it is to be sent
 * again; next = RETRY: after a while */
stele_status sql_park_failed(sql_task *task, stele_sql_parcel *parcel,
                             const stele_sql_answer *answer, stele_error *err);
/* Orders. */
void sql_park_turn(sql_task *task);
/* Letters that are others by now. @return NULL: none */
stele_sql_parcel *sql_park_press(sql_task *task);
/* They could not be stored for a while. @param parcel  taken over */
void sql_park_press_again(sql_task *task, stele_sql_parcel *parcel);
/* Letters that are to be tried again. @return NULL: there are none */
stele_sql_parcel *sql_park_redrive(sql_task *task);
void sql_park_redriven(sql_task *task, const stele_sql_answer *answer);

#endif
