/* SPDX-License-Identifier: MIT
 * The checker. It knows the promises and not the code: what was asked for, what was acknowledged,
 * and what is in the topics in the end. Its verdicts bear the names of Jepsen's Kafka workload,
 * where that has one:
 *
 *   lost-write    an acknowledged event is not in the log
 *   duplicate     an event is in the log twice, or was acknowledged twice
 *   aborted-read  an event is in the log that its publisher was told not to be
 *   nonmonotonic  events of one publisher, or snapshots of one aggregate, go back
 *   fork          two answers to one question
 *   gap           a checkpoint stands for events whose effects are not written, a tombstone for one
 *                 that is not; or the work goes on over a hole
 *   wrong-state   a state that a replay does not make
 *   stuck         no rest long after the last fault
 *   stopped       a partition, a worker or a publisher gives up with no reason to */
#include "simulation/poison.h"
#include "simulation/tables.h"

#include <string.h>

#include "account.h"
#include "closed.h"
#include "core/alloc.h"
#include "core/names.h"
#include "kafka/bounded_read.h"
#include "moved.h"
#include "projections/verify.h"
#include "registry/wire.h"
#include "snapshots/format.h"

enum { KEYS_MAX = SIM_EVENTS_MAX, READ_MS = 30000 };

/* One aggregate, as a replay makes it. */
typedef struct aggregate {
    char key[32];
    int32_t partition;
    int64_t version;
    int64_t value;
    bool closed;
    bool sealed; /* its last snapshot says that it is closed: a tombstone comes */
    int64_t values[SIM_EVENTS_MAX / 4];  /* by version */
    int64_t offsets[SIM_EVENTS_MAX / 4]; /* of its events */
    int64_t applied[SIM_EVENTS_MAX / 4]; /* of them, by version: those that were not discarded */

    int64_t stored_version;
    int64_t stored_value;
    bool buried; /* its tombstone is there */
} aggregate;

static struct {
    aggregate all[KEYS_MAX];
    size_t count;
    int seen[SIM_EVENTS_MAX];
    int64_t last_of_life[SIM_PARTITIONS][SIM_EVENTS_MAX]; /* number + 1 */
    int64_t checkpoint[SIM_PARTITIONS];                   /* next_offset of the last one */
    int64_t unburied[SIM_PARTITIONS];                     /* closing offset that the next
                                                             checkpoint has to be past; -1 */
} found;

static aggregate *aggregate_of(stele_bytes key, int32_t partition)
{
    for (size_t i = 0; i < found.count; i++) {
        aggregate *it = &found.all[i];
        if (it->partition == partition && stele_bytes_equal(stele_text(it->key), key)) return it;
    }
    if (found.count == KEYS_MAX || key.size >= sizeof found.all[0].key)
        sim_fail("harness", "too many aggregates");
    aggregate *made = &found.all[found.count++];
    *made = (aggregate){.partition = partition};
    memcpy(made->key, key.data, key.size);
    return made;
}

/* ---- the events ---- */

/* Both types of events begin with their number. */
static int64_t number_of(const stele_record *record)
{
    int32_t id;
    stele_bytes payload;
    stele_error err;
    sim_moved event;
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(record->value, &id, &payload) ||
        sim_moved_type.decode(payload, &event, arena, &err) < 0)
        sim_fail("wrong-state", "an event cannot be read");
    stele_arena_free(arena);
    return event.number;
}

static void check_event(const stele_batch *batch, const stele_record *record, int64_t number)
{
    const sim_event *event = &world.events[number];
    int32_t index = batch->partition.index;
    int64_t *last = &found.last_of_life[index][event->life];
    if (number < 0 || number >= world.event_count)
        sim_fail("aborted-read", "event %d is in the log, and no one has published it",
                 (int)number);
    if (event->refused && !event->found)
        sim_fail("aborted-read", "event %d was refused, and is in the log at %d/%d", (int)number,
                 (int)index, (int)record->offset);
    if (found.seen[number]++ > 0)
        sim_fail("duplicate", "event %d is in the log twice, now at %d/%d", (int)number, (int)index,
                 (int)record->offset);
    if (event->acknowledged &&
        (event->offset != record->offset || event->partition != batch->partition.index))
        sim_fail("fork", "event %d was acknowledged at %d/%d and is at %d/%d", (int)number,
                 (int)event->partition, (int)event->offset, (int)index, (int)record->offset);
    if (*last > number && !world.refuses)
        sim_fail("nonmonotonic", "event %d stands at %d/%d behind event %d of the same publisher",
                 (int)number, (int)index, (int)record->offset, (int)*last - 1);
    *last = number + 1;
}

