/* SPDX-License-Identifier: MIT
 * The writer on a real broker: the main ways of a call, many of them, instances that come and go,
 * and an owner that is killed or stopped. A process of its own is this program, started with the
 * name of an aggregate: it carries out a command after the other and says which are done. */
#include <stele/writer.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stele/generated.h>

#include "account.h"
#include "core/alloc.h"
#include "core/monitor.h"
#include "core/names.h"
#include "ledger.h"
#include "registry/client.h"
#include "tests/kafka/kafka_test.h"

enum { PARTITIONS = 2, ACCOUNTS = 20 };

extern char **environ;

/* An aggregate with a topic of its own, and the client of one instance. */
typedef struct bank {
    stele_client *client;
    stele_aggregate table;
    stele_writer *writer;
} bank;

static bank bank_open(const char *name)
{
    bank made = {.table = account_table(NULL)};
    made.table.name = name;
    MUST(stele_client_open(&(stele_client_options){.name = "bank"}, &made.client, &err));
    return made;
}

static void bank_serve(bank *self)
{
    stele_writer_options options = {.aggregate = &self->table};
    MUST(stele_writer_open(self->client, &options, &self->writer, &err));
}

static bank bank_new(const char *name)
{
    bank made = bank_open(name);
    STELE_AUTO(char) topic = stele_events_topic(name);
    stele_log_topic_options options = {.name = topic, .partitions = PARTITIONS};
    MUST(stele_log_topic_create(stele_client_log(made.client), &options, PATIENCE_MS, &err));
    return made;
}

static void bank_free(bank *self)
{
    stele_writer_close(self->writer);
    stele_client_close(self->client);
}

static stele_status book_within(const bank *self, const char *id, const char *command_id,
                                int timeout_ms, stele_result *result)
{
    const test_commands_book command = {.cents = 1, .times = 1};
    const stele_call call = {.aggregate_id = stele_text(id),
                             .type = &test_commands_book_type,
                             .command = &command,
                             .command_id = command_id,
                             .timeout_ms = timeout_ms};
    return stele_execute(self->writer, &call, result, &err);
}

static stele_status book(const bank *self, const char *id, const char *command_id,
                         stele_result *result)
{
    return book_within(self, id, command_id, 0, result);
}

static ledger read_account(const bank *self, const char *id)
{
    ledger found;
    STELE_AUTO(char) topic = stele_events_topic(self->table.name);
    stele_deadline by = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    MUST(ledger_read(stele_client_log(self->client), topic, PARTITIONS, id, by, &found, &err));
    return found;
}

/* ---- one instance ---- */

static void a_call_is_carried_out_refused_or_repeated(void **state)
{
    (void)state;
    bank of = bank_new(fresh_name("account"));
    stele_result first, second;
    test_account account = {0};
    int64_t version;
    bank_serve(&of);

    MUST(book(&of, "a", "once", &first));
    MUST(book(&of, "a", "once", &second));

    assert_int_equal(first.version, 1);
    assert_true(first.offset >= 0 && !first.repeated && second.repeated);
    assert_true(second.offset == first.offset);
    assert_string_equal(second.first_event_id, first.first_event_id);
    const test_opened opened = {.owner = stele_text("Ann")};
    const stele_new_event event = {&test_opened_type, &opened};
    stele_call append = {
        .aggregate_id = stele_text("a"), .events = &event, .event_count = 1, .expected_version = 1};
    MUST(stele_execute(of.writer, &append, &second, &err));
    assert_int_equal(second.version, 2);
    assert_int_equal(stele_execute(of.writer, &append, &second, &err), STELE_E_CONFLICT);
    assert_int_equal(second.version, 2);
    const test_commands_book debit = {.cents = -5, .times = 1};
    stele_call rejected = {
        .aggregate_id = stele_text("a"), .type = &test_commands_book_type, .command = &debit};
    assert_int_equal(stele_execute(of.writer, &rejected, &second, &err), STELE_E_REJECTED);
    assert_string_equal(second.code, "insufficient_funds");
    MUST(stele_writer_load(of.writer, stele_text("a"), 0, &account, &version, &err));
    assert_int_equal(version, 2);
    assert_int_equal(account.cents, 1);
    assert_true(stele_bytes_equal(account.owner, stele_text("Ann")));
    stele_value_clear(&test_account_type, &account);

    stele_writer_close(of.writer);
    bank_serve(&of); /* from its snapshots */
    MUST(book(&of, "a", "once", &second));
    assert_true(second.repeated && second.version == 1 && second.offset == first.offset);
    bank_free(&of);
}

