/* SPDX-License-Identifier: MIT
 * Senders: processes that put commands into their topic and do not wait for what comes of them.
 * One that hears nothing of a command sends it again with its id, in its next life, too. Now and
 * then one is another program: it writes records by itself, some without an id, some that are no
 * commands. */
#include "simulation/bank.h"

#include <stele/codec.h>
#include <stele/sender.h>

#include "aggregates/commands_topic.h"
#include "book.h"
#include "core/alloc.h"
#include "kafka/partitioner.h"
#include "registry/client.h"
#include "registry/wire.h"

enum { BURST_MAX = 10, BOOK_MAX = 100, ASK_MS = 1000, PAUSE_MS = 200 };

/* One life. */
typedef struct sender {
    int which;
    stele_stream random;
    stele_client *client;
    stele_sender *sender;
} sender;

/* By sender; in all its lives. */
static struct {
    int sent;
    int64_t last; /* number of the call that it is at; -1: none */
} progress[SIM_SENDERS];

/* ---- what is sent ---- */

/* @return -1: there have been enough */
static int64_t draw_call(sender *self)
{
    stele_stream *random = &self->random;
    int wallet = (int)stele_stream_below(random, (uint32_t)bank.wallets);
    if (bank.calls_of[wallet] == SIM_CALLS_OF_WALLET ||
        bank.call_count + SIM_WALLETS_MAX >= SIM_CALLS_MAX)
        return -1;
    bank.calls_of[wallet]++;
    int64_t number = bank.call_count++;
    int64_t cents = 1 + stele_stream_below(random, BOOK_MAX);
    uint32_t kind = stele_stream_below(random, 8);
    bank.calls[number] = (sim_call){.want = SIM_WANT_COMMAND,
                                    .wallet = wallet,
                                    .cents = kind < 3 ? -2 * cents : cents,
                                    .times = kind == 7 ? 0 : 1 + (int)(kind & 1),
                                    .is_queued = true};
    if (stele_stream_below(random, 8) == 0)
        bank.calls[number].expected = stele_stream_below(random, 20);
    return number;
}

static void name_call(int64_t number)
{
    snprintf(bank.calls[number].id, SIM_COMMAND_ID_SIZE, "call-%d", (int)number);
}

/* One that is in the topic, or that a caller has made. @return -1: none was found */
static int64_t draw_repeat(sender *self)
{
    if (bank.call_count == 0) return -1;
    int64_t number = stele_stream_below(&self->random, (uint32_t)bank.call_count);
    const sim_call *of = &bank.calls[number];
    return of->want == SIM_WANT_COMMAND && of->id[0] != '\0' ? number : -1;
}

/* ---- by the library ---- */

static stele_status send_once(sender *self, int64_t number, stele_sent *sent, stele_error *err)
{
    sim_call *of = &bank.calls[number];
    char id[SIM_ID_SIZE];
    sim_wallet_id(of->wallet, id);
    sim_book command = {.number = number, .cents = of->cents, .times = (int32_t)of->times};
    stele_call call = {.aggregate_id = stele_text(id),
                       .type = &sim_book_type,
                       .command = &command,
                       .expected_version = of->expected,
                       .command_id = of->id[0] == '\0' ? NULL : of->id,
                       .timeout_ms = 50 << stele_stream_below(&self->random, 8)};
    of->ways++;
    of->is_queued = true;
    sent->command_id[0] = '\0';
    stele_status status = stele_send(self->sender, &call, sent, err);
    snprintf(of->id, sizeof of->id, "%.39s", sent->command_id);
    return status;
}

static void send(sender *self, int64_t number)
{
    stele_sent sent;
    stele_error err;
    progress[self->which].last = number;
    while (send_once(self, number, &sent, &err) < 0) {
        if (err.next != STELE_NEXT_RETRY && err.status != STELE_E_NOT_FOUND)
            sim_fail("stopped", "a sender: %s", err.text);
        if (stele_stream_below(&self->random, 20) == 0) return; /* it has had enough */
        sim_sleep_ms(stele_stream_below(&self->random, PAUSE_MS));
    }
    sim_sent(number, sent.partition, sent.offset);
    progress[self->which].last = -1;
}

/* ---- by another program ---- */

/* @return 0: not now */
static int32_t learn_schema(sender *self)
{
    int32_t id;
    stele_error err;
    stele_status status =
        stele_registry_register(stele_client_registry(self->client), SIM_BANK_COMMANDS "-sim.Book",
                                stele_text(sim_book_type.schema), NULL, 0, ASK_MS, &id, &err);
    return status < 0 ? 0 : id;
}

