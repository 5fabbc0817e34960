/* SPDX-License-Identifier: MIT
 * What the files of the ownership share: one task for each partition. */
#ifndef STELE_AGGREGATES_OWNERSHIP_INSIDE_H
#define STELE_AGGREGATES_OWNERSHIP_INSIDE_H

#include "aggregates/decision.h"
#include "aggregates/inbox.h"
#include "aggregates/overlay.h"
#include "aggregates/ownership.h"
#include "aggregates/remembered.h"
#include "consumer/decoder.h"
#include "aggregates/timers.h"
#include "core/table.h"
#include "core/uuid.h"
#include "producer/fenced.h"

enum {
    OWNER_LANE = 1,        /* lane 0 is the snapshots' */
    OWNER_AHEAD_MAX = 8192 /* commands that are taken beyond those that are proven */
};

/* A question that is asked for all partitions. */
typedef struct terms terms;
/* Questions of one of them. */
typedef struct visibility visibility;
typedef struct proof proof;
/* What there is of commands and dead letters when a partition is taken. */
typedef struct inbox_look inbox_look;

struct stele_ownership {
    stele_ownership_options options;
    char *topic; /* "<aggregate>.events" */
    stele_decider *decider;
    stele_remembered_limits limits;
    stele_uuid_source ids;
    void *state; /* what events are tried on before they are appended; owned value */
    stele_buffer value;
    stele_buffer key;
    stele_decided_event *given; /* of an append */

    int32_t *schemas;   /* ids of the aggregate's events, by index … */
    bool is_registered; /* … once they are known */
    terms *terms;       /* owned; NULL: not asked yet */

    /* Where commands come from a topic, too. */
    char *commands_topic;
    char *dead_topic;
    const stele_type **command_types; /* NULL-terminated */
};

/** A record of the commands topic that waits. */
typedef struct mail {
    struct mail *next;
    int64_t offset;
    int64_t time_ms;
    stele_bytes key;
    stele_bytes value;
    stele_header *headers;
    size_t header_count;
    size_t size; /* of its memory */
    stele_error
        *failure; /* owned; why it becomes a dead letter without being decided on; or NULL */
    int left_out; /* of its dead letter, which is more than the broker takes: 1: its value; 2: its
                     key and its headers, too */
    bool is_seen; /* it is known whether its sender has sent it before */
} mail;

typedef struct mail_list {
    mail *first;
    mail *last;
    size_t count;
    size_t size;
} mail_list;

/** A record of how far the commands are. */
typedef struct inbox_record {
    int64_t at;         /* in the snapshots; -1: there is none, or the broker has not said where */
    int64_t next;       /* it knows of the commands before that one … */
    int64_t events;     /* … and what comes of later ones is not before this one of the events */
    bool is_past_doubt; /* all that the owner before may have taken was taken again by then */
} inbox_record;

/** What may be taken again, and so has to stay remembered: owner_window.c. */
typedef struct owner_window {
    int64_t decided;     /* behind the last command of which something is in a batch */
    int64_t proven;      /* all before it is in a record that everyone sees */
    bool is_said;        /* there is one of this owner's, or none is needed */
    bool is_in_doubt;    /* the owner before may have taken more than it has written down … */
    int64_t behind;      /* … but none from here on */
    int64_t doubt_from;  /* what came of those is not before it */
    int64_t events_from; /* what came of this one's that are not proven is not before it */
    stele_table *marks;  /* owned; of aggregates whose commands are not proven; NULL: none was */
    inbox_record last;   /* of those that are committed and not proven */
    inbox_record asked;
    visibility *visible; /* a question; owned; NULL: not asked yet */
    bool is_wanted;      /* someone waits for a record to be visible, or will soon … */
    bool is_full;        /* … and does by now: a command, … */
    bool holds_calls;    /* … a call, and those behind it … */
    bool holds_timers;   /* … or a timer */
    bool has_waited;     /* in the turn before, too */
    stele_deadline late; /* the last record is to be visible by then */
    stele_deadline stuck;
} owner_window;