/* ---- many calls ---- */

/* What came of calls that do not wait. */
typedef struct tally {
    stele_monitor monitor;
    int count;
    int done;
    int failed;
    stele_error failure; /* of one of them */
} tally;

static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    (void)result;
    tally *self = context;
    stele_monitor_lock(&self->monitor);
    self->count++;
    self->done += failure == NULL;
    self->failed += failure != NULL;
    if (failure != NULL) self->failure = *failure;
    stele_monitor_wake(&self->monitor);
    stele_monitor_unlock(&self->monitor);
}

static void await(tally *self, int count)
{
    stele_deadline by = stele_deadline_after(stele_clock_system(), 3 * PATIENCE_MS);
    stele_monitor_lock(&self->monitor);
    while (self->count < count)
        if (!stele_monitor_wait(&self->monitor, by)) break;
    if (self->count < count) fail_msg("%d of %d are answered", self->count, count);
    stele_monitor_unlock(&self->monitor);
}

static void name_account(char id[16], int number)
{
    snprintf(id, 16, "a%02d", number % ACCOUNTS);
}

static void begin(bank *self, int number, tally *to)
{
    char id[16];
    name_account(id, number);
    const test_commands_book command = {.cents = 1, .times = 1};
    const stele_call call = {
        .aggregate_id = stele_text(id), .type = &test_commands_book_type, .command = &command};
    MUST(stele_execute_async(self->writer, &call, on_done, to, &err));
}

static int64_t count_all(const bank *self)
{
    int64_t count = 0;
    for (int i = 0; i < ACCOUNTS; i++) {
        char id[16];
        name_account(id, i);
        count += read_account(self, id).count;
    }
    return count;
}

static void thousands_of_calls_are_committed_in_groups(void **state)
{
    (void)state;
    enum { CALLS = 6000 };
    bank of = bank_new(fresh_name("account"));
    tally all = {0};
    stele_monitor_init(&all.monitor, stele_runtime_system());
    bank_serve(&of);

    for (int i = 0; i < CALLS; i++)
        begin(&of, i, &all);
    await(&all, CALLS);

    if (all.failed > 0) fail_msg("%d failed: %s", all.failed, all.failure.text);
    assert_int_equal(count_all(&of), CALLS);
    stele_monitor_clear(&all.monitor);
    bank_free(&of);
}

static void partitions_move_while_calls_come(void **state)
{
    (void)state;
    const char *name = fresh_name("account");
    bank of[2] = {bank_new(name), bank_open(name)};
    tally all = {0};
    stele_result result;
    stele_monitor_init(&all.monitor, stele_runtime_system());
    bank_serve(&of[0]);
    MUST(book(&of[0], "a00", NULL, &result));
    bank_serve(&of[1]);

    int begun = 0;
    for (int round = 0; round < 3 * ACCOUNTS; round++, begun += 2) { /* over the rebalance */
        begin(&of[0], round, &all);
        begin(&of[1], round, &all);
        await(&all, begun - 20);
    }
    stele_writer_close(of[0].writer); /* what waits there is refused, the rest is the other's */
    of[0].writer = NULL;
    await(&all, begun);

    for (int i = 0; i < ACCOUNTS; i++) {
        char id[16];
        name_account(id, i);
        MUST(book(&of[1], id, NULL, &result));
    }
    if (all.failed > 0 && all.failure.status != STELE_E_UNAVAILABLE)
        fail_msg("%s", all.failure.text);
    assert_int_equal(count_all(&of[1]), 1 + all.done + ACCOUNTS);
    stele_monitor_clear(&all.monitor);
    bank_free(&of[0]);
    bank_free(&of[1]);
}

/* ---- processes ---- */

