/* SPDX-License-Identifier: MIT
 * Instances: processes with a writer, which answer letters. Calls for partitions that are elsewhere
 * go to another instance in letters with the command's id, and again until one answers. */
#include "simulation/bank.h"

#include "aggregates/writer_self.h"
#include "book.h"
#include "booked.h"
#include "core/alloc.h"
#include "core/bug.h"
#include "core/monitor.h"
#include "registry/client.h"
#include "simulation/jars.h"
#include "wallet.h"

enum {
    ASK_MIN_MS = 20, /* before an instance that does not answer is asked again, or another one is */
    ASK_MAX_MS = 1000,
    LOOK_MS = 50,
    PATIENCE_MS = 60000
};

/* A call on its way to its owner. */
typedef struct errand {
    struct errand *next;
    uint64_t number; /* of the last question: what answers an earlier one is not heard */
    int32_t partition;
    stele_ticket *ticket; /* owned */
    int64_t again_ns;
    int pause_ms;
    bool is_open; /* it was asked, and not answered */
} errand;

/* A process. */
typedef struct instance {
    int which;
    atomic_bool stop;
    atomic_bool is_closing;
    stele_writer *writer;
    stele_forwarder forwarder;
    stele_writer_setting setting;
    stele_thread thread;
    int32_t owner[SIM_PARTITIONS]; /* who has answered calls of it last */

    stele_monitor monitor; /* over what comes from the writer's thread */
    errand *sent;
    errand *errands; /* of the process's own thread */
} instance;

/* A letter that is being answered. */
typedef struct serving {
    instance *by;
    sim_letter letter;
    sim_wallet state;      /* of a load */
    const sim_reply *told; /* what another instance says; NULL: it says so itself */
} serving;

static instance *current[SIM_INSTANCES]; /* the last life of each */
static bool is_looked_at;  /* into their writers, which takes time: none is closed meanwhile */
static uint64_t questions; /* in all lives: no answer comes to another one's */

/* ---- answers ---- */

/* What was promised to whoever hears it: every reader sees it. */
static void check_visible(const serving *of, const sim_reply *reply)
{
    if (bank.answers_committed || reply->status < 0 || reply->result.event_count == 0) return;
    stele_partition at = {SIM_BANK_EVENTS, reply->result.partition};
    if (!stele_log_memory_is_visible(world.log, at, reply->result.offset))
        sim_fail("aborted-read",
                 "call %d is acknowledged at %d/%d, and readers, who see events up to %d, do not "
                 "see that one",
                 (int)of->letter.number, (int)at.index, (int)reply->result.offset,
                 (int)reply->stable);
}

static void look_at_log(sim_reply *reply, int32_t partition)
{
    int64_t end;
    stele_log_memory_ends(world.log, (stele_partition){SIM_BANK_EVENTS, partition}, &reply->stable,
                          &end);
}

static void answer(const serving *of, const sim_reply *reply)
{
    sim_letter letter = of->letter;
    letter.to = of->letter.from;
    letter.from = of->letter.to;
    letter.is_answer = true;
    letter.reply = *reply;
    sim_post(&letter);
}

static void on_loaded(void *context, const void *state)
{
    serving *self = context;
    self->state = (sim_wallet){0};
    if (state != NULL) self->state = *(const sim_wallet *)state;
}

/* @locality the writer's thread, or the process's */
static void on_done(void *context, const stele_result *result, const stele_error *failure)
{
    serving *self = context;
    sim_reply reply = {
        .result = *result, .cents = self->state.cents, .value = self->state.value, .stable = 0};
    if (failure != NULL) {
        reply.status = failure->status;
        reply.next = failure->next;
        snprintf(reply.text, sizeof reply.text, "%.159s", failure->text);
    }
    look_at_log(&reply, result->partition);
    if (self->told != NULL) reply.stable = self->told->stable;
    check_visible(self, &reply);
    answer(self, &reply);
    free(self);
}

static void refuse(serving *of, const stele_error *failure)
{
    const stele_result none = {.offset = STELE_OFFSET_NONE};
    on_done(of, &none, failure);
}

/* ---- requests ---- */