/** The commands of a partition. */
typedef struct owner_inbox {
    stele_partition commands; /* topic NULL: there are none */
    stele_partition dead;
    stele_decoder *decoder; /* owned; it waits for one schema at a time */
    inbox_look *look;       /* owned; NULL: not asked yet */
    bool has_record;        /* the owner before had written down how far they are: … */
    bool is_restored;
    stele_inbox restored; /* … this */
    int64_t *found;       /* dead letters that are there; owned */
    size_t found_count;
    int64_t past;             /* all before it is known by the above */
    bool awaits_record;       /* nothing is taken before everyone sees that there is one */
    stele_log_reader *reader; /* that reads them; NULL: none does yet */
    bool is_held;
    int64_t read_to;  /* all before it was read */
    int64_t taken_to; /* behind the last one that had been taken before */
    mail_list waiting;
    stele_error waits; /* why the first one is not decided on; STELE_OK */

    stele_inbox at;       /* with all steps that may not be visible: … */
    size_t settled;       /* … the first ones are, but for their dead letters */
    visibility *visible;  /* of those; owned; NULL: not asked yet */
    stele_deadline hangs; /* of those: when their transaction has to be ended */
    bool awaits_dead;
    bool owes;           /* what was written down last has steps that are visible since */
    stele_deadline tidy; /* and is to be written again */
    int64_t dead_count;  /* since it was taken */
    int64_t dead_said;
    int64_t said_ns;
    owner_window window;
} owner_inbox;

/** A call that was decided on: its events, or a refusal that rests on what is in flight. */
typedef struct unit {
    struct unit *next;           /* in its batch */
    stele_ticket *ticket;        /* owned; its caller may have been told */
    stele_ticket_list repeats;   /* of its command, which came while it was in flight */
    bool is_named;               /* it is in the table of those whose commands may be repeated */
    stele_overlay_entry *entry;  /* of its aggregate; NULL: it has no events */
    size_t first_record;         /* in its batch's transaction: of its events, or … */
    bool is_buried;              /* … its dead letter */
    bool is_repeat;              /* of a command of the topic: it changes nothing */
    stele_remembered_command as; /* its result; the offset comes with the commit */
    stele_error *failure;        /* owned; NULL: it is accepted */
    char code[STELE_REJECT_CODE_MAX + 1];
} unit;

typedef enum batch_state {
    BATCH_BUILT = 0, /* being built: the last one */
    BATCH_SUBMITTED, /* in the writer's hands */
    BATCH_COMMITTED  /* waits until it is visible */
} batch_state;

/** A transaction and its units. */
typedef struct batch {
    struct batch *next;
    batch_state state;
    stele_transaction *transaction; /* owned while it is built; else NULL */
    unit *first;
    unit **end;
    size_t count;
    bool has_record; /* the owner's, the first of its records */
    int64_t submitted_ns;
    bool has_events;
    bool is_sealed;         /* it says how far commands are: nothing is added any more */
    inbox_record record;    /* it says that */
    size_t steps;           /* of the inbox: the last ones that are not older batches' */
    int64_t submitted_at;   /* the fold's position then: what is appended comes behind it */
    int64_t last_offset;    /* in the events, once it is committed; -1: it has none there */
    bool is_somewhere;      /* the broker has not said where all of it is */
    bool is_seen;           /* its last event was read, or that of a later one, or … */
    bool is_behind_passed;  /* … one is committed that was submitted when readers were past it */
    bool is_passed;         /* readers are past its last event, whoever has ended it */
    stele_deadline goes_on; /* once it is committed: the next one waits no longer */
} batch;

typedef struct owner_task {
    stele_task base;
    stele_ownership *of;
    stele_worker *worker;
    stele_partition source;
    stele_task *fold;
    stele_desk *desk;
    stele_fenced *fenced; /* of the fold; NULL: it is not prepared */
    stele_states *states;
    uint64_t asked; /* number of the question for terms after the fence; 0: not asked yet */
    bool serves;    /* all that was there at the fence is applied, and the term is known */
    int64_t term;
    int64_t began_ms; /* Unix: when it began to serve */
    bool has_said_so; /* its record is in a transaction that was not given up */

    stele_overlay *overlay;
    stele_table *named; /* units in flight, by aggregate and command */
    batch *first;       /* oldest first; at most one is submitted, at most one being built */
    batch *last;
    bool settles;         /* after an abort: until what was committed before it is visible */
    int abort_count;      /* one after the other */
    stele_deadline again; /* after an abort: nothing is submitted before */
    stele_error aborted;
    int64_t earliest_ns; /* no unit in flight has a deadline before it */
    visibility *visible; /* owned; NULL: not asked yet */
    int64_t proven_ns;   /* then no one else had appended anything that is not applied here */
    int64_t seen_end;    /* of the events that were read since it serves */
    proof *proof;        /* owned; NULL: not asked yet */
    owner_inbox inbox;

    stele_timers *timers;   /* owned; NULL: it does not serve yet, or no aggregate has one */
    stele_error not_fired;  /* why the last one that was decided on has no events; STELE_OK */
    int64_t timers_said_ns; /* when something was logged of them */
    stele_error doubt;      /* why calls wait for a proof; STELE_OK: they do not */
} owner_task;

/* ---- owner_answer.c ---- */

/* The aggregate as it is committed; NULL: it has no events. */
stele_entry *owner_find_entry(const owner_task *self, stele_bytes id);
/* The result of the command, where the aggregate remembers it; NULL: it does not. */
const stele_remembered_command *owner_find_remembered(const owner_task *self, stele_entry *entry,
                                                      const stele_ticket *ticket);
