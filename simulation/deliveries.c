/* SPDX-License-Identifier: MIT
 * The checker of the commands that go by way of their topic. It knows what was promised: each
 * record there has its effect once, or is a dead letter; what has the id of one that had its effect
 * adds nothing; and the effects of one wallet come in the order of the topic. */
#include "simulation/bank.h"

#include "aggregates/commands_topic.h"
#include "aggregates/inbox.h"
#include "book.h"
#include "core/names.h"
#include "kafka/partitioner.h"
#include "registry/wire.h"

enum { RECORDS_MAX = 4000 };

/* A record of the topic. */
typedef struct delivery {
    int64_t number; /* of its call; -1: it is no command */
    int32_t partition;
    int64_t offset;
    uint64_t hash;
    int letters; /* dead ones */
} delivery;

static delivery deliveries[RECORDS_MAX];
static size_t count;
static int64_t taken[SIM_PARTITIONS]; /* by the record of the owner */

/* Where a call was stored, as its sender was told. */
static struct {
    int64_t number;
    int32_t partition;
    int64_t offset;
} sent[RECORDS_MAX];
static size_t sent_count;

/* How far the owner is that has said so last. */
static struct {
    int domain;
    int64_t next;
} at[SIM_PARTITIONS];

void sim_sent(int64_t number, int32_t partition, int64_t offset)
{
    if (sent_count == RECORDS_MAX) sim_fail("harness", "too many are sent");
    sent[sent_count].number = number;
    sent[sent_count].partition = partition;
    sent[sent_count++].offset = offset;
}

void sim_see_taken(int domain, int32_t partition, int64_t next)
{
    if (at[partition].domain != domain || at[partition].next != next)
        sim_say("%s has taken all of %d before %d", sim_domain_name(domain), (int)partition,
                (int)next);
    at[partition].domain = domain;
    at[partition].next = next;
}

bool sim_is_taken(int domain, int32_t partition)
{
    int64_t stable, end;
    stele_log_memory_ends(world.log, (stele_partition){SIM_BANK_COMMANDS, partition}, &stable,
                          &end);
    return at[partition].domain == domain && at[partition].next >= end;
}

/* ---- the topics ---- */

static uint64_t hash_of(const stele_record *record)
{
    uint64_t hash = record->key.size * 31 + record->value.size;
    for (size_t i = 0; i < record->key.size; i++)
        hash = hash * 1099511628211U + record->key.data[i];
    for (size_t i = 0; i < record->value.size; i++)
        hash = hash * 1099511628211U + record->value.data[i];
    return hash;
}

static int64_t number_of(const stele_batch *batch, const stele_record *record)
{
    int32_t schema;
    stele_bytes payload;
    stele_error err;
    sim_book book;
    if (record->key.data == NULL || record->value.data == NULL ||
        stele_log_partition_of(record->key, SIM_PARTITIONS) != batch->partition.index ||
        !stele_wire_split(record->value, &schema, &payload))
        return -1;
    stele_arena *arena = stele_arena_new();
    stele_status status = sim_book_type.decode(payload, &book, arena, &err);
    stele_arena_free(arena);
    return status < 0 ? -1 : book.number;
}

static stele_status take_commands(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        if (count == RECORDS_MAX) sim_fail("harness", "too many commands");
        const stele_record *record = &batch->records[i];
        deliveries[count++] = (delivery){.number = number_of(batch, record),
                                         .partition = batch->partition.index,
                                         .offset = record->offset,
                                         .hash = hash_of(record)};
    }
    return STELE_OK;
}

static delivery *find(int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < count; i++)
        if (deliveries[i].partition == partition && deliveries[i].offset == offset)
            return &deliveries[i];
    return NULL;
}

static void take_letter(const stele_batch *batch, const stele_record *record)
{
    stele_bytes position, topic;
    int32_t partition;
    int64_t offset;
    delivery *of = NULL;
    if (stele_log_batch_header(batch, record, STELE_DEAD_POSITION, &position) &&
        stele_position_parse(position, &topic, &partition, &offset) &&
        stele_bytes_equal(topic, stele_text(SIM_BANK_COMMANDS)))
        of = find(partition, offset);
    if (of == NULL || of->hash != hash_of(record))
        sim_fail("aborted-read", "dead letter %d/%d is of no command", (int)batch->partition.index,
                 (int)record->offset);
    if (++of->letters > 1)
        sim_fail("duplicate", "the command at %d/%d is a dead letter twice", (int)partition,
                 (int)offset);
}

static stele_status take_letters(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++)
        take_letter(batch, &batch->records[i]);
    return STELE_OK;
}