/* Carry out commands c0, c1, … and write a byte for each, until it is killed. */
static int work(const char *name)
{
    bank of = bank_open(name);
    bank_serve(&of);
    for (int i = 0;; i++) {
        char command[16];
        stele_result result;
        snprintf(command, sizeof command, "c%d", i);
        if (book(&of, "a", command, &result) < 0) {
            dprintf(STDERR_FILENO, "%s\n", err.text);
            if (err.next != STELE_NEXT_RETRY) return 1;
            i--;
            continue;
        }
        if (write(STDOUT_FILENO, ".", 1) != 1) return 1;
    }
}

typedef struct process {
    pid_t pid;
    int output;
    int done; /* commands that it has said are done */
} process;

static process process_start(const char *name)
{
    int ends[2];
    process made = {0};
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    STELE_AUTO(char) program = stele_strdup("/proc/self/exe");
    STELE_AUTO(char) argument = stele_strdup(name);
    char *const arguments[] = {program, argument, NULL};
    assert_int_equal(posix_spawn(&made.pid, program, &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    made.output = ends[0];
    return made;
}

static void process_read(process *self, int count)
{
    char bytes[256];
    while (self->done < count) {
        ssize_t got = read(self->output, bytes, sizeof bytes);
        if (got <= 0) fail_msg("the process has ended, after %d commands", self->done);
        self->done += (int)got;
    }
}

static void process_kill(process *self)
{
    char bytes[256];
    ssize_t got;
    kill(self->pid, SIGKILL);
    waitpid(self->pid, NULL, 0);
    while ((got = read(self->output, bytes, sizeof bytes)) > 0)
        self->done += (int)got;
    close(self->output);
}

/* Every command of the process again: what it has said is done must have been. */
static void repeat_all(bank *of, const process *by)
{
    for (int i = by->done > 50 ? by->done - 50 : 0; i <= by->done; i++) {
        char command[16];
        stele_result result;
        snprintf(command, sizeof command, "c%d", i);
        MUST(book(of, "a", command, &result));
        assert_int_equal(result.version, i + 1);
        assert_true(i == by->done || result.repeated);
    }
    assert_int_equal(read_account(of, "a").count, by->done + 1);
}

static void who_takes_over_a_killed_owner_knows_what_it_has_done(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        bank of = bank_new(fresh_name("account"));
        process owner = process_start(of.table.name);
        process_read(&owner, 20 + 17 * round);
        process_kill(&owner);

        bank_serve(&of);
        repeat_all(&of, &owner);
        bank_free(&of);
    }
}

static void an_owner_that_was_stopped_past_its_session_adds_nothing(void **state)
{
    (void)state;
    bank of = bank_new(fresh_name("account"));
    process owner = process_start(of.table.name);
    process_read(&owner, 30);
    kill(owner.pid, SIGSTOP);
    bank_serve(&of);
    char command[16];
    stele_result result;
    MUST(book(&of, "a", "mine", &result)); /* waits until its session is over */
    int64_t before = read_account(&of, "a").count;
    MUST(book(&of, "a", "mine, too", &result));
    assert_int_equal(result.version, before + 1);

    kill(owner.pid, SIGCONT);
    int mine = 2;
    for (int i = 0; i < 100; i++) { /* and then it may be given the partition back */
        snprintf(command, sizeof command, "late %d", i);
        stele_status status = book_within(&of, "a", command, 200, &result);
        if (status == STELE_OK) mine++;
        if (status < 0 && status != STELE_E_UNAVAILABLE) fail_msg("%s", err.text);
    }
    process_kill(&owner);

    int64_t found = read_account(&of, "a").count; /* dense, whoever wrote */
    if (found != mine + owner.done && found != mine + owner.done + 1)
        fail_msg("%d events, of %d and %d", (int)found, mine, owner.done);
    bank_free(&of);
}

int main(int argc, char **argv)
{
    if (argc > 1) return work(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_carried_out_refused_or_repeated),
        cmocka_unit_test(thousands_of_calls_are_committed_in_groups),
        cmocka_unit_test(partitions_move_while_calls_come),
        cmocka_unit_test(who_takes_over_a_killed_owner_knows_what_it_has_done),
        cmocka_unit_test(an_owner_that_was_stopped_past_its_session_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
