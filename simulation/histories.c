/* SPDX-License-Identifier: MIT
 * The checker of the aggregates. It knows what a writer promises and not how it keeps it: what
 * callers asked for and were told, when, and what is in the topics in the end. Its verdicts bear
 * the names of Jepsen's Kafka workload (checker.c), and:
 *
 *   stale-read-after-ack  an answer rests on less than someone was told before it was asked for
 *   dirty-read            an answer rests on events that no reader sees at that moment
 *   lost-timer            one is due, and has not fired */
#include "simulation/bank.h"

#include <string.h>

#include "aggregates/aggregate.h"
#include "aggregates/companion.h"
#include "aggregates/owners.h"
#include "booked.h"
#include "core/names.h"
#include "projections/verify.h"
#include "registry/client.h"
#include "registry/wire.h"
#include "reminded.h"
#include "snapshots/format.h"
#include "wallet.h"

enum { EVENTS_MAX = SIM_EVENTS_OF_WALLET + 8, READ_MS = 30000, TEXT_SIZE = 40 };

typedef struct event {
    int64_t number;
    int64_t cents;
    int64_t offset;
    int64_t balance; /* with it */
    int64_t value;
    int64_t due;
    char id[TEXT_SIZE];
    char cause[TEXT_SIZE];
} event;

static struct wallet {
    int32_t partition;
    int64_t version;
    event events[EVENTS_MAX]; /* version 1 is at 0 */
    int64_t stored;           /* version of its last snapshot */
} wallets[SIM_WALLETS_MAX];

/* By call: how many of its events are there, and the version of the last one. */
static int found_events[SIM_CALLS_MAX];
static int64_t found_version[SIM_CALLS_MAX];

/* ---- the events ---- */

static void copy_header(const stele_batch *batch, const stele_record *record, const char *name,
                        char out[TEXT_SIZE])
{
    stele_bytes value;
    if (!stele_log_batch_header(batch, record, name, &value) || value.size >= TEXT_SIZE)
        sim_fail("wrong-state", "%d/%d: no header %s that can be", (int)batch->partition.index,
                 (int)record->offset, name);
    memset(out, 0, TEXT_SIZE);
    memcpy(out, value.data, value.size);
}

static int wallet_of(stele_bytes key)
{
    int wallet = sim_wallet_of(key);
    if (wallet < 0)
        sim_fail("aborted-read", "an event of %.*s, which no one has called", (int)key.size,
                 (const char *)key.data);
    return wallet;
}

/* By the cause: the two types have the same bytes. */
static bool is_reminder(const event *of)
{
    return strncmp(of->cause, "stele:due/", 10) == 0;
}

static sim_booked read_booked(const stele_record *record)
{
    int32_t schema;
    stele_bytes payload;
    stele_error err;
    sim_booked booked;
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(record->value, &schema, &payload) ||
        sim_booked_type.decode(payload, &booked, arena, &err) < 0)
        sim_fail("wrong-state", "an event cannot be read");
    stele_arena_free(arena);
    return booked;
}

static int64_t read_reminded(const stele_record *record)
{
    int32_t schema;
    stele_bytes payload;
    stele_error err;
    sim_reminded reminded;
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(record->value, &schema, &payload) ||
        sim_reminded_type.decode(payload, &reminded, arena, &err) < 0)
        sim_fail("wrong-state", "a reminder cannot be read");
    stele_arena_free(arena);
    return reminded.due;
}

/* A timer fires once for each time that it is due, and not before. */
static void take_reminder(const event *last, event *added, const stele_batch *batch,
                          const stele_record *record)
{
    int64_t due = read_reminded(record);
    *added = (event){.number = SIM_REMINDED,
                     .offset = record->offset,
                     .balance = last->balance,
                     .value = sim_wallet_value(last->value, SIM_REMINDED, 0)};
    copy_header(batch, record, "ce_causationid", added->cause);
    if (last->due == 0 || due != last->due)
        sim_fail("duplicate", "%d/%d: a timer that is due at %d fires, and it was to at %d",
                 (int)batch->partition.index, (int)record->offset, (int)(due % 1000000),
                 (int)(last->due % 1000000));
    if (record->timestamp_ms < due)
        sim_fail("fork", "%d/%d: a timer fires %d ms early", (int)batch->partition.index,
                 (int)record->offset, (int)(due - record->timestamp_ms));
}