static stele_status execute(serving *of, stele_error *err)
{
    const sim_letter *letter = &of->letter;
    char id[SIM_ID_SIZE];
    sim_wallet_id(letter->wallet, id);
    stele_writer *writer = of->by->writer;
    if (letter->want == SIM_WANT_STATE)
        return stele_writer_load_async(writer, stele_text(id), letter->timeout_ms, letter->hops,
                                       on_loaded, on_done, of, err);
    const sim_call *wanted = &bank.calls[letter->number];
    sim_book command = {
        .number = letter->number, .cents = wanted->cents, .times = (int32_t)wanted->times};
    sim_booked booked = {.number = letter->number, .cents = wanted->cents};
    stele_new_event events[3];
    for (int i = 0; i < wanted->times && i < 3; i++)
        events[i] = (stele_new_event){&sim_booked_type, &booked};
    stele_call call = {.aggregate_id = stele_text(id),
                       .expected_version = letter->expected,
                       .command_id = letter->id[0] == '\0' ? NULL : letter->id,
                       .timeout_ms = letter->timeout_ms};
    if (letter->want == SIM_WANT_COMMAND) {
        call.type = &sim_book_type;
        call.command = &command;
    } else {
        call.events = events;
        call.event_count = (size_t)wanted->times;
    }
    return stele_writer_execute(writer, &call, letter->hops, on_done, of, err);
}

static void serve(instance *self, const sim_letter *letter)
{
    serving *made = stele_alloc(sizeof *made);
    *made = (serving){.by = self, .letter = *letter};
    stele_error err;
    char id[SIM_ID_SIZE];
    sim_wallet_id(letter->wallet, id);
    int32_t partition = stele_writer_partition_of(self->writer, stele_text(id));
    bool is_elsewhere = stele_writer_desk_state(self->writer, partition) == STELE_DESK_ELSEWHERE;
    if (letter->hops > 0 && is_elsewhere) {
        stele_fail(&err, STELE_E_NOT_OWNER, STELE_NEXT_RETRY, "not mine");
        refuse(made, &err);
        return;
    }
    if (execute(made, &err) < 0) refuse(made, &err);
}

/* ---- calls that are for others ---- */

/* @locality the writer's thread */
static bool forward(void *context, int32_t partition, stele_ticket *ticket)
{
    instance *self = context;
    if (atomic_load(&self->is_closing)) return false;
    errand *made = stele_alloc(sizeof *made);
    stele_monitor_lock(&self->monitor);
    *made = (errand){.next = self->sent, .partition = partition, .ticket = ticket};
    self->sent = made;
    stele_monitor_unlock(&self->monitor);
    sim_ring(self->which);
    return true;
}

static void take_errands(instance *self)
{
    stele_monitor_lock(&self->monitor);
    errand *come = self->sent;
    self->sent = NULL;
    stele_monitor_unlock(&self->monitor);
    for (errand *each; (each = come) != NULL;) {
        come = each->next;
        each->next = self->errands;
        self->errands = each;
    }
}

/* The number of the call is in what is to be done. */
static int64_t number_of(const stele_ticket *ticket)
{
    stele_error err;
    union {
        sim_book book;
        sim_booked booked;
    } data;
    stele_arena *arena = stele_arena_new();
    const stele_ticket_datum *datum = &ticket->data[0];
    if (datum->type->decode(datum->avro, &data, arena, &err) < 0)
        sim_fail("harness", "%s", err.text);
    stele_arena_free(arena);
    return ticket->kind == STELE_TICKET_EXECUTE ? data.book.number : data.booked.number;
}

static sim_letter write_errand(const instance *self, const errand *of)
{
    const stele_ticket *ticket = of->ticket;
    sim_letter letter = {.from = self->which,
                         .about = of->number,
                         .hops = 1,
                         .want = ticket->kind == STELE_TICKET_LOAD      ? SIM_WANT_STATE
                                 : ticket->kind == STELE_TICKET_EXECUTE ? SIM_WANT_COMMAND
                                                                        : SIM_WANT_EVENTS,
                         .expected = ticket->expected_version,
                         .timeout_ms = stele_deadline_remaining_ms(ticket->deadline, 30000)};
    letter.wallet = sim_wallet_of(ticket->aggregate_id);
    if (letter.want == SIM_WANT_STATE) return letter;
    letter.number = number_of(ticket);
    if (!STELE_BUG("forward without the command's id"))
        snprintf(letter.id, sizeof letter.id, "%s", ticket->command_id);
    return letter;
}

static void say_tried(errand *of)
{
    of->ticket->is_tried = true;
    if (of->ticket->kind != STELE_TICKET_LOAD) bank.calls[number_of(of->ticket)].ways++;
}

static void ask(instance *self, errand *of)
{
    of->number = ++questions;
    sim_letter letter = write_errand(self, of);
    if (letter.timeout_ms == 0) letter.timeout_ms = 1;
    letter.to = self->owner[of->partition];
    if (letter.to == self->which || of->pause_ms > 0)
        letter.to = (self->which + 1 + (int)stele_stream_below(&world.faults, SIM_INSTANCES - 1)) %
                    SIM_INSTANCES;
    of->pause_ms = of->pause_ms == 0 ? ASK_MIN_MS : 2 * of->pause_ms;
    if (of->pause_ms > ASK_MAX_MS) of->pause_ms = ASK_MAX_MS;
    of->again_ns = stele_fibers_now_ns(world.fibers) + (int64_t)of->pause_ms * 1000000;
    /* What became of the last one is not known: it may be carried out, now or later. */
    if (of->is_open) say_tried(of);
    of->is_open = true;
    sim_post(&letter);
}

