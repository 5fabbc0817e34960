/* SPDX-License-Identifier: MIT
 * Takes requests to whoever owns a partition, by the owners' records, until they are answered or
 * their time is over. An owner that does not answer, is none any more or has no time just now is
 * asked again, or its successor is; so what is asked must be such that asking twice does it once.
 * It knows HTTP's status codes, and nothing of commands. */
#ifndef STELE_AGGREGATES_COURIER_H
#define STELE_AGGREGATES_COURIER_H

#include <stele/bytes.h>

#include "aggregates/owner_table.h"
#include "http/agent.h"

/** Fields of requests between instances. */
#define STELE_HOPS_FIELD    "Stele-Hops"       /* how often it was passed on */
#define STELE_TIMEOUT_FIELD "Stele-Timeout-Ms" /* how long the caller will wait */

enum {
    STELE_MISDIRECTED = 421 /* "not mine", with the owner that it knows as "owner" */
};

/** The code of a 503 that will be the same until a person has looked: the partition is stopped. */
#define STELE_STOPPED_CODE "stopped"

typedef struct stele_courier stele_courier;

typedef struct stele_courier_options {
    stele_runtime runtime;
    stele_owner_table *table; /* borrowed, outlives the courier; it tells no one else */
    stele_agent agent;
    const char *address; /* of this instance; borrowed; "": it has none */
    stele_log *log;      /* whose status says which partitions are stopped; borrowed; NULL: it is
                            not asked */
} stele_courier_options;

/**
 * @param out  caller owns; release with stele_courier_free
 * @return STELE_E_UNAVAILABLE  no thread is left (next = RETRY)
 */
stele_status stele_courier_new(const stele_courier_options *options, stele_courier **out,
                               stele_error *err);

/** Gives up what is on its way: it comes back as STELE_ERRAND_ENDED. */
void stele_courier_free(stele_courier *courier);
STELE_SCOPE(stele_courier, stele_courier_free);

/** How an errand ends. */
typedef enum stele_errand_end {
    STELE_ERRAND_ANSWERED = 0, /* by the owner */
    STELE_ERRAND_HERE,         /* the partition is this instance's now; nothing was sent, or it is
                                  not known what became of it */
    STELE_ERRAND_STOPPED,      /* the partition is, and the text says by whom and why: no one will
                                  answer before a person has looked */
    STELE_ERRAND_LATE,         /* its time is over */
    STELE_ERRAND_ENDED         /* the courier's is */
} stele_errand_end;

/** What came of it: views for the call. */
typedef struct stele_errand_outcome {
    stele_errand_end end;
    const stele_agent_answer *answer; /* NULL unless ANSWERED */
    bool may_be_done;                 /* a request was sent whose outcome is not known */
    const char *text;                 /* why it was not answered, for people */
} stele_errand_outcome;

/** In the courier's thread; it must not block. It may send errands. */
typedef void stele_errand_done(void *context, const stele_errand_outcome *outcome);

/** A request and where it goes. Copied, but for what `context` points to. */
typedef struct stele_errand {
    stele_partition partition;
    const char *method;
    const char *path;
    const char *const *fields; /* "Name: value"; NULL-terminated; NULL: none */
    stele_bytes body;          /* no data: none */
    int hops;                  /* that it has behind it */
    stele_deadline deadline;
    bool (*is_here)(void *context); /* does this instance own the partition? NULL: never */
    stele_errand_done *done;
    void *context;
} stele_errand;

/** Send it off. From any thread. `done` is called once. */
void stele_courier_send(stele_courier *courier, const stele_errand *errand);

#endif