static void take_booked(const event *last, event *added, const stele_batch *batch,
                        const stele_record *record)
{
    sim_booked booked = read_booked(record);
    *added = (event){.number = booked.number,
                     .cents = booked.cents,
                     .offset = record->offset,
                     .balance = last->balance + booked.cents,
                     .value = sim_wallet_value(last->value, booked.number, booked.cents),
                     .due = sim_wallet_due(last->due, booked.number, record->timestamp_ms)};
    copy_header(batch, record, "ce_causationid", added->cause);
}

/* The events of a call are one unit: all of them, one behind the other, once. */
static void check_unit(const struct wallet *of, const event *added, int wallet, int32_t partition)
{
    const sim_call *call = &bank.calls[added->number];
    if (added->number < 0 || added->number >= bank.call_count || call->wallet != wallet ||
        call->cents != added->cents)
        sim_fail("aborted-read", "%d/%d: an event that no one has asked for", (int)partition,
                 (int)added->offset);
    int *found = &found_events[added->number];
    if (*found == call->times)
        sim_fail("duplicate", "%d/%d: the events of call %d (%s) are there again", (int)partition,
                 (int)added->offset, (int)added->number, call->id);
    if (*found > 0 && of->events[of->version - 1].number != added->number)
        sim_fail("fork", "%d/%d: an event is between those of call %d", (int)partition,
                 (int)added->offset, (int)added->number);
    (*found)++;
    found_version[added->number] = of->version + 1;
    if (call->id[0] != '\0' && strcmp(call->id, added->cause) != 0)
        sim_fail("wrong-state", "%d/%d: the cause of call %d is %s, not %s", (int)partition,
                 (int)added->offset, (int)added->number, added->cause, call->id);
    int64_t expected = call->expected;
    int64_t before = of->version + 1 - *found;
    if (expected != STELE_EXPECT_ANY && before != (expected == STELE_EXPECT_NEW ? 0 : expected))
        sim_fail("fork", "%d/%d: call %d expected version %d and is carried out at %d",
                 (int)partition, (int)added->offset, (int)added->number, (int)expected,
                 (int)before);
}

static void take_event(const stele_batch *batch, const stele_record *record)
{
    char version[TEXT_SIZE];
    int wallet = wallet_of(record->key);
    struct wallet *of = &wallets[wallet];
    event *added = &of->events[of->version];
    const event *last = of->version > 0 ? added - 1 : &(event){0};
    if (of->version == EVENTS_MAX) sim_fail("duplicate", "too many events");
    event cause = {0};
    copy_header(batch, record, "ce_causationid", cause.cause);
    if (is_reminder(&cause))
        take_reminder(last, added, batch, record);
    else
        take_booked(last, added, batch, record);
    copy_header(batch, record, "ce_id", added->id);
    copy_header(batch, record, "ce_aggregateversion", version);
    of->partition = batch->partition.index;
    if (added->number != SIM_REMINDED) check_unit(of, added, wallet, batch->partition.index);
    of->version++;
    if (strtoll(version, NULL, 10) != of->version)
        sim_fail("fork", "%d/%d: an event in version %s of wallet %d comes after %d",
                 (int)batch->partition.index, (int)record->offset, version, wallet,
                 (int)of->version - 1);
    if (added->balance < 0)
        sim_fail("wrong-state", "%d/%d: less than nothing is in wallet %d",
                 (int)batch->partition.index, (int)record->offset, wallet);
    stele_fibers_note(world.fibers, (uint64_t)added->value);
}

