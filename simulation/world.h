/* SPDX-License-Identifier: MIT
 * The world of one seed: a log with its faults, the processes that work on it, and what the checker
 * remembers. One world for each process of the operating system. */
#ifndef STELE_SIMULATION_WORLD_H
#define STELE_SIMULATION_WORLD_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "kafka/log_port.h"
#include "kafka/memory_log.h"
#include "projections/fold.h"
#include "testing/fibers.h"

#define SIM_EVENTS    "account.events"
#define SIM_SNAPSHOTS "accounts.v1.snapshots"
#define SIM_GROUP     "accounts.v1"

enum {
    SIM_PARTITIONS = 2,
    SIM_PUBLISHERS = 2,
    SIM_OUTBOX = 1, /* the publisher that may be one with a list of ids */
    SIM_WORKERS = 3,
    SIM_REGISTRARS = 3,
    SIM_INSTANCES = 3,
    SIM_SENDERS = 2,
    SIM_EVENTS_MAX = 1000,   /* of one seed */
    SIM_KEYS_MAX = 64,       /* of one publisher at a time */
    SIM_FENCED_MAX = 8,      /* transactional ids of one domain */
    SIM_ID_SIZE = 32,        /* of an aggregate */
    SIM_UNDER_WAY_MS = 5000, /* what a dead process has sent is in the log by then, or never */

    /* Domains: processes of the simulation. */
    SIM_FIRST_PUBLISHER = 1,
    SIM_FIRST_WORKER = 8,
    SIM_FIRST_REGISTRAR = 16,
    SIM_FIRST_INSTANCE = 24,
    SIM_FIRST_SENDER = 28,
    SIM_OPERATOR = 30 /* a person's command */
};

/** What a seed is about. */
typedef enum sim_profile {
    SIM_GENERAL = 0, /* every kind of trouble, some of them left out */
    SIM_ENDS,        /* ends of transactions that are lost, and owners that die of it */
    SIM_ZOMBIES,     /* workers that sleep longer than their sessions */
    SIM_BROKER,      /* brokers and coordinators that are away or move, answers that are lost */
    SIM_CUTS,        /* processes whose network is away, while the others go on */
    SIM_DISKS,       /* disks that are full, and owners that die meanwhile */
    SIM_ANEWS,       /* a topic of snapshots that is deleted and made again */
    SIM_OUTBOXES,    /* a publisher with a list of ids, that is killed again and again */
    SIM_HOLES,       /* partition counts and topics that change under the workers */
    SIM_REGISTRY,    /* schemas registered by several at once */
    SIM_AGGREGATES,  /* aggregates that decide, their owners and their callers */
    SIM_TABLES,      /* SQL projections, and a database that fails */
    SIM_CONTROLS,    /* a projection that is paused and goes on */
    SIM_POISON,      /* events that are refused, set aside, tried again and discarded */
    SIM_VERSIONS,    /* two versions of a projection at once, and readers who go over */
    SIM_PROFILES
} sim_profile;

/** What the world knows of one event that someone asked for. */
typedef struct sim_event {
    int life; /* of a publisher, that published it */
    bool closes;
    bool acknowledged;
    bool refused; /* the publisher said that it is surely not in the log */
    bool found;   /* someone who looked was told that it is in the log */
    int32_t partition;
    int64_t offset;
} sim_event;

/** A process of a worker. */
typedef struct sim_worker {
    atomic_bool stop;
    int version;                      /* of the projection */
    int served;                       /* the one that it has answered with last; 0: none yet */
    bool stopped[SIM_PARTITIONS + 1]; /* partitions that need a person */
    bool owned[SIM_PARTITIONS + 1];
    int64_t taken_ns[SIM_PARTITIONS + 1];   /* since then at the latest; 0: it is not owned */
    int64_t said_pause[SIM_PARTITIONS + 1]; /* the number of the one that it follows; 0: none */
    char reason[240];
    stele_stream random;
} sim_worker;

/** Where a domain will die or sleep: at the nth call of that name. */
typedef struct sim_ambush {
    const char *call; /* NULL: any */
    uint32_t count;   /* 0: none */
} sim_ambush;