/* Of a unit that is visible, and of which the broker has not said where it is. */
void owner_find_offset(const owner_task *self, unit *of);
/* Tell a caller that it is refused, or what became of its command. The ticket stays. */
void owner_tell_refusal(const owner_task *self, stele_ticket *ticket, int64_t version,
                        const char *code, const stele_error *failure);
void owner_tell_result(const owner_task *self, stele_ticket *ticket,
                       const stele_remembered_command *as, bool repeated);
void owner_tell_state(const owner_task *self, stele_ticket *ticket);
/* For the simulation: where the owner is with what it was asked for. */
void owner_say(const owner_task *self, const char *phase);
/* Tell all who wait for a unit. */
void owner_tell_unit(const owner_task *self, unit *of);

/* ---- owner_units.c ---- */

/* Is there room for another unit? */
bool owner_has_room(const owner_task *self);
/* The batch that is being built. */
batch *owner_building(owner_task *self);
/* @param ticket  taken over */
unit *owner_add_unit(owner_task *self, batch *to, stele_ticket *ticket);
/* A unit in flight of the same command; NULL: there is none. */
unit *owner_find_named(const owner_task *self, const stele_ticket *ticket);
void owner_add_named(owner_task *self, unit *of);
/* Has the fold applied a part of one of the aggregate's units in flight? */
bool owner_is_within_unit(const owner_task *self, const stele_overlay_entry *over,
                          const stele_entry *entry);
/* Whatever is visible, now that all below `position` is, is answered. */
void owner_settle(owner_task *self, int64_t position);
/* Callers whose time is over are told so; their units go on. */
void owner_expire(owner_task *self);
/* States that are waited for are told by the next owner: of this one nothing more is read, and the
 * broker may see what the state here has a part of. */
void owner_return_loads(owner_task *self);
/* What is in flight goes back to the desk, in its order, to be decided again: all of it; or all but
 * what is committed, and then nothing is decided until that is visible. */
void owner_give_back(owner_task *self, bool committed_too);

/* ---- owner_commit.c ---- */

/* Hand over what is built, if it is time to. */
stele_status owner_submit(owner_task *self, stele_error *err);
/* Take what has become of transactions. */
stele_status owner_collect(owner_task *self, stele_error *err);
/* Why it waits, if aborts keep coming, or calls wait for a proof. */
stele_status owner_complain(const owner_task *self, stele_error *err);

/* ---- owner_serve.c ---- */

/* Would it add events, if it were decided on now? */
bool owner_would_append(owner_task *self, stele_ticket *ticket);

/* Take calls from the desk and decide on them, as long as there is room. @return false: for now,
 * and there are more, which may be in the same transaction */
bool owner_serve(owner_task *self);
/* Decide on one. @param ticket  taken over, if it is. @return false: it waits for the window */
bool owner_serve_ticket(owner_task *self, stele_ticket *ticket);

/* ---- owner_timers.c ---- */

/* The states are current. */
void owner_timers_begin(owner_task *self);
/* The fold has applied the records from `from` on, up to its position. */
void owner_timers_see(owner_task *self, const stele_batch *records, int64_t from);
/* Decide on those that are due, as long as there is room. */
void owner_timers_fire(owner_task *self);
/* One that is in flight is given back. @param ticket  taken over */
void owner_timers_take_back(owner_task *self, stele_ticket *ticket);
/* What was in flight is visible, or is given back: those that waited for it are looked at. */
void owner_timers_again(owner_task *self);

/* ---- owner_inbox.c ---- */

void owner_inbox_init(owner_task *self);
void owner_inbox_clear(owner_task *self);
/* The partition is being given up: nothing is read any more. */
void owner_inbox_stop(owner_task *self);
/* The states are current, and nothing was decided yet. */
stele_status owner_inbox_begin(owner_task *self, stele_error *err);
/* Go on with restoring and reading. @return next = RETRY: why commands wait */
stele_status owner_inbox_tick(owner_task *self, stele_error *err);
/* A batch of the commands' partition. */
stele_status owner_inbox_take(owner_task *self, const stele_batch *records, stele_error *err);
/* Decide on some. @return how many */
size_t owner_inbox_serve(owner_task *self, size_t count_max);
/* Say in the batch that is about to be submitted how far they are. */
void owner_inbox_seal(owner_task *self, batch *of);
void owner_inbox_settle(owner_task *self, const batch *visible);
/* The last ones are to be decided on again: the steps of batches that are given back. */
void owner_inbox_drop(owner_task *self, size_t steps, bool was_sealed);
void owner_inbox_return(owner_task *self, mail_list *mails);
/* A batch is committed: where its records are is known. */
void owner_inbox_commit(owner_task *self, const batch *done, const stele_transaction *transaction);