/* It is ours by now: the writer decides on it. */
static bool comes_back(const instance *self, const errand *of)
{
    return atomic_load(&self->is_closing) ||
           stele_writer_desk_state(self->writer, of->partition) != STELE_DESK_ELSEWHERE;
}

static void fail_late(errand *of)
{
    const stele_ticket *ticket = of->ticket;
    stele_error failure;
    if (ticket->is_tried)
        stele_fail(&failure, STELE_E_TIMED_OUT, STELE_NEXT_RETRY, "not known");
    else
        stele_fail(&failure, STELE_E_UNAVAILABLE, STELE_NEXT_RETRY, "not begun");
    stele_ticket_answer(of->ticket, &(stele_result){.offset = STELE_OFFSET_NONE}, &failure);
}

/* @return false: it has ended, or has gone back */
static bool look_at_errand(instance *self, errand *of)
{
    bool is_late = stele_deadline_passed(of->ticket->deadline);
    if (is_late || comes_back(self, of)) {
        if (of->is_open) say_tried(of);
        if (is_late)
            fail_late(of);
        else
            stele_writer_return(self->writer, of->partition, of->ticket);
        return false;
    }
    if (stele_fibers_now_ns(world.fibers) >= of->again_ns) ask(self, of);
    return true;
}

static void look_at_errands(instance *self)
{
    take_errands(self);
    for (errand **at = &self->errands; *at != NULL;) {
        errand *each = *at;
        if (look_at_errand(self, each)) {
            at = &each->next;
            continue;
        }
        *at = each->next;
        free(each);
    }
}

/* An answer to one that waits. @return false: it is to be asked again, there or elsewhere */
static bool settle(const errand *of, const sim_reply *reply)
{
    stele_ticket *ticket = of->ticket;
    sim_wallet state = {.cents = reply->cents, .value = reply->value};
    stele_error failure = {.status = reply->status, .next = reply->next};
    snprintf(failure.text, sizeof failure.text, "%s", reply->text);
    switch (reply->status) {
    case STELE_E_TIMED_OUT:
        ticket->is_tried = true;
        return false;
    case STELE_E_NOT_OWNER:
    case STELE_E_UNAVAILABLE:
    case STELE_E_FULL:
        return false;
    default:
        break;
    }
    if (ticket->kind == STELE_TICKET_LOAD && reply->status == STELE_OK)
        ticket->loaded(ticket->context, &state);
    ((serving *)ticket->context)->told = reply;
    stele_ticket_answer(ticket, &reply->result, reply->status < 0 ? &failure : NULL);
    return true;
}

static void take_answer(instance *self, const sim_letter *letter)
{
    errand **at = &self->errands;
    while (*at != NULL && (*at)->number != letter->about)
        at = &(*at)->next;
    errand *of = *at;
    if (of == NULL) return;
    of->is_open = false;
    if (!settle(of, &letter->reply)) return;
    self->owner[of->partition] = letter->from;
    *at = of->next;
    free(of);
}

/* ---- the process ---- */

static void writer_main(void *context)
{
    instance *self = context;
    stele_error err;
    if (stele_writer_run(self->writer, &self->stop, &err) < 0)
        sim_fail("stopped", "a writer: %s", err.text);
}

static stele_client *open_client(int which, stele_stream *random)
{
    char texts[5][64];
    const char *overrides[] = {texts[0], texts[1], texts[2], texts[3], texts[4], NULL};
    stele_client *client;
    stele_error err;
    snprintf(texts[0], sizeof texts[0], "worker.instance=instance-%d", which);
    snprintf(texts[1], sizeof texts[1], "kafka.session.timeout.ms=%d", world.session_ms);
    snprintf(texts[2], sizeof texts[2], "aggregate.wallet.transaction_timeout_ms=%d",
             world.transaction_ms);
    snprintf(texts[3], sizeof texts[3], "aggregate.wallet.snapshot_events=%u",
             1 + stele_stream_below(random, 40));
    snprintf(texts[4], sizeof texts[4], "aggregate.wallet.snapshot_interval_ms=%u",
             1 + stele_stream_below(random, 3000));
    if (stele_client_open_configured(world.log, overrides, NULL, "bank", &client, &err) < 0)
        sim_fail("harness", "%s", err.text);
    return client;
}

