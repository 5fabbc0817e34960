/* SPDX-License-Identifier: MIT
 * The play of the aggregates: instances of a program with a writer of wallets, callers who call any
 * of them, letters between all, and what is remembered of every call. */
#ifndef STELE_SIMULATION_BANK_H
#define STELE_SIMULATION_BANK_H

#include <stele/writer.h>

#include "kafka/bounded_read.h"
#include "simulation/world.h"

#define SIM_BANK_EVENTS    "wallet.events"
#define SIM_BANK_SNAPSHOTS "wallet.writer.v1.snapshots"
#define SIM_BANK_COMMANDS  "wallet.commands"
#define SIM_BANK_DEAD      "wallet.commands.dead"

enum {
    SIM_CALLERS = 4,
    SIM_WALLETS_MAX = 10,
    SIM_CALLS_MAX = 700, /* of one seed, with a load of each wallet in the end */
    SIM_CALLS_OF_WALLET = 60,
    SIM_EVENTS_OF_WALLET = 6 * SIM_CALLS_OF_WALLET, /* three of a call at most, and its timer's */
    SIM_WALLET_REMEMBERS = 300,                     /* more than calls and timers */
    SIM_REMINDED = -1,                              /* in place of a call's number: a timer's */
    SIM_LATE_MS = 10000, /* a timer that is due for so long, at rest, is lost */
    SIM_ANSWERS_MAX = 4000,
    SIM_COMMAND_ID_SIZE = 40
};

/* ---- what is asked for, and what came of it ---- */

typedef enum sim_want {
    SIM_WANT_COMMAND = 0, /* a command */
    SIM_WANT_EVENTS,      /* events, which the caller has decided on */
    SIM_WANT_STATE
} sim_want;

/** A call of a caller, however often it is made. Its number is its index. */
typedef struct sim_call {
    sim_want want;
    int wallet;
    int64_t cents; /* each time; less than nothing: withdrawn */
    int times;
    int64_t expected;
    char id[SIM_COMMAND_ID_SIZE]; /* of the command; "": the writer makes one */
    int ways;                     /* on which it may be carried out at the same time */
    bool is_called;               /* by letter … */
    bool is_queued;               /* … and by way of the topic */
} sim_call;

/** What an instance answers. */
typedef struct sim_reply {
    stele_status status;
    stele_next next;
    stele_result result;
    int64_t cents; /* of a load */
    int64_t value;
    int64_t stable; /* the last stable offset of its partition when it was told */
    char text[160];
} sim_reply;

/** An answer that has come to a caller. */
typedef struct sim_answer {
    int64_t call; /* number of it */
    int64_t begun_ns;
    int64_t ended_ns;
    sim_reply reply;
} sim_answer;

/** The history: all that the checker knows, beside the topics. */
typedef struct sim_bank {
    sim_call calls[SIM_CALLS_MAX];
    int64_t call_count;
    int calls_of[SIM_WALLETS_MAX];
    sim_answer answers[SIM_ANSWERS_MAX];
    size_t answer_count;
    int callers_done;

    /* What the seed is like. */
    int wallets;
    int to_call; /* by each caller */
    bool answers_committed;
    int queue_max;
    bool has_jars; /* which reactions fill */
    int jar_remembers;
    uint32_t lose_record_one_in; /* of the transactions of their owners; 0: none … */
    uint32_t losing;             /* … and so many of the next ones */
    uint32_t lose_one_in;        /* letters; 0: none */
    uint32_t twice_one_in;
    uint32_t way_ms;     /* of a letter, at most */
    bool takes_commands; /* from their topic */
    int to_send;         /* by each sender */
} sim_bank;

extern sim_bank bank;

/* ---- wallets.c: the aggregate ---- */

extern const stele_aggregate sim_wallets;
void sim_wallet_id(int wallet, char id[SIM_ID_SIZE]);
/** @return -1: it is no wallet's */
int sim_wallet_of(stele_bytes id);
/** When a wallet's timer is due after one more booking. */
int64_t sim_wallet_due(int64_t due, int64_t number, int64_t time_ms);
/** What one more event makes of a wallet's value. */
int64_t sim_wallet_value(int64_t value, int64_t number, int64_t cents);

/* ---- letters.c: between callers and instances ---- */

enum { SIM_FIRST_CALLER_BOX = SIM_INSTANCES, SIM_BOXES = SIM_INSTANCES + SIM_CALLERS + 1 };

/** A request or its answer. */
typedef struct sim_letter {
    struct sim_letter *next;
    int64_t due_ns;
    int from; /* a box */
    int to;
    uint64_t about; /* the sender's: comes back with the answer */
    bool is_answer;
    int hops; /* how often it was passed on */

    sim_want want;
    int64_t number; /* of the call; of a load nothing */
    int wallet;
    int64_t expected;
    char id[SIM_COMMAND_ID_SIZE]; /* "": none */
    int timeout_ms;

    sim_reply reply;
} sim_letter;

void sim_open_boxes(void);
/** Send a copy; it may take a while, be lost, or come twice. */
void sim_post(const sim_letter *letter);
/** Take what has come. Waits until then, and until `until_ns` at most. @return false: nothing */
bool sim_take_letter(int box, int64_t until_ns, sim_letter *out);
/** Wake whoever waits for letters. */
void sim_ring(int box);
/** A process that begins anew has no letters. */
void sim_empty_box(int box);

/* ---- instances.c: processes with a writer ---- */

void sim_start_instance(int which);
/** Is each of them running, and none asked to end? */
bool sim_are_all_up(void);
/** Ask one to end in order. */
void sim_stop_instance(int which);
/** All of them; fails if they do not. */
void sim_stop_instances(void);
/** @return the instance; -1: none serves it */
int sim_server_of(int32_t partition);
/** Who owns what. For messages. */
const char *sim_instances_say(void);

/* ---- callers.c ---- */

void sim_start_callers(void);
/** Until every wallet was loaded once, from some instance. @return false: not in time */
bool sim_load_all(int64_t until_ns);

/* ---- senders.c: processes that put commands into their topic ---- */

void sim_start_sender(int which);
bool sim_is_sending(int which);
/** Has it sent all that it wanted to? */
bool sim_has_sent(int which);

/* ---- histories.c: the promises ---- */

void sim_check_bank(void);
/** How many events of a call are there, and the version of the last one. */
int sim_found_events(int64_t call);
int64_t sim_found_version(int64_t call);
void sim_read_all(const char *topic, stele_bounded_read_take *take);

/* ---- deliveries.c: those of the commands topic ---- */

/** A sender was told that its command is there. */
void sim_sent(int64_t number, int32_t partition, int64_t offset);
/** An owner says that all before `next` has its effect, which everyone sees. */
void sim_see_taken(int domain, int32_t partition, int64_t next);
/** Has it said so of all that is there? */
bool sim_is_taken(int domain, int32_t partition);
/** Of the snapshots. @return false: it is the key of an aggregate */
bool sim_check_reserved(const stele_batch *batch, const stele_record *record);
void sim_check_deliveries(void);

#endif