/* ---- owner_window.c ---- */

/* Nothing is known yet, or what the owner before has written down. */
void owner_window_init(owner_task *self);
void owner_window_begin(owner_task *self);
/* @param end  of the commands, when the partition was taken */
void owner_window_restore(owner_task *self, int64_t end);
void owner_window_clear(owner_task *self);
/* May one more unit of the aggregate have events, decided on at that time?
 * @param over  NULL: none of its units are in flight */
bool owner_window_has_room(owner_task *self, stele_ticket *ticket, stele_entry *entry,
                           const stele_overlay_entry *over, int64_t time_ms);
/* May a command of the topic be decided on, before which those before it were? */
bool owner_window_takes(owner_task *self, const mail *of);
/* Is there a command of the aggregate before that one which left nothing, and may be taken again?
 * Then it has to find again what it found. */
bool owner_window_has_silent(owner_task *self, const mail *of);
void owner_window_wait(owner_task *self);
/* Do no calls or timers wait that commands have to be behind? */
bool owner_window_takes_mail(const owner_task *self);
/* A command was decided on. @param position  of the events, as they were applied then */
void owner_window_see(owner_task *self, const mail *of, const unit *made, bool is_silent,
                      int64_t position);
/* Commands from there on are to be decided on again. */
void owner_window_drop(owner_task *self, int64_t from);
/* A record is committed. */
void owner_window_commit(owner_task *self, const inbox_record *record);
/* For the record that is about to be written. */
int64_t owner_window_events_from(const owner_task *self);
bool owner_window_is_past_doubt(const owner_task *self);
/* Go on with looking whether it is visible, if that is wanted. @return next = ABORT: it never is */
stele_status owner_window_tick(owner_task *self, stele_error *err);

/* ---- owner_mail.c ---- */

mail *owner_mail_new(const stele_batch *records, const stele_record *record);
void owner_mail_free(mail *of);
/* The mail that a ticket was made of; NULL: it is a call's. */
mail *owner_mail_of(const stele_ticket *ticket);
/* Release the ticket, which was not answered. @return what it was made of, the caller's again */
mail *owner_mail_take_back(stele_ticket *ticket);
/* Make it a ticket, which owns it then.
 * @param out  filled in any case but RETRY
 * @param code of the failure
 * @return next = RETRY: its schema is on its way; else why it becomes a dead letter */
stele_status owner_mail_read(owner_task *self, mail *of, stele_ticket **out, const char **code,
                             stele_error *err);
/* Who has sent it, and with which number, if its sender numbers what it sends. */
bool owner_mail_find_sender(const mail *of, stele_bytes *sender, int64_t *number);
/* Write it down as a dead letter. */
void owner_mail_bury(owner_task *self, const mail *of, const char *code, const stele_error *why,
                     stele_transaction *to);
void owner_mail_list_add(mail_list *list, mail *of);
mail *owner_mail_list_take(mail_list *list);
void owner_mail_list_join(mail_list *list, mail_list *more);

/* ---- owner_ask.c ---- */

/* @return STELE_OK: the term is known; RETRY: not yet */
stele_status owner_learn_term(owner_task *self, stele_error *err);
/* Up to where is the partition visible? @return RETRY: not answered yet */
stele_status owner_ask_visible(owner_task *self, int64_t *position, stele_error *err);
/* Was the partition ours a moment ago? If not, the broker is asked.
 * @return STELE_OK  what is applied is all that anyone was told of; RETRY: not known yet, and why
 */
stele_status owner_prove(owner_task *self, stele_error *err);
/* Is it known that the transaction, which is committed, was not ended otherwise by someone who has
 * replaced this owner? A reader passes by what was aborted, too. */
bool owner_is_sure_of(const batch *of);
/* The same of the dead letters, and of the snapshots. */
stele_status owner_ask_dead_visible(owner_task *self, int64_t *position, stele_error *err);
stele_status owner_ask_record_visible(owner_task *self, int64_t *position, stele_error *err);
typedef struct inbox_found {
    int64_t start; /* of the commands */
    int64_t end;
    int64_t stable_end;   /* no one has read any from here on */
    int64_t group_offset; /* where there is no record */
    int64_t dead_start;   /* of the dead letters */
    int64_t dead_end;
    const int64_t *found; /* commands whose dead letters are there, ascending; valid until the task
                             forgets its questions */
    size_t found_count;
} inbox_found;
/* What is there of what was written down, and since? @return RETRY: not answered yet */
stele_status owner_ask_inbox(owner_task *self, inbox_found *out, stele_error *err);
void owner_forget_questions(owner_task *self);

#endif