static void work(instance *self)
{
    sim_letter letter;
    while (!atomic_load(&self->stop)) {
        int64_t until_ns = stele_fibers_now_ns(world.fibers) + (int64_t)LOOK_MS * 1000000;
        if (sim_take_letter(self->which, until_ns, &letter)) {
            if (letter.is_answer)
                take_answer(self, &letter);
            else
                serve(self, &letter);
        }
        look_at_errands(self);
    }
}

static void instance_main(void *context)
{
    instance *self = context;
    stele_error err;
    stele_stream random = {stele_stream_next(&world.load)};
    stele_client *client = open_client(self->which, &random);
    stele_writer_options options = {.aggregate = &sim_wallets,
                                    .acknowledge = bank.answers_committed
                                                       ? STELE_ACKNOWLEDGE_COMMITTED
                                                       : STELE_ACKNOWLEDGE_VISIBLE,
                                    .takes_commands = bank.takes_commands,
                                    .queue_max = bank.queue_max};
    self->forwarder = (stele_forwarder){forward, self};
    self->setting = (stele_writer_setting){.forwarder = &self->forwarder};
    if (stele_writer_new(client, &options, &self->setting, &self->writer, &err) < 0)
        sim_fail("harness", "%s", err.text);
    stele_thread_start(world.runtime, &self->thread, "writer", writer_main, self);
    sim_jars *jars = sim_open_jars(client, &self->stop);
    work(self);
    atomic_store(&self->is_closing, true);
    stele_thread_join(self->thread);
    look_at_errands(self);
    stele_writer *writer = self->writer;
    self->writer = NULL;
    while (is_looked_at)
        sim_sleep_ms(LOOK_MS);
    stele_writer_close(writer);
    sim_close_jars(jars);
    stele_client_close(client);
    sim_say("instance %d has ended", self->which);
}

void sim_start_instance(int which)
{
    instance *self = stele_alloc(sizeof *self);
    *self = (instance){.which = which};
    stele_monitor_init(&self->monitor, world.runtime);
    for (int i = 0; i < SIM_PARTITIONS; i++)
        self->owner[i] = (int)stele_stream_below(&world.load, SIM_INSTANCES);
    current[which] = self;
    sim_clear_ambushes(SIM_FIRST_INSTANCE + which);
    sim_empty_box(which);
    sim_say("instance %d starts", which);
    stele_fibers_start(world.fibers, SIM_FIRST_INSTANCE + which, "instance", instance_main, self);
}

void sim_stop_instance(int which)
{
    if (!stele_fibers_is_running(world.fibers, SIM_FIRST_INSTANCE + which)) return;
    sim_say("instance %d is to end", which);
    atomic_store(&current[which]->stop, true);
}

bool sim_are_all_up(void)
{
    bool are_up = true;
    for (int i = 0; i < SIM_INSTANCES; i++)
        are_up = are_up && stele_fibers_is_running(world.fibers, SIM_FIRST_INSTANCE + i) &&
                 !atomic_load(&current[i]->stop);
    return are_up;
}

void sim_stop_instances(void)
{
    stele_deadline until = stele_deadline_after(sim_clock(), PATIENCE_MS);
    for (int i = 0; i < SIM_INSTANCES; i++)
        sim_stop_instance(i);
    for (int i = 0; i < SIM_INSTANCES; i++) {
        while (stele_fibers_is_running(world.fibers, SIM_FIRST_INSTANCE + i)) {
            if (stele_deadline_passed(until)) sim_fail("stuck", "instance %d does not end", i);
            sim_sleep_ms(LOOK_MS);
        }
    }
}

/* Does this life of the process have a writer? */
static bool has_writer(int which)
{
    return stele_fibers_is_running(world.fibers, SIM_FIRST_INSTANCE + which) &&
           current[which]->writer != NULL;
}

int sim_server_of(int32_t partition)
{
    int server = -1;
    is_looked_at = true;
    for (int i = 0; i < SIM_INSTANCES && server < 0; i++)
        if (has_writer(i) &&
            stele_writer_desk_state(current[i]->writer, partition) == STELE_DESK_SERVING)
            server = i;
    is_looked_at = false;
    return server;
}

const char *sim_instances_say(void)
{
    static char text[600];
    size_t size = 0;
    for (int i = 0; i < SIM_INSTANCES; i++) {
        for (int32_t k = 0; k < SIM_PARTITIONS && has_writer(i) && size < sizeof text; k++) {
            stele_partition_state state;
            const char *reason;
            if (!stele_worker_state(current[i]->writer->worker, k, &state, &reason)) continue;
            size += (size_t)snprintf(text + size, sizeof text - size, "%d has %d, %s: %.100s; ", i,
                                     (int)k, stele_partition_state_name(state), reason);
        }
    }
    return text;
}