static stele_status take_events(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        int64_t number = number_of(record);
        check_event(batch, record, number);
        aggregate *of = aggregate_of(record->key, batch->partition.index);
        bool applies = !sim_is_discarded(batch->partition.index, record->offset);
        int64_t before = of->version == 0 ? 0 : of->applied[of->version - 1];
        if (applies) of->value = (int64_t)((uint64_t)of->value * 31 + (uint64_t)number);
        of->values[of->version] = of->value;
        of->offsets[of->version] = record->offset;
        of->applied[of->version] = before + applies;
        of->version++;
        of->closed = of->closed || (applies && world.events[number].closes);
    }
    return STELE_OK;
}

static void check_acknowledged(void)
{
    for (int64_t i = 0; i < world.event_count; i++)
        if (world.events[i].found && found.seen[i] == 0)
            sim_fail("lost-write", "event %d was found in the log and is not there", (int)i);
        else if (world.events[i].acknowledged && found.seen[i] == 0)
            sim_fail("lost-write", "event %d was acknowledged at %d/%d and is not in the log",
                     (int)i, (int)world.events[i].partition, (int)world.events[i].offset);
}

/* ---- the snapshots ---- */

/* A checkpoint stands for all events below it: their effects are in the snapshots before it. */
static void check_checkpoint(int32_t partition, int64_t offset, int64_t next_offset)
{
    if (next_offset < found.checkpoint[partition])
        sim_fail("nonmonotonic", "%d/%d: a checkpoint goes back from %d to %d", (int)partition,
                 (int)offset, (int)found.checkpoint[partition], (int)next_offset);
    if (found.unburied[partition] >= next_offset)
        sim_fail("gap", "%d/%d: a tombstone for an event at %d, with a checkpoint at %d",
                 (int)partition, (int)offset, (int)found.unburied[partition], (int)next_offset);
    found.checkpoint[partition] = next_offset;
    found.unburied[partition] = -1;
    if (offset < world.compacted[partition]) return;
    for (size_t i = 0; i < found.count; i++) {
        const aggregate *it = &found.all[i];
        int64_t below = 0;
        if (it->partition != partition) continue;
        while (below < it->version && it->offsets[below] < next_offset)
            below++;
        int64_t has = it->stored_version;
        while (has < below && sim_has_letter(partition, it->offsets[has]))
            has++;
        if (has < below)
            sim_fail("gap", "%d/%d: a checkpoint at %d, and %s has %d of the %d events below it",
                     (int)partition, (int)offset, (int)next_offset, it->key,
                     (int)it->stored_version, (int)below);
    }
}

static int64_t next_offset_of(const stele_record *record)
{
    int32_t id;
    stele_bytes payload;
    stele_error err;
    stele_checkpoint checkpoint;
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(record->value, &id, &payload) ||
        stele_checkpoint_type.decode(payload, &checkpoint, arena, &err) < 0)
        sim_fail("wrong-state", "a checkpoint cannot be read");
    stele_arena_free(arena);
    return checkpoint.next_offset;
}

static void take_tombstone(aggregate *of, const stele_record *record)
{
    if (!of->closed)
        sim_fail("wrong-state", "%d/%d: a tombstone for %s, which no event has closed",
                 (int)of->partition, (int)record->offset, of->key);
    of->buried = true;
    of->stored_version = of->version;
    of->stored_value = of->value;
    if (of->offsets[of->version - 1] > found.unburied[of->partition])
        found.unburied[of->partition] = of->offsets[of->version - 1];
}