static stele_status take_events(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++)
        take_event(batch, &batch->records[i]);
    return STELE_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_ids(void)
{
    static const char *ids[SIM_WALLETS_MAX * EVENTS_MAX];
    size_t count = 0;
    for (int i = 0; i < bank.wallets; i++)
        for (int64_t k = 0; k < wallets[i].version; k++)
            ids[count++] = wallets[i].events[k].id;
    qsort(ids, count, sizeof ids[0], compare_ids);
    for (size_t i = 1; i < count; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            sim_fail("duplicate", "two events have the id %s", ids[i]);
}

/* By the world's clock: at rest every owner has it. */
static void check_timers(void)
{
    int64_t now_ms = stele_clock_now_ms(stele_fibers_world_clock(world.fibers));
    for (int i = 0; i < bank.wallets; i++) {
        const struct wallet *of = &wallets[i];
        if (of->version == 0 || of->events[of->version - 1].due == 0) continue;
        int64_t late_ms = now_ms - of->events[of->version - 1].due;
        if (late_ms > SIM_LATE_MS)
            sim_fail("lost-timer", "wallet %d, version %d: its timer is due for %d ms", i,
                     (int)of->version, (int)late_ms);
    }
}

static void check_units(void)
{
    for (int64_t i = 0; i < bank.call_count; i++)
        if (found_events[i] != 0 && found_events[i] != bank.calls[i].times)
            sim_fail("fork", "of the %d events of call %d are %d there", bank.calls[i].times,
                     (int)i, found_events[i]);
}

/* ---- the answers, each by itself ---- */

static _Noreturn void fail_answer(const char *verdict, const sim_answer *of, const char *what)
{
    const sim_call *call = &bank.calls[of->call];
    const stele_result *result = &of->reply.result;
    sim_fail(verdict,
             "call %d (%s) of wallet %d, %d times %d, expected %d, was answered with %s, %d "
             "events, version "
             "%d, at %d/%d, after %d ms: %s",
             (int)of->call, call->id, call->wallet, call->times, (int)call->cents,
             (int)call->expected, stele_status_name(of->reply.status), (int)result->event_count,
             (int)result->version, (int)result->partition, (int)result->offset,
             (int)((of->ended_ns - of->begun_ns) / 1000000), what);
}

static const event *event_at(const sim_answer *of)
{
    static const event none;
    const struct wallet *wallet = &wallets[bank.calls[of->call].wallet];
    int64_t version = of->reply.result.version;
    if (version < 0 || version > wallet->version)
        fail_answer("dirty-read", of, "the wallet never had this version");
    return version == 0 ? &none : &wallet->events[version - 1];
}

/* What was decided as one is seen as one. */
static bool is_within_unit(const sim_answer *of)
{
    const struct wallet *wallet = &wallets[bank.calls[of->call].wallet];
    int64_t version = of->reply.result.version;
    return version > 0 && version < wallet->version &&
           wallet->events[version - 1].number == wallet->events[version].number;
}

/* Was what it rests on there for every reader? */
static void check_seen(const sim_answer *of)
{
    if (bank.answers_committed) return;
    const event *last = event_at(of);
    if (is_within_unit(of)) fail_answer("dirty-read", of, "that is within a unit");
    if (of->reply.result.version > 0 && last->offset >= of->reply.stable)
        fail_answer("dirty-read", of, "no reader saw that version at that moment");
}

static void check_accepted(const sim_answer *of)
{
    const sim_call *call = &bank.calls[of->call];
    const stele_result *result = &of->reply.result;
    const struct wallet *wallet = &wallets[call->wallet];
    if (call->times == 0) {
        if (result->event_count != 0) fail_answer("fork", of, "it has no events");
        return;
    }
    if (found_events[of->call] == 0) fail_answer("lost-write", of, "its events are not there");
    if (result->event_count != (size_t)call->times)
        fail_answer("fork", of, "it has another number of events");
    if (found_version[of->call] != result->version)
        fail_answer("fork", of, "its events are in other versions");
    const event *last = &wallet->events[result->version - 1];
    if (result->partition != wallet->partition ||
        (result->offset != last->offset && !(bank.answers_committed && result->offset < 0)))
        fail_answer("fork", of, "its last event is at another position");
    if (strcmp(result->first_event_id, wallet->events[result->version - call->times].id) != 0)
        fail_answer("fork", of, "its first event has another id");
}

static void check_answer(const sim_answer *of)
{
    const sim_call *call = &bank.calls[of->call];
    const sim_reply *reply = &of->reply;
    int64_t version = reply->result.version;
    switch (reply->status) {
    case STELE_OK:
        check_seen(of);
        if (call->want != SIM_WANT_STATE)
            check_accepted(of);
        else if (reply->cents != event_at(of)->balance || reply->value != event_at(of)->value)
            fail_answer("wrong-state", of, "its state is not what a replay makes");
        return;
    case STELE_E_CONFLICT:
        check_seen(of);
        if (call->expected == STELE_EXPECT_ANY ||
            version == (call->expected == STELE_EXPECT_NEW ? 0 : call->expected))
            fail_answer("fork", of, "it expected this version");
        return;
    case STELE_E_REJECTED:
        check_seen(of);
        if (call->want != SIM_WANT_COMMAND ||
            event_at(of)->balance + call->cents * call->times >= 0)
            fail_answer("wrong-state", of, "there was enough");
        return;
    default:
        return;
    }
}

/* What was refused, and was asked for in one way only, is not there. */
static void check_refused(const sim_answer *of)
{
    stele_status status = of->reply.status;
    bool is_refused = status == STELE_E_CONFLICT || status == STELE_E_REJECTED ||
                      status == STELE_E_UNAVAILABLE || status == STELE_E_FULL;
    if (is_refused && bank.calls[of->call].ways == 1 && found_events[of->call] > 0)
        fail_answer("aborted-read", of, "its events are there");
}

/* ---- answers beside each other ---- */

/* Does it tell the version that the wallet had at some moment meanwhile? */
static bool tells_version(const sim_answer *of)
{
    stele_status status = of->reply.status;
    return (status == STELE_OK && !of->reply.result.repeated) || status == STELE_E_CONFLICT ||
           status == STELE_E_REJECTED;
}

static void check_order(void)
{
    for (size_t i = 0; i < bank.answer_count; i++) {
        const sim_answer *later = &bank.answers[i];
        if (!tells_version(later)) continue;
        for (size_t k = 0; k < i; k++) { /* they are in the order in which they came */
            const sim_answer *earlier = &bank.answers[k];
            if (bank.calls[earlier->call].wallet != bank.calls[later->call].wallet ||
                earlier->ended_ns > later->begun_ns || !tells_version(earlier) ||
                earlier->call == later->call)
                continue;
            if (earlier->reply.result.version > later->reply.result.version)
                fail_answer("stale-read-after-ack", later, "an earlier answer told a later one");
        }
    }
}

/* ---- the snapshots ---- */

static void take_snapshot(const stele_batch *batch, const stele_record *record)
{
    stele_snapshot snapshot;
    stele_error err;
    int32_t schema;
    stele_bytes payload;
    sim_wallet state;
    if (stele_snapshot_read(batch, record, NULL, &snapshot, &err) < 0)
        sim_fail("wrong-state", "a snapshot cannot be read: %s", err.text);
    struct wallet *of = &wallets[wallet_of(record->key)];
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(record->value, &schema, &payload) ||
        sim_wallet_type.decode(payload, &state, arena, &err) < 0)
        sim_fail("wrong-state", "a snapshot cannot be read");
    stele_arena_free(arena);
    int64_t version = snapshot.version;
    if (version < 1 || version > of->version || of->events[version - 1].balance != state.cents ||
        of->events[version - 1].value != state.value ||
        snapshot.offset != of->events[version - 1].offset + 1)
        sim_fail("wrong-state", "%d/%d: a snapshot in version %d is not what a replay makes",
                 (int)batch->partition.index, (int)record->offset, (int)version);
    if (version < of->stored)
        sim_fail("nonmonotonic", "%d/%d: a snapshot goes back from version %d to %d",
                 (int)batch->partition.index, (int)record->offset, (int)of->stored, (int)version);
    of->stored = version;
}

