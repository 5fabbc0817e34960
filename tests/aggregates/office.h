/* SPDX-License-Identifier: MIT
 * Instances of a program with a writer of accounts, in virtual time: on the log in memory, each a
 * process that can be killed or frozen. A test plays in a child process, with a seed that decides
 * who runs when. */
#ifndef STELE_TESTS_AGGREGATES_OFFICE_H
#define STELE_TESTS_AGGREGATES_OFFICE_H

#include <stele/writer.h>

#include "account.h"
#include "aggregates/writer_inside.h"
#include "kafka/memory_log.h"
#include "ledger.h"
#include "registry/client.h"
#include "testing/fibers.h"

enum { OFFICE_PARTITIONS = 2, OFFICE_WAIT_MS = 60000 };

typedef struct office {
    uint64_t seed;
    stele_fibers *fibers;
    stele_runtime runtime;
    stele_log *log;
    stele_aggregate table;
    account_context context; /* of the table */
    int domains;
    bool takes_commands; /* its instances, from their topic, too */
} office;

/** A process. */
typedef struct instance {
    office *of;
    int domain;
    stele_acknowledge acknowledge;
    int queue_max;
    stele_writer *writer; /* NULL: not opened yet, or closed */
    bool is_asked_to_close;
    bool is_closed;
} instance;

/** A call that does not wait. */
typedef struct office_call {
    bool is_done;
    stele_status status;
    stele_result result;
    stele_error failure;
} office_call;

/** Play with some seeds; whatever fails in it fails the test. */
void office_play(void (*play)(office *of), size_t message_max_bytes);

/** Fail unless it holds. */
#define OFFICE_CHECK(of, condition)                                                                \
    do {                                                                                           \
        if (!(condition)) office_fail(of, __FILE__, __LINE__, #condition, "");                     \
    } while (0)

/** Fail, and say what there was, unless two numbers are the same. */
#define OFFICE_EQUAL(of, found, expected)                                                          \
    office_check_equal(of, __FILE__, __LINE__, #found, (int64_t)(found), (int64_t)(expected))

_Noreturn void office_fail(const office *of, const char *file, int line, const char *what,
                           const char *text);
void office_check_equal(const office *of, const char *file, int line, const char *what,
                        int64_t found, int64_t expected);

/** Start a process that opens a writer. */
instance *office_start(office *of);
instance *office_start_with(office *of, stele_acknowledge acknowledge, int queue_max);
/** Close its writer and let the process end. */
void office_close(instance *self);
/** As SIGKILL. */
void office_kill(instance *self);
/** As SIGSTOP, and SIGCONT after so long. */
void office_freeze(instance *self, int ms);
/** Until it serves the partition of an aggregate. */
void office_await_serving(instance *self, const char *id);
void office_sleep(const office *of, int ms);

/** Carry out "Book" and wait for it. */
stele_status office_book(instance *self, const char *id, int64_t cents, int64_t expected,
                         const char *command_id, stele_result *result, stele_error *err);
/** The same without waiting; of `cents` 0: append Opened by `owner`. */
void office_begin(instance *self, office_call *call, const stele_call *what);
/** As office_begin; a call that is not taken is answered. */
void office_try(instance *self, office_call *call, const stele_call *what);
stele_call office_booking(const char *id, test_commands_book *command);
/** Until it is answered. */
void office_await(const office *of, const office_call *call);

/** What the events topic holds for an aggregate. */
ledger office_read(office *of, const char *id);

/** Put what is no event among the events of an aggregate's partition: whoever owns it stops. */
void office_spoil(office *of, const char *id);

/** The state as its owner has it. */
int64_t office_load(instance *self, const char *id, int64_t *version);

#endif
