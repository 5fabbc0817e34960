/* SPDX-License-Identifier: MIT
 * The sending of sending.h. */
#include "sending.h"

#include <inttypes.h>

#include "aggregates/commands_topic.h"
#include "core/alloc.h"
#include "tests/support/test.h"

enum { ASK_MS = 10000 };

static void must(const office *of, const char *what, stele_status status, const stele_error *err)
{
    if (status < 0) office_fail(of, __FILE__, __LINE__, what, err->text);
}

sending sending_begin(office *of)
{
    sending made = {.of = of};
    stele_error err;
    of->takes_commands = true;
    must(of, "topics", stele_commands_ensure(of->log, "account", ASK_MS, &err), &err);
    must(of, "client", stele_client_open_on(of->log, NULL, "sender", &made.client, &err), &err);
    must(of, "sender", stele_sender_open(made.client, &of->table, &made.sender, &err), &err);
    return made;
}

void sending_end(sending *self)
{
    stele_sender_close(self->sender);
    stele_client_close(self->client);
}

void sending_send(sending *self, const char *id, int64_t cents, int64_t expected,
                  const char *command_id)
{
    test_commands_book command = {.cents = cents, .times = 1};
    stele_call call = office_booking(id, &command);
    STELE_AUTO(char) named = stele_strdup_format("c-%" PRId64, self->count);
    stele_sent sent;
    stele_error err;
    call.expected_version = expected;
    call.command_id = command_id == NULL ? named : command_id;
    while (stele_send(self->sender, &call, &sent, &err) < 0) { /* the same one again */
        if (err.next != STELE_NEXT_RETRY) must(self->of, "send", err.status, &err);
    }
    OFFICE_CHECK(self->of, sent.offset >= 0 && strcmp(sent.topic, "account.commands") == 0);
    self->count++;
}

post sending_look(const sending *self)
{
    office *of = self->of;
    post found;
    stele_error err;
    stele_deadline by = stele_deadline_after(stele_runtime_clock(of->runtime), OFFICE_WAIT_MS);
    must(of, "read",
         post_read(of->log, "account", OFFICE_PARTITIONS, self->count, by, &found, &err), &err);
    return found;
}

post sending_await(const sending *self, int64_t count)
{
    office *of = self->of;
    stele_deadline by = stele_deadline_after(stele_runtime_clock(of->runtime), OFFICE_WAIT_MS);
    for (;;) {
        post found = sending_look(self);
        if (found.done + found.dead >= count) return found;
        if (stele_deadline_passed(by)) OFFICE_EQUAL(of, found.done + found.dead, count);
        office_sleep(of, 20);
    }
}