/* Each snapshot that is seen is the fold of the events up to it, and none goes back. */
static void take_state(aggregate *of, const stele_record *record, const stele_snapshot *snapshot)
{
    int32_t id;
    stele_bytes payload;
    stele_error err;
    sim_account state;
    stele_arena *arena = stele_arena_new();
    if (!stele_wire_split(record->value, &id, &payload) ||
        sim_account_type.decode(payload, &state, arena, &err) < 0)
        sim_fail("wrong-state", "a snapshot cannot be read");
    stele_arena_free(arena);
    int64_t version = snapshot->version;
    if (version < 1 || version > of->version || of->values[version - 1] != state.value ||
        state.events != of->applied[version - 1])
        sim_fail("wrong-state", "%d/%d: the state of %s in version %d is not what a replay makes",
                 (int)of->partition, (int)record->offset, of->key, (int)version);
    if (snapshot->offset != of->offsets[version - 1] + 1)
        sim_fail("wrong-state", "%d/%d: the state of %s says offset %d, a replay says %d",
                 (int)of->partition, (int)record->offset, of->key, (int)snapshot->offset,
                 (int)of->offsets[version - 1] + 1);
    if (version < of->stored_version)
        sim_fail("nonmonotonic", "%d/%d: %s goes back from version %d to %d", (int)of->partition,
                 (int)record->offset, of->key, (int)of->stored_version, (int)version);
    if (of->buried)
        sim_fail("nonmonotonic", "%d/%d: %s comes back after its tombstone", (int)of->partition,
                 (int)record->offset, of->key);
    of->stored_version = version;
    of->stored_value = state.value;
}

static stele_status take_snapshots(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        if (stele_dead_key_is(record->key)) {
            sim_take_letter_record(batch, record);
            continue;
        }
        if (stele_id_is_reserved(record->key)) {
            check_checkpoint(batch->partition.index, record->offset, next_offset_of(record));
            continue;
        }
        stele_snapshot snapshot;
        if (stele_snapshot_read(batch, record, NULL, &snapshot, err) < 0)
            sim_fail("wrong-state", "a snapshot cannot be read: %s", err->text);
        aggregate *of = aggregate_of(record->key, batch->partition.index);
        if (record->value.data == NULL)
            take_tombstone(of, record);
        else
            take_state(of, record, &snapshot);
    }
    return STELE_OK;
}

static void take_table(void)
{
    stele_snapshot snapshot;
    int32_t partition;
    for (size_t i = 0; sim_table_state(i, &partition, &snapshot); i++) {
        const stele_record record = {.value = snapshot.value, .offset = (int64_t)i};
        aggregate *of = aggregate_of(snapshot.id, partition);
        if (snapshot.value.data == NULL)
            take_tombstone(of, &record);
        else
            take_state(of, &record, &snapshot);
    }
}

static void check_states(void)
{
    for (size_t i = 0; i < found.count; i++) {
        const aggregate *of = &found.all[i];
        stele_fibers_note(world.fibers, (uint64_t)of->value);
        if (of->closed && of->buried) continue;
        if (of->closed || of->stored_version != of->version || of->stored_value != of->value)
            sim_fail("wrong-state", "%d/%s is stored in version %d%s, a replay makes version %d%s",
                     (int)of->partition, of->key, (int)of->stored_version,
                     of->stored_value == of->value ? "" : " with another value", (int)of->version,
                     of->closed ? ", closed" : "");
    }
}

/* ---- reading ---- */

static void read_all(const char *topic, stele_isolation isolation, stele_bounded_read_take *take)
{
    stele_error err;
    stele_bounded_read_start starts[SIM_PARTITIONS];
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        starts[i] = (stele_bounded_read_start){{topic, i}, STELE_OFFSET_NONE};
    stele_bounded_read_options options = {.starts = starts,
                                          .count = SIM_PARTITIONS,
                                          .isolation = isolation,
                                          .deadline = stele_deadline_after(sim_clock(), READ_MS),
                                          .take = take};
    if (stele_bounded_read(world.log, &options, &err) < 0) sim_fail("stuck", "%s", err.text);
}

