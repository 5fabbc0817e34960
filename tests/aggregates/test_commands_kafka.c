/* SPDX-License-Identifier: MIT
 * Commands by way of their topic on a real broker, while their owner is killed. A process of its
 * own is this program, started with the name of an aggregate: it serves until it is killed. */
#include <stele/sender.h>

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stele/generated.h>

#include "account.h"
#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "core/names.h"
#include "post.h"
#include "registry/client.h"
#include "tests/kafka/kafka_test.h"

enum { PARTITIONS = 2 };

extern char **environ;

typedef struct bank {
    stele_client *client;
    stele_aggregate table;
    stele_sender *sender;
    int64_t sent;
} bank;

static void bank_open(bank *out, const char *name)
{
    *out = (bank){.table = account_table(NULL)};
    out->table.name = name;
    MUST(stele_client_open(&(stele_client_options){.name = "bank"}, &out->client, &err));
    MUST(stele_sender_open(out->client, &out->table, &out->sender, &err));
}

/* With its topics, all of them: whoever asks for one too early does not see it for half a minute.
 */
static void bank_new(bank *out, const char *name)
{
    bank_open(out, name);
    STELE_AUTO(char) topic = stele_events_topic(name);
    stele_log *log = stele_client_log(out->client);
    stele_log_topic_options options = {.name = topic, .partitions = PARTITIONS};
    MUST(stele_log_topic_create(log, &options, PATIENCE_MS, &err));
    stele_status status;
    stele_deadline by = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    while ((status = stele_commands_ensure(log, name, PATIENCE_MS, &err)) < 0 &&
           err.next == STELE_NEXT_RETRY && !stele_deadline_passed(by)) {
    }
    MUST(status);
    MUST(stele_commands_dead_ensure(log, name, PATIENCE_MS, &err));
}

static void bank_free(bank *self)
{
    stele_sender_close(self->sender);
    stele_client_close(self->client);
}

/* Every fifth is rejected. */
static void send_some(bank *self, int count)
{
    for (int i = 0; i < count; i++) {
        char id[8], command_id[24];
        snprintf(id, sizeof id, "a%d", i % 4);
        snprintf(command_id, sizeof command_id, "c-%d", (int)self->sent);
        const test_commands_book command = {.cents = i % 5 == 4 ? -1000000 : 1, .times = 1};
        const stele_call call = {.aggregate_id = stele_text(id),
                                 .type = &test_commands_book_type,
                                 .command = &command,
                                 .command_id = command_id};
        stele_sent sent;
        MUST(stele_send(self->sender, &call, &sent, &err));
        assert_true(sent.offset >= 0);
        assert_string_equal(sent.command_id, command_id);
        self->sent++;
    }
}

static post look(const bank *self)
{
    post found;
    stele_deadline by = stele_deadline_after(stele_clock_system(), PATIENCE_MS);
    MUST(post_read(stele_client_log(self->client), self->table.name, PARTITIONS, self->sent, by,
                   &found, &err));
    return found;
}

static post await_count(const bank *self, int64_t count)
{
    stele_deadline by = stele_deadline_after(stele_clock_system(), 2 * PATIENCE_MS);
    for (;;) {
        post found = look(self);
        if (found.done + found.dead >= count) return found;
        if (stele_deadline_passed(by))
            fail_msg("%d done and %d dead, of %d", (int)found.done, (int)found.dead, (int)count);
    }
}

static int serve(const char *name)
{
    bank of;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves it behind */
    bank_open(&of, name);
    stele_writer *writer;
    stele_writer_options options = {.aggregate = &of.table, .takes_commands = true};
    MUST(stele_writer_open(of.client, &options, &writer, &err));
    pause();
    return 0;
}

static pid_t start(const char *name)
{
    pid_t made;
    STELE_AUTO(char) program = stele_strdup("/proc/self/exe");
    STELE_AUTO(char) argument = stele_strdup(name);
    char *const arguments[] = {program, argument, NULL};
    assert_int_equal(posix_spawn(&made, program, NULL, NULL, arguments, environ), 0);
    return made;
}

static void end(pid_t process)
{
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
}

static void each_command_has_one_effect_or_one_dead_letter_while_owners_are_killed(void **state)
{
    (void)state;
    bank of;
    bank_new(&of, fresh_name("account"));
    send_some(&of, 50);
    pid_t owner = start(of.table.name);
    await_count(&of, 20);
    for (int round = 0; round < 3; round++) {
        int64_t before = look(&of).done;
        send_some(&of, 100);
        await_count(&of, before + 20 + 7 * round); /* in the middle */
        end(owner);
        send_some(&of, 20);
        owner = start(of.table.name);
    }

    post found = await_count(&of, of.sent);

    end(owner);
    assert_int_equal(found.missing, 0);
    assert_int_equal(found.twice, 0);
    assert_int_equal(found.dead, of.sent / 5);
    assert_string_equal(found.code, "insufficient_funds");
    bank_free(&of);
}

static void the_group_follows_for_tools(void **state)
{
    (void)state;
    bank of;
    bank_new(&of, fresh_name("account"));
    stele_log *log = stele_client_log(of.client);
    stele_writer *writer;
    stele_writer_options options = {.aggregate = &of.table, .takes_commands = true};
    MUST(stele_writer_open(of.client, &options, &writer, &err));
    send_some(&of, 40);
    await_count(&of, of.sent);
    stele_writer_close(writer);

    STELE_AUTO(char) group = stele_writer_name(of.table.name);
    STELE_AUTO(char) commands = stele_commands_topic(of.table.name);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        int64_t start, stop, offset;
        stele_partition partition = {commands, i};
        MUST(stele_log_bounds(log, partition, STELE_READ_COMMITTED, PATIENCE_MS, &start, &stop,
                              &err));
        MUST(stele_log_group_offset(log, group, partition, PATIENCE_MS, &offset, &err));
        assert_int_equal(offset, stop > 0 ? stop : STELE_OFFSET_NONE);
    }
    bank_free(&of);
}

static void a_sender_needs_the_topic(void **state)
{
    (void)state;
    bank of;
    bank_open(&of, fresh_name("account"));
    const test_commands_book command = {.cents = 1, .times = 1};
    stele_call call = {
        .aggregate_id = stele_text("a"), .type = &test_commands_book_type, .command = &command};

    assert_int_equal(stele_send(of.sender, &call, NULL, &err), STELE_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "commands = topic"));
    bank_free(&of);
}

int main(int argc, char **argv)
{
    if (argc > 1) return serve(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_command_has_one_effect_or_one_dead_letter_while_owners_are_killed),
        cmocka_unit_test(the_group_follows_for_tools),
        cmocka_unit_test(a_sender_needs_the_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