/* What is no command: without a key or a value, of no schema, where its key does not belong. */
static void spoil(sender *self, stele_log_entry *entry)
{
    switch (stele_stream_below(&self->random, 4)) {
    case 0:
        entry->key = (stele_bytes){0};
        break;
    case 1:
        entry->value = (stele_bytes){0};
        break;
    case 2:
        entry->value = stele_text("nonsense");
        break;
    default:
        entry->partition.index = (entry->partition.index + 1) % SIM_PARTITIONS;
        break;
    }
}

static stele_status put_foreign(sender *self, stele_log_producer *producer, int32_t schema,
                                stele_error *err)
{
    STELE_AUTO_VALUE(stele_buffer) value = {0};
    int64_t number = draw_call(self);
    if (number < 0) return STELE_OK;
    sim_call *of = &bank.calls[number];
    of->expected = STELE_EXPECT_ANY;
    if (stele_stream_below(&self->random, 2) == 0) name_call(number);
    char id[SIM_ID_SIZE];
    sim_wallet_id(of->wallet, id);
    sim_book command = {.number = number, .cents = of->cents, .times = (int32_t)of->times};
    stele_wire_begin(&value, schema);
    stele_encode(&sim_book_type, &command, &value, NULL);
    stele_header header = {STELE_COMMAND_ID, stele_text(of->id)};
    stele_log_entry entry = {
        .partition = {SIM_BANK_COMMANDS, stele_log_partition_of(stele_text(id), SIM_PARTITIONS)},
        .key = stele_text(id),
        .value = stele_buffer_view(&value),
        .headers = &header,
        .header_count = of->id[0] == '\0' ? 0 : 1};
    of->ways++;
    if (stele_stream_below(&self->random, 12) == 0) spoil(self, &entry);
    return stele_log_producer_put(producer, &entry, err);
}

/* Whatever is in the topic then is there. */
static void send_foreign(sender *self)
{
    stele_log_producer *producer;
    stele_log_topic topic;
    stele_error err;
    int32_t schema = learn_schema(self);
    if (schema == 0 || stele_log_topic_describe(stele_client_log(self->client), SIM_BANK_COMMANDS,
                                                ASK_MS, &topic, &err) < 0)
        return;
    if (stele_log_producer_open(stele_client_log(self->client), &(stele_log_producer_options){0},
                                &producer, &err) < 0)
        sim_fail("harness", "%s", err.text);
    int burst = 1 + (int)stele_stream_below(&self->random, BURST_MAX);
    for (int i = 0; i < burst; i++)
        if (put_foreign(self, producer, schema, &err) < 0) break;
    stele_log_producer_flush(producer, ASK_MS, NULL);
    stele_log_producer_close(producer);
}

/* ---- the process ---- */

static void send_next(sender *self)
{
    int64_t number = -1;
    uint32_t kind = stele_stream_below(&self->random, 8);
    if (kind == 0) {
        send_foreign(self);
        return;
    }
    if (kind == 1) number = draw_repeat(self);
    if (number < 0) {
        number = draw_call(self);
        if (number >= 0 && stele_stream_below(&self->random, 2) == 0) name_call(number);
    }
    if (number >= 0) send(self, number);
}

static void sender_main(void *context)
{
    sender *self = context;
    stele_error err;
    if (stele_client_open_on(world.log, NULL, "sender", &self->client, &err) < 0 ||
        stele_sender_open(self->client, &sim_wallets, &self->sender, &err) < 0)
        sim_fail("harness", "%s", err.text);
    int64_t last = progress[self->which].last;
    if (last >= 0 && bank.calls[last].id[0] != '\0' && stele_stream_below(&self->random, 2) == 0)
        send(self, last);
    while (progress[self->which].sent < bank.to_send && !world.resting) {
        progress[self->which].sent++;
        send_next(self);
        if (stele_stream_below(&self->random, 3) > 0) continue;
        sim_sleep_ms(stele_stream_below(&self->random, 4 * world.gap_ms + 1));
    }
    stele_sender_close(self->sender);
    stele_client_close(self->client);
    progress[self->which].sent = bank.to_send;
    sim_say("sender %d has done its sending", self->which);
    free(self);
}

void sim_start_sender(int which)
{
    sender *self = stele_alloc(sizeof *self);
    *self = (sender){.which = which, .random = {stele_stream_next(&world.load)}};
    if (progress[which].sent == 0) progress[which].last = -1;
    sim_clear_ambushes(SIM_FIRST_SENDER + which);
    sim_say("sender %d starts", which);
    stele_fibers_start(world.fibers, SIM_FIRST_SENDER + which, "sender", sender_main, self);
}

bool sim_is_sending(int which)
{
    return stele_fibers_is_running(world.fibers, SIM_FIRST_SENDER + which);
}

bool sim_has_sent(int which)
{
    return progress[which].sent >= bank.to_send;
}
