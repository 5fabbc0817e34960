/* SPDX-License-Identifier: MIT
 * Where calls of one partition wait until its owner has time for them, in the order in which they
 * came. A desk outlives the tasks that own its partition one after the other: what one of them had
 * begun and could not finish comes back to the front. It knows neither commands nor Kafka. */
#ifndef STELE_AGGREGATES_DESK_H
#define STELE_AGGREGATES_DESK_H

#include <stele/writer.h>

#include "core/deadline.h"
#include "core/scope.h"

/** What a call wants. */
typedef enum stele_ticket_kind {
    STELE_TICKET_EXECUTE = 0, /* a decision on a command */
    STELE_TICKET_APPEND,      /* events appended as they are */
    STELE_TICKET_LOAD,        /* a copy of the state */
    STELE_TICKET_DUE          /* no call: a timer of the aggregate is due. Never on a desk */
} stele_ticket_kind;

/** Whoever was asked wrongly says who is to be asked instead. */
enum { STELE_HOPS_MAX = 1 };

/** A datum of one of the aggregate's types. */
typedef struct stele_ticket_datum {
    const stele_type *type;
    stele_bytes avro;
} stele_ticket_datum;

/** A call on its way, in one piece of memory with all that it points to. Owned by whoever has it;
 * released by stele_ticket_answer or stele_ticket_free. */
typedef struct stele_ticket {
    struct stele_ticket *next;
    stele_ticket_kind kind;
    stele_bytes aggregate_id;
    const stele_ticket_datum *data; /* the command, or the events */
    size_t count;
    int64_t expected_version;
    const char *command_id;
    const char *correlation_id; /* NULL: none */
    const char *traceparent;    /* NULL: none */
    stele_deadline deadline;
    size_t size;   /* of the memory */
    int hops;      /* how often other instances have passed it on */
    bool is_named; /* its caller knows the command's id, and may repeat it */
    bool is_tried; /* it was handed to a transaction once: it may be in the log */
    /** Of a load, before `done`. @param state  borrowed for the call; NULL: its life has ended */
    void (*loaded)(void *context, const void *state);
    stele_executed *done; /* NULL: its caller was told */
    void *context;
} stele_ticket;

/**
 * Copy a call.
 *
 * @param call     whose texts and id are copied; its data is not looked at
 * @param data     encoded; copied
 * @return owned, an EXECUTE without done, context and deadline; never NULL
 */
stele_ticket *stele_ticket_new(const stele_call *call, const stele_ticket_datum *data,
                               size_t count);

/** Tell its caller, who must not have been told. @param failure  NULL: it was carried out */
void stele_ticket_tell(stele_ticket *ticket, const stele_result *result,
                       const stele_error *failure);

/** Release it; its caller was told. */
void stele_ticket_free(stele_ticket *ticket);

/** Both. */
void stele_ticket_answer(stele_ticket *ticket, const stele_result *result,
                         const stele_error *failure);

/** Tickets in order. All zero is empty. */
typedef struct stele_ticket_list {
    stele_ticket *first;
    stele_ticket *last;
    size_t count;
} stele_ticket_list;

void stele_ticket_list_add(stele_ticket_list *list, stele_ticket *ticket);

/** Move all of `more` behind the last one of `list`. */
void stele_ticket_list_join(stele_ticket_list *list, stele_ticket_list *more);

/** @return the first one, taken out; NULL: there is none */
stele_ticket *stele_ticket_list_take(stele_ticket_list *list);

/** Who serves the desk. */
typedef enum stele_desk_state {
    STELE_DESK_ELSEWHERE = 0, /* another instance, or no one */
    STELE_DESK_TAKING,        /* this one, when it has restored */
    STELE_DESK_SERVING,       /* this one */
    STELE_DESK_STOPPED        /* no one: this one has it, and it needs a person */
} stele_desk_state;

/** Any thread may use it. */
typedef struct stele_desk stele_desk;

typedef struct stele_desk_options {
    stele_runtime runtime;
    const char *topic; /* for messages; borrowed */
    int32_t partition;
    size_t count_max; /* tickets that wait */
    size_t size_max;  /* bytes of them */
} stele_desk_options;

/** Empty, and elsewhere. Caller owns; release with stele_desk_free when it is empty. */
stele_desk *stele_desk_new(const stele_desk_options *options);
void stele_desk_free(stele_desk *desk);
STELE_SCOPE(stele_desk, stele_desk_free);

/**
 * Put a ticket behind the others.
 *
 * @param ticket   taken over on success only
 * @return STELE_E_FULL     no room (next = RETRY)
 *         STELE_E_STOPPED  the partition is stopped; the text says why (next = STOP)
 */
stele_status stele_desk_add(stele_desk *desk, stele_ticket *ticket, stele_error *err);

/** Take tickets from the front, `count_max` at most. */
stele_ticket_list stele_desk_take(stele_desk *desk, size_t count_max);

/** Put back to the front what was taken from there, in order. Never full. */
void stele_desk_return(stele_desk *desk, stele_ticket_list *tickets);

/** Take out those whose deadline has passed; cheap while there are none. */
stele_ticket_list stele_desk_expired(stele_desk *desk);

/**
 * Why one of them could not be answered: by who serves the desk, and whether it was tried.
 *
 * @param hindrance  what its owner waits for; "": nothing that is known
 */
stele_status stele_desk_fail_expired(stele_desk *desk, const stele_ticket *ticket,
                                     const char *hindrance, stele_error *err);

/** Why one of a desk that is stopped is not answered: by that, and whether it was tried. */
stele_status stele_desk_fail_stopped(stele_desk *desk, const stele_ticket *ticket,
                                     stele_error *err);

/** Any but STOPPED. */
void stele_desk_set_state(stele_desk *desk, stele_desk_state state);
/** From now on it is STOPPED, and takes no ticket. */
void stele_desk_stop(stele_desk *desk, const stele_error *why);
stele_desk_state stele_desk_get_state(stele_desk *desk);

/** How many wait. */
size_t stele_desk_count(stele_desk *desk);

#endif