static stele_status take_snapshots(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++)
        if (!sim_check_reserved(batch, &batch->records[i]))
            take_snapshot(batch, &batch->records[i]);
    return STELE_OK;
}

static void say_finding(void *context, const stele_verify_finding *finding)
{
    (void)context;
    sim_fail("wrong-state", "stele verify: %d/%.*s: %s", (int)finding->partition,
             (int)finding->id.size, (const char *)finding->id.data, finding->text);
}

/* The product's own verification, of the commands beside the states, too. */
static void verify(void)
{
    stele_error err;
    stele_client *client;
    stele_verify_counts counts;
    if (stele_client_open_on(world.log, NULL, "checker", &client, &err) < 0)
        sim_fail("harness", "%s", err.text);
    stele_projection *projection = stele_writer_projection_new(&sim_wallets);
    stele_remembered_limits limits = stele_remembered_limits_of(&sim_wallets);
    stele_companion companion = stele_remembered_companion(&limits);
    stele_verify_options options = {.projection = projection,
                                    .log = world.log,
                                    .registry = stele_client_registry(client),
                                    .companion = &companion,
                                    .deadline = stele_deadline_after(sim_clock(), READ_MS),
                                    .each = say_finding};
    if (stele_verify(&options, &counts, &err) < 0) sim_fail("wrong-state", "verify: %s", err.text);
    stele_writer_projection_free(projection);
    stele_client_close(client);
}