typedef struct sim_world {
    uint64_t seed;
    sim_profile profile;
    const char *bug; /* planted; NULL: none */
    bool verbose;
    stele_fibers *fibers;
    stele_runtime runtime;
    stele_log *log;

    /* Streams of randomness. */
    stele_stream swarm; /* what the seed is like */
    stele_stream faults;
    stele_stream load;

    /* What the seed is like. */
    const char *events_topic; /* topics that trouble is made for */
    const char *snapshots_topic;
    uint32_t kinds; /* of trouble: bits by sim_kind */
    int session_ms;
    int transaction_ms;
    uint32_t latency_us;
    uint32_t fence_us;        /* how long a fence takes, at most, beside that */
    uint32_t registry_lag_ms; /* until a process has read what was registered, at most */
    uint32_t publish_after_ms;
    uint32_t calm_ms; /* between two troubles */
    uint32_t gap_ms;  /* between two events */
    uint32_t keys;
    uint32_t closes_one_in;
    int to_publish; /* by each publisher */
    bool publishers_die;
    bool has_outbox;
    bool restarts_at_rest;
    bool has_control;  /* someone pauses the projection, and lets it go on */
    bool has_versions; /* workers have two versions of it */
    bool has_poison;   /* some events are refused, and set aside */
    size_t parked_max; /* of so many aggregates at most; 0: as many as there are */
    bool has_tables; /* workers keep tables in a database, in place of snapshots: of events, … */
    bool has_state_table; /* … or of a fold's states */

    /* Faults of the log. */
    stele_log_ops ops;
    stele_reader_ops reader_ops;
    stele_member_ops member_ops;
    stele_producer_ops producer_ops;
    stele_transaction_ops transaction_ops;
    stele_group_ops group_ops;
    stele_topic_ops topic_ops;
    const stele_log_ops *inner;
    uint32_t lose_one_in;                /* answers; 0: none */
    uint32_t repeat_one_in;              /* requests that arrive twice; 0: none */
    uint32_t dying_members;              /* so many die with their next poll */
    int64_t moved_until_ns;              /* coordinators answer nothing until then */
    int64_t cut_until_ns[STELE_DOMAINS]; /* its network is away until then */
    bool is_full;                        /* a disk */
    sim_ambush crash[STELE_DOMAINS];
    sim_ambush freeze[STELE_DOMAINS];
    sim_ambush cut[STELE_DOMAINS];
    const char *fenced[STELE_DOMAINS][SIM_FENCED_MAX]; /* ids that it initialised */

    /* What happened. */
    uint64_t calls;
    uint64_t kills;
    uint64_t freezes;
    uint64_t cuts;
    uint64_t faulted;
    bool resting;
    bool refuses;      /* an append was refused, and may be sent again behind later ones */
    bool hole;         /* a hole was made: partitions have to stop */
    bool count_raised; /* that hole */
    bool made_anew;    /* the topic of snapshots was, at least once */

    /* What is remembered of the facts. */
    sim_event events[SIM_EVENTS_MAX];
    int64_t event_count;
    int published[SIM_PUBLISHERS]; /* by each, in all its lives */
    bool done[SIM_PUBLISHERS];
    int lives;
    int64_t compacted[SIM_PARTITIONS + 1]; /* snapshots below it may be gone */

    sim_worker workers[SIM_WORKERS];
} sim_world;

extern sim_world world;

/* ---- world.c: what all may do ---- */

/** One line of the trace: who did what at which virtual time. */
void sim_say(const char *format, ...) STELE_PRINTF(1, 2);

/** A promise is broken. Reports and ends the process. */
_Noreturn void sim_fail(const char *verdict, const char *format, ...) STELE_PRINTF(2, 3);

/** Print the last lines of the trace. */
void sim_print_trace(FILE *out);

/** Let virtual time pass. */
void sim_sleep_ms(int64_t ms);

stele_clock sim_clock(void);

/* ---- domains.c: processes that die, sleep and are cut off ---- */

/** "publisher 1", "worker 2", …; valid until the next call. */
const char *sim_domain_name(int domain);
int sim_owner(void *context);
bool sim_reaches(void *context, int domain);
void sim_on_kill(void *context, int domain);
void sim_on_freeze(void *context, int domain);
void sim_on_thaw(void *context, int domain);
void sim_freeze(int domain, const char *where);
void sim_cut(int domain, const char *where);
void sim_lay_ambush(sim_ambush ambushes[STELE_DOMAINS], int domain);
/** Whatever waits for the caller at this call happens. */
void sim_look_for_ambush(const char *call);
void sim_clear_ambushes(int domain);

/* ---- faults.c: between the processes and the log ---- */

void sim_stand_between(void);

/* ---- actors.c: the processes ---- */

extern const stele_projection sim_accounts;
void sim_start_publisher(int which);
void sim_start_worker(int which);
/** The loop of a worker's process, until it is asked to stop. */
void sim_run_worker(sim_worker *self, stele_worker *worker);
void sim_start_registrar(int which);
bool sim_publishing(void);
/** An aggregate for the next event; one that is closed by now, perhaps, does not come again. */
void sim_draw_aggregate(stele_stream *random, int which, char id[SIM_ID_SIZE], bool *closes);
/** Publish events that no one will ask about, in the world itself. */
void sim_publish_others(int count);
void sim_stop_workers(void);

/* ---- outbox.c ---- */

/** One life of a publisher with a list of ids; it returns when all of them are in the log. */
void sim_publish_outbox(stele_stream *random);

/* ---- registrars.c ---- */

bool sim_registering(void);
void sim_check_registry(void);

/* ---- trouble.c ---- */

typedef enum sim_kind {
    SIM_KILL = 0,
    SIM_AMBUSH,
    SIM_FREEZE,
    SIM_APPEND,
    SIM_DOUBT,
    SIM_MARKERS,
    SIM_AWAY,
    SIM_COMPACT,
    SIM_MOVE,
    SIM_LOSE,
    SIM_JUMP,
    SIM_CHURN,
    SIM_CUT,
    SIM_FULL,
    SIM_REPEAT,
    SIM_ANEW,
    SIM_EXPEL,
    SIM_KINDS
} sim_kind;

/** One of the kinds that the seed is about. */
void sim_make_trouble(void);
void sim_break_append(void);
void sim_lose_answers(void);
void sim_lose_markers(void);
/** All faults are over. */
void sim_end_trouble(void);

/* ---- profile.c ---- */

/** Draw what the seed is like. */
void sim_draw(void);
/** Play what it is about. */
void sim_play_profile(void);
stele_fibers *sim_make_fibers(void);
const char *sim_profile_name(sim_profile profile);

/* ---- play.c ---- */

/** Play the seed: draw a profile, start everything, make trouble, rest. */
void sim_play(void);

/* How the profiles go: */
void sim_play_folds(void);
void sim_play_holes(void);
void sim_play_registry(void);
void sim_play_bank(void);
void sim_play_versions(void);

/* ---- checker.c: the promises ---- */

/** Read the final topics and hold them against what is remembered. */
void sim_check(void);

/** Was each acknowledged event stored, once and in order? */
void sim_check_events(void);

/** Has the group come to the end of the events? */
bool sim_caught_up(void);

/* ---- probes.c: what only the inside knows ---- */

void sim_probe(void *context, int domain, const stele_fact *fact);

#endif