static void say_finding(void *context, const stele_verify_finding *finding)
{
    (void)context;
    sim_fail("wrong-state", "stele verify: %d/%.*s: %s", (int)finding->partition,
             (int)finding->id.size, (const char *)finding->id.data, finding->text);
}

/* What the product's own verification says of it. */
static void verify(int version)
{
    stele_registry *registry;
    stele_error err;
    stele_verify_counts counts;
    stele_registry_options where = {.log = world.log};
    if (stele_registry_open(&where, &registry, &err) < 0) sim_fail("stuck", "%s", err.text);
    stele_projection projection = sim_accounts;
    projection.version = version;
    stele_verify_options options = {.projection = &projection,
                                    .log = world.log,
                                    .registry = registry,
                                    .parks = world.has_poison,
                                    .deadline = stele_deadline_after(sim_clock(), READ_MS),
                                    .each = say_finding};
    if (stele_verify(&options, &counts, &err) < 0) sim_fail("wrong-state", "verify: %s", err.text);
    stele_registry_close(registry);
}

void sim_check_events(void)
{
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        found.unburied[i] = -1;
    read_all(SIM_EVENTS, STELE_READ_UNCOMMITTED, take_events);
    check_acknowledged();
}

/* Of the snapshots of one version. */
static void check_snapshots(int version)
{
    STELE_AUTO(char) topic = stele_snapshots_topic(sim_accounts.name, version);
    read_all(topic, STELE_READ_COMMITTED, take_snapshots);
    for (int32_t i = 0; i < SIM_PARTITIONS; i++)
        if (found.unburied[i] >= 0)
            sim_fail("gap", "%d: a tombstone, and no checkpoint after it", (int)i);
    check_states();
    if (stele_stream_below(&world.load, 4) == 0) verify(version);
}

void sim_check(void)
{
    if (world.has_poison) sim_read_discarded();
    sim_check_events();
    if (world.has_state_table) {
        take_table();
        check_states();
        return;
    }
    check_snapshots(sim_accounts.version);
    if (!world.has_versions) return;
    memset(&found, 0, sizeof found);
    sim_check_events();
    check_snapshots(sim_accounts.version + 1);
}

static void look_at(const stele_snapshot *snapshot, int32_t partition)
{
    aggregate_of(snapshot->id, partition)->sealed =
        snapshot->finished && snapshot->value.data != NULL;
}

static stele_status look_at_all(void *context, const stele_batch *batch, stele_error *err)
{
    (void)context;
    for (size_t i = 0; i < batch->count; i++) {
        const stele_record *record = &batch->records[i];
        stele_snapshot snapshot;
        if (stele_id_is_reserved(record->key)) continue;
        if (stele_snapshot_read(batch, record, NULL, &snapshot, err) < 0)
            sim_fail("wrong-state", "a snapshot cannot be read: %s", err->text);
        look_at(&snapshot, batch->partition.index);
    }
    return STELE_OK;
}

/* What a close could not remove, because it had enough to remove, the next one does. */
static bool is_any_sealed(void)
{
    stele_snapshot snapshot;
    int32_t partition;
    if (!world.has_tables) read_all(SIM_SNAPSHOTS, STELE_READ_COMMITTED, look_at_all);
    for (size_t i = 0; world.has_tables && sim_table_state(i, &partition, &snapshot); i++)
        look_at(&snapshot, partition);
    for (size_t i = 0; i < found.count; i++)
        if (found.all[i].sealed) return true;
    return false;
}

bool sim_caught_up(void)
{
    if (world.has_tables && !world.has_state_table) return sim_tables_caught_up();
    for (int32_t i = 0; i < SIM_PARTITIONS; i++) {
        int64_t start, end, offset;
        stele_partition at = {SIM_EVENTS, i};
        if (stele_log_bounds(world.log, at, STELE_READ_COMMITTED, 100, &start, &end, NULL) < 0 ||
            stele_log_group_offset(world.log, SIM_GROUP, at, 100, &offset, NULL) < 0)
            return false;
        if (end > 0 && offset != end) return false;
    }
    return !is_any_sealed();
}