/* ---- the owners ---- */

/* What the owner of each partition has said last. */
typedef struct said {
    int64_t term;
    int64_t time_ms;
} said;

/* Each is the successor of the one before: its term is a higher one; or says the same again. */
static stele_status take_owners(void *context, const stele_batch *batch, stele_error *err)
{
    (void)err;
    said *last = context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        stele_bytes topic;
        int32_t partition;
        stele_owner owner;
        /* Of what was written to be aborted, and hung, a blank may be seen. */
        if (record->value.data == NULL) continue;
        if (!stele_owner_key_parse(record->key, &topic, &partition) ||
            partition >= SIM_PARTITIONS || !stele_owner_read(record->value, &owner))
            sim_fail("wrong-state", "the record of an owner cannot be read");
        if (!stele_bytes_equal(topic, stele_text(SIM_BANK_EVENTS))) continue; /* of the jars */
        if (owner.term == last[partition].term && owner.time_ms == last[partition].time_ms)
            continue;
        if (owner.term <= last[partition].term)
            sim_fail("nonmonotonic", "an owner of %d says term %d, and one before it said %d",
                     (int)partition, (int)owner.term, (int)last[partition].term);
        last[partition] = (said){owner.term, owner.time_ms};
    }
    return STELE_OK;
}

static void check_terms(void)
{
    stele_error err;
    said last[SIM_PARTITIONS] = {{0}};
    const stele_bounded_read_start start = {{STELE_OWNERS_TOPIC, 0}, STELE_OFFSET_NONE};
    const stele_bounded_read_options options = {.starts = &start,
                                                .count = 1,
                                                .isolation = STELE_READ_COMMITTED,
                                                .deadline =
                                                    stele_deadline_after(sim_clock(), READ_MS),
                                                .take = take_owners,
                                                .context = last};
    if (stele_bounded_read(world.log, &options, &err) < 0) sim_fail("stuck", "%s", err.text);
}

/* ---- all of it ---- */

int sim_found_events(int64_t call)
{
    return found_events[call];
}

int64_t sim_found_version(int64_t call)
{
    return found_version[call];
}

void sim_read_all(const char *topic, stele_bounded_read_take *take)
{
    stele_error err;
    stele_bounded_read_start starts[SIM_PARTITIONS];
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        starts[i] = (stele_bounded_read_start){{topic, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {.starts = starts,
                                          .count = SIM_PARTITIONS,
                                          .isolation = STELE_READ_COMMITTED,
                                          .deadline = stele_deadline_after(sim_clock(), READ_MS),
                                          .take = take};
    if (stele_bounded_read(world.log, &options, &err) < 0) sim_fail("stuck", "%s", err.text);
}

void sim_check_bank(void)
{
    sim_read_all(SIM_BANK_EVENTS, take_events);
    check_ids();
    check_units();
    check_timers();
    for (size_t i = 0; i < bank.answer_count; i++) {
        check_answer(&bank.answers[i]);
        check_refused(&bank.answers[i]);
    }
    check_order();
    check_terms();
    sim_check_deliveries();
    sim_read_all(SIM_BANK_SNAPSHOTS, take_snapshots);
    if (stele_stream_below(&world.load, 4) == 0) verify();
}
