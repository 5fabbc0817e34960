/* SPDX-License-Identifier: MIT
 * What the files of the reactor share: one task for each partition. */
#ifndef STELE_AGGREGATES_REACTOR_INSIDE_H
#define STELE_AGGREGATES_REACTOR_INSIDE_H

#include "aggregates/reactor.h"
#include "aggregates/rules.h"
#include "consumer/decoder.h"
#include "producer/fenced.h"

/* Questions, which are answered in the asker's thread. */
typedef struct reactor_targets reactor_targets;
typedef struct reactor_begin reactor_begin;
typedef struct reactor_proof reactor_proof;

struct stele_reactor {
    stele_reactor_options options;
    const stele_aggregate *source;
    char *group;
    char *topic;              /* of the source */
    char **commands;          /* topics, by target; NULL-terminated; owned */
    const stele_type **types; /* events that have a rule; NULL-terminated; owned */
    size_t target_count;
    size_t schema_count; /* of commands of all targets */
    stele_decoder *decoder;
    stele_rules *rules;
    stele_buffer value;
    stele_buffer text;
    reactor_targets *targets; /* owned; NULL: not asked yet */
    bool is_ready;            /* what is below is known */
    int32_t *partitions;      /* of the commands topics, by target */
    int32_t *schemas;         /* by target and command, one after the other */
    size_t batch_max;         /* what each of them takes as one batch; 0: not known */
};

/** Where the last command is that was sent to a partition. */
typedef struct reactor_place {
    size_t target;
    int32_t index;
    int64_t offset;
    bool is_new; /* since it was asked last whether it is visible */
} reactor_place;

typedef struct reactor_task {
    stele_task base;
    stele_reactor *of;
    stele_worker *worker;
    stele_partition source;
    /* "<group>/<topic>/<partition>/<id of the first event>", so that a topic that was made anew has
     * another one. NULL: there is no event yet. */
    char *sender;
    stele_fenced *fenced; /* NULL: not yet */
    reactor_begin *begin; /* owned; NULL: not asked yet */
    bool is_mending;      /* an abort of our own is on its way: it ends an offset that hangs */
    int64_t hangs_ns;     /* the offset was found to be held by something open then; 0: it is not */
    stele_log_reader *holds; /* the reader in which the source is held back; NULL: it is not */

    int64_t position; /* of the next event */
    int64_t applied;
    stele_transaction *built; /* owned; NULL: nothing is to be sent */
    bool is_sent;             /* a transaction is in the writer's hands, … */
    int64_t sent_next;        /* … with all commands of the events before this one, … */
    int64_t sent_offset;      /* … and carries this offset; -1: none */

    reactor_place *places; /* owned */
    size_t place_count;
    int64_t committed_next; /* commands of all events before it are committed */
    int64_t proven;         /* … and are there for good */
    int64_t offset;         /* of the group, as it was committed last; -1: there is none */
    int64_t moved_ns;       /* when that was */
    reactor_proof *proof;   /* owned; NULL: not asked yet */
} reactor_task;

/* ---- reactor_ask.c ---- */

/* Partition counts and schemas of the targets. @return RETRY: not yet, with the reason or none */
stele_status reactor_ask_targets(reactor_task *self, stele_error *err);

typedef struct reactor_beginning {
    int64_t offset; /* of the group; -1: none */
    int64_t start;  /* of the source */
    int64_t end;
    char first[48]; /* its first event; "": there is none */
} reactor_beginning;

/* What an event is called in the name of a sender: its id, or else its time. */
void reactor_name_first(const stele_batch *batch, const stele_record *record, char out[48]);

/* Where to begin, after the fence.
 * @return RETRY: not yet; STELE_E_CONFLICT among it: something that is open holds the offset */
stele_status reactor_ask_begin(reactor_task *self, reactor_beginning *out, stele_error *err);

/* Is what was committed visible where it went? @return STELE_OK: it is, *next is what it was then;
 * RETRY: not known yet */
stele_status reactor_ask_proof(reactor_task *self, int64_t *next, stele_error *err);

void reactor_forget_questions(reactor_task *self);

/* ---- reactor_send.c ---- */

/* The first event of the source is known. */
void reactor_name_sender(reactor_task *self, const char *first);
stele_status reactor_take(reactor_task *self, const stele_batch *batch, stele_error *err);
/* Hand over what is built, take what became of it, move the offset.
 * @param urgent  the offset is moved as soon as it can be */
stele_status reactor_go_on(reactor_task *self, bool urgent, stele_error *err);
/* Is all committed, proven, and the group's offset where it stands? */
bool reactor_is_done(const reactor_task *self);

#endif