/* ---- the promises ---- */

static void check_sent(void)
{
    for (size_t i = 0; i < sent_count; i++) {
        const delivery *of = find(sent[i].partition, sent[i].offset);
        if (of == NULL || of->number != sent[i].number)
            sim_fail("lost-write", "call %d is not at %d/%d, where its sender was told that it is",
                     (int)sent[i].number, (int)sent[i].partition, (int)sent[i].offset);
    }
}

/* The records of a call before its effect are dead letters, the later ones are repeats. Without an
 * effect all are dead letters. */
static void check_call(int64_t number)
{
    const sim_call *call = &bank.calls[number];
    bool has_effect = sim_found_events(number) > 0;
    bool is_past = false; /* the effect */
    for (size_t i = 0; i < count; i++) {
        const delivery *of = &deliveries[i];
        if (of->number != number || call->times == 0) continue;
        if (of->letters == 0 && !has_effect)
            sim_fail("lost-write", "call %d (%s), at %d/%d, has no effect and no dead letter",
                     (int)number, call->id, (int)of->partition, (int)of->offset);
        if (of->letters > 0 && is_past)
            sim_fail("duplicate",
                     "call %d (%s), at %d/%d, is a dead letter after it had its effect",
                     (int)number, call->id, (int)of->partition, (int)of->offset);
        is_past = is_past || of->letters == 0;
    }
    if (has_effect && !is_past && call->is_queued && !call->is_called)
        sim_fail("duplicate", "call %d (%s) has its effect, and each of its records a dead letter",
                 (int)number, call->id);
}

/* Where a call that went by the topic only had its effect. @return NULL: it is no such call */
static const delivery *find_effect(int64_t number)
{
    const sim_call *call = &bank.calls[number];
    if (!call->is_queued || call->is_called || sim_found_events(number) == 0) return NULL;
    for (size_t i = 0; i < count; i++)
        if (deliveries[i].number == number && deliveries[i].letters == 0) return &deliveries[i];
    return NULL;
}

static void check_order(void)
{
    for (int64_t i = 0; i < bank.call_count; i++) {
        const delivery *first = find_effect(i);
        for (int64_t k = 0; k < bank.call_count && first != NULL; k++) {
            const delivery *then = find_effect(k);
            if (k == i || then == NULL || bank.calls[i].wallet != bank.calls[k].wallet ||
                first->offset > then->offset)
                continue;
            if (sim_found_version(i) > sim_found_version(k))
                sim_fail("nonmonotonic",
                         "call %d is at %d/%d and call %d at %d, and their versions are %d and %d",
                         (int)i, (int)first->partition, (int)first->offset, (int)k,
                         (int)then->offset, (int)sim_found_version(i), (int)sim_found_version(k));
        }
    }
}

static void check_all(void)
{
    for (int64_t i = 0; i < bank.call_count; i++)
        check_call(i);
    for (size_t i = 0; i < count; i++)
        if (deliveries[i].number < 0 && deliveries[i].letters == 0)
            sim_fail("lost-write", "what is no command, at %d/%d, is no dead letter",
                     (int)deliveries[i].partition, (int)deliveries[i].offset);
}

/* ---- the reserved keys of the snapshots ---- */

bool sim_check_reserved(const stele_batch *batch, const stele_record *record)
{
    int32_t k = batch->partition.index;
    if (!stele_id_is_reserved(record->key)) return false;
    stele_bytes topic;
    int32_t index;
    if (stele_checkpoint_key_parse(record->key, &topic, &index)) return true;
    char *key = stele_commands_key(SIM_BANK_COMMANDS, k);
    bool is_inbox = bank.takes_commands && stele_bytes_equal(record->key, stele_text(key));
    free(key);
    stele_inbox inbox = {0};
    if (!is_inbox || !stele_inbox_read(record->value, &inbox))
        sim_fail("wrong-state", "%d/%d: a reserved key that is none: %.*s", (int)k,
                 (int)record->offset, (int)record->key.size, (const char *)record->key.data);
    if (inbox.next < taken[k])
        sim_fail("nonmonotonic", "%d/%d: the position of the commands goes back from %d to %d",
                 (int)k, (int)record->offset, (int)taken[k], (int)inbox.next);
    taken[k] = inbox.next;
    stele_inbox_clear(&inbox);
    return true;
}

void sim_check_deliveries(void)
{
    if (!bank.takes_commands) return;
    sim_read_all(SIM_BANK_COMMANDS, take_commands);
    sim_read_all(SIM_BANK_DEAD, take_letters);
    check_sent();
    check_all();
    check_order();
    sim_say("%d records of the commands topic", (int)count);
}
